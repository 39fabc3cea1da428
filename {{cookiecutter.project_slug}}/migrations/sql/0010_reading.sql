-- What the owner is told about how a document was read, by name, and search in the language of the installation.
alter table chatbot.documents
  add column notes jsonb not null default '{}' check (jsonb_typeof(notes) = 'object' and pg_column_size(notes) < 2000);
grant update (notes) on chatbot.documents to chatbot_worker;

-- Text as it is searched: one spelling of each letter (ligatures, full-width forms), no raised note numbers, and Chinese and
-- Japanese letter by letter, since nothing parts their words.
create function chatbot.search_text(original text) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return regexp_replace(
  normalize(regexp_replace(original, '([[:alpha:][:punct:]])[⁰¹²³⁴⁵⁶⁷⁸⁹]+', '\1 ', 'g'), NFKC),
  '([\u3040-\u30ff\u3400-\u9fff])', ' \1 ', 'g');

-- The words were a generated column, whose language could not be chosen. Now each passage is read in the language of the
-- session that writes it (default_text_search_config), which CHATBOT_RETRIEVAL__LANGUAGE gives.
alter table chatbot.chunks alter column words drop expression;
create function chatbot.make_words() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  new.words := to_tsvector(chatbot.search_text(new.section || ' ' || new.content));
  return new;
end
$$;
-- not when the passage is only shared: the session that shares may have another language
create trigger make_words before insert or update of section, content on chatbot.chunks for each row execute function chatbot.make_words();

-- Why an answer ended, where it is not because the model had said everything.
alter table chatbot.messages
  drop constraint messages_outcome_check,
  add constraint messages_outcome_check check (outcome in ('complete', 'stopped', 'failed', 'length', 'filtered'));

-- As before, but for the words' language and spelling.
create or replace function chatbot.find_passages(context text, question text, question_vector text, passage_count integer)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
-- plans are kept: one made while the tables were small must still read by index when they are large
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  needle public.halfvec(384) := question_vector::public.halfvec(384);
  terms tsquery := replace(plainto_tsquery(chatbot.search_text(question))::text, ' & ', ' | ')::tsquery;
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

revoke all on function chatbot.search_text(text), chatbot.make_words() from public;
grant execute on function chatbot.search_text(text) to chatbot_api, chatbot_worker;
