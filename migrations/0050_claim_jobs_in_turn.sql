-- Tenants take turns: of those with the fewest running jobs, the one that was served longest ago comes
-- first. Until now the oldest job came first, so that with one slot, or with two busy tenants, a tenant
-- with many old jobs had all of them done before another one's first.

ALTER TABLE platform.jobs ADD COLUMN claimed_at timestamptz;
GRANT UPDATE (claimed_at) ON platform.jobs TO job_dispatcher;

-- When a tenant was served last, by kind; and how many of its jobs run, without a look at those that wait.
CREATE INDEX jobs_claimed ON platform.jobs (queue, creator_id, kind, claimed_at DESC)
  WHERE claimed_at IS NOT NULL;
CREATE INDEX jobs_running ON platform.jobs (queue, creator_id, kind) WHERE state = 'running';

-- With `most_running`, only tenants with fewer running jobs of these kinds are served.
CREATE FUNCTION platform.claim_job_in_turn(
  wanted_queue text, wanted_kinds text[], lease interval, token uuid, most_running integer)
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
  ), turns AS MATERIALIZED (
    SELECT t.creator_id, busy.running, turn.served_at
    FROM tenants t
    CROSS JOIN LATERAL (
      SELECT count(*) AS running FROM platform.jobs r
      WHERE r.queue = wanted_queue AND r.creator_id = t.creator_id AND r.kind = ANY (wanted_kinds)
        AND r.state = 'running' AND r.lease_until >= now()) busy
    CROSS JOIN LATERAL (
      SELECT max(last.claimed_at) AS served_at
      FROM unnest(wanted_kinds) AS wanted (kind)
      CROSS JOIN LATERAL (
        SELECT c.claimed_at FROM platform.jobs c
        WHERE c.queue = wanted_queue AND c.creator_id = t.creator_id AND c.kind = wanted.kind
          AND c.claimed_at IS NOT NULL
        ORDER BY c.claimed_at DESC LIMIT 1) last) turn
    WHERE most_running IS NULL OR busy.running < most_running
  ), heads AS MATERIALIZED (
    -- Several of each tenant and in all, since other workers may be claiming the first ones.
    SELECT head.*, turns.running, turns.served_at
    FROM turns
    CROSS JOIN LATERAL (
      SELECT j.creator_id, j.id, j.priority, j.run_at FROM platform.jobs j
      WHERE j.queue = wanted_queue AND j.creator_id = turns.creator_id AND j.run_at <= now()
        AND j.kind = ANY (wanted_kinds)
        AND (j.state = 'queued' OR j.state = 'running' AND j.lease_until < now())
      ORDER BY j.priority DESC, j.run_at, j.id
      LIMIT 8) head
    ORDER BY head.priority DESC, turns.running, turns.served_at NULLS FIRST, head.run_at, head.id
    LIMIT 64
  )
  UPDATE platform.jobs j
  SET state = 'running', attempts = j.attempts + 1, lease_until = now() + lease,
      lease_token = token, claimed_at = now(), updated_at = now()
  WHERE (j.creator_id, j.id) = (
    SELECT d.creator_id, d.id
    FROM heads h JOIN platform.jobs d ON (d.creator_id, d.id) = (h.creator_id, h.id)
    -- The session's role, since the current one is the owner of this function.
    WHERE wanted_queue = CASE session_user
        WHEN 'auth_app' THEN 'auth' WHEN 'hub_app' THEN 'creator-hub'
        WHEN 'ai_app' THEN 'ai-engine' WHEN 'channel_app' THEN 'channel' END
      AND (d.state = 'queued' OR d.state = 'running' AND d.lease_until < now())
    ORDER BY h.priority DESC, h.running, h.served_at NULLS FIRST, h.run_at, h.id
    FOR UPDATE OF d SKIP LOCKED
    LIMIT 1)
  RETURNING j.creator_id, j.id, j.kind, j.subject_id, j.payload, j.attempts, j.max_attempts
$$;
GRANT EXECUTE ON FUNCTION platform.claim_job_in_turn(text, text[], interval, uuid, integer)
  TO hub_app, ai_app, channel_app, auth_app;
SELECT platform.hand_over('platform.claim_job_in_turn(text, text[], interval, uuid, integer)',
                          'job_dispatcher');

-- Processes of the version before take turns as well. Only its owner may replace it.
GRANT CREATE ON SCHEMA platform TO job_dispatcher;
SET LOCAL ROLE job_dispatcher;
CREATE OR REPLACE FUNCTION platform.claim_job_of_kinds(
  wanted_queue text, wanted_kinds text[], lease interval, token uuid)
RETURNS TABLE (creator_id uuid, id uuid, kind text, subject_id uuid, payload jsonb,
               attempts integer, max_attempts integer)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT * FROM platform.claim_job_in_turn(wanted_queue, wanted_kinds, lease, token, NULL)
$$;
SET LOCAL ROLE platform_owner;
REVOKE CREATE ON SCHEMA platform FROM job_dispatcher;
