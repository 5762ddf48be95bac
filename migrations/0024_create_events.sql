-- The transactional outbox: events of a tenant in the order in which they were committed, and what
-- each subscription has of them.

GRANT USAGE ON SCHEMA platform TO event_dispatcher;

-- An event is inserted without a position and gets one at the commit, by the trigger below.
CREATE TABLE platform.events (
  creator_id  uuid NOT NULL,
  id          uuid NOT NULL,
  position    bigint CHECK (position > 0),
  type        text NOT NULL CHECK (type ~ '^[a-z_]{1,30}[.][a-z_]{1,30}$'),
  version     smallint NOT NULL CHECK (version > 0),
  -- Ids, counts and states; never a text of a person.
  payload     jsonb NOT NULL
              CHECK (jsonb_typeof(payload) = 'object' AND length(payload::text) <= 8000),
  -- The role that published it, so that no service publishes in the name of another.
  source      text NOT NULL DEFAULT current_user,
  occurred_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, id)
);
SELECT platform.protect('platform.events');
CREATE UNIQUE INDEX events_in_order ON platform.events (creator_id, position);
CREATE INDEX events_by_time ON platform.events (occurred_at);
GRANT SELECT, INSERT (creator_id, id, type, version, payload) ON platform.events
  TO hub_app, ai_app, channel_app, auth_app;

-- Usage is recorded by one service now, from events of the others. The right of the others to
-- insert, and that of auth to read messages, go with the next release: older replicas use them.
GRANT INSERT ON platform.usage_events TO auth_app;
CREATE INDEX usage_events_by_time ON platform.usage_events (creator_id, at);

-- The last position of each tenant. Its row lock, held from numbering to the end of the commit,
-- makes the order of positions the order of commits: whoever sees a position sees all before it.
CREATE TABLE platform.event_streams (
  creator_id    uuid PRIMARY KEY,
  last_position bigint NOT NULL CHECK (last_position > 0)
);
SELECT platform.protect('platform.event_streams');
GRANT SELECT ON platform.event_streams TO hub_app, ai_app, channel_app, auth_app;

-- Which service wants which types. `service` is a database role, here and below.
CREATE TABLE platform.event_subscriptions (
  service text NOT NULL,
  name    text NOT NULL CHECK (name ~ '^[a-z_]{1,60}$'),
  types   text[] NOT NULL CHECK (cardinality(types) BETWEEN 1 AND 100),
  -- One that no process has served for long keeps no old events.
  seen_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (service, name)
);
ALTER TABLE platform.event_subscriptions ENABLE ROW LEVEL SECURITY;
ALTER TABLE platform.event_subscriptions FORCE ROW LEVEL SECURITY;

-- How far a subscription is with a tenant's events, and how often it failed at the next one.
CREATE TABLE platform.event_cursors (
  creator_id   uuid NOT NULL,
  service      text NOT NULL,
  subscription text NOT NULL,
  position     bigint NOT NULL DEFAULT 0 CHECK (position >= 0),
  attempts     integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  -- Failures of something that the handler needs; they do not count towards the last attempt.
  outages      integer NOT NULL DEFAULT 0 CHECK (outages >= 0),
  PRIMARY KEY (creator_id, service, subscription)
);
SELECT platform.protect('platform.event_cursors');
GRANT SELECT ON platform.event_cursors TO hub_app, ai_app, channel_app, auth_app;

-- The tenants that have events for a subscription. A row appears with the first event and goes when
-- all are delivered, so that looking for work costs nothing for tenants without any.
CREATE TABLE platform.event_backlog (
  creator_id    uuid NOT NULL,
  service       text NOT NULL,
  subscription  text NOT NULL,
  -- The oldest event that is not delivered is about this old.
  since         timestamptz NOT NULL DEFAULT now(),
  -- When it may be claimed: at once, after a delay, or when the lease has expired.
  due_at        timestamptz NOT NULL DEFAULT now(),
  lease_token   uuid,
  -- Leases in a row that ended without a word from their holder.
  interruptions integer NOT NULL DEFAULT 0 CHECK (interruptions >= 0),
  PRIMARY KEY (creator_id, service, subscription)
);
SELECT platform.protect('platform.event_backlog');
CREATE INDEX event_backlog_due ON platform.event_backlog (service, subscription, due_at);
CREATE INDEX event_backlog_oldest ON platform.event_backlog (service, subscription, since);
GRANT SELECT ON platform.event_backlog TO hub_app, ai_app, channel_app, auth_app;

-- Events that a subscription cannot handle, set aside so that they block no other. A copy, since
-- the event itself goes with its retention.
CREATE TABLE platform.event_failures (
  creator_id   uuid NOT NULL,
  service      text NOT NULL DEFAULT current_user,
  subscription text NOT NULL,
  event_id     uuid NOT NULL,
  position     bigint NOT NULL,
  type         text NOT NULL,
  version      smallint NOT NULL,
  payload      jsonb NOT NULL,
  attempts     integer NOT NULL,
  code         text NOT NULL CHECK (length(code) BETWEEN 1 AND 60),
  reason       text NOT NULL CHECK (length(reason) <= 2000),
  failed_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, service, subscription, event_id)
);
SELECT platform.protect('platform.event_failures');
CREATE INDEX event_failures_by_time ON platform.event_failures (failed_at);
GRANT SELECT, INSERT (creator_id, subscription, event_id, position, type, version, payload,
                      attempts, code, reason)
  ON platform.event_failures TO hub_app, ai_app, channel_app, auth_app;

-- What the functions below may do, and no service: they act for the calling service's own
-- subscriptions only, which they know by the session's role.
CREATE POLICY dispatch ON platform.events TO event_dispatcher USING (true) WITH CHECK (true);
CREATE POLICY dispatch ON platform.event_streams TO event_dispatcher USING (true) WITH CHECK (true);
CREATE POLICY dispatch ON platform.event_subscriptions TO event_dispatcher
  USING (true) WITH CHECK (true);
CREATE POLICY dispatch ON platform.event_cursors TO event_dispatcher USING (true) WITH CHECK (true);
CREATE POLICY dispatch ON platform.event_backlog TO event_dispatcher USING (true) WITH CHECK (true);
CREATE POLICY dispatch ON platform.event_failures TO event_dispatcher
  USING (true) WITH CHECK (true);
GRANT SELECT (creator_id, id, position, type, occurred_at), UPDATE (position), DELETE
  ON platform.events TO event_dispatcher;
-- The whole table, since LOCK TABLE asks for that.
GRANT SELECT, INSERT, UPDATE ON platform.event_streams TO event_dispatcher;
GRANT SELECT, INSERT, UPDATE (types, seen_at) ON platform.event_subscriptions TO event_dispatcher;
GRANT SELECT, INSERT, UPDATE (position, attempts, outages) ON platform.event_cursors
  TO event_dispatcher;
GRANT SELECT, INSERT, UPDATE (since, due_at, lease_token, interruptions), DELETE
  ON platform.event_backlog TO event_dispatcher;
GRANT SELECT (creator_id, service, subscription, event_id, failed_at), DELETE
  ON platform.event_failures TO event_dispatcher;

-- Numbers an event at the commit of its transaction, however early it was published: the tenant's
-- other publishers wait for that commit only, and no lock of the application comes after this one.
CREATE FUNCTION platform.number_event() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  next bigint;
BEGIN
  INSERT INTO platform.event_streams AS s (creator_id, last_position) VALUES (NEW.creator_id, 1)
  ON CONFLICT (creator_id) DO UPDATE SET last_position = s.last_position + 1
  RETURNING s.last_position INTO next;
  UPDATE platform.events e SET position = next
  WHERE e.creator_id = NEW.creator_id AND e.id = NEW.id;
  INSERT INTO platform.event_backlog (creator_id, service, subscription, since)
  SELECT NEW.creator_id, s.service, s.name, NEW.occurred_at
  FROM platform.event_subscriptions s WHERE NEW.type = ANY (s.types)
  ON CONFLICT DO NOTHING;
  RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER number_event AFTER INSERT ON platform.events
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION platform.number_event();
SELECT platform.hand_over('platform.number_event()', 'event_dispatcher');

-- Registers a subscription of the calling service. A new one begins with the oldest event that is
-- kept, or with those published from now on. Types are only ever added: a replica of the version
-- before may still run. The lock waits for publishers that do not know the subscription yet.
CREATE FUNCTION platform.register_subscription(
  wanted text, handled text[], from_beginning boolean)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  known text[];
BEGIN
  SELECT s.types INTO known FROM platform.event_subscriptions s
  WHERE s.service = session_user AND s.name = wanted;
  IF known @> handled THEN
    UPDATE platform.event_subscriptions s SET seen_at = now()
    WHERE s.service = session_user AND s.name = wanted
      AND s.seen_at < now() - interval '1 hour';
    RETURN;
  END IF;
  LOCK TABLE platform.event_streams IN EXCLUSIVE MODE;
  SELECT s.types INTO known FROM platform.event_subscriptions s
  WHERE s.service = session_user AND s.name = wanted;
  INSERT INTO platform.event_subscriptions (service, name, types)
  VALUES (session_user, wanted, handled)
  ON CONFLICT (service, name) DO UPDATE SET seen_at = now(),
    types = ARRAY(SELECT DISTINCT t FROM unnest(known || handled) t ORDER BY t);
  IF known IS NOT NULL THEN
    RETURN;
  END IF;
  IF from_beginning THEN
    INSERT INTO platform.event_backlog (creator_id, service, subscription, since)
    SELECT e.creator_id, session_user, wanted, min(e.occurred_at) FROM platform.events e
    WHERE e.type = ANY (handled) GROUP BY e.creator_id
    ON CONFLICT DO NOTHING;
  ELSE
    INSERT INTO platform.event_cursors (creator_id, service, subscription, position)
    SELECT s.creator_id, session_user, wanted, s.last_position FROM platform.event_streams s
    ON CONFLICT DO NOTHING;
  END IF;
END
$$;
GRANT EXECUTE ON FUNCTION platform.register_subscription(text, text[], boolean)
  TO hub_app, ai_app, channel_app, auth_app;
SELECT platform.hand_over(
  'platform.register_subscription(text, text[], boolean)', 'event_dispatcher');

-- Claims the tenant that has waited longest for one of the caller's subscriptions. Whoever returns
-- with more events goes to the end of the line, so that no tenant is served twice before another.
CREATE FUNCTION platform.claim_event_backlog(wanted text, lease interval, token uuid)
RETURNS TABLE (creator_id uuid, types text[], interruptions integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  UPDATE platform.event_backlog b
  SET interruptions = b.interruptions + (b.lease_token IS NOT NULL)::integer,
      lease_token = token, due_at = now() + lease
  WHERE (b.creator_id, b.service, b.subscription) = (
    SELECT d.creator_id, d.service, d.subscription FROM platform.event_backlog d
    WHERE d.service = session_user AND d.subscription = wanted AND d.due_at <= now()
    ORDER BY d.due_at, d.creator_id
    FOR UPDATE SKIP LOCKED
    LIMIT 1)
  RETURNING b.creator_id, b.interruptions INTO creator_id, interruptions;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  -- Looked for first: the insert alone would wait for a worker that is handling an event.
  IF NOT EXISTS (SELECT FROM platform.event_cursors c
                 WHERE c.creator_id = claim_event_backlog.creator_id
                   AND c.service = session_user AND c.subscription = wanted) THEN
    INSERT INTO platform.event_cursors (creator_id, service, subscription)
    VALUES (claim_event_backlog.creator_id, session_user, wanted)
    ON CONFLICT DO NOTHING;
  END IF;
  SELECT s.types INTO types FROM platform.event_subscriptions s
  WHERE s.service = session_user AND s.name = wanted;
  RETURN NEXT;
END
$$;
GRANT EXECUTE ON FUNCTION platform.claim_event_backlog(text, interval, uuid)
  TO hub_app, ai_app, channel_app, auth_app;
SELECT platform.hand_over(
  'platform.claim_event_backlog(text, interval, uuid)', 'event_dispatcher');

-- Moves a position of the caller from one event to the next; false when it is elsewhere by now. The
-- row stays locked until the end of the transaction. Interruptions count for one event in a row.
CREATE FUNCTION platform.move_event_cursor(wanted text, token uuid, old bigint, new bigint)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  mine constant uuid := nullif(current_setting('app.current_creator_id', true), '')::uuid;
BEGIN
  UPDATE platform.event_cursors c SET position = new, attempts = 0, outages = 0
  WHERE c.creator_id = mine AND c.service = session_user AND c.subscription = wanted
    AND c.position = old;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  UPDATE platform.event_backlog b SET interruptions = 0
  WHERE b.creator_id = mine AND b.service = session_user AND b.subscription = wanted
    AND b.lease_token = token AND b.interruptions > 0;
  RETURN true;
END
$$;
GRANT EXECUTE ON FUNCTION platform.move_event_cursor(text, uuid, bigint, bigint)
  TO hub_app, ai_app, channel_app, auth_app;
SELECT platform.hand_over(
  'platform.move_event_cursor(text, uuid, bigint, bigint)', 'event_dispatcher');

-- Counts a failure at the event behind a position of the caller.
CREATE FUNCTION platform.count_event_failure(wanted text, at bigint, outage boolean) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  UPDATE platform.event_cursors c
  SET attempts = c.attempts + (NOT outage)::integer, outages = c.outages + outage::integer
  WHERE c.creator_id = nullif(current_setting('app.current_creator_id', true), '')::uuid
    AND c.service = session_user AND c.subscription = wanted AND c.position = at
$$;
GRANT EXECUTE ON FUNCTION platform.count_event_failure(text, bigint, boolean)
  TO hub_app, ai_app, channel_app, auth_app;
SELECT platform.hand_over(
  'platform.count_event_failure(text, bigint, boolean)', 'event_dispatcher');

-- Ends the turn of a tenant with events left, which may be claimed again after `delay`. They are
-- younger than the last one that was delivered.
CREATE FUNCTION platform.release_event_backlog(
  wanted text, token uuid, delay interval, delivered timestamptz)
RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  UPDATE platform.event_backlog b
  SET lease_token = NULL, interruptions = 0, due_at = now() + delay,
      since = greatest(b.since, delivered)
  WHERE b.creator_id = nullif(current_setting('app.current_creator_id', true), '')::uuid
    AND b.service = session_user AND b.subscription = wanted AND b.lease_token = token
$$;
GRANT EXECUTE ON FUNCTION platform.release_event_backlog(text, uuid, interval, timestamptz)
  TO hub_app, ai_app, channel_app, auth_app;
SELECT platform.hand_over(
  'platform.release_event_backlog(text, uuid, interval, timestamptz)', 'event_dispatcher');

-- Ends the turn of a tenant, none of whose events up to `reached` is left. The lock on the stream
-- decides whether more have come: a publisher that is about to commit is waited for, and one that
-- comes later finds no backlog and makes one.
CREATE FUNCTION platform.settle_event_backlog(wanted text, token uuid, reached bigint)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  mine constant uuid := nullif(current_setting('app.current_creator_id', true), '')::uuid;
  newest bigint;
BEGIN
  UPDATE platform.event_cursors c SET position = reached
  WHERE c.creator_id = mine AND c.service = session_user AND c.subscription = wanted
    AND c.position < reached;
  SELECT s.last_position INTO newest FROM platform.event_streams s
  WHERE s.creator_id = mine FOR UPDATE;
  IF newest > reached THEN
    UPDATE platform.event_backlog b
    SET lease_token = NULL, interruptions = 0, due_at = now(), since = now()
    WHERE b.creator_id = mine AND b.service = session_user AND b.subscription = wanted
      AND b.lease_token = token;
    RETURN false;
  END IF;
  DELETE FROM platform.event_backlog b
  WHERE b.creator_id = mine AND b.service = session_user AND b.subscription = wanted
    AND b.lease_token = token;
  RETURN true;
END
$$;
GRANT EXECUTE ON FUNCTION platform.settle_event_backlog(text, uuid, bigint)
  TO hub_app, ai_app, channel_app, auth_app;
SELECT platform.hand_over(
  'platform.settle_event_backlog(text, uuid, bigint)', 'event_dispatcher');

-- For metrics: the age of the oldest event that a subscription of the caller has not handled, and
-- how many there are, of at most 1,000 tenants. Types that it does not want count until passed.
CREATE FUNCTION platform.event_lag(wanted text)
RETURNS TABLE (seconds double precision, pending bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(extract(epoch FROM now() - min(w.since)), 0)::double precision,
         coalesce(sum(s.last_position - coalesce(c.position, 0)), 0)::bigint
  FROM (SELECT b.* FROM platform.event_backlog b
        WHERE b.service = session_user AND b.subscription = wanted
        ORDER BY b.since LIMIT 1000) w
  JOIN platform.event_streams s ON s.creator_id = w.creator_id
  LEFT JOIN platform.event_cursors c
    ON (c.creator_id, c.service, c.subscription) = (w.creator_id, w.service, w.subscription)
$$;
GRANT EXECUTE ON FUNCTION platform.event_lag(text) TO hub_app, ai_app, channel_app, auth_app;
SELECT platform.hand_over('platform.event_lag(text)', 'event_dispatcher');

-- Deletes at most `most` events that are older than `keep` and delivered to every subscription that
-- wants them and was served in the last 30 days. Returns how many.
CREATE FUNCTION platform.delete_old_events(keep interval, most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH old AS (
    SELECT e.creator_id, e.id FROM platform.events e
    WHERE e.occurred_at < now() - greatest(keep, interval '1 day')
      AND NOT EXISTS (
        SELECT FROM platform.event_backlog b
        JOIN platform.event_subscriptions s ON (s.service, s.name) = (b.service, b.subscription)
        LEFT JOIN platform.event_cursors c
          ON (c.creator_id, c.service, c.subscription) = (b.creator_id, b.service, b.subscription)
        WHERE b.creator_id = e.creator_id AND coalesce(c.position, 0) < e.position
          AND e.type = ANY (s.types) AND s.seen_at > now() - interval '30 days')
    ORDER BY e.occurred_at LIMIT most
  ), gone AS (
    DELETE FROM platform.events e USING old
    WHERE (e.creator_id, e.id) = (old.creator_id, old.id) RETURNING 1
  )
  SELECT count(*) FROM gone
$$;
GRANT EXECUTE ON FUNCTION platform.delete_old_events(interval, integer) TO auth_app;
SELECT platform.hand_over('platform.delete_old_events(interval, integer)', 'event_dispatcher');

-- Deletes at most `most` failures that are older than `keep`. Returns how many.
CREATE FUNCTION platform.delete_old_event_failures(keep interval, most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH old AS (
    SELECT f.creator_id, f.service, f.subscription, f.event_id FROM platform.event_failures f
    WHERE f.failed_at < now() - greatest(keep, interval '1 day')
    ORDER BY f.failed_at LIMIT most
  ), gone AS (
    DELETE FROM platform.event_failures f USING old
    WHERE (f.creator_id, f.service, f.subscription, f.event_id)
        = (old.creator_id, old.service, old.subscription, old.event_id) RETURNING 1
  )
  SELECT count(*) FROM gone
$$;
GRANT EXECUTE ON FUNCTION platform.delete_old_event_failures(interval, integer) TO auth_app;
SELECT platform.hand_over(
  'platform.delete_old_event_failures(interval, integer)', 'event_dispatcher');
