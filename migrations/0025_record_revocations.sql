-- Revocations are rows before they are messages (ADR 17): what ends a credential is committed
-- together with the change that it follows from, and neither a crash nor an emptied Redis loses it.

-- One row per subject. No tenant owns it: a signing key has none, a service loads all rows before
-- it knows a tenant, and the row of an erased tenant has to outlive its data. Only the functions
-- below reach the table.
CREATE TABLE platform.revocations (
  kind         text NOT NULL
    CHECK (kind IN ('session', 'user', 'tenant', 'api_key', 'signing_key')),
  subject_id   uuid NOT NULL,
  -- A lifted revocation stays as a row until everybody has forgotten the revocation.
  lifted       boolean NOT NULL DEFAULT false,
  -- Grows with each change of the row; an older message never overwrites a newer one. Counted in
  -- microseconds, so that it also grows when the database is restored from a backup.
  version      bigint NOT NULL,
  -- Credentials issued until then are ended. Null until somebody has seen the row: that is after
  -- the commit, while the transaction cannot know when it will commit.
  revoked_at   timestamptz,
  changed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- When the last credential that the row could end has expired.
  expires_at   timestamptz NOT NULL,
  -- Null until Redis has it.
  published_at timestamptz,
  PRIMARY KEY (kind, subject_id)
);
ALTER TABLE platform.revocations ENABLE ROW LEVEL SECURITY;
ALTER TABLE platform.revocations FORCE ROW LEVEL SECURITY;
CREATE POLICY lookup ON platform.revocations TO auth_lookup USING (true) WITH CHECK (true);
GRANT USAGE ON SCHEMA platform TO auth_lookup;
GRANT SELECT, INSERT, UPDATE, DELETE ON platform.revocations TO auth_lookup;
CREATE INDEX revocations_unpublished ON platform.revocations (changed_at)
  WHERE published_at IS NULL;
CREATE INDEX revocations_published ON platform.revocations (version)
  WHERE published_at IS NOT NULL;
CREATE INDEX revocations_expiry ON platform.revocations (expires_at);

-- Revokes subjects, or lifts their revocations, in the caller's transaction. The version is taken
-- under the row's lock, so that it has the order of the commits; rows are locked in one order.
CREATE FUNCTION platform.record_revocations(
  kinds text[], ids uuid[], lift boolean, lifetime_seconds double precision)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO platform.revocations AS r (kind, subject_id, lifted, version, expires_at)
  SELECT DISTINCT w.kind, w.id, lift,
         (extract(epoch FROM statement_timestamp()) * 1000000)::bigint,
         statement_timestamp() + make_interval(secs => lifetime_seconds)
  FROM unnest(kinds, ids) AS w (kind, id)
  ORDER BY w.kind, w.id
  ON CONFLICT (kind, subject_id) DO UPDATE
  SET lifted = excluded.lifted,
      version = greatest(r.version + 1,
                         (extract(epoch FROM clock_timestamp()) * 1000000)::bigint),
      revoked_at = NULL, published_at = NULL, changed_at = clock_timestamp(),
      expires_at = greatest(r.expires_at, excluded.expires_at)
$$;
GRANT EXECUTE ON FUNCTION
  platform.record_revocations(text[], uuid[], boolean, double precision) TO auth_app;
SELECT platform.hand_over(
  'platform.record_revocations(text[], uuid[], boolean, double precision)', 'auth_lookup');

-- The rows that still matter, a page at a time in the order of their key, for every service: ids
-- and times only. A row that nobody has seen yet ends the credentials issued until now.
CREATE FUNCTION platform.live_revocations(after_kind text, after_id uuid, page integer)
RETURNS TABLE (kind text, subject_id uuid, lifted boolean, version bigint,
               at_ms bigint, until_ms bigint)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT r.kind, r.subject_id, r.lifted, r.version,
         floor(extract(epoch FROM coalesce(r.revoked_at, clock_timestamp())) * 1000)::bigint,
         ceil(extract(epoch FROM r.expires_at) * 1000)::bigint
  FROM platform.revocations r
  WHERE r.expires_at > clock_timestamp() AND (r.kind, r.subject_id) > (after_kind, after_id)
  ORDER BY r.kind, r.subject_id
  LIMIT least(page, 10000)
$$;
GRANT EXECUTE ON FUNCTION platform.live_revocations(text, uuid, integer)
  TO auth_app, hub_app, ai_app, channel_app;
SELECT platform.hand_over('platform.live_revocations(text, uuid, integer)', 'auth_lookup');

-- What Redis does not have yet, the oldest first.
CREATE FUNCTION platform.unpublished_revocations(page integer)
RETURNS TABLE (kind text, subject_id uuid, lifted boolean, version bigint,
               at_ms bigint, until_ms bigint)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT r.kind, r.subject_id, r.lifted, r.version,
         floor(extract(epoch FROM coalesce(r.revoked_at, clock_timestamp())) * 1000)::bigint,
         ceil(extract(epoch FROM r.expires_at) * 1000)::bigint
  FROM platform.revocations r
  WHERE r.published_at IS NULL
  ORDER BY r.changed_at
  LIMIT least(page, 10000)
$$;
GRANT EXECUTE ON FUNCTION platform.unpublished_revocations(integer) TO auth_app;
SELECT platform.hand_over('platform.unpublished_revocations(integer)', 'auth_lookup');

-- Stores the time that was chosen for rows, and whether Redis has them now. A row that has changed
-- since is left alone; one that is just being changed is not waited for.
CREATE FUNCTION platform.settle_revocations(
  kinds text[], ids uuid[], versions bigint[], times_ms bigint[], published boolean)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH seen AS (
    SELECT r.kind, r.subject_id, w.at_ms
    FROM unnest(kinds, ids, versions, times_ms) AS w (kind, id, version, at_ms)
    JOIN platform.revocations r ON (r.kind, r.subject_id) = (w.kind, w.id)
    WHERE r.version = w.version AND r.published_at IS NULL
    ORDER BY r.kind, r.subject_id
    FOR UPDATE OF r SKIP LOCKED)
  UPDATE platform.revocations r
  SET revoked_at = coalesce(r.revoked_at,
                            'epoch'::timestamptz + s.at_ms * interval '1 millisecond'),
      published_at = CASE WHEN published THEN clock_timestamp() END
  FROM seen s WHERE (r.kind, r.subject_id) = (s.kind, s.subject_id)
$$;
GRANT EXECUTE ON FUNCTION
  platform.settle_revocations(text[], uuid[], bigint[], bigint[], boolean) TO auth_app;
SELECT platform.hand_over(
  'platform.settle_revocations(text[], uuid[], bigint[], bigint[], boolean)', 'auth_lookup');

-- How long the oldest unpublished row has waited, and the newest version that Redis must have.
CREATE FUNCTION platform.revocation_backlog(
  OUT waiting_seconds double precision, OUT newest_version bigint)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT (SELECT extract(epoch FROM clock_timestamp() - min(r.changed_at))::double precision
          FROM platform.revocations r WHERE r.published_at IS NULL),
         coalesce((SELECT max(r.version) FROM platform.revocations r
                   WHERE r.published_at IS NOT NULL), 0)
$$;
GRANT EXECUTE ON FUNCTION platform.revocation_backlog() TO auth_app;
SELECT platform.hand_over('platform.revocation_backlog()', 'auth_lookup');

-- Deletes at most `most` rows that have not mattered for `age`.
CREATE FUNCTION platform.delete_expired_revocations(age interval, most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH expired AS (
    SELECT r.kind, r.subject_id FROM platform.revocations r
    WHERE r.expires_at <= clock_timestamp() - greatest(age, interval '0')
    ORDER BY r.expires_at
    LIMIT most
    FOR UPDATE SKIP LOCKED),
  deleted AS (
    DELETE FROM platform.revocations r USING expired e
    WHERE (r.kind, r.subject_id) = (e.kind, e.subject_id)
    RETURNING 1)
  SELECT count(*) FROM deleted
$$;
GRANT EXECUTE ON FUNCTION platform.delete_expired_revocations(interval, integer) TO auth_app;
SELECT platform.hand_over('platform.delete_expired_revocations(interval, integer)', 'auth_lookup');
