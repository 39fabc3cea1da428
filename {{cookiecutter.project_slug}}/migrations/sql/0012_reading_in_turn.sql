-- Documents are read in turn: by tenant, then by person, whoever used least of the readers' time lately comes first.
--
-- Which document is next is chosen here, over the rows that their owners queued; a signed job only wakes a reader. What a
-- reader is told of another tenant is a document's number and whose it is: it reads nothing of it but in that person's name.
-- Both tables are the owner's alone; the functions below are all that reaches them.

-- What is being read now. It stays when its document is deleted meanwhile, since its reader is busy all the same.
create table secure.readings (
  lease uuid primary key default gen_random_uuid(),
  document_id uuid not null,
  tenant_id uuid not null,
  user_id uuid not null,
  reader text not null,
  seconds double precision not null,  -- charged in advance
  until timestamptz not null
);
-- Seconds of reading, which fade by half every ten minutes. Charged in advance; what was not used comes back at the end, and
-- never when a document ended its reader.
create table secure.reading_times (
  user_id uuid primary key,
  tenant_id uuid not null,
  seconds double precision not null,
  at timestamptz not null
);
-- one reader chooses at a time: no other role can hold a lock on this row
create table secure.reading_turn (only_row boolean primary key default true check (only_row));
insert into secure.reading_turn default values;
revoke all on secure.readings, secure.reading_times, secure.reading_turn from public;

-- no statistics, as everywhere: the planner tells them to whoever asks
alter table secure.readings
  alter column lease set statistics 0, alter column document_id set statistics 0, alter column tenant_id set statistics 0,
  alter column user_id set statistics 0, alter column reader set statistics 0, alter column seconds set statistics 0,
  alter column until set statistics 0;
alter table secure.reading_times
  alter column user_id set statistics 0, alter column tenant_id set statistics 0, alter column seconds set statistics 0,
  alter column at set statistics 0;
alter table secure.reading_turn alter column only_row set statistics 0;

create index documents_waiting on chatbot.documents (status, queued_at);
create policy chosen on chatbot.documents for select to chatbot_owner using (status = 'queued');
create policy attempted on chatbot.documents for update to chatbot_owner
  using (status = 'queued') with check (status = 'queued');

-- How much processor time reading a document of this size may take: five seconds, and five for each megabyte, up to 20.
create function secure.reading_seconds(size integer) returns double precision
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
return least(20, 5 + 5 * size / 1048576.0);

-- What is left of seconds that were used at a moment.
create function secure.faded(seconds double precision, at timestamptz) returns double precision
language sql stable parallel safe set search_path = pg_catalog, pg_temp
return seconds * 0.5 ^ (extract(epoch from now() - at) / 600);

-- Chooses the next document for a reader that reads `lanes` at once, or returns no row. Its last free lane is kept for short
-- documents, of at most eight seconds, of tenants that have no other lane of this reader.
create function secure.claim_document(reader text, lanes integer, patience interval)
returns table (document_id uuid, tenant_id uuid, user_id uuid, lease uuid, attempt integer, seconds double precision)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  chosen chatbot.documents;
  granted double precision;
  is_last_lane boolean;
begin
  if not exists (select from chatbot.documents as d where d.status = 'queued') then
    return;
  end if;
  perform from secure.reading_turn for update;
  delete from secure.readings as r where r.until < now();
  delete from secure.reading_times as t where t.at < now() - interval '2 hours';
  is_last_lane := lanes > 1
    and (select count(*) from secure.readings as r where r.reader = claim_document.reader) >= lanes - 1;
  select d.* into chosen from chatbot.documents as d
    left join (select t.tenant_id, sum(secure.faded(t.seconds, t.at)) as used
                 from secure.reading_times as t group by t.tenant_id) as tenant on tenant.tenant_id = d.tenant_id
    left join secure.reading_times as person on person.user_id = d.owner_id
    where d.status = 'queued' and d.queued_at > now() - patience
      and not exists (select from secure.readings as r where r.document_id = d.id)
      and (not is_last_lane or secure.reading_seconds(d.size) <= 8 and not exists (
        select from secure.readings as r where r.reader = claim_document.reader and r.tenant_id = d.tenant_id))
    order by coalesce(tenant.used, 0), coalesce(secure.faded(person.seconds, person.at), 0), d.queued_at, d.id
    limit 1 for update of d skip locked;  -- one whose lease ran out is being stored, or a gateway changes its row
  if chosen.id is null then
    return;
  end if;
  granted := secure.reading_seconds(chosen.size);
  -- it stays when the process is killed on the way: a document that ends its reader is given up after some attempts
  update chatbot.documents as d set attempts = d.attempts + 1 where d.id = chosen.id;
  insert into secure.reading_times as t values (chosen.owner_id, chosen.tenant_id, granted, now())
    on conflict (user_id) do update set seconds = secure.faded(t.seconds, t.at) + granted, at = now();
  return query insert into secure.readings as r (document_id, tenant_id, user_id, reader, seconds, until)
    -- on a busy machine, and with what follows reading: cutting, embedding, storing
    values (chosen.id, chosen.tenant_id, chosen.owner_id, claim_document.reader, granted,
            now() + make_interval(secs => 40 + 3 * granted))
    returning r.document_id, r.tenant_id, r.user_id, r.lease, chosen.attempts + 1, r.seconds;
end
$$;

-- Ends a reading of the principal's, and gives back the seconds that it did not use. False when the lease has ended: then
-- another reader may have the document, and nothing must be stored. Called last: what it locks keeps others from choosing.
create function secure.end_reading(lease uuid, used double precision) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  ended secure.readings;
begin
  delete from secure.readings as r
    where r.lease = end_reading.lease and r.user_id = secure.user_id() and r.until > clock_timestamp() returning * into ended;
  if ended.lease is null then
    return false;
  end if;
  update secure.reading_times as t
    set seconds = greatest(0, secure.faded(t.seconds, t.at) - greatest(0, ended.seconds - used)), at = now()
    where t.user_id = ended.user_id;
  return true;
end
$$;

revoke all on function secure.reading_seconds(integer), secure.faded(double precision, timestamptz),
  secure.claim_document(text, integer, interval), secure.end_reading(uuid, double precision) from public;
grant execute on function secure.claim_document(text, integer, interval), secure.end_reading(uuid, double precision)
  to chatbot_worker;

-- How many documents the principal and their tenant have, for limits: the totals of one tenant, told to its people. With
-- `exclusive` one at a time of the tenant goes on from here to the end of its transaction; no other tenant can hold that lock.
create policy counted on chatbot.documents for select to chatbot_owner using (tenant_id = (select secure.tenant_id()));
create function secure.count_documents(patience interval, exclusive boolean)
returns table (scope text, waiting bigint, documents bigint, size bigint)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  acting uuid[] := secure.claims();
begin
  if exclusive then
    perform from chatbot.tenants as t where t.id = acting[1] for no key update;
  end if;
  return query select s.scope,
      count(d.id) filter (where d.status = 'queued' and d.queued_at >= now() - patience), count(d.id),
      coalesce(sum(d.size), 0)::bigint
    from (values ('user'), ('tenant')) as s (scope)
    left join chatbot.documents as d on d.tenant_id = acting[1] and (s.scope = 'tenant' or d.owner_id = acting[2])
    group by s.scope;
end
$$;
revoke all on function secure.count_documents(interval, boolean) from public;
grant execute on function secure.count_documents(interval, boolean) to chatbot_api;
