-- No planner statistics of any column (control sql-tenant). They are made of the whole table, and EXPLAIN shows what the
-- planner makes of them whatever the policies say: that some tenant has this title, this file, so many rows.
-- Plans do without: each table is read through an index that begins with the tenant or the owner, and what must be fast is
-- forced to (tests/flows/test_plans.py). A later migration that adds a column sets it to 0, too.
do $$
declare
  each record;
begin
  for each in
    select n.nspname, c.relname, a.attname from pg_catalog.pg_attribute as a
    join pg_catalog.pg_class as c on c.oid = a.attrelid join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where n.nspname in ('chatbot', 'secure') and c.relkind in ('r', 'p', 'm') and a.attnum > 0 and not a.attisdropped
  loop
    execute format('alter table %I.%I alter column %I set statistics 0', each.nspname, each.relname, each.attname);
    -- what was taken before the upgrade stays where PostgreSQL is older than 18, which cannot forget it: an administrator
    -- deletes it (delete from pg_statistic where starelid::regclass::text like 'chatbot.%')
    if to_regprocedure('pg_catalog.pg_clear_attribute_stats(text, text, text, boolean)') is not null then
      perform pg_catalog.pg_clear_attribute_stats(each.nspname, each.relname, each.attname, false);
    end if;
  end loop;
end
$$;
