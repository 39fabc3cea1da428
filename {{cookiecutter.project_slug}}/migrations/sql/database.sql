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

-- What is open to every role by default and reaches beyond its own rows and transaction. What else is open was reviewed:
-- tests/contract/sql/test_rights.py has the list.
do $$
declare
  each pg_catalog.regprocedure;
begin
  for each in
    select p.oid from pg_catalog.pg_proc as p
    where p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace and (p.proname = any (array[
      -- by default every session of a role may end that role's other sessions
      'pg_terminate_backend', 'pg_cancel_backend',
      -- large objects have no row-level security: a shared place to leave data for a neighbour
      'lo_creat', 'lo_create', 'lo_from_bytea', 'lo_open', 'lo_unlink', 'lowrite', 'loread', 'lo_put', 'lo_get',
      -- these fill the disk, or a queue that all sessions share, without a row
      'pg_logical_emit_message', 'pg_notify',
      -- how much all tenants together have, and how fast it grows
      'pg_relation_size', 'pg_table_size', 'pg_indexes_size', 'pg_total_relation_size', 'pg_database_size',
      'pg_tablespace_size'])
      -- a lock by a number can be anybody's: the application's are taken by secure.lock
      or p.proname ~ '^pg_(try_)?advisory_' and p.proname <> 'pg_advisory_unlock_all'
      -- what other sessions do, and counts of all tenants' rows; one's own transaction's may be read
      or p.proname ~ '^pg_stat_get_' and p.proname !~ '^pg_stat_get_xact_')
  loop
    execute pg_catalog.format('revoke execute on function %s from public', each);
  end loop;
end
$$;
grant execute on function pg_catalog.pg_advisory_xact_lock(bigint) to chatbot_owner;

-- planner statistics are of all tenants' rows
revoke select on pg_catalog.pg_stats, pg_catalog.pg_stats_ext, pg_catalog.pg_stats_ext_exprs from public;
do $$
begin
  revoke select on pg_catalog.pg_class from public;
  execute (select pg_catalog.format('grant select (%s) on pg_catalog.pg_class to public',
      pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', '))
    from pg_catalog.pg_attribute as a
    where a.attrelid = 'pg_catalog.pg_class'::pg_catalog.regclass and a.attnum > 0 and not a.attisdropped
      and a.attname <> all (array['relpages', 'reltuples', 'relallvisible', 'relallfrozen', 'relfrozenxid', 'relminmxid']));
end
$$;
