-- The audit trail: who did what, how it ended, what it cost. Rows are added and never changed.
create table chatbot.audit_events (
  id bigint generated always as identity primary key,
  tenant_id uuid not null,
  user_id uuid not null,
  at timestamptz not null,
  carrier text not null check (carrier in ('session', 'key', 'token', 'certificate')),
  credential text not null check (char_length(credential) <= 64),  -- its public name
  action text not null check (char_length(action) <= 80),
  object text check (char_length(object) <= 80),
  status smallint not null,
  request_id text not null check (char_length(request_id) <= 32),
  address text not null check (char_length(address) <= 64),
  milliseconds integer not null,
  prompt_tokens integer,
  answer_tokens integer,
  cost_micros bigint
);
create index audit_events_by_tenant on chatbot.audit_events (tenant_id, id desc);
create index audit_events_by_user on chatbot.audit_events (tenant_id, user_id, id desc);

alter table chatbot.audit_events enable row level security;
alter table chatbot.audit_events force row level security;

-- one's own acts, and for those who oversee the tenant everybody's
create policy seen on chatbot.audit_events for select to chatbot_api
  using (tenant_id = (select secure.tenant_id())
    and (user_id = (select secure.user_id()) or (select secure.acting_role()) in ('admin', 'auditor')));
-- only the trail's writer signs a context of a tenant and nobody: a statement in a person's name adds nothing
create policy added on chatbot.audit_events for insert to chatbot_api
  with check (tenant_id = (select secure.tenant_id())
    and (select secure.user_id()) = '00000000-0000-0000-0000-000000000000');
grant select, insert (tenant_id, user_id, at, carrier, credential, action, object, status, request_id, address,
                      milliseconds, prompt_tokens, answer_tokens, cost_micros)
  on chatbot.audit_events to chatbot_api;

create function chatbot.record_events(context text, events text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  claims uuid[];
begin
  perform set_config('chatbot.context', context, true);
  claims := secure.claims();
  insert into chatbot.audit_events (tenant_id, user_id, at, carrier, credential, action, object, status, request_id,
                                    address, milliseconds, prompt_tokens, answer_tokens, cost_micros)
    select claims[1], e."user", to_timestamp(e.at), e.carrier, left(e.credential, 64), left(e.action, 80),
           left(e.object, 80), e.status, left(e.request, 32), left(e.address, 64), e.milliseconds, e.prompt, e.answer, e.micros
    from jsonb_to_recordset(events::jsonb) as e (
      "user" uuid, at double precision, carrier text, credential text, action text, object text, status smallint,
      request text, address text, milliseconds integer, prompt integer, answer integer, micros bigint);
end
$$;
revoke all on function chatbot.record_events(text, text) from public;
grant execute on function chatbot.record_events(text, text) to chatbot_api;
