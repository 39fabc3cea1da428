-- Who sees and changes which row. A sub-select makes PostgreSQL verify the context once per statement.
-- What is written must name both the person and the tenant of the context. So a person's rows lie in one tenant,
-- and for reading one's own rows the condition on the person is enough.
create policy own_tenant on chatbot.tenants
  using (id = (select secure.tenant_id()))
  with check (id = (select secure.tenant_id()));

create policy own_tenant on chatbot.users for select
  using (tenant_id = (select secure.tenant_id()));
create policy self_insert on chatbot.users for insert
  with check (id = (select secure.user_id()) and tenant_id = (select secure.tenant_id()));
create policy self_update on chatbot.users for update
  using (id = (select secure.user_id()))
  with check (id = (select secure.user_id()) and tenant_id = (select secure.tenant_id()));

create policy own on chatbot.conversations
  using (user_id = (select secure.user_id()))
  with check (user_id = (select secure.user_id()) and tenant_id = (select secure.tenant_id()));
create policy own on chatbot.messages
  using (user_id = (select secure.user_id()))
  with check (user_id = (select secure.user_id()) and tenant_id = (select secure.tenant_id()));
create policy own on chatbot.job_receipts
  using (user_id = (select secure.user_id()))
  with check (user_id = (select secure.user_id()) and tenant_id = (select secure.tenant_id()));

-- the gateway: people, conversations, and documents up to the moment they are handed over
grant select, insert on chatbot.tenants to chatbot_api;
grant select, insert, update (name, role, signed_in_at) on chatbot.users to chatbot_api;
-- identifiers are made by the database: choosing one would tell whether somebody else has it
grant select, insert (tenant_id, user_id), delete, update (title, folder, updated_at, deleted_at)
  on chatbot.conversations to chatbot_api;
grant select, insert (tenant_id, user_id, conversation_id, author, content, citations, outcome)
  on chatbot.messages to chatbot_api;
grant select, insert (tenant_id, owner_id, shared, title, media_type, sha256, size), delete,
  update (title, shared, status, problem)
  on chatbot.documents to chatbot_api;
grant insert on chatbot.document_bodies to chatbot_api;
grant select on chatbot.chunks, chatbot.chunk_vectors to chatbot_api;

-- the worker: reads what was handed over, writes what it made of it
grant select, update (status, problem) on chatbot.documents to chatbot_worker;
grant select on chatbot.document_bodies to chatbot_worker;
grant select, insert, delete on chatbot.chunks, chatbot.chunk_vectors to chatbot_worker;
grant select, insert on chatbot.job_receipts to chatbot_worker;
