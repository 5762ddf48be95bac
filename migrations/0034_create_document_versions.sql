-- A document may get a new file. The current file is described by hub.documents, the earlier ones
-- here; `file_version` numbers all files of a document.
ALTER TABLE hub.documents
  ADD COLUMN file_version integer NOT NULL DEFAULT 1 CHECK (file_version > 0),
  -- Null for a document that never got a new file: then it is `created_at`.
  ADD COLUMN file_added_at timestamptz;
GRANT UPDATE (filename, kind, file_size, content_hash, file_version, file_added_at)
  ON hub.documents TO hub_app;

CREATE TABLE hub.document_versions (
  creator_id   uuid NOT NULL,
  document_id  uuid NOT NULL,
  number       integer NOT NULL CHECK (number > 0),
  filename     text NOT NULL CHECK (length(filename) BETWEEN 1 AND 255),
  kind         text NOT NULL CHECK (length(kind) BETWEEN 1 AND 20),
  file_size    bigint NOT NULL CHECK (file_size > 0),
  content_hash bytea NOT NULL CHECK (length(content_hash) = 32),
  added_at     timestamptz NOT NULL,
  PRIMARY KEY (creator_id, document_id, number),
  FOREIGN KEY (creator_id, document_id)
    REFERENCES hub.documents (creator_id, id) ON DELETE CASCADE
);
SELECT platform.protect('hub.document_versions');
CREATE INDEX document_versions_content ON hub.document_versions (creator_id, content_hash);
GRANT SELECT, INSERT, DELETE ON hub.document_versions TO hub_app;
