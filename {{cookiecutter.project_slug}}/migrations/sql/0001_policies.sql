-- Who sees and changes which row. A sub-select makes PostgreSQL verify the context once per statement.
create policy own_tenant on chatbot.tenants
  using (id = (select tenant_id from secure.claims()))
  with check (id = (select tenant_id from secure.claims()));

create policy own_tenant on chatbot.users for select
  using (tenant_id = (select tenant_id from secure.claims()));
create policy self_insert on chatbot.users for insert
  with check ((tenant_id, id) = (select tenant_id, user_id from secure.claims()));
create policy self_update on chatbot.users for update
  using ((tenant_id, id) = (select tenant_id, user_id from secure.claims()))
  with check ((tenant_id, id) = (select tenant_id, user_id from secure.claims()));

create policy own on chatbot.conversations
  using ((tenant_id, user_id) = (select tenant_id, user_id from secure.claims()))
  with check ((tenant_id, user_id) = (select tenant_id, user_id from secure.claims()));
create policy own on chatbot.messages
  using ((tenant_id, user_id) = (select tenant_id, user_id from secure.claims()))
  with check ((tenant_id, user_id) = (select tenant_id, user_id from secure.claims()));
create policy own on chatbot.job_receipts
  using ((tenant_id, user_id) = (select tenant_id, user_id from secure.claims()))
  with check ((tenant_id, user_id) = (select tenant_id, user_id from secure.claims()));

-- Documents and all that is made from them: one's own, and, for reading only, what a colleague shared with the
-- tenant. The tenant stands in one condition of its own, so that an index beginning with it can be used.
do $$
declare
  name text;
begin
  foreach name in array array['documents', 'chunks', 'chunk_vectors'] loop
    execute format('create policy readable on chatbot.%I for select
      using (tenant_id = (select tenant_id from secure.claims())
             and (shared or owner_id = (select user_id from secure.claims())))', name);
  end loop;
  execute 'create policy readable on chatbot.document_bodies for select
    using ((tenant_id, owner_id) = (select tenant_id, user_id from secure.claims()))';
  foreach name in array array['documents', 'document_bodies', 'chunks', 'chunk_vectors'] loop
    execute format('create policy own_insert on chatbot.%I for insert
      with check ((tenant_id, owner_id) = (select tenant_id, user_id from secure.claims()))', name);
    execute format('create policy own_update on chatbot.%I for update
      using ((tenant_id, owner_id) = (select tenant_id, user_id from secure.claims()))
      with check ((tenant_id, owner_id) = (select tenant_id, user_id from secure.claims()))', name);
    execute format('create policy own_delete on chatbot.%I for delete
      using ((tenant_id, owner_id) = (select tenant_id, user_id from secure.claims()))', name);
  end loop;
end
$$;

-- the gateway: people, conversations, and documents up to the moment they are handed over
grant select, insert on chatbot.tenants to chatbot_api;
grant select, insert, update (name, role, signed_in_at) on chatbot.users to chatbot_api;
grant select, insert, delete, update (title, updated_at) on chatbot.conversations to chatbot_api;
grant select, insert on chatbot.messages to chatbot_api;
grant select, insert, delete, update (status, problem) on chatbot.documents to chatbot_api;
grant insert on chatbot.document_bodies to chatbot_api;
grant select on chatbot.chunks, chatbot.chunk_vectors to chatbot_api;

-- the worker: reads what was handed over, writes what it made of it
grant select, update (status, problem) on chatbot.documents to chatbot_worker;
grant select on chatbot.document_bodies to chatbot_worker;
grant select, insert, delete on chatbot.chunks, chatbot.chunk_vectors to chatbot_worker;
grant select, insert on chatbot.job_receipts to chatbot_worker;
