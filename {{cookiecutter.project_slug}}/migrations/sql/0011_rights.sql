-- Rights that are not about rows (control sql-tenant): what a whole hostile statement could stop or measure besides them.
--
-- Deletion. DELETE on a whole table, which it cannot be without, allows LOCK TABLE in every mode: one statement would hold up
-- every tenant. So rows are deleted by these functions. They run as the tables' owner, for whom row-level security is
-- forced: the policies decide, as they do for a statement, and only one's own rows go.
revoke delete on all tables in schema chatbot from chatbot_api, chatbot_worker;

create function secure.delete_document(document uuid) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from chatbot.documents as d where d.id = document;
  return found;
end
$$;

-- Removes what was made of a document; its vectors go with it.
create function secure.delete_chunks(document uuid) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from chatbot.chunks as k where k.document_id = document;
end
$$;

-- Removes for good, with their messages, the conversations that were deleted longer ago.
create function secure.forget_conversations(kept_for interval) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from chatbot.conversations as c where c.deleted_at <= now() - kept_for;
end
$$;

-- Removes keys that expired, and all but the latest revoked ones.
create function secure.forget_keys() returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from chatbot.api_keys as k where k.expires_at <= now() or k.id in (
    -- the owner of the table sees every key: it looks them up by their digest
    select r.id from chatbot.api_keys as r where r.user_id = secure.user_id() and r.revoked_at is not null
    order by r.revoked_at desc offset 20);
end
$$;

-- Waits for one's turn until the transaction ends: whoever makes keys, hands over documents, or changes people is alone with it.
-- Nobody takes a lock by a number of their own (database.sql): it could be another's. A name that is not known locks nothing.
create function secure.lock(kind text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  whose uuid := case when kind in ('keys', 'documents') then secure.user_id()
                     when kind = 'people' and secure.acting_role() = 'admin' then secure.tenant_id() end;
begin
  if whose is not null then
    perform pg_advisory_xact_lock(hashtextextended(kind || '|' || whose, 0));
  end if;
end
$$;

revoke all on function secure.delete_document(uuid), secure.delete_chunks(uuid), secure.forget_conversations(interval),
  secure.forget_keys(), secure.lock(text) from public;
grant execute on function secure.delete_document(uuid), secure.forget_conversations(interval), secure.forget_keys(),
  secure.lock(text) to chatbot_api;
grant execute on function secure.delete_chunks(uuid) to chatbot_worker;
