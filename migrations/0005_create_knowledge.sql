-- What ai-engine knows: indexed documents, their passages, and the answers that were made.

CREATE TABLE ai.indexed_documents (
  creator_id     uuid NOT NULL,
  id             uuid NOT NULL,
  title          text NOT NULL CHECK (length(title) BETWEEN 1 AND 300),
  -- The version that is searched; null until the first one is complete.
  active_version integer CHECK (active_version > 0),
  -- The newest version that was begun: an older one that is still at work must not be switched to.
  target_version integer NOT NULL CHECK (target_version > 0),
  created_at     timestamptz NOT NULL DEFAULT now(),
  updated_at     timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, id),
  CHECK (active_version <= target_version)
);
SELECT platform.protect('ai.indexed_documents');
GRANT SELECT, INSERT, DELETE ON ai.indexed_documents TO ai_app;
GRANT UPDATE (title, active_version, target_version, updated_at)
  ON ai.indexed_documents TO ai_app;

-- The id is derived from the content, so a passage that a new version keeps is the same row and
-- the same vector; `version` is the newest complete version that holds it.
CREATE TABLE ai.chunks (
  creator_id  uuid NOT NULL,
  id          uuid NOT NULL,
  document_id uuid NOT NULL,
  version     integer NOT NULL CHECK (version > 0),
  ordinal     integer NOT NULL CHECK (ordinal >= 0),
  heading     text CHECK (length(heading) <= 500),
  content     text NOT NULL CHECK (length(content) BETWEEN 1 AND 8000),
  -- Exact words first, stems beside them: names and numbers must not be stemmed away, and
  -- `breathing` should find `breathe`.
  words       tsvector NOT NULL GENERATED ALWAYS AS (
                to_tsvector('pg_catalog.simple', coalesce(heading, '') || ' ' || content)
                || to_tsvector('pg_catalog.english', coalesce(heading, '') || ' ' || content)
              ) STORED,
  created_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, id),
  FOREIGN KEY (creator_id, document_id)
    REFERENCES ai.indexed_documents (creator_id, id) ON DELETE CASCADE
);
SELECT platform.protect('ai.chunks');
CREATE INDEX chunks_by_document ON ai.chunks (creator_id, document_id, version);
CREATE INDEX chunks_by_words ON ai.chunks USING gin (words);
GRANT SELECT, INSERT, DELETE ON ai.chunks TO ai_app;
GRANT UPDATE (version, ordinal) ON ai.chunks TO ai_app;

-- One row for each answer that was begun. Neither question nor text is kept: channel keeps the
-- conversation, and nobody needs it twice.
CREATE TABLE ai.generations (
  creator_id        uuid NOT NULL,
  id                uuid NOT NULL,
  mode              text NOT NULL CHECK (mode IN ('generative', 'extractive')),
  fell_back         boolean NOT NULL,
  state             text NOT NULL CHECK (state IN ('completed', 'failed', 'cancelled')),
  error_code        text CHECK (length(error_code) <= 60),
  model             text CHECK (length(model) <= 200),
  sources           integer NOT NULL CHECK (sources >= 0),
  citations         integer[] NOT NULL,
  prompt_tokens     integer NOT NULL CHECK (prompt_tokens >= 0),
  completion_tokens integer NOT NULL CHECK (completion_tokens >= 0),
  milliseconds      integer NOT NULL CHECK (milliseconds >= 0),
  created_at        timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, id)
);
SELECT platform.protect('ai.generations');
GRANT SELECT, INSERT ON ai.generations TO ai_app;
