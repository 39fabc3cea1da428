-- Documents of every kind. The original is kept byte for byte, whatever it is; texts that are there become their UTF-8.
-- A change of type rewrites every row: row-level security, which shows the owner of the table no row, is not asked.
alter table chatbot.document_bodies
  alter column body type bytea using convert_to(body, 'UTF8');

alter table chatbot.documents
  drop constraint documents_media_type_check,
  add constraint documents_media_type_check check (media_type in (
    'text/markdown', 'text/plain', 'text/csv', 'text/html', 'application/pdf',
    'application/vnd.openxmlformats-officedocument.wordprocessingml.document')),
  -- what a reader would not have seen, and was therefore left out; the owner is told
  add column hidden_characters integer not null default 0 check (hidden_characters >= 0),
  -- since when it waits, and how often reading it was begun: a document that ends the worker is given up
  add column queued_at timestamptz not null default now(),
  add column attempts integer not null default 0;

grant update (hidden_characters, attempts) on chatbot.documents to chatbot_worker;
grant update (queued_at, attempts) on chatbot.documents to chatbot_api;
