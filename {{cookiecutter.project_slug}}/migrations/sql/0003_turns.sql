-- The statements of a turn, for conversations that are trees: `place` is the message that the new one follows.
drop function chatbot.recall_turn(text, uuid, text, text, integer, integer);
drop function chatbot.store_question(text, uuid, text, boolean);
drop function chatbot.finish_turn(text, uuid, text, text, text);

-- The passages that fit a question, best first, from two exact searches over the rows the principal may read: by meaning
-- (inner product of normalised vectors) and by words, fused by reciprocal rank (Cormack, Clarke, Büttcher 2009, k = 60).
create function chatbot.find_passages(context text, question text, question_vector text, passage_count integer)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
-- plans are kept: one made while the tables were small must still read by index when they are large
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  needle public.halfvec(384) := question_vector::public.halfvec(384);
  terms tsquery := replace(plainto_tsquery('english', question)::text, ' & ', ' | ')::tsquery;
  passages jsonb;
begin
  perform set_config('chatbot.context', context, true);
  with by_meaning as (
    select v.chunk_id, row_number() over (order by v.embedding operator(public.<#>) needle, v.chunk_id) as place
    from chatbot.chunk_vectors as v
    order by v.embedding operator(public.<#>) needle, v.chunk_id limit 24
  ), by_words as (
    select found.id as chunk_id, row_number() over (order by found.rank desc, found.id) as place
    from (select w.id, ts_rank_cd(w.words, terms, 1) as rank from chatbot.chunks as w
          where w.words @@ terms order by rank desc, w.id limit 24) as found
  ), fused as (
    select hit.chunk_id, sum(1.0 / (60 + hit.place)) as score
    from (select * from by_meaning union all select * from by_words) as hit
    group by hit.chunk_id order by score desc, hit.chunk_id limit passage_count
  )
  select coalesce(jsonb_agg(jsonb_build_object(
           'chunk', k.id, 'document', d.id, 'title', d.title, 'section', k.section, 'content', k.content
         ) order by f.score desc, k.id), '[]')
    into passages
    from fused as f join chatbot.chunks as k on k.id = f.chunk_id join chatbot.documents as d on d.id = k.document_id;
  return passages;
end
$$;

-- What the model needs: the messages on the way to the question, and the passages that fit it.
-- `place` is the message that the question follows: 0 for none, -1 for the conversation's latest message. What it
-- stood for is returned, so that the question is stored just there.
-- No row at all means that the conversation, or the place in it, does not exist for this principal.
create function chatbot.recall_turn(
  context text, conversation uuid, question text, question_vector text, passage_count integer, history_count integer,
  place bigint
) returns table (history jsonb, passages jsonb, follows bigint)
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off  -- as above
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
      from way join chatbot.messages as m on m.conversation_id = conversation and m.id = way.parent_id
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

-- Keeps the question. Called while the model already works; no token is shown before it has committed.
-- The first question gives the conversation its title.
create function chatbot.store_question(context text, conversation uuid, question text, is_first boolean, follows bigint)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  claims uuid[];
  message bigint;
begin
  perform set_config('chatbot.context', context, true);
  claims := secure.claims();
  insert into chatbot.messages (tenant_id, user_id, conversation_id, parent_id, author, content)
    values (claims[1], claims[2], conversation, follows, 'user', question) returning id into message;
  if is_first then
    update chatbot.conversations set title = left(btrim(regexp_replace(question, '\s+', ' ', 'g')), 80)
      where id = conversation and title is null;
  end if;
  return message;
end
$$;

-- A question to be answered again, and the message that it follows. No row: there is no such question here.
create function chatbot.find_question(context text, conversation uuid, question bigint)
returns table (content text, follows bigint)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform set_config('chatbot.context', context, true);
  return query select m.content, m.parent_id from chatbot.messages as m
    join chatbot.conversations as c on c.id = m.conversation_id
    where c.id = conversation and c.deleted_at is null and m.id = question and m.author = 'user';
end
$$;

-- A conversation as it is read: the messages on the way through one message (0 for the latest of all) to the latest one
-- that follows it, at most so many, oldest first. Each comes with the numbers of its versions, its own among them.
create function chatbot.read_way(conversation uuid, through bigint, most integer)
returns table (id bigint, parent_id bigint, author text, content text, citations jsonb, outcome text,
               created_at timestamptz, versions bigint[])
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off  -- as above
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
      select m.*, way.steps + 1 from way join chatbot.messages as m
        on m.conversation_id = conversation and m.id = way.parent_id where way.steps < most
    )
    select w.id, w.parent_id, w.author, w.content, w.citations, w.outcome, w.created_at,
      (select array_agg(v.id order by v.id) from chatbot.messages as v
        where v.conversation_id = conversation and v.author = w.author and v.parent_id is not distinct from w.parent_id)
    from way as w order by w.id;
end
$$;

-- Keeps the answer, whole or as far as it came.
create function chatbot.finish_turn(
  context text, conversation uuid, answer text, answer_citations text, answer_outcome text, follows bigint
) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  claims uuid[];
  message bigint;
begin
  perform set_config('chatbot.context', context, true);
  claims := secure.claims();
  insert into chatbot.messages (tenant_id, user_id, conversation_id, parent_id, author, content, citations, outcome)
    values (claims[1], claims[2], conversation, follows, 'assistant', answer, answer_citations::jsonb, answer_outcome)
    returning id into message;
  update chatbot.conversations set updated_at = now() where id = conversation;
  return message;
end
$$;

revoke all on function
  chatbot.find_passages(text, text, text, integer),
  chatbot.recall_turn(text, uuid, text, text, integer, integer, bigint),
  chatbot.store_question(text, uuid, text, boolean, bigint),
  chatbot.finish_turn(text, uuid, text, text, text, bigint), chatbot.find_question(text, uuid, bigint),
  chatbot.read_way(uuid, bigint, integer) from public;
grant execute on function
  chatbot.find_passages(text, text, text, integer),
  chatbot.recall_turn(text, uuid, text, text, integer, integer, bigint),
  chatbot.store_question(text, uuid, text, boolean, bigint),
  chatbot.finish_turn(text, uuid, text, text, text, bigint), chatbot.find_question(text, uuid, bigint),
  chatbot.read_way(uuid, bigint, integer) to chatbot_api;
