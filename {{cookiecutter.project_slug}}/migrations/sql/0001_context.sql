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

-- Returns {tenant, user}, verified; null when there is no context. About 20 microseconds.
create function secure.claims() returns uuid[]
language plpgsql stable parallel restricted security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  context text := current_setting('chatbot.context', true);
  key secure.context_key;
begin
  if context is null or context = '' then
    return null;
  end if;
  select * into strict key from secure.context_key;
  -- digests of both sides are compared, so the time taken says nothing about the expected value
  if sha256(sha256(key.outer_pad || sha256(key.inner_pad || convert_to(left(context, -65), 'UTF8'))))
     <> sha256(decode(right(context, 64), 'hex')) then
    raise exception 'the row context is forged' using errcode = '28000';
  end if;
  if split_part(context, '|', 1) <> 'v1' or split_part(context, '|', 2) <> session_user then
    raise exception 'the row context was made for another role' using errcode = '28000';
  end if;
  if split_part(context, '|', 5)::bigint < extract(epoch from clock_timestamp()) then
    raise exception 'the row context has expired' using errcode = '28000';
  end if;
  return array[split_part(context, '|', 3)::uuid, split_part(context, '|', 4)::uuid];
end
$$;

create function secure.tenant_id() returns uuid
language plpgsql stable parallel restricted set search_path = pg_catalog, pg_temp
as $$ begin return (secure.claims())[1]; end $$;

create function secure.user_id() returns uuid
language plpgsql stable parallel restricted set search_path = pg_catalog, pg_temp
as $$ begin return (secure.claims())[2]; end $$;

revoke all on function secure.claims(), secure.tenant_id(), secure.user_id() from public;
grant execute on function secure.claims(), secure.tenant_id(), secure.user_id()
  to chatbot_owner, chatbot_api, chatbot_worker;
