-- The word index of passages, for BM25: which passages hold a term, how often, and how long they
-- are. A full-text index cannot serve here: under row-level security PostgreSQL uses an index only
-- for operators that are leakproof, and the match operator of tsvector is not. Equality of text is.

CREATE TABLE ai.postings (
  creator_id  uuid NOT NULL,
  term        text NOT NULL CHECK (length(term) BETWEEN 1 AND 128),
  document_id uuid NOT NULL,
  version     integer NOT NULL CHECK (version > 0),
  -- The first passage of the statement that inserted it.
  part        integer NOT NULL CHECK (part >= 0),
  -- Three values for each passage with the term, in the same order.
  ordinals    integer[] NOT NULL,
  frequencies smallint[] NOT NULL,
  lengths     smallint[] NOT NULL,
  PRIMARY KEY (creator_id, term, document_id, version, part),
  FOREIGN KEY (creator_id, document_id)
    REFERENCES ai.indexed_documents (creator_id, id) ON DELETE CASCADE,
  CHECK (cardinality(ordinals) > 0
     AND cardinality(ordinals) = cardinality(frequencies)
     AND cardinality(ordinals) = cardinality(lengths))
);
SELECT platform.protect('ai.postings');
CREATE INDEX postings_by_document ON ai.postings (creator_id, document_id, version);
GRANT SELECT, INSERT, DELETE ON ai.postings TO ai_app;

-- Of the active version. Null until the words of a document are indexed: those of earlier releases
-- are indexed by a job.
ALTER TABLE ai.indexed_documents
  ADD COLUMN passage_count integer CHECK (passage_count >= 0),
  ADD COLUMN term_count bigint CHECK (term_count >= 0);
GRANT UPDATE (passage_count, term_count) ON ai.indexed_documents TO ai_app;

-- Documents whose words are not indexed yet, of all tenants: those of earlier releases, also ones
-- that an old replica indexes during the upgrade.
GRANT USAGE ON SCHEMA ai TO job_dispatcher;
GRANT SELECT (creator_id, id, active_version, passage_count) ON ai.indexed_documents
  TO job_dispatcher;
CREATE POLICY dispatch_words ON ai.indexed_documents FOR SELECT TO job_dispatcher
  USING (active_version IS NOT NULL AND passage_count IS NULL);
CREATE INDEX indexed_documents_without_words ON ai.indexed_documents (creator_id, id)
  WHERE active_version IS NOT NULL AND passage_count IS NULL;

CREATE FUNCTION ai.documents_without_words(most integer)
RETURNS TABLE (creator_id uuid, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT d.creator_id, d.id FROM ai.indexed_documents d
  WHERE d.active_version IS NOT NULL AND d.passage_count IS NULL
  ORDER BY d.creator_id, d.id LIMIT most
$$;
GRANT EXECUTE ON FUNCTION ai.documents_without_words(integer) TO ai_app;
SELECT platform.hand_over('ai.documents_without_words(integer)', 'job_dispatcher');
