-- Keys that open only from listed networks, and that end a while after their successor was made.
alter table chatbot.api_keys
  add networks cidr[] not null default '{}' check (cardinality(networks) <= 20);  -- none: from anywhere
grant select (networks), insert (networks) on chatbot.api_keys to chatbot_api;

-- As before, and: what the key is called among keys, and only from where it may be used.
drop function secure.find_key(bytea);
create function secure.find_key(key_digest bytea, address inet)
returns table (id uuid, tenant_id uuid, user_id uuid, role text, name text, scopes text[])
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  kept chatbot.api_keys;
begin
  select * into kept from chatbot.api_keys as k
    where k.digest = key_digest and k.revoked_at is null and k.expires_at > now()
      -- an address that is not known is in no network
      and (k.networks = '{}' or coalesce(find_key.address <<= any (k.networks), false));
  if kept.id is null then
    return;
  end if;
  if kept.last_used_at is null or kept.last_used_at < now() - interval '1 minute' then
    update chatbot.api_keys as k set last_used_at = now() where k.id = kept.id;
  end if;
  return query select kept.id, u.tenant_id, u.id, coalesce(u.granted_role, u.role), u.name, kept.scopes
    from chatbot.users as u
    where u.tenant_id = kept.tenant_id and u.id = kept.user_id and u.suspended_at is null
      -- whoever lost their place signs in no more: their keys end with that, and their role is never older
      and u.signed_in_at > now() - interval '30 days';
end
$$;

-- Gives one's own living key an earlier end. Never a later one: a life is chosen once.
create function secure.shorten_key(key uuid, life interval) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update chatbot.api_keys as k set expires_at = least(k.expires_at, now() + life)
    where k.id = key and k.user_id = secure.user_id() and k.tenant_id = secure.tenant_id()
      and life > interval '0' and k.revoked_at is null and k.expires_at > now();
  return found;
end
$$;

-- As before, and from where each may be used.
drop function secure.keys_of(uuid);
create function secure.keys_of(person uuid)
returns table (id uuid, name text, hint text, scopes text[], networks cidr[], created_at timestamptz,
               expires_at timestamptz, last_used_at timestamptz, revoked_at timestamptz)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  if coalesce(secure.acting_role(), '') not in ('admin', 'auditor') then
    return;
  end if;
  return query select k.id, k.name, k.hint, k.scopes, k.networks, k.created_at, k.expires_at, k.last_used_at, k.revoked_at
    from chatbot.api_keys as k
    where k.user_id = person and k.tenant_id = secure.tenant_id() and k.expires_at > now()
    order by k.created_at desc limit 200;
end
$$;

revoke all on function secure.find_key(bytea, inet), secure.shorten_key(uuid, interval), secure.keys_of(uuid) from public;
grant execute on function secure.find_key(bytea, inet), secure.shorten_key(uuid, interval), secure.keys_of(uuid)
  to chatbot_api;
