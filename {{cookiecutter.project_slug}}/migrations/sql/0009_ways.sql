-- The way through a conversation, one message after the other by its number. As a join it was planned while the tables
-- were empty, and read the whole conversation once for each message: "offset 0" keeps PostgreSQL from making it one.

-- What the model needs: the messages on the way to the question, and the passages that fit it.
-- `place` is the message that the question follows: 0 for none, -1 for the conversation's latest message. What it
-- stood for is returned, so that the question is stored just there.
-- No row at all means that the conversation, or the place in it, does not exist for this principal.
create or replace function chatbot.recall_turn(
  context text, conversation uuid, question text, question_vector text, passage_count integer, history_count integer,
  place bigint
) returns table (history jsonb, passages jsonb, follows bigint)
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off  -- plans are kept: one made while the tables were small must read by index when they are large
set enable_bitmapscan = off
as $$
begin
  perform set_config('chatbot.context', context, true);
  perform from chatbot.conversations as c where c.id = conversation and c.deleted_at is null;
  if not found then
    return;
  end if;
  follows := nullif(place, 0);
  if place = -1 then
    -- a question that nobody has answered yet is another turn's: the new one stands beside it
    select case m.author when 'user' then m.parent_id else m.id end into follows
      from chatbot.messages as m where m.conversation_id = conversation order by m.id desc limit 1;
  elsif follows is not null and not exists (
      select from chatbot.messages as m where m.conversation_id = conversation and m.id = follows) then
    return;
  end if;
  with recursive way as (
    select m.id, m.parent_id, m.author, m.content, m.outcome, 1 as steps
      from chatbot.messages as m where m.conversation_id = conversation and m.id = follows
    union all
    select m.id, m.parent_id, m.author, m.content, m.outcome, way.steps + 1
      from way cross join lateral (
        select * from chatbot.messages as p where p.conversation_id = conversation and p.id = way.parent_id offset 0
      ) as m
      where way.steps < history_count
  )
  select coalesce(jsonb_agg(jsonb_build_object('author', way.author, 'content', way.content) order by way.id), '[]')
    into history from way where way.outcome <> 'failed' and history_count > 0;
  passages := '[]';
  if passage_count > 0 then
    passages := chatbot.find_passages(context, question, question_vector, passage_count);
  end if;
  return next;
end
$$;

-- A conversation as it is read: the messages on the way through one message (0 for the latest of all) to the latest one
-- that follows it, at most so many, oldest first. Each comes with the numbers of its versions, its own among them.
create or replace function chatbot.read_way(conversation uuid, through bigint, most integer)
returns table (id bigint, parent_id bigint, author text, content text, citations jsonb, outcome text,
               created_at timestamptz, versions bigint[])
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
  leaf bigint;
begin
  if through = 0 then
    select max(m.id) into leaf from chatbot.messages as m where m.conversation_id = conversation;
  else
    with recursive down as (
      select m.id from chatbot.messages as m where m.conversation_id = conversation and m.id = through
      union all
      select (select max(next.id) from chatbot.messages as next
              where next.conversation_id = conversation and next.parent_id = down.id)
        from down where down.id is not null
    )
    select max(down.id) into leaf from down;
  end if;
  return query
    with recursive way as (
      select m.*, 1 as steps from chatbot.messages as m where m.conversation_id = conversation and m.id = leaf
      union all
      select m.*, way.steps + 1 from way cross join lateral (
        select * from chatbot.messages as p where p.conversation_id = conversation and p.id = way.parent_id offset 0
      ) as m where way.steps < most
    )
    select w.id, w.parent_id, w.author, w.content, w.citations, w.outcome, w.created_at,
      case when w.parent_id is null then  -- no index serves "is not distinct from"
        (select array_agg(v.id order by v.id) from chatbot.messages as v
          where v.conversation_id = conversation and v.author = w.author and v.parent_id is null)
      else
        (select array_agg(v.id order by v.id) from chatbot.messages as v
          where v.conversation_id = conversation and v.author = w.author and v.parent_id = w.parent_id)
      end
    from way as w order by w.id;
end
$$;
