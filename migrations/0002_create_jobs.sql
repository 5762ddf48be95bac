-- The lease queue: long work with state, progress, attempts and a reason.

CREATE TABLE platform.jobs (
  creator_id   uuid NOT NULL,
  id           uuid NOT NULL,
  queue        text NOT NULL CHECK (queue IN ('creator-hub', 'ai-engine', 'channel', 'auth')),
  kind         text NOT NULL CHECK (length(kind) BETWEEN 1 AND 60),
  subject_id   uuid NOT NULL,
  state        text NOT NULL DEFAULT 'queued'
               CHECK (state IN ('queued', 'running', 'succeeded', 'failed')),
  stage        text NOT NULL DEFAULT 'queued' CHECK (length(stage) <= 60),
  progress     smallint NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
  attempts     integer NOT NULL DEFAULT 0,
  max_attempts integer NOT NULL DEFAULT 8 CHECK (max_attempts > 0),
  error_code   text,
  error_reason text CHECK (length(error_reason) <= 2000),
  run_at       timestamptz NOT NULL DEFAULT now(),
  lease_until  timestamptz,
  lease_token  uuid,
  created_at   timestamptz NOT NULL DEFAULT now(),
  updated_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, id)
);
SELECT platform.protect('platform.jobs');
CREATE INDEX jobs_by_subject ON platform.jobs (creator_id, subject_id, id DESC);
CREATE INDEX jobs_due ON platform.jobs (queue, run_at) WHERE state IN ('queued', 'running');
GRANT SELECT, INSERT ON platform.jobs TO hub_app, ai_app, channel_app, auth_app;
GRANT UPDATE (state, stage, progress, attempts, error_code, error_reason, run_at, lease_until,
              lease_token, updated_at)
  ON platform.jobs TO hub_app, ai_app, channel_app, auth_app;

-- A worker serves all tenants but learns of one job at a time, and of no more than its address.
CREATE POLICY dispatch_read ON platform.jobs FOR SELECT TO job_dispatcher USING (true);
CREATE POLICY dispatch_lease ON platform.jobs FOR UPDATE TO job_dispatcher USING (true);
GRANT SELECT ON platform.jobs TO job_dispatcher;
GRANT UPDATE (state, attempts, lease_until, lease_token, updated_at)
  ON platform.jobs TO job_dispatcher;

CREATE FUNCTION platform.claim_job(wanted_queue text, lease interval, token uuid)
RETURNS TABLE (creator_id uuid, id uuid, kind text, subject_id uuid, attempts integer,
               max_attempts integer)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
  UPDATE platform.jobs j
  SET state = 'running', attempts = j.attempts + 1, lease_until = now() + lease,
      lease_token = token, updated_at = now()
  WHERE (j.creator_id, j.id) = (
    SELECT d.creator_id, d.id FROM platform.jobs d
    WHERE d.queue = wanted_queue AND d.run_at <= now()
      AND (d.state = 'queued' OR d.state = 'running' AND d.lease_until < now())
    ORDER BY d.run_at
    FOR UPDATE SKIP LOCKED
    LIMIT 1)
  RETURNING j.creator_id, j.id, j.kind, j.subject_id, j.attempts, j.max_attempts
$$;
GRANT EXECUTE ON FUNCTION platform.claim_job(text, interval, uuid)
  TO hub_app, ai_app, channel_app, auth_app;
SELECT platform.hand_over('platform.claim_job(text, interval, uuid)', 'job_dispatcher');
