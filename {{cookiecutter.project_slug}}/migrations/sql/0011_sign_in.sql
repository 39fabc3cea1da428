-- What the provider said at a sign-in (controls api-authz, acc-identity).
--
-- It comes signed, so that nobody writes their own role or name, not even by a statement of their own:
--     r1|<database role>|<tenant>|<user>|<what the person is>|<expiry>|<digest of issuer, subject and name>|<HMAC>
-- Returns the role that counts (null: suspended), whether it changed with this sign-in, and the budget.
-- Fails closed: anything but a voucher of this minute, for this person and just these words, is an error.
create or replace function secure.enrol(voucher text, issuer text, subject text, name text)
returns table (role text, changed boolean, monthly_tokens bigint)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  acting uuid[] := secure.claims();
  key secure.context_key;
  before chatbot.users;
  kept chatbot.users;
begin
  select * into strict key from secure.context_key;
  if voucher is null or sha256(sha256(key.outer_pad || sha256(key.inner_pad || convert_to(left(voucher, -65), 'UTF8'))))
     <> sha256(decode(right(voucher, 64), 'hex')) then
    raise exception 'the voucher is forged' using errcode = '28000';
  end if;
  if split_part(voucher, '|', 1) <> 'r1' or split_part(voucher, '|', 2) <> session_user
     or (split_part(voucher, '|', 3)::uuid, split_part(voucher, '|', 4)::uuid) is distinct from (acting[1], acting[2])
     or split_part(voucher, '|', 6)::bigint < extract(epoch from clock_timestamp())
     -- each by its own digest: no two identities read the same when they are joined
     or decode(split_part(voucher, '|', 7), 'hex') is distinct from sha256(sha256(convert_to(enrol.issuer, 'UTF8'))
       || sha256(convert_to(enrol.subject, 'UTF8')) || sha256(convert_to(enrol.name, 'UTF8'))) then
    raise exception 'the voucher is for something else, or has expired' using errcode = '28000';
  end if;
  select * into before from chatbot.users as u where u.id = acting[2] for update;
  insert into chatbot.users as u (id, tenant_id, issuer, subject, name, role)
    values (acting[2], acting[1], enrol.issuer, enrol.subject, enrol.name, split_part(voucher, '|', 5))
    on conflict (id) do update set name = excluded.name, role = excluded.role, signed_in_at = now()
    returning * into kept;
  return query select
    case when kept.suspended_at is null then coalesce(kept.granted_role, kept.role) end,
    before.id is not null and coalesce(before.granted_role, before.role) <> coalesce(kept.granted_role, kept.role),
    kept.monthly_tokens;
end
$$;
revoke all on function secure.enrol(text, text, text, text) from public;
grant execute on function secure.enrol(text, text, text, text) to chatbot_api;
