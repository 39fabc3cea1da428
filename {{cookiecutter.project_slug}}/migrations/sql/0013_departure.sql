-- The identity provider no longer names a person as one of this tenant's: their keys open nothing until it does again.
-- Anybody may say that of themselves, and of nobody else. Returns whether the tenant knew them as one of its own.
create function secure.depart() returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  acting uuid[] := secure.claims();
begin
  update chatbot.users as u set signed_in_at = 'epoch'
    where u.tenant_id = acting[1] and u.id = acting[2] and u.signed_in_at > 'epoch';
  return found;
end
$$;
revoke all on function secure.depart() from public;
grant execute on function secure.depart() to chatbot_api;
