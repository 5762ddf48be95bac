-- Which embedding model made which vectors, so that a platform can change its model: documents and
-- questions are embedded again beside the old vectors, and each account changes in one transaction.

-- The model of an account. No row: nothing was embedded yet, or by an earlier release.
CREATE TABLE ai.vector_models (
  creator_id      uuid NOT NULL,
  -- The model whose vectors are searched.
  model           text NOT NULL CHECK (length(model) BETWEEN 1 AND 200),
  -- The model whose vectors are being made; null when all are there.
  next_model      text CHECK (length(next_model) BETWEEN 1 AND 200),
  -- Since when another model is wanted, or none any more.
  changed_at      timestamptz NOT NULL DEFAULT now(),
  -- Since when there may be vectors that no search uses; null when they are deleted.
  leftovers_since timestamptz,
  PRIMARY KEY (creator_id)
);
SELECT platform.protect('ai.vector_models');
GRANT SELECT, INSERT ON ai.vector_models TO ai_app;
GRANT UPDATE (model, next_model, changed_at, leftovers_since) ON ai.vector_models TO ai_app;

-- The model that made the vectors of all passages of a version. Documents of earlier releases have
-- none, and what an old replica activates has those of another version: both are looked at again.
ALTER TABLE ai.indexed_documents
  ADD COLUMN vectors_model text CHECK (length(vectors_model) BETWEEN 1 AND 200),
  ADD COLUMN vectors_version integer CHECK (vectors_version > 0),
  -- ISO 639-3; null if the text is too short to tell.
  ADD COLUMN language text CHECK (length(language) BETWEEN 2 AND 8);
GRANT UPDATE (vectors_model, vectors_version, language) ON ai.indexed_documents TO ai_app;

-- The vector by the model that comes next, until the account changes to it.
ALTER TABLE ai.qa_questions
  ADD COLUMN next_model text CHECK (length(next_model) BETWEEN 1 AND 200),
  ADD COLUMN next_vector bytea CHECK (length(next_vector) BETWEEN 1 AND 8192),
  ADD CONSTRAINT qa_questions_next CHECK ((next_model IS NULL) = (next_vector IS NULL));
GRANT UPDATE (next_model, next_vector) ON ai.qa_questions TO ai_app;

-- Accounts with something that the wanted model has not embedded, and those with old vectors to be
-- deleted a minute after the last search may have begun that uses them: work by schedule.
DROP POLICY dispatch_words ON ai.indexed_documents;
CREATE POLICY dispatch_documents ON ai.indexed_documents FOR SELECT TO job_dispatcher
  USING (active_version IS NOT NULL);
CREATE POLICY dispatch_vector_models ON ai.vector_models FOR SELECT TO job_dispatcher USING (true);
GRANT SELECT (vectors_model, vectors_version) ON ai.indexed_documents TO job_dispatcher;
GRANT SELECT (next_model) ON ai.qa_questions TO job_dispatcher;
GRANT SELECT (creator_id, model, next_model, leftovers_since) ON ai.vector_models
  TO job_dispatcher;

CREATE FUNCTION ai.accounts_to_embed(wanted text, most integer)
RETURNS TABLE (creator_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT d.creator_id FROM ai.indexed_documents d
  WHERE d.active_version IS NOT NULL
    AND (d.vectors_model IS DISTINCT FROM wanted OR d.vectors_version <> d.active_version)
  UNION
  SELECT q.creator_id FROM ai.qa_questions q
  WHERE q.model IS DISTINCT FROM wanted AND q.next_model IS DISTINCT FROM wanted
  UNION
  SELECT m.creator_id FROM ai.vector_models m
  WHERE m.model <> wanted OR m.next_model IS NOT NULL
     OR m.leftovers_since < now() - interval '1 minute'
  ORDER BY creator_id LIMIT most
$$;
GRANT EXECUTE ON FUNCTION ai.accounts_to_embed(text, integer) TO ai_app;
SELECT platform.hand_over('ai.accounts_to_embed(text, integer)', 'job_dispatcher');

-- After a change of the model, ai-engine tells creator-hub which documents it understands.
ALTER POLICY queue_insert ON platform.jobs
  WITH CHECK (queue = ANY (CASE current_user
    WHEN 'auth_app' THEN ARRAY['auth'] WHEN 'hub_app' THEN ARRAY['creator-hub', 'ai-engine']
    WHEN 'ai_app' THEN ARRAY['ai-engine', 'creator-hub'] WHEN 'channel_app' THEN ARRAY['channel']
    END)
    AND (current_user <> 'ai_app' OR queue = 'ai-engine'
         OR kind IN ('ingest_document', 'record_languages')));
