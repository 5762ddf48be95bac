-- Erasure of a whole tenant: each service has one function that empties its own area, and a new
-- table is covered by it without being named.

-- The role that erases. It reads and deletes what belongs to the tenant in context, and no more.
GRANT USAGE ON SCHEMA platform, auth, hub, ai, channel TO tenant_eraser;

-- As in 0001, and beside it what the eraser needs: a policy of the same rule, and DELETE, which
-- the services themselves lack on what is append-only.
CREATE OR REPLACE FUNCTION platform.protect(target regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  mine constant text :=
    '(creator_id = (SELECT nullif(current_setting(''app.current_creator_id'', true), '''')::uuid))';
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
  EXECUTE format('CREATE POLICY tenant ON %s TO platform_app USING %s WITH CHECK %s',
                 target, mine, mine);
  EXECUTE format('CREATE POLICY erasure ON %s TO tenant_eraser USING %s WITH CHECK (false)',
                 target, mine);
  EXECUTE format('GRANT SELECT, DELETE ON %s TO tenant_eraser', target);
END
$$;

-- The tables that are there already.
DO $$
DECLARE
  target regclass;
BEGIN
  FOR target IN
    SELECT p.polrelid FROM pg_policy p
    WHERE p.polname = 'tenant'
      AND NOT EXISTS (SELECT FROM pg_policy e
                      WHERE e.polrelid = p.polrelid AND e.polname = 'erasure')
  LOOP
    EXECUTE format('CREATE POLICY erasure ON %s TO tenant_eraser
                    USING (creator_id = (SELECT nullif(current_setting(
                      ''app.current_creator_id'', true), '''')::uuid)) WITH CHECK (false)', target);
    EXECUTE format('GRANT SELECT, DELETE ON %s TO tenant_eraser', target);
  END LOOP;
END
$$;

-- Empties every tenant table of a schema, those that refer to others first. It runs as whoever
-- calls it, and of those only the eraser may delete everywhere.
CREATE FUNCTION platform.erase_area(area text) RETURNS TABLE (kind text, erased bigint)
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  target record;
BEGIN
  FOR target IN
    WITH RECURSIVE tables AS (
      SELECT p.polrelid AS oid FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
      WHERE p.polname = 'erasure' AND c.relnamespace = area::regnamespace
    ), chain (oid, depth) AS (
      SELECT t.oid, 0 FROM tables t
      UNION ALL
      SELECT k.confrelid, chain.depth + 1
      FROM chain
      JOIN pg_constraint k ON k.conrelid = chain.oid AND k.contype = 'f'
      JOIN tables t ON t.oid = k.confrelid
      WHERE k.confrelid <> k.conrelid AND chain.depth < 20
    )
    SELECT chain.oid::regclass AS name, max(chain.depth) AS depth FROM chain
    GROUP BY chain.oid ORDER BY 2, 1
  LOOP
    EXECUTE format('DELETE FROM %s', target.name);
    GET DIAGNOSTICS erased = ROW_COUNT;
    kind := target.name::text;
    RETURN NEXT;
  END LOOP;
END
$$;
REVOKE ALL ON FUNCTION platform.erase_area(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION platform.erase_area(text) TO tenant_eraser;

-- The jobs of one queue: whoever works on one notices that it is gone, and stops.
CREATE FUNCTION platform.erase_jobs(wanted_queue text) RETURNS TABLE (kind text, erased bigint)
LANGUAGE sql SET search_path = pg_catalog AS $$
  WITH gone AS (DELETE FROM platform.jobs j WHERE j.queue = wanted_queue RETURNING 1)
  SELECT 'platform.jobs', count(*) FROM gone
$$;
REVOKE ALL ON FUNCTION platform.erase_jobs(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION platform.erase_jobs(text) TO tenant_eraser;

CREATE FUNCTION hub.erase_tenant() RETURNS TABLE (kind text, erased bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
  SELECT * FROM platform.erase_jobs('creator-hub') UNION ALL
  SELECT * FROM platform.erase_area('hub')
$$;
GRANT EXECUTE ON FUNCTION hub.erase_tenant() TO hub_app;
SELECT platform.hand_over('hub.erase_tenant()', 'tenant_eraser');

CREATE FUNCTION ai.erase_tenant() RETURNS TABLE (kind text, erased bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
  SELECT * FROM platform.erase_jobs('ai-engine') UNION ALL
  SELECT * FROM platform.erase_area('ai')
$$;
GRANT EXECUTE ON FUNCTION ai.erase_tenant() TO ai_app;
SELECT platform.hand_over('ai.erase_tenant()', 'tenant_eraser');

CREATE FUNCTION channel.erase_tenant() RETURNS TABLE (kind text, erased bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
  SELECT * FROM platform.erase_jobs('channel') UNION ALL
  SELECT * FROM platform.erase_area('channel')
$$;
GRANT EXECUTE ON FUNCTION channel.erase_tenant() TO channel_app;
SELECT platform.hand_over('channel.erase_tenant()', 'tenant_eraser');

-- Auth goes last, and takes along what all services share.
CREATE FUNCTION auth.erase_tenant() RETURNS TABLE (kind text, erased bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
  SELECT * FROM platform.erase_area('platform') UNION ALL
  SELECT * FROM platform.erase_area('auth')
$$;
GRANT EXECUTE ON FUNCTION auth.erase_tenant() TO auth_app;
SELECT platform.hand_over('auth.erase_tenant()', 'tenant_eraser');

-- What was asked for: copies and erasures. The rows go with the tenant.
CREATE TABLE auth.privacy_requests (
  creator_id   uuid NOT NULL,
  id           uuid NOT NULL,
  kind         text NOT NULL CHECK (kind IN ('export', 'erasure')),
  state        text NOT NULL DEFAULT 'waiting'
               CHECK (state IN ('waiting', 'running', 'succeeded', 'failed', 'cancelled')),
  -- Nobody in particular where a resource asked.
  requested_by uuid,
  progress     jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(progress) = 'object'),
  due_at       timestamptz NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now(),
  finished_at  timestamptz,
  expires_at   timestamptz,
  PRIMARY KEY (creator_id, id)
);
SELECT platform.protect('auth.privacy_requests');
-- At most one erasure is under way.
CREATE UNIQUE INDEX privacy_requests_one_erasure ON auth.privacy_requests (creator_id)
  WHERE kind = 'erasure' AND state IN ('waiting', 'running');
GRANT SELECT, INSERT ON auth.privacy_requests TO auth_app;
GRANT UPDATE (state, progress, finished_at, expires_at) ON auth.privacy_requests TO auth_app;
-- A service that is away counts towards no last attempt.
GRANT UPDATE (max_attempts) ON platform.jobs TO auth_app;

-- The proof of an erasure, which outlives its tenant: counts and times. Whose it was is known to
-- those alone who know the tenant's id, of which a hash is kept.
CREATE TABLE auth.erasures (
  subject_hash bytea PRIMARY KEY CHECK (length(subject_hash) = 32),
  request_id   uuid NOT NULL,
  report       jsonb NOT NULL CHECK (jsonb_typeof(report) = 'object'),
  requested_at timestamptz NOT NULL,
  finished_at  timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE auth.erasures ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.erasures FORCE ROW LEVEL SECURITY;
CREATE POLICY lookup ON auth.erasures TO auth_lookup USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON auth.erasures TO auth_lookup;

-- Records the erasure of the tenant that this transaction acts for, and of no other.
CREATE FUNCTION auth.record_erasure(request uuid, asked_at timestamptz, report jsonb)
RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
  INSERT INTO auth.erasures (subject_hash, request_id, report, requested_at)
  VALUES (sha256(convert_to(
            'erasure:' || current_setting('app.current_creator_id')::uuid::text, 'UTF8')),
          request, report, asked_at)
  ON CONFLICT (subject_hash) DO NOTHING
$$;
GRANT EXECUTE ON FUNCTION auth.record_erasure(uuid, timestamptz, jsonb) TO auth_app;
SELECT platform.hand_over('auth.record_erasure(uuid, timestamptz, jsonb)', 'auth_lookup');

CREATE FUNCTION auth.find_erasure(wanted uuid)
RETURNS TABLE (request_id uuid, report jsonb, requested_at timestamptz, finished_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
  SELECT e.request_id, e.report, e.requested_at, e.finished_at FROM auth.erasures e
  WHERE e.subject_hash = sha256(convert_to('erasure:' || wanted::text, 'UTF8'))
$$;
GRANT EXECUTE ON FUNCTION auth.find_erasure(uuid) TO auth_app;
SELECT platform.hand_over('auth.find_erasure(uuid)', 'auth_lookup');
