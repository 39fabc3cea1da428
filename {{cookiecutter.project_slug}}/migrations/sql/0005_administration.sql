-- Administration of people inside their tenant: roles, suspension, a budget of one's own, keys.
--
-- `role` is what the identity provider's groups give; `granted_role`, when an administrator set it, is what counts.
-- The row context names a person, never a role: so the role of whoever acts is read here, from the table, and a whole
-- hostile statement of a member's changes nothing.
alter table chatbot.users
  add suspended_at timestamptz,
  add granted_role text check (granted_role in ('member', 'admin', 'auditor')),
  add monthly_tokens bigint check (monthly_tokens between 0 and 1000000000000),
  drop constraint users_role_check,
  add constraint users_role_check check (role in ('member', 'admin', 'auditor', 'service'));

-- The role of whoever acts; null for somebody unknown or suspended.
create function secure.acting_role() returns text
language plpgsql stable parallel restricted security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  acting uuid[] := secure.claims();
begin
  return (select coalesce(u.granted_role, u.role) from chatbot.users as u
    where u.id = acting[2] and u.tenant_id = acting[1] and u.suspended_at is null);
end
$$;

-- The same for a context that is handed over: whether an admission still stands, in one round trip.
create function secure.standing(context text) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform set_config('chatbot.context', context, true);
  return secure.acting_role();
end
$$;

-- people are written by secure.enrol alone (0011_sign_in.sql); an administrator changes three columns of others in the same tenant
revoke insert, update on chatbot.users from chatbot_api;
revoke update (name, role, signed_in_at) on chatbot.users from chatbot_api;
alter policy self_insert on chatbot.users to chatbot_owner;
alter policy self_update on chatbot.users to chatbot_owner;
alter policy own_tenant on chatbot.users to chatbot_api
  using (id = (select secure.user_id())
    or tenant_id = (select secure.tenant_id()) and (select secure.acting_role()) in ('admin', 'auditor'));
grant update (granted_role, suspended_at, monthly_tokens) on chatbot.users to chatbot_api;
create policy administered on chatbot.users for update to chatbot_api
  using (tenant_id = (select secure.tenant_id()) and id <> (select secure.user_id())
    and (select secure.acting_role()) = 'admin')
  with check (tenant_id = (select secure.tenant_id()) and id <> (select secure.user_id())
    and (select secure.acting_role()) = 'admin');

-- A tenant keeps an administrator: nobody demotes or suspends themselves, and of two who do it to each other at once
-- the second has to wait here, and is no administrator any more.
create function secure.guard_administration() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  acting uuid[] := secure.claims();
begin
  perform from chatbot.users as u
    where u.id = acting[2] and u.tenant_id = acting[1]
      and coalesce(u.granted_role, u.role) = 'admin' and u.suspended_at is null
    for share;
  if not found or new.id = acting[2] or new.tenant_id <> acting[1] then
    raise exception 'only another administrator of the tenant changes this' using errcode = '42501';
  end if;
  return new;
end
$$;
create trigger administered before update of granted_role, suspended_at, monthly_tokens on chatbot.users
  for each row execute function secure.guard_administration();

-- Keys of the tenant's people, for those who oversee it: what tells keys apart, never what opens anything. They are
-- functions, so that no ordinary statement over keys ever sees more than one's own.
create function secure.keys_of(person uuid)
returns table (id uuid, name text, hint text, scopes text[], created_at timestamptz, expires_at timestamptz,
               last_used_at timestamptz, revoked_at timestamptz)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  if coalesce(secure.acting_role(), '') not in ('admin', 'auditor') then
    return;
  end if;
  return query select k.id, k.name, k.hint, k.scopes, k.created_at, k.expires_at, k.last_used_at, k.revoked_at
    from chatbot.api_keys as k
    where k.user_id = person and k.tenant_id = secure.tenant_id() and k.expires_at > now()
    order by k.created_at desc limit 200;
end
$$;

create function secure.living_keys() returns table (user_id uuid, living bigint)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  if coalesce(secure.acting_role(), '') not in ('admin', 'auditor') then
    return;
  end if;
  return query select k.user_id, count(*) from chatbot.api_keys as k
    where k.tenant_id = secure.tenant_id() and k.expires_at > now() and k.revoked_at is null group by k.user_id;
end
$$;

create function secure.revoke_key_of(person uuid, key uuid) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if coalesce(secure.acting_role(), '') <> 'admin' then
    return false;
  end if;
  update chatbot.api_keys as k set revoked_at = now()
    where k.id = key and k.user_id = person and k.tenant_id = secure.tenant_id()
      and k.revoked_at is null and k.expires_at > now();
  return found;
end
$$;

-- As before, and: no key of somebody suspended opens anything, and the role is the one that counts.
create or replace function secure.find_key(key_digest bytea)
returns table (tenant_id uuid, user_id uuid, role text, name text, scopes text[])
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  update chatbot.api_keys as k set last_used_at = now()
    where k.digest = key_digest and k.revoked_at is null and k.expires_at > now()
      and (k.last_used_at is null or k.last_used_at < now() - interval '1 minute');
  return query select u.tenant_id, u.id, coalesce(u.granted_role, u.role), u.name, k.scopes
    from chatbot.api_keys as k join chatbot.users as u on u.tenant_id = k.tenant_id and u.id = k.user_id
    where k.digest = key_digest and k.revoked_at is null and k.expires_at > now() and u.suspended_at is null
      -- whoever lost their place signs in no more: their keys end with that, and their role is never older
      and u.signed_in_at > now() - interval '30 days';
end
$$;

revoke all on function secure.acting_role(), secure.standing(text),
  secure.guard_administration(), secure.keys_of(uuid), secure.living_keys(), secure.revoke_key_of(uuid, uuid) from public;
grant execute on function secure.acting_role() to chatbot_owner, chatbot_api;
grant execute on function secure.standing(text), secure.keys_of(uuid),
  secure.living_keys(), secure.revoke_key_of(uuid, uuid) to chatbot_api;
