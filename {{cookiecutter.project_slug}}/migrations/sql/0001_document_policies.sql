-- Who reads and changes documents, their passages and vectors (control vec-access). A search, by meaning or by words,
-- runs under these policies like any other statement. Fails closed: without a verified context nothing is found.
--
-- Documents and all that is made from them: one's own, and, for reading only, what a colleague shared with the
-- tenant. The tenant stands in one condition of its own, so that an index beginning with it can be used.
do $$
declare
  name text;
begin
  foreach name in array array['documents', 'chunks', 'chunk_vectors'] loop
    execute format('create policy readable on chatbot.%I for select
      using (tenant_id = (select secure.tenant_id())
             and (shared or owner_id = (select secure.user_id())))', name);
  end loop;
  execute 'create policy readable on chatbot.document_bodies for select
    using (owner_id = (select secure.user_id()))';
  foreach name in array array['documents', 'document_bodies', 'chunks', 'chunk_vectors'] loop
    execute format('create policy own_insert on chatbot.%I for insert
      with check (owner_id = (select secure.user_id()) and tenant_id = (select secure.tenant_id()))', name);
    execute format('create policy own_update on chatbot.%I for update
      using (owner_id = (select secure.user_id()))
      with check (owner_id = (select secure.user_id()) and tenant_id = (select secure.tenant_id()))', name);
    execute format('create policy own_delete on chatbot.%I for delete
      using (owner_id = (select secure.user_id()))', name);
  end loop;
end
$$;
