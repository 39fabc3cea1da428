-- A conversation is a tree: each message names the one that it follows. An edited question has the same parent as the
-- question before the edit, a repeated answer the same question; nothing is overwritten.
alter table chatbot.messages add parent_id bigint;

-- until now a message followed the one before it. Under forced row-level security the owner sees no row: it is lifted
-- for this one statement, inside the migration's transaction
alter table chatbot.messages no force row level security;
update chatbot.messages as m set parent_id = earlier.before_id
  from (select id, lag(id) over (partition by conversation_id order by id) as before_id from chatbot.messages) as earlier
  where earlier.id = m.id;
alter table chatbot.messages force row level security;

-- a parent lies in the same conversation and came earlier, whatever a policy says: no way back has a ring
alter table chatbot.messages add check (parent_id < id);
drop index chatbot.messages_by_conversation;
alter table chatbot.messages add constraint messages_by_conversation unique (conversation_id, id);
alter table chatbot.messages add constraint messages_parent
  foreign key (conversation_id, parent_id) references chatbot.messages (conversation_id, id) on delete cascade;
create index messages_by_parent on chatbot.messages (conversation_id, parent_id);

grant insert (parent_id) on chatbot.messages to chatbot_api;
