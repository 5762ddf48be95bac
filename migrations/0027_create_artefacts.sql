-- What was derived from the file of a document: its text, which ai-engine indexes. Content and name
-- of a document's file never change, so a row is current while its rules of extraction are.

CREATE TABLE hub.artefacts (
  creator_id   uuid NOT NULL,
  document_id  uuid NOT NULL,
  kind         text NOT NULL CHECK (kind = 'text'),
  -- The version of the rules that made it; another version makes it again.
  extraction   integer NOT NULL CHECK (extraction > 0),
  content_hash bytea NOT NULL CHECK (length(content_hash) = 32),
  size         bigint NOT NULL CHECK (size > 0),
  created_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, document_id, kind),
  FOREIGN KEY (creator_id, document_id)
    REFERENCES hub.documents (creator_id, id) ON DELETE CASCADE
);
SELECT platform.protect('hub.artefacts');
GRANT SELECT, INSERT, DELETE ON hub.artefacts TO hub_app;
GRANT UPDATE (extraction, content_hash, size, created_at) ON hub.artefacts TO hub_app;

-- ai-engine tells creator-hub how the indexing ended by a job of one kind in its queue.
ALTER POLICY queue_insert ON platform.jobs
  WITH CHECK (queue = ANY (CASE current_user
      WHEN 'auth_app' THEN ARRAY['auth'] WHEN 'hub_app' THEN ARRAY['creator-hub', 'ai-engine']
      WHEN 'ai_app' THEN ARRAY['ai-engine', 'creator-hub'] WHEN 'channel_app' THEN ARRAY['channel'] END)
    AND (current_user <> 'ai_app' OR queue = 'ai-engine' OR kind = 'ingest_document'));

-- Documents whose processing waits or runs are enqueued again if no job is left that would do it.
-- The kind is the one that earlier versions know too, since they still run beside this migration.
-- The id is a UUIDv7 like that of every job: the newest job about a document is the one it shows.
CREATE POLICY migration_0027 ON hub.documents FOR SELECT TO platform_owner USING (true);
CREATE POLICY migration_0027 ON platform.jobs TO platform_owner USING (true) WITH CHECK (true);

INSERT INTO platform.jobs (creator_id, id, queue, kind, subject_id)
SELECT d.creator_id,
       encode(set_bit(set_bit(overlay(
         uuid_send(gen_random_uuid())
         PLACING substring(int8send(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint)
                           FROM 3)
         FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid,
       'creator-hub', 'ingest_document', d.id
FROM hub.documents d
WHERE d.state IN ('pending', 'processing')
  AND NOT EXISTS (
    SELECT FROM platform.jobs j
    WHERE j.creator_id = d.creator_id AND j.subject_id = d.id
      AND j.state IN ('queued', 'running'));

DROP POLICY migration_0027 ON platform.jobs;
DROP POLICY migration_0027 ON hub.documents;
