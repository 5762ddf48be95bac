-- What the command `events` of a service prints and repeats: events that its subscriptions could
-- not handle.

-- The event itself goes with its retention, so the copy keeps all that a handler reads.
ALTER TABLE platform.event_failures
  ADD COLUMN source text, ADD COLUMN occurred_at timestamptz;
GRANT INSERT (source, occurred_at) ON platform.event_failures
  TO hub_app, ai_app, channel_app, auth_app;
GRANT SELECT ON platform.event_failures TO event_dispatcher;
GRANT SELECT (source) ON platform.events TO event_dispatcher;

CREATE FUNCTION platform.list_event_failures(most integer)
RETURNS TABLE (creator_id uuid, subscription text, event_id uuid, type text, attempts integer,
               code text, reason text, failed_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT f.creator_id, f.subscription, f.event_id, f.type, f.attempts, f.code, f.reason, f.failed_at
  FROM platform.event_failures f WHERE f.service = session_user
  ORDER BY f.failed_at DESC LIMIT most
$$;
GRANT EXECUTE ON FUNCTION platform.list_event_failures(integer)
  TO hub_app, ai_app, channel_app, auth_app;
SELECT platform.hand_over('platform.list_event_failures(integer)', 'event_dispatcher');

-- Takes an event that was set aside out of the failures, in the transaction that handles it: if
-- that is rolled back, it is set aside as before. The lock on the cursor keeps the subscription from
-- handling another event of the tenant at the same time. Copies made by an older replica lack two
-- columns, which the event may still have.
CREATE FUNCTION platform.take_event_failure(wanted text, event uuid)
RETURNS TABLE ("position" bigint, type text, version smallint, payload jsonb, source text,
               occurred_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  mine constant uuid := nullif(current_setting('app.current_creator_id', true), '')::uuid;
BEGIN
  PERFORM FROM platform.event_cursors c
  WHERE c.creator_id = mine AND c.service = session_user AND c.subscription = wanted
  FOR UPDATE;
  RETURN QUERY
    WITH taken AS (
      DELETE FROM platform.event_failures f
      WHERE f.creator_id = mine AND f.service = session_user AND f.subscription = wanted
        AND f.event_id = event
      RETURNING f.*
    )
    SELECT t.position, t.type, t.version, t.payload,
           coalesce(t.source, e.source, 'unknown'),
           coalesce(t.occurred_at, e.occurred_at, t.failed_at)
    FROM taken t
    LEFT JOIN platform.events e ON (e.creator_id, e.id) = (t.creator_id, t.event_id);
END
$$;
GRANT EXECUTE ON FUNCTION platform.take_event_failure(text, uuid)
  TO hub_app, ai_app, channel_app, auth_app;
SELECT platform.hand_over('platform.take_event_failure(text, uuid)', 'event_dispatcher');
