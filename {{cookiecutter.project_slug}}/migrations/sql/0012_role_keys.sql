-- A key for each database role: whoever takes the worker over signs no context of the gateway's, and no role assertion.
-- The functions that verify read the one row of the role that logged in, under the name that the table had.
alter table secure.context_key rename to role_keys;
alter table secure.role_keys
  drop column only_row,
  add column role text primary key default 'chatbot_api' check (role in ('chatbot_api', 'chatbot_worker'));
alter table secure.role_keys alter column role drop default, alter column role set statistics 0;
create view secure.context_key as
  select k.inner_pad, k.outer_pad from secure.role_keys as k where k.role = session_user;
revoke all on secure.role_keys, secure.context_key from public;
