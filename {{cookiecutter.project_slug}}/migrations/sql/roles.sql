-- Roles. Run once per cluster by an administrator, before the first migration; running it again changes nothing.
-- Passwords are set apart from this file, from the secrets folder.
--
--   chatbot_owner     owns every object, cannot log in
--   chatbot_migrator  logs in only to migrate, and acts as the owner
--   chatbot_api       the gateway
--   chatbot_worker    the worker that ingests documents
do $$
declare
  name text;
begin
  foreach name in array array['chatbot_owner', 'chatbot_migrator', 'chatbot_api', 'chatbot_worker'] loop
    if not exists (select from pg_catalog.pg_roles where rolname = name) then
      execute pg_catalog.format('create role %I', name);
    end if;
    execute pg_catalog.format(
      'alter role %I nosuperuser nobypassrls nocreatedb nocreaterole noreplication noinherit', name);
    -- a role may change its own defaults: what an intruder left there ends here
    execute pg_catalog.format('alter role %I reset all', name);
  end loop;
end
$$;
revoke connect, temporary on database postgres, template1 from public;
alter role chatbot_owner nologin;
alter role chatbot_migrator login;
alter role chatbot_api login;
alter role chatbot_worker login;
grant chatbot_owner to chatbot_migrator;
alter role chatbot_migrator set role to 'chatbot_owner';

-- names are always qualified; an attacker's object in another schema can shadow nothing
alter role chatbot_owner set search_path to pg_catalog, pg_temp;
alter role chatbot_migrator set search_path to pg_catalog, pg_temp;
alter role chatbot_api set search_path to pg_catalog, pg_temp;
alter role chatbot_worker set search_path to pg_catalog, pg_temp;
alter role chatbot_api set statement_timeout to '10s';
alter role chatbot_worker set statement_timeout to '60s';
alter role chatbot_api set idle_in_transaction_session_timeout to '30s';
