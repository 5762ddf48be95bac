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
