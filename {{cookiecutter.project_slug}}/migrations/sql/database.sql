-- The database itself. Run once by an administrator, connected to it, before the first migration.
create extension if not exists vector with schema public;

-- nobody may create objects, temporary ones included, but the owner in its own schemas
revoke all on schema public from public;
grant usage on schema public to chatbot_owner, chatbot_api, chatbot_worker;
do $$
begin
  execute pg_catalog.format('revoke all on database %I from public', pg_catalog.current_database());
  execute pg_catalog.format(
    'grant connect on database %I to chatbot_migrator, chatbot_api, chatbot_worker', pg_catalog.current_database());
  execute pg_catalog.format('grant create on database %I to chatbot_owner', pg_catalog.current_database());
end
$$;

-- by default every session of a role may end that role's other sessions
revoke execute on function pg_catalog.pg_terminate_backend(integer, bigint), pg_catalog.pg_cancel_backend(integer)
  from public;

-- large objects have no row-level security: a shared place to leave data for a neighbour
revoke execute on function
  pg_catalog.lo_creat(integer), pg_catalog.lo_create(oid), pg_catalog.lo_from_bytea(oid, bytea),
  pg_catalog.lo_open(oid, integer), pg_catalog.lowrite(integer, bytea), pg_catalog.lo_put(oid, bigint, bytea)
  from public;
