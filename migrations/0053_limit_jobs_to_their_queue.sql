-- A service claims, changes and sees the jobs of its own queue and of those that it puts jobs into,
-- and the stored responses to its own requests.

-- Who sees which jobs. auth sees all: it is the one that copies for an account what all share.
CREATE POLICY queue_select ON platform.jobs AS RESTRICTIVE FOR SELECT TO platform_app
  USING (queue = ANY (CASE current_user
    WHEN 'auth_app' THEN ARRAY['auth', 'creator-hub', 'ai-engine', 'channel']
    WHEN 'hub_app' THEN ARRAY['creator-hub', 'ai-engine']
    WHEN 'ai_app' THEN ARRAY['ai-engine', 'creator-hub'] WHEN 'channel_app' THEN ARRAY['channel']
    END)
    -- What ai-engine may enqueue there it may also see, and no more.
    AND (current_user <> 'ai_app' OR queue = 'ai-engine'
         OR kind IN ('ingest_document', 'record_languages')));

-- A lease is given by the service whose queue it is, and is short, whatever function or statement
-- gives it: claim_job of versions before 0023 checks neither. The session's role is the caller's,
-- also within a definer function; others than services are not bound.
CREATE FUNCTION platform.guard_lease() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF (NEW.queue <> CASE session_user
      WHEN 'auth_app' THEN 'auth' WHEN 'hub_app' THEN 'creator-hub'
      WHEN 'ai_app' THEN 'ai-engine' WHEN 'channel_app' THEN 'channel' ELSE NEW.queue END) THEN
    RAISE insufficient_privilege USING MESSAGE = 'the queue belongs to another service';
  END IF;
  IF NEW.lease_until > clock_timestamp() + interval '5 minutes' THEN
    RAISE insufficient_privilege USING MESSAGE = 'a lease lasts five minutes at most';
  END IF;
  RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION platform.guard_lease() FROM PUBLIC;
CREATE TRIGGER guard_new_lease BEFORE INSERT ON platform.jobs FOR EACH ROW
  WHEN (NEW.lease_until IS NOT NULL) EXECUTE FUNCTION platform.guard_lease();
CREATE TRIGGER guard_lease BEFORE UPDATE OF lease_until, lease_token ON platform.jobs FOR EACH ROW
  WHEN (NEW.lease_until IS NOT NULL AND (NEW.lease_until, NEW.lease_token)
        IS DISTINCT FROM (OLD.lease_until, OLD.lease_token))
  EXECUTE FUNCTION platform.guard_lease();
CREATE TRIGGER guard_lease BEFORE UPDATE OF lease_until ON platform.schedules FOR EACH ROW
  WHEN (NEW.lease_until IS NOT NULL) EXECUTE FUNCTION platform.guard_lease();

-- Whose response it is: the role that stores it, which no statement chooses. Rows from before are
-- known by their route until they expire.
ALTER TABLE platform.idempotency_keys ADD COLUMN service text NOT NULL DEFAULT 'before_0053';
ALTER TABLE platform.idempotency_keys ALTER COLUMN service SET DEFAULT current_user;
CREATE POLICY of_service ON platform.idempotency_keys AS RESTRICTIVE TO platform_app
  USING (service = current_user OR service = 'before_0053'
    AND starts_with(route, CASE current_user
      WHEN 'auth_app' THEN '/auth/' WHEN 'hub_app' THEN '/creator-hub/'
      WHEN 'ai_app' THEN '/ai-engine/' WHEN 'channel_app' THEN '/channels/' END))
  WITH CHECK (service = current_user);
