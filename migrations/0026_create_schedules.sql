-- Work that follows other work, also in another service, and work that no tenant asked for.

-- Which service may put a job into which queue, and change it there: each its own, and beside it
-- only the stated pairs. Creator-hub has documents indexed by ai-engine.
CREATE POLICY queue_insert ON platform.jobs AS RESTRICTIVE FOR INSERT TO platform_app
  WITH CHECK (queue = ANY (CASE current_user
    WHEN 'auth_app' THEN ARRAY['auth'] WHEN 'hub_app' THEN ARRAY['creator-hub', 'ai-engine']
    WHEN 'ai_app' THEN ARRAY['ai-engine'] WHEN 'channel_app' THEN ARRAY['channel'] END));
CREATE POLICY queue_update ON platform.jobs AS RESTRICTIVE FOR UPDATE TO platform_app
  USING (queue = ANY (CASE current_user
    WHEN 'auth_app' THEN ARRAY['auth'] WHEN 'hub_app' THEN ARRAY['creator-hub', 'ai-engine']
    WHEN 'ai_app' THEN ARRAY['ai-engine'] WHEN 'channel_app' THEN ARRAY['channel'] END));

-- The queue of the service that is connected: inside a definer function the current role is the
-- owner of the function, and the session's is the caller.
CREATE FUNCTION platform.caller_queue() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE session_user
    WHEN 'auth_app' THEN 'auth' WHEN 'hub_app' THEN 'creator-hub'
    WHEN 'ai_app' THEN 'ai-engine' WHEN 'channel_app' THEN 'channel' END
$$;
REVOKE ALL ON FUNCTION platform.caller_queue() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION platform.caller_queue() TO job_dispatcher, retention_cleaner;

-- Work that no tenant asked for: one row for each kind, which one replica at a time runs. No
-- service role reads or writes the table; the functions below do, each for the caller's own rows.
CREATE TABLE platform.schedules (
  queue                text NOT NULL
                       CHECK (queue IN ('creator-hub', 'ai-engine', 'channel', 'auth')),
  name                 text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
  every                interval NOT NULL CHECK (every > interval '0'),
  next_run_at          timestamptz NOT NULL DEFAULT now(),
  lease_until          timestamptz,
  lease_token          uuid,
  started_at           timestamptz,
  finished_at          timestamptz,
  succeeded            boolean,
  error_reason         text CHECK (length(error_reason) <= 2000),
  consecutive_failures integer NOT NULL DEFAULT 0,
  -- When a service last said that it knows this work.
  known_at             timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (queue, name)
);
ALTER TABLE platform.schedules ENABLE ROW LEVEL SECURITY;
ALTER TABLE platform.schedules FORCE ROW LEVEL SECURITY;
CREATE POLICY dispatch ON platform.schedules TO job_dispatcher USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON platform.schedules TO job_dispatcher;

-- Makes the rows of what the caller knows; called at its start and then now and again. What no
-- replica has known for a day goes: during an upgrade, older and newer ones know different work.
CREATE FUNCTION platform.register_schedules(names text[], intervals interval[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  DELETE FROM platform.schedules s
  WHERE s.queue = platform.caller_queue() AND s.name <> ALL (names)
    AND s.known_at < now() - interval '1 day';
  INSERT INTO platform.schedules AS s (queue, name, every)
  SELECT platform.caller_queue(), w.name, w.every FROM unnest(names, intervals) w (name, every)
  -- Always in the same order, so that two replicas do not lock each other out.
  ORDER BY w.name
  ON CONFLICT (queue, name) DO UPDATE
    SET every = excluded.every, known_at = now(),
        next_run_at = least(s.next_run_at, now() + excluded.every);
$$;
GRANT EXECUTE ON FUNCTION platform.register_schedules(text[], interval[])
  TO hub_app, ai_app, channel_app, auth_app;
SELECT platform.hand_over('platform.register_schedules(text[], interval[])', 'job_dispatcher');

-- Claims work that is due, of what the caller knows. A lease that has expired is taken over.
CREATE FUNCTION platform.claim_schedule(known text[], lease interval, token uuid)
RETURNS TABLE (name text, failures integer)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  UPDATE platform.schedules s
  SET lease_until = now() + lease, lease_token = token, started_at = now()
  WHERE (s.queue, s.name) = (
    SELECT d.queue, d.name FROM platform.schedules d
    WHERE d.queue = platform.caller_queue() AND d.name = ANY (known) AND d.next_run_at <= now()
      AND (d.lease_until IS NULL OR d.lease_until < now())
    ORDER BY d.next_run_at
    FOR UPDATE SKIP LOCKED
    LIMIT 1)
  RETURNING s.name, s.consecutive_failures
$$;
GRANT EXECUTE ON FUNCTION platform.claim_schedule(text[], interval, uuid)
  TO hub_app, ai_app, channel_app, auth_app;
SELECT platform.hand_over('platform.claim_schedule(text[], interval, uuid)', 'job_dispatcher');

-- Renews a lease; false when another replica has the work by now.
CREATE FUNCTION platform.renew_schedule(wanted text, lease interval, token uuid) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH renewed AS (
    UPDATE platform.schedules s SET lease_until = now() + lease
    WHERE s.queue = platform.caller_queue() AND s.name = wanted AND s.lease_token = token
    RETURNING 1)
  SELECT EXISTS (SELECT FROM renewed)
$$;
GRANT EXECUTE ON FUNCTION platform.renew_schedule(text, interval, uuid)
  TO hub_app, ai_app, channel_app, auth_app;
SELECT platform.hand_over('platform.renew_schedule(text, interval, uuid)', 'job_dispatcher');

-- Records how a run ended and when the next one is due: counted from now, so that times which were
-- missed are made up for by one run. False when another replica has the work by now.
CREATE FUNCTION platform.finish_schedule(
  wanted text, token uuid, wait interval, ended_well boolean, error text) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH finished AS (
    UPDATE platform.schedules s
    SET next_run_at = now() + wait, lease_until = NULL, lease_token = NULL, finished_at = now(),
        succeeded = ended_well, error_reason = left(error, 2000),
        consecutive_failures = CASE WHEN ended_well THEN 0 ELSE s.consecutive_failures + 1 END
    WHERE s.queue = platform.caller_queue() AND s.name = wanted AND s.lease_token = token
    RETURNING 1)
  SELECT EXISTS (SELECT FROM finished)
$$;
GRANT EXECUTE ON FUNCTION platform.finish_schedule(text, uuid, interval, boolean, text)
  TO hub_app, ai_app, channel_app, auth_app;
SELECT platform.hand_over(
  'platform.finish_schedule(text, uuid, interval, boolean, text)', 'job_dispatcher');

-- What the commands `schedules` and `jobs` of a service print: its own work and failed jobs.
CREATE FUNCTION platform.list_schedules() RETURNS SETOF platform.schedules
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT * FROM platform.schedules s WHERE s.queue = platform.caller_queue() ORDER BY s.name
$$;
GRANT EXECUTE ON FUNCTION platform.list_schedules() TO hub_app, ai_app, channel_app, auth_app;
SELECT platform.hand_over('platform.list_schedules()', 'job_dispatcher');

CREATE FUNCTION platform.failed_jobs(most integer)
RETURNS TABLE (creator_id uuid, id uuid, kind text, subject_id uuid, attempts integer,
               error_code text, error_reason text, updated_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT j.creator_id, j.id, j.kind, j.subject_id, j.attempts, j.error_code, j.error_reason,
         j.updated_at
  FROM platform.jobs j
  WHERE j.queue = platform.caller_queue() AND j.state = 'failed'
  ORDER BY j.updated_at DESC LIMIT most
$$;
GRANT EXECUTE ON FUNCTION platform.failed_jobs(integer) TO hub_app, ai_app, channel_app, auth_app;
SELECT platform.hand_over('platform.failed_jobs(integer)', 'job_dispatcher');

-- Retention: which rows of which table may be deleted when they are old. Rules are written by
-- migrations alone; no role of a service reads or writes them.
GRANT USAGE ON SCHEMA platform, auth, hub, ai, channel TO retention_cleaner;
CREATE TABLE platform.retention_rules (
  name     text PRIMARY KEY CHECK (name ~ '^[a-z_]{1,40}$'),
  target   text NOT NULL,
  -- The service that cleans up; null: each service, its own rows, as `extra` says.
  queue    text CHECK (queue IN ('creator-hub', 'ai-engine', 'channel', 'auth')),
  -- SQL: since when a row is over, whether it may be deleted at all, and what keeps it further.
  ended    text NOT NULL,
  allowed  text NOT NULL,
  extra    text NOT NULL,
  at_least interval NOT NULL
);
ALTER TABLE platform.retention_rules ENABLE ROW LEVEL SECURITY;
ALTER TABLE platform.retention_rules FORCE ROW LEVEL SECURITY;
CREATE POLICY cleaner ON platform.retention_rules FOR SELECT TO retention_cleaner USING (true);
CREATE POLICY owner ON platform.retention_rules TO platform_owner USING (true) WITH CHECK (true);
GRANT SELECT ON platform.retention_rules TO retention_cleaner;

-- Lets the clean-up see and delete the rows of a table that are over, and no others, whatever the
-- service that calls it asks for.
CREATE FUNCTION platform.retain(
  rule text, target regclass, queue text, ended text, allowed text DEFAULT 'true',
  extra text DEFAULT 'true', at_least interval DEFAULT '1 hour') RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  EXECUTE format('GRANT SELECT, DELETE ON %s TO retention_cleaner', target);
  EXECUTE format('CREATE POLICY %I ON %s TO retention_cleaner USING (%s) WITH CHECK (false)',
                 'retention_' || rule, target, allowed);
  EXECUTE format('CREATE INDEX ON %s ((%s)) WHERE %s', target, ended, allowed);
  INSERT INTO platform.retention_rules (name, target, queue, ended, allowed, extra, at_least)
  VALUES (rule, target::text, queue, ended, allowed, extra, at_least);
END
$$;
REVOKE ALL ON FUNCTION
  platform.retain(text, regclass, text, text, text, text, interval) FROM PUBLIC;

-- Deletes at most `most` rows of a rule that have been over for `age`, the oldest first, and
-- returns their number. A rule of another service deletes none.
CREATE FUNCTION platform.delete_expired(rule text, age interval, most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found platform.retention_rules;
  deleted bigint;
BEGIN
  SELECT * INTO found FROM platform.retention_rules r
  WHERE r.name = rule AND platform.caller_queue() = coalesce(r.queue, platform.caller_queue());
  IF found.name IS NULL THEN
    RETURN 0;
  END IF;
  EXECUTE format(
    'DELETE FROM %1$s t WHERE t.ctid = ANY (ARRAY(
       SELECT t.ctid FROM %1$s t WHERE (%3$s) AND %2$s < now() - $1 AND (%4$s)
       ORDER BY %2$s LIMIT $2))',
    found.target, found.ended, found.allowed, found.extra)
  USING greatest(age, found.at_least), most;
  GET DIAGNOSTICS deleted = ROW_COUNT;
  RETURN deleted;
END
$$;
GRANT EXECUTE ON FUNCTION platform.delete_expired(text, interval, integer)
  TO hub_app, ai_app, channel_app, auth_app;
SELECT platform.hand_over('platform.delete_expired(text, interval, integer)', 'retention_cleaner');

-- The newest job of a document is shown with the document, for as long as that is there.
CREATE POLICY retention_lookup ON hub.documents FOR SELECT TO retention_cleaner USING (true);
GRANT SELECT (creator_id, id) ON hub.documents TO retention_cleaner;
SELECT platform.retain('succeeded_jobs', 'platform.jobs', NULL, 'updated_at',
  $$state = 'succeeded'$$,
  $$t.queue = platform.caller_queue() AND (
      EXISTS (SELECT FROM platform.jobs n WHERE n.creator_id = t.creator_id
              AND n.subject_id = t.subject_id AND n.id > t.id)
      OR NOT EXISTS (SELECT FROM hub.documents d
                     WHERE d.creator_id = t.creator_id AND d.id = t.subject_id))$$,
  '1 day');
SELECT platform.retain('failed_jobs', 'platform.jobs', NULL, 'updated_at',
  $$state = 'failed'$$,
  $$t.queue = platform.caller_queue() AND (
      EXISTS (SELECT FROM platform.jobs n WHERE n.creator_id = t.creator_id
              AND n.subject_id = t.subject_id AND n.id > t.id)
      OR NOT EXISTS (SELECT FROM hub.documents d
                     WHERE d.creator_id = t.creator_id AND d.id = t.subject_id))$$,
  '1 day');
SELECT platform.retain('idempotency_keys', 'platform.idempotency_keys', 'auth', 'created_at',
  at_least => '24 hours');
-- This month and the one before are what a tenant is shown.
SELECT platform.retain('usage_events', 'platform.usage_events', 'auth', 'at',
  at_least => '62 days');

SELECT platform.retain('sessions', 'auth.sessions', 'auth', 'least(expires_at, revoked_at)');
SELECT platform.retain('refresh_tokens', 'auth.refresh_tokens', 'auth', 'expires_at');
SELECT platform.retain('api_keys', 'auth.api_keys', 'auth', 'least(expires_at, revoked_at)');
SELECT platform.retain('invites', 'auth.invites', 'auth',
  'least(expires_at, accepted_at, revoked_at)');
SELECT platform.retain('registration_invitations', 'auth.registration_invitations', 'auth',
  'least(expires_at, accepted_at, revoked_at)');
SELECT platform.retain('email_tokens', 'auth.email_tokens', 'auth', 'expires_at');
SELECT platform.retain('reset_requests', 'auth.reset_requests', 'auth', 'asked_at');
SELECT platform.retain('emails', 'auth.mail_outbox', 'auth', 'created_at',
  $$state <> 'queued'$$, at_least => '1 day');
SELECT platform.retain('exports', 'auth.privacy_requests', 'auth', 'finished_at',
  $$kind = 'export' AND state NOT IN ('waiting', 'running')$$, at_least => '1 day');

SELECT platform.retain('generations', 'ai.generations', 'ai-engine', 'created_at',
  at_least => '62 days');

-- A conversation goes with its messages, and then the visitor who has none left.
SELECT platform.retain('conversations', 'channel.conversations', 'channel', 'last_message_at',
  at_least => '30 days');
SELECT platform.retain('contacts', 'channel.contacts', 'channel', 'created_at',
  extra => $$NOT EXISTS (SELECT FROM channel.conversations c
                         WHERE c.creator_id = t.creator_id AND c.contact_id = t.id)$$,
  at_least => '30 days');
