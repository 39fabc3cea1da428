-- One conversation turn in three statements: recall before the model, store while it works, finish after it.
-- Each is one round trip and one transaction. They run with the caller's own rights, under row-level security.

-- What the model needs: the latest messages, and the passages that fit the question.
-- Passages come from two exact searches over the rows the principal may read, by meaning (inner product of
-- normalised vectors) and by words, fused by reciprocal rank (Cormack, Clarke, Büttcher 2009, k = 60).
-- No row at all means that the conversation does not exist for this principal.
create function chatbot.recall_turn(
  context text, conversation uuid, question text, question_vector text, passage_count integer, history_count integer
) returns table (history jsonb, passages jsonb)
language plpgsql
set search_path = pg_catalog, pg_temp
-- plans are kept: one made while the tables were small must still read by index when they are large
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  needle public.halfvec(384) := question_vector::public.halfvec(384);
  terms tsquery := replace(plainto_tsquery('english', question)::text, ' & ', ' | ')::tsquery;
begin
  perform set_config('chatbot.context', context, true);
  perform from chatbot.conversations as c where c.id = conversation and c.deleted_at is null;
  if not found then
    return;
  end if;
  select coalesce(jsonb_agg(jsonb_build_object('author', m.author, 'content', m.content) order by m.id), '[]')
    into history
    from (select latest.id, latest.author, latest.content from chatbot.messages as latest
          where latest.conversation_id = conversation and latest.outcome <> 'failed'
          order by latest.id desc limit history_count) as m;
  if passage_count = 0 then
    passages := '[]';
    return next;
    return;
  end if;
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
  return next;
end
$$;

-- Keeps the question. Called while the model already works; no token is shown before it has committed.
-- The first question gives the conversation its title.
create function chatbot.store_question(context text, conversation uuid, question text, is_first boolean) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  claims uuid[];
  message bigint;
begin
  perform set_config('chatbot.context', context, true);
  claims := secure.claims();
  insert into chatbot.messages (tenant_id, user_id, conversation_id, author, content)
    values (claims[1], claims[2], conversation, 'user', question) returning id into message;
  if is_first then
    update chatbot.conversations set title = left(btrim(regexp_replace(question, '\s+', ' ', 'g')), 80)
      where id = conversation and title is null;
  end if;
  return message;
end
$$;

-- Keeps the answer, whole or as far as it came.
create function chatbot.finish_turn(
  context text, conversation uuid, answer text, answer_citations text, answer_outcome text
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
  insert into chatbot.messages (tenant_id, user_id, conversation_id, author, content, citations, outcome)
    values (claims[1], claims[2], conversation, 'assistant', answer, answer_citations::jsonb, answer_outcome)
    returning id into message;
  update chatbot.conversations set updated_at = now() where id = conversation;
  return message;
end
$$;

revoke all on function
  chatbot.recall_turn(text, uuid, text, text, integer, integer), chatbot.store_question(text, uuid, text, boolean),
  chatbot.finish_turn(text, uuid, text, text, text) from public;
grant execute on function
  chatbot.recall_turn(text, uuid, text, text, integer, integer), chatbot.store_question(text, uuid, text, boolean),
  chatbot.finish_turn(text, uuid, text, text, text) to chatbot_api;
