-- Emails and answers become jobs. A process claims only the kinds that it names, so that long work
-- has its own workers, and a process of another version is not given work that it does not know.

CREATE FUNCTION platform.claim_job_of_kinds(
  wanted_queue text, wanted_kinds text[], lease interval, token uuid)
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
              AND r.kind = ANY (wanted_kinds)
              AND r.state = 'running' AND r.lease_until >= now()) AS running
    FROM tenants t
    CROSS JOIN LATERAL (
      SELECT j.creator_id, j.id, j.priority, j.run_at FROM platform.jobs j
      WHERE j.queue = wanted_queue AND j.creator_id = t.creator_id AND j.run_at <= now()
        AND j.kind = ANY (wanted_kinds)
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
GRANT EXECUTE ON FUNCTION platform.claim_job_of_kinds(text, text[], interval, uuid)
  TO hub_app, ai_app, channel_app, auth_app;
SELECT platform.hand_over('platform.claim_job_of_kinds(text, text[], interval, uuid)',
                          'job_dispatcher');

-- Processes of the version before claim without naming kinds, and fail a job whose kind they do
-- not know. During a rolling upgrade they get only what they know. Only its owner may replace it.
GRANT CREATE ON SCHEMA platform TO job_dispatcher;
SET LOCAL ROLE job_dispatcher;
CREATE OR REPLACE FUNCTION platform.claim_next_job(wanted_queue text, lease interval, token uuid)
RETURNS TABLE (creator_id uuid, id uuid, kind text, subject_id uuid, payload jsonb,
               attempts integer, max_attempts integer)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT * FROM platform.claim_job_of_kinds(
    wanted_queue, ARRAY['ingest_document', 'erase_document', 'export', 'erasure'], lease, token)
$$;
SET LOCAL ROLE platform_owner;
REVOKE CREATE ON SCHEMA platform FROM job_dispatcher;

-- The row of an email is its content, and a job sends it. The sender finds the emails that have no
-- job: of the version before, and of a platform that had no mail server yet. `lease_token`,
-- `lease_until`, `run_at`, `attempts` and auth.claim_mail are of the version before, whose
-- processes may run beside this one: a job takes the lease too, so that an email has one sender.
GRANT USAGE ON SCHEMA platform TO auth_lookup;
CREATE POLICY email_jobs ON platform.jobs FOR SELECT TO auth_lookup
  USING (queue = 'auth' AND kind = 'send_email');
GRANT SELECT (creator_id, queue, kind, subject_id, state) ON platform.jobs TO auth_lookup;
GRANT SELECT (created_at) ON auth.mail_outbox TO auth_lookup;

CREATE FUNCTION auth.emails_without_job(older_than interval, most integer)
RETURNS TABLE (tenant uuid, email uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT m.creator_id, m.id FROM auth.mail_outbox m
  WHERE m.state = 'queued' AND m.created_at < now() - older_than
    AND (m.lease_until IS NULL OR m.lease_until < now())
    AND NOT EXISTS (
      SELECT FROM platform.jobs j
      WHERE j.creator_id = m.creator_id AND j.subject_id = m.id AND j.queue = 'auth'
        AND j.kind = 'send_email' AND j.state IN ('queued', 'running'))
  ORDER BY m.created_at LIMIT most
$$;
GRANT EXECUTE ON FUNCTION auth.emails_without_job(interval, integer) TO auth_app;
SELECT platform.hand_over('auth.emails_without_job(interval, integer)', 'auth_lookup');
