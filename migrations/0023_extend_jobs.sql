-- What the shared job engine needs: a payload, deduplication, cancellation, priority, and a claim
-- that is fair between tenants and limited to the caller's own queue.

ALTER TABLE platform.jobs
  ADD COLUMN payload jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN priority smallint NOT NULL DEFAULT 0,
  ADD COLUMN dedupe_key text CHECK (length(dedupe_key) BETWEEN 1 AND 200),
  ADD COLUMN cancel_requested boolean NOT NULL DEFAULT false;

-- While a job with a key waits or runs, another one with the same key is not enqueued.
CREATE UNIQUE INDEX jobs_deduplicated ON platform.jobs (creator_id, queue, dedupe_key)
  WHERE dedupe_key IS NOT NULL AND state IN ('queued', 'running');

-- The due jobs of each tenant, in the order in which they are claimed.
DROP INDEX platform.jobs_due;
CREATE INDEX jobs_due ON platform.jobs (queue, creator_id, priority DESC, run_at)
  WHERE state IN ('queued', 'running');

GRANT UPDATE (cancel_requested, max_attempts)
  ON platform.jobs TO hub_app, ai_app, channel_app, auth_app;

GRANT SELECT (payload, priority) ON platform.jobs TO job_dispatcher;

-- Claims one job of the caller's queue for the tenant that has the fewest running ones. The head of
-- each tenant's queue is found by one index probe per tenant, not by a scan of all due jobs.
CREATE FUNCTION platform.claim_next_job(wanted_queue text, lease interval, token uuid)
RETURNS TABLE (creator_id uuid, id uuid, kind text, subject_id uuid, payload jsonb,
               attempts integer, max_attempts integer)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH RECURSIVE tenants AS (
    (SELECT j.creator_id FROM platform.jobs j
     WHERE j.queue = wanted_queue AND j.state IN ('queued', 'running')
     ORDER BY j.creator_id LIMIT 1)
    UNION ALL
    SELECT (SELECT j.creator_id FROM platform.jobs j
            WHERE j.queue = wanted_queue AND j.state IN ('queued', 'running')
              AND j.creator_id > t.creator_id
            ORDER BY j.creator_id LIMIT 1)
    FROM tenants t WHERE t.creator_id IS NOT NULL
  ), heads AS (
    SELECT head.*,
           (SELECT count(*) FROM platform.jobs r
            WHERE r.queue = wanted_queue AND r.creator_id = head.creator_id
              AND r.state = 'running' AND r.lease_until >= now()) AS running
    FROM tenants t
    CROSS JOIN LATERAL (
      SELECT j.creator_id, j.id, j.priority, j.run_at FROM platform.jobs j
      WHERE j.queue = wanted_queue AND j.creator_id = t.creator_id AND j.run_at <= now()
        AND (j.state = 'queued' OR j.state = 'running' AND j.lease_until < now())
      ORDER BY j.priority DESC, j.run_at, j.id
      LIMIT 8) head
  )
  UPDATE platform.jobs j
  SET state = 'running', attempts = j.attempts + 1, lease_until = now() + lease,
      lease_token = token, updated_at = now()
  WHERE (j.creator_id, j.id) = (
    SELECT d.creator_id, d.id
    FROM heads h JOIN platform.jobs d ON (d.creator_id, d.id) = (h.creator_id, h.id)
    -- The session's role, since the current one is the owner of this function.
    WHERE wanted_queue = CASE session_user
        WHEN 'auth_app' THEN 'auth' WHEN 'hub_app' THEN 'creator-hub'
        WHEN 'ai_app' THEN 'ai-engine' WHEN 'channel_app' THEN 'channel' END
      AND (d.state = 'queued' OR d.state = 'running' AND d.lease_until < now())
    ORDER BY h.priority DESC, h.running, h.run_at, h.id
    FOR UPDATE OF d SKIP LOCKED
    LIMIT 1)
  RETURNING j.creator_id, j.id, j.kind, j.subject_id, j.payload, j.attempts, j.max_attempts
$$;
GRANT EXECUTE ON FUNCTION platform.claim_next_job(text, interval, uuid)
  TO hub_app, ai_app, channel_app, auth_app;
SELECT platform.hand_over('platform.claim_next_job(text, interval, uuid)', 'job_dispatcher');
