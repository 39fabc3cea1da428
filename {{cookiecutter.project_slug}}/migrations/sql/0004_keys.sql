-- API keys. A key is 256 random bits that only its owner has; here is its SHA-256, which opens nothing.
create table chatbot.api_keys (
  id uuid primary key default gen_random_uuid(),
  tenant_id uuid not null,
  user_id uuid not null,
  name text not null check (char_length(name) between 1 and 80),
  digest bytea not null unique check (octet_length(digest) = 32),
  hint text not null check (char_length(hint) between 1 and 16),  -- the key's first characters, to tell it by
  scopes text[] not null check (scopes <@ array['chat', 'documents'] and cardinality(scopes) > 0),
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  last_used_at timestamptz,
  revoked_at timestamptz,
  foreign key (tenant_id, user_id) references chatbot.users (tenant_id, id),
  check (expires_at > created_at and expires_at <= created_at + interval '366 days')
);
create index api_keys_by_user on chatbot.api_keys (tenant_id, user_id, created_at desc);

alter table chatbot.api_keys enable row level security;
alter table chatbot.api_keys force row level security;
create policy own on chatbot.api_keys
  using (user_id = (select secure.user_id()))
  with check (user_id = (select secure.user_id()) and tenant_id = (select secure.tenant_id()));

-- what was revoked stays revoked: nothing but a revocation may change a key
create policy revoked_for_good on chatbot.api_keys as restrictive for update to chatbot_api
  using (revoked_at is null) with check (revoked_at is not null);

-- the digest is written and never read
grant select (id, tenant_id, user_id, name, hint, scopes, created_at, expires_at, last_used_at, revoked_at),
  insert (tenant_id, user_id, name, digest, hint, scopes, expires_at), update (revoked_at), delete
  on chatbot.api_keys to chatbot_api;

-- Whose key it is, when nobody is known yet: the one look-up without a row context. It runs as the owner of the
-- tables, for whom these policies make just these rows visible, and tells nothing to whoever has no key.
create policy found_by_digest on chatbot.api_keys for select to chatbot_owner using (true);
create policy use_noted on chatbot.api_keys for update to chatbot_owner using (true);
create policy holder_of_a_key on chatbot.users for select to chatbot_owner using (true);

create function secure.find_key(key_digest bytea)
returns table (tenant_id uuid, user_id uuid, role text, name text, scopes text[])
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  update chatbot.api_keys as k set last_used_at = now()
    where k.digest = key_digest and k.revoked_at is null and k.expires_at > now()
      and (k.last_used_at is null or k.last_used_at < now() - interval '1 minute');
  return query select u.tenant_id, u.id, u.role, u.name, k.scopes
    from chatbot.api_keys as k join chatbot.users as u on u.tenant_id = k.tenant_id and u.id = k.user_id
    where k.digest = key_digest and k.revoked_at is null and k.expires_at > now()
      -- whoever lost their place signs in no more: their keys end with that, and their role is never older
      and u.signed_in_at > now() - interval '30 days';
end
$$;
revoke all on function secure.find_key(bytea) from public;
grant execute on function secure.find_key(bytea) to chatbot_api;
