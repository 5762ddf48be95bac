-- Questions with their answers, as creators write them. An answer is given word for word to whoever
-- asks one of its questions.

CREATE TABLE hub.qa_pairs (
  creator_id  uuid NOT NULL,
  id          uuid NOT NULL,
  answer      text NOT NULL CHECK (length(answer) BETWEEN 1 AND 4000),
  visibility  text NOT NULL DEFAULT 'answer_only'
              CHECK (visibility IN ('internal', 'answer_only', 'public')),
  collections uuid[] NOT NULL DEFAULT '{}' CHECK (cardinality(collections) <= 20),
  -- Rises with each change: ai-engine, which keeps a copy, applies the newest.
  revision    integer NOT NULL DEFAULT 1 CHECK (revision > 0),
  created_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, id)
);
SELECT platform.protect('hub.qa_pairs');
GRANT SELECT, INSERT, DELETE ON hub.qa_pairs TO hub_app;
GRANT UPDATE (answer, visibility, collections, revision, updated_at) ON hub.qa_pairs TO hub_app;

-- What a pair answers. The key is a hash of the question without case, spaces and punctuation: no
-- question has two answers.
CREATE TABLE hub.qa_questions (
  creator_id uuid NOT NULL,
  key        bytea NOT NULL CHECK (length(key) = 32),
  pair_id    uuid NOT NULL,
  -- The first one, 0, is what is shown as the question of the pair.
  place      smallint NOT NULL CHECK (place BETWEEN 0 AND 9),
  question   text NOT NULL CHECK (length(question) BETWEEN 1 AND 300),
  PRIMARY KEY (creator_id, key),
  UNIQUE (creator_id, pair_id, place),
  FOREIGN KEY (creator_id, pair_id) REFERENCES hub.qa_pairs (creator_id, id) ON DELETE CASCADE
);
SELECT platform.protect('hub.qa_questions');
GRANT SELECT, INSERT, DELETE ON hub.qa_questions TO hub_app;

-- ai-engine's copy. A deleted pair leaves its row for a while, so that what was sent before and
-- arrives later does not bring it back.
CREATE TABLE ai.qa_pairs (
  creator_id  uuid NOT NULL,
  id          uuid NOT NULL,
  revision    integer NOT NULL CHECK (revision >= 0),
  answer      text CHECK (length(answer) BETWEEN 1 AND 4000),
  visibility  text NOT NULL CHECK (visibility IN ('internal', 'answer_only', 'public')),
  collections uuid[] NOT NULL CHECK (cardinality(collections) <= 20),
  deleted_at  timestamptz,
  updated_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, id),
  CHECK ((deleted_at IS NULL) = (answer IS NOT NULL))
);
SELECT platform.protect('ai.qa_pairs');
GRANT SELECT, INSERT ON ai.qa_pairs TO ai_app;
GRANT UPDATE (revision, answer, visibility, collections, deleted_at, updated_at)
  ON ai.qa_pairs TO ai_app;
SELECT platform.retain('deleted_qa_pairs', 'ai.qa_pairs', 'ai-engine', 'deleted_at',
                       'deleted_at IS NOT NULL');

CREATE TABLE ai.qa_questions (
  creator_id uuid NOT NULL,
  pair_id    uuid NOT NULL,
  place      smallint NOT NULL CHECK (place BETWEEN 0 AND 9),
  key        bytea NOT NULL CHECK (length(key) = 32),
  question   text NOT NULL CHECK (length(question) BETWEEN 1 AND 300),
  -- Its vector by that model, one signed byte for each number; null until it is made.
  model      text CHECK (length(model) BETWEEN 1 AND 200),
  vector     bytea CHECK (length(vector) BETWEEN 1 AND 8192),
  PRIMARY KEY (creator_id, pair_id, place),
  FOREIGN KEY (creator_id, pair_id) REFERENCES ai.qa_pairs (creator_id, id) ON DELETE CASCADE,
  CHECK ((model IS NULL) = (vector IS NULL))
);
SELECT platform.protect('ai.qa_questions');
CREATE INDEX qa_questions_key ON ai.qa_questions (creator_id, key);
GRANT SELECT, INSERT, DELETE ON ai.qa_questions TO ai_app;
GRANT UPDATE (model, vector) ON ai.qa_questions TO ai_app;

-- Accounts with questions that the named model made no vector of, so that a platform whose model
-- changes makes them again: work by schedule.
GRANT SELECT (creator_id, model) ON ai.qa_questions TO job_dispatcher;
CREATE POLICY dispatch_qa_questions ON ai.qa_questions FOR SELECT TO job_dispatcher USING (true);
CREATE FUNCTION ai.accounts_without_qa_vectors(wanted text, most integer)
RETURNS TABLE (creator_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT DISTINCT q.creator_id FROM ai.qa_questions q
  WHERE q.model IS DISTINCT FROM wanted
  ORDER BY q.creator_id LIMIT most
$$;
GRANT EXECUTE ON FUNCTION ai.accounts_without_qa_vectors(text, integer) TO ai_app;
SELECT platform.hand_over('ai.accounts_without_qa_vectors(text, integer)', 'job_dispatcher');
