-- Tables. Each one with tenant data has tenant_id, FORCE row-level security and policies that use
-- secure.claims() once per statement, never per row.
create table chatbot.tenants (
  id uuid primary key,
  slug text not null check (slug ~ '^[a-z0-9-]{1,40}$'),
  created_at timestamptz not null default now()
);

create table chatbot.users (
  id uuid primary key,
  tenant_id uuid not null,
  issuer text not null,
  subject text not null,
  name text not null check (char_length(name) between 1 and 200),
  role text not null check (role in ('member', 'admin')),
  created_at timestamptz not null default now(),
  signed_in_at timestamptz not null default now(),
  foreign key (tenant_id) references chatbot.tenants,
  unique (tenant_id, id)
);

create table chatbot.conversations (
  id uuid primary key default gen_random_uuid(),
  tenant_id uuid not null,
  user_id uuid not null,
  title text check (char_length(title) <= 120),
  folder text check (char_length(folder) between 1 and 60),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,  -- for some minutes it can be brought back
  foreign key (tenant_id, user_id) references chatbot.users (tenant_id, id),
  unique (tenant_id, user_id, id)
);
create index conversations_by_user on chatbot.conversations (tenant_id, user_id, updated_at desc);

-- a message names its conversation together with that conversation's owner: a row under
-- somebody else's conversation cannot exist, whatever a policy says
create table chatbot.messages (
  id bigint generated always as identity primary key,
  tenant_id uuid not null,
  user_id uuid not null,
  conversation_id uuid not null,
  author text not null check (author in ('user', 'assistant')),
  content text not null,
  citations jsonb not null default '[]',
  outcome text not null default 'complete' check (outcome in ('complete', 'stopped', 'failed')),
  created_at timestamptz not null default now(),
  foreign key (tenant_id, user_id, conversation_id)
    references chatbot.conversations (tenant_id, user_id, id) on delete cascade
);
create index messages_by_conversation on chatbot.messages (conversation_id, id);

create table chatbot.documents (
  id uuid primary key default gen_random_uuid(),
  tenant_id uuid not null,
  owner_id uuid not null,
  shared boolean not null default false,
  title text not null check (char_length(title) between 1 and 200),
  media_type text not null check (media_type in ('text/markdown', 'text/plain', 'text/csv')),
  sha256 bytea not null check (octet_length(sha256) = 32),
  size integer not null check (size >= 0),
  status text not null default 'queued' check (status in ('queued', 'ready', 'failed')),
  problem text,
  created_at timestamptz not null default now(),
  foreign key (tenant_id, owner_id) references chatbot.users (tenant_id, id),
  unique (tenant_id, owner_id, id),
  unique (tenant_id, owner_id, shared, id)
);
create index documents_by_owner on chatbot.documents (tenant_id, owner_id, created_at desc);

create table chatbot.document_bodies (
  document_id uuid primary key,
  tenant_id uuid not null,
  owner_id uuid not null,
  body text not null,
  foreign key (tenant_id, owner_id, document_id)
    references chatbot.documents (tenant_id, owner_id, id) on delete cascade
);

-- the same three columns decide who reads a chunk and its vector; the foreign keys keep them equal to the document's
create table chatbot.chunks (
  id bigint generated always as identity primary key,
  tenant_id uuid not null,
  owner_id uuid not null,
  shared boolean not null,
  document_id uuid not null,
  place integer not null,
  section text not null,
  content text not null,
  words tsvector generated always as (to_tsvector('pg_catalog.english'::regconfig, section || ' ' || content)) stored,
  foreign key (tenant_id, owner_id, shared, document_id)
    references chatbot.documents (tenant_id, owner_id, shared, id) on delete cascade on update cascade,
  unique (owner_id, document_id, place),
  unique (tenant_id, owner_id, shared, id)
);

create table chatbot.chunk_vectors (
  chunk_id bigint primary key,
  tenant_id uuid not null,
  owner_id uuid not null,
  shared boolean not null,
  embedding public.halfvec(384) not null,
  foreign key (tenant_id, owner_id, shared, chunk_id)
    references chatbot.chunks (tenant_id, owner_id, shared, id) on delete cascade on update cascade
);
alter table chatbot.chunk_vectors alter embedding set storage plain;
-- exact search over one tenant reads this index and nothing else; no graph is shared between tenants,
-- so no tenant can slow, starve or time another's search
create index chunk_vectors_by_tenant on chatbot.chunk_vectors (tenant_id) include (owner_id, shared, chunk_id, embedding);

-- a job that has taken effect: its identifier is inserted in the effect's own transaction
create table chatbot.job_receipts (
  job_id uuid not null,
  tenant_id uuid not null,
  user_id uuid not null,
  done_at timestamptz not null default now(),
  primary key (user_id, job_id),
  foreign key (tenant_id, user_id) references chatbot.users (tenant_id, id)
);

do $$
declare
  name text;
begin
  foreach name in array array['tenants', 'users', 'conversations', 'messages', 'documents', 'document_bodies',
                              'chunks', 'chunk_vectors', 'job_receipts'] loop
    execute format('alter table chatbot.%I enable row level security', name);
    execute format('alter table chatbot.%I force row level security', name);
  end loop;
end
$$;
