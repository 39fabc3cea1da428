-- The signed row context (control sql-tenant).
--
-- Every transaction names its principal in the setting chatbot.context:
--     v1|<database role>|<tenant>|<user>|<expiry, seconds since 1970>|<HMAC-SHA256, hexadecimal>
-- Anybody can set a setting. Nobody without the key can make the last part, so whoever controls the
-- whole text of a statement still reads only the rows of the principal that the gateway named.
-- Fails closed: no context means no rows; a wrong or expired one is an error.
create schema chatbot;
create schema secure;
revoke all on schema chatbot, secure from public;
grant usage on schema chatbot, secure to chatbot_api, chatbot_worker;

-- RFC 2104: the key, padded to the block size of SHA-256 and already combined with each pad
create table secure.context_key (
  only_row boolean primary key default true check (only_row),
  inner_pad bytea not null check (octet_length(inner_pad) = 64),
  outer_pad bytea not null check (octet_length(outer_pad) = 64)
);
revoke all on secure.context_key from public;

create function secure.claims(out tenant_id uuid, out user_id uuid)
language plpgsql stable parallel restricted security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  context text := nullif(current_setting('chatbot.context', true), '');
  part text[];
  key secure.context_key;
  expected bytea;
begin
  if context is null then
    return;
  end if;
  part := string_to_array(context, '|');
  if array_length(part, 1) is distinct from 6 or part[1] <> 'v1' or part[2] <> session_user
     or part[5] !~ '^[0-9]{1,12}$' or part[6] !~ '^[0-9a-f]{64}$' then
    raise exception 'the row context is malformed' using errcode = '28000';
  end if;
  select * into strict key from secure.context_key;
  expected := sha256(key.outer_pad || sha256(key.inner_pad || convert_to(array_to_string(part[1:5], '|'), 'UTF8')));
  -- digests of both sides are compared, so the time taken says nothing about the expected value
  if sha256(expected) <> sha256(decode(part[6], 'hex')) then
    raise exception 'the row context is forged' using errcode = '28000';
  end if;
  if part[5]::bigint < extract(epoch from clock_timestamp()) then
    raise exception 'the row context has expired' using errcode = '28000';
  end if;
  tenant_id := part[3]::uuid;
  user_id := part[4]::uuid;
end
$$;
revoke all on function secure.claims() from public;
grant execute on function secure.claims() to chatbot_owner, chatbot_api, chatbot_worker;
