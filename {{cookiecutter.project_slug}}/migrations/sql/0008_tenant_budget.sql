-- A token budget for each month that a tenant's administrator sets for the whole tenant, below the operator's.
alter table chatbot.tenants add monthly_tokens bigint check (monthly_tokens between 0 and 1000000000000);
revoke insert on chatbot.tenants from chatbot_api;
grant insert (id, slug), update (monthly_tokens) on chatbot.tenants to chatbot_api;
create policy administered on chatbot.tenants as restrictive for update to chatbot_api
  using ((select secure.acting_role()) = 'admin') with check ((select secure.acting_role()) = 'admin');
