-- Who may see a document, and named sets of documents that a channel may be limited to.

-- `access_revision` rises with each change of the visibility or of the collections of a document:
-- ai-engine, which keeps a copy, applies the newest.
ALTER TABLE hub.documents
  ADD COLUMN visibility text NOT NULL DEFAULT 'answer_only'
    CHECK (visibility IN ('internal', 'answer_only', 'public')),
  ADD COLUMN access_revision integer NOT NULL DEFAULT 0 CHECK (access_revision >= 0);
GRANT UPDATE (visibility, access_revision) ON hub.documents TO hub_app;

CREATE TABLE hub.collections (
  creator_id  uuid NOT NULL,
  id          uuid NOT NULL,
  name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
  description text CHECK (length(description) BETWEEN 1 AND 500),
  created_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, id)
);
SELECT platform.protect('hub.collections');
CREATE UNIQUE INDEX collections_name ON hub.collections (creator_id, lower(name));
GRANT SELECT, INSERT, DELETE ON hub.collections TO hub_app;
GRANT UPDATE (name, description, updated_at) ON hub.collections TO hub_app;

CREATE TABLE hub.collection_documents (
  creator_id    uuid NOT NULL,
  collection_id uuid NOT NULL,
  document_id   uuid NOT NULL,
  added_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, collection_id, document_id),
  FOREIGN KEY (creator_id, collection_id)
    REFERENCES hub.collections (creator_id, id) ON DELETE CASCADE,
  FOREIGN KEY (creator_id, document_id)
    REFERENCES hub.documents (creator_id, id) ON DELETE CASCADE
);
SELECT platform.protect('hub.collection_documents');
CREATE INDEX collection_documents_by_document
  ON hub.collection_documents (creator_id, document_id);
GRANT SELECT, INSERT, DELETE ON hub.collection_documents TO hub_app;

-- ai-engine's copy, which searches obey. A document without a row is `answer_only` and in no
-- collection. The row may come before the document is indexed.
CREATE TABLE ai.document_access (
  creator_id  uuid NOT NULL,
  document_id uuid NOT NULL,
  revision    integer NOT NULL CHECK (revision >= 0),
  visibility  text NOT NULL CHECK (visibility IN ('internal', 'answer_only', 'public')),
  collections uuid[] NOT NULL CHECK (cardinality(collections) <= 100),
  updated_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, document_id)
);
SELECT platform.protect('ai.document_access');
GRANT SELECT, INSERT, DELETE ON ai.document_access TO ai_app;
GRANT UPDATE (revision, visibility, collections, updated_at) ON ai.document_access TO ai_app;

-- Which passages of a document a visitor was shown: their number has a bound.
CREATE TABLE ai.disclosures (
  creator_id  uuid NOT NULL,
  visitor_id  uuid NOT NULL,
  document_id uuid NOT NULL,
  passages    uuid[] NOT NULL,
  updated_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, visitor_id, document_id),
  FOREIGN KEY (creator_id, document_id)
    REFERENCES ai.indexed_documents (creator_id, id) ON DELETE CASCADE
);
SELECT platform.protect('ai.disclosures');
CREATE INDEX disclosures_by_document ON ai.disclosures (creator_id, document_id);
GRANT SELECT, INSERT ON ai.disclosures TO ai_app;
GRANT UPDATE (passages, updated_at) ON ai.disclosures TO ai_app;
SELECT platform.retain('disclosures', 'ai.disclosures', 'ai-engine', 'updated_at');
