-- The audit log is append-only for auth, too: one function adds entries, and the rows go with the
-- erasure of their account only, of which a proof always stays.

GRANT USAGE ON SCHEMA auth TO auth_audit;
GRANT SELECT, INSERT ON auth.audit_log TO auth_audit;
CREATE POLICY append ON auth.audit_log TO auth_audit
  USING (creator_id = (SELECT nullif(current_setting('app.current_creator_id', true), '')::uuid))
  WITH CHECK (creator_id = (SELECT nullif(current_setting('app.current_creator_id', true), '')::uuid));
GRANT SELECT (creator_id) ON auth.creators TO auth_audit;
CREATE POLICY audit ON auth.creators FOR SELECT TO auth_audit
  USING (creator_id = (SELECT nullif(current_setting('app.current_creator_id', true), '')::uuid));
GRANT EXECUTE ON FUNCTION
  auth.audit_hash(bytea, uuid, bigint, timestamptz, text, uuid, text, text, inet, text)
  TO auth_audit;

-- The body of 0020, which chooses number, time and hash; now it runs as a role of its own, and the
-- role that calls it can write the table in no other way.
CREATE OR REPLACE FUNCTION auth.append_audit(
  creator uuid, actor_kind text, actor uuid, action text, target text, ip inet, request_id text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('audit ' || creator::text, 0));
  WITH last AS (
    SELECT l.seq, l.hash FROM auth.audit_log l
    WHERE l.creator_id = creator ORDER BY l.seq DESC LIMIT 1),
  next AS (
    SELECT coalesce((SELECT l.seq FROM last l), 0) + 1 AS seq,
           coalesce((SELECT l.hash FROM last l), decode(repeat('00', 32), 'hex')) AS previous,
           clock_timestamp() AS at)
  INSERT INTO auth.audit_log
    (creator_id, seq, at, actor_kind, actor, action, target, ip, request_id, previous, hash)
  SELECT creator, n.seq, n.at, append_audit.actor_kind, append_audit.actor, append_audit.action,
         append_audit.target, append_audit.ip, append_audit.request_id, n.previous,
         auth.audit_hash(n.previous, creator, n.seq, n.at, append_audit.actor_kind,
           append_audit.actor, append_audit.action, append_audit.target, append_audit.ip,
           append_audit.request_id)
  FROM next n
  WHERE EXISTS (SELECT FROM auth.creators c WHERE c.creator_id = creator);
END
$$;
SELECT platform.hand_over(
  'auth.append_audit(uuid, text, uuid, text, text, inet, text)', 'auth_audit');
REVOKE INSERT ON auth.audit_log FROM auth_app;

-- A request is due at its own insertion at the earliest, or when its time is brought forward: what
-- was due before the current transaction began was therefore written by an earlier one. Versions
-- before this one take the time from the clock of the process, which may be a little slow.
CREATE FUNCTION auth.date_privacy_request() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NEW.due_at < now() - interval '5 minutes' THEN
    RAISE insufficient_privilege USING MESSAGE = 'a privacy request cannot be back-dated';
  END IF;
  NEW.due_at := greatest(NEW.due_at, now());
  IF TG_OP = 'INSERT' THEN
    NEW.created_at := now();
  END IF;
  RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION auth.date_privacy_request() FROM PUBLIC;
CREATE TRIGGER date_privacy_request BEFORE INSERT OR UPDATE OF due_at ON auth.privacy_requests
  FOR EACH ROW EXECUTE FUNCTION auth.date_privacy_request();
GRANT UPDATE (due_at) ON auth.privacy_requests TO auth_app;

-- The eraser records what it erases; auth adds the counts afterwards, once, and can neither invent
-- nor omit a proof.
GRANT INSERT ON auth.erasures TO tenant_eraser;
CREATE POLICY record ON auth.erasures FOR INSERT TO tenant_eraser
  WITH CHECK (subject_hash = (SELECT sha256(convert_to(
    'erasure:' || current_setting('app.current_creator_id')::uuid::text, 'UTF8'))));
REVOKE INSERT ON auth.erasures FROM auth_lookup;
GRANT UPDATE (report) ON auth.erasures TO auth_lookup;

GRANT CREATE ON SCHEMA auth TO tenant_eraser, auth_lookup;

SET LOCAL ROLE auth_lookup;
CREATE OR REPLACE FUNCTION auth.record_erasure(request uuid, asked_at timestamptz, report jsonb)
RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  UPDATE auth.erasures e SET report = record_erasure.report
  WHERE e.request_id = record_erasure.request AND e.requested_at = record_erasure.asked_at
    AND e.report = '{}' AND e.subject_hash = sha256(convert_to(
      'erasure:' || current_setting('app.current_creator_id')::uuid::text, 'UTF8'))
$$;

SET LOCAL ROLE tenant_eraser;
CREATE OR REPLACE FUNCTION auth.erase_tenant() RETURNS TABLE (kind text, erased bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  request auth.privacy_requests;
BEGIN
  SELECT r.* INTO request FROM auth.privacy_requests r
  WHERE r.kind = 'erasure' AND r.state = 'running' AND r.due_at < now();
  IF NOT FOUND THEN
    RAISE insufficient_privilege USING MESSAGE = 'no erasure of this account is due';
  END IF;
  INSERT INTO auth.erasures (subject_hash, request_id, report, requested_at)
  VALUES (sha256(convert_to('erasure:' || request.creator_id::text, 'UTF8')), request.id, '{}',
          request.created_at);
  RETURN QUERY SELECT * FROM platform.erase_area('platform');
  RETURN QUERY SELECT * FROM platform.erase_area('auth');
END
$$;
SET LOCAL ROLE platform_owner;
REVOKE CREATE ON SCHEMA auth FROM tenant_eraser, auth_lookup;

-- The id of an erased account is not used again: its log cannot be written a second time.
CREATE FUNCTION auth.refuse_erased_account() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM auth.erasures e WHERE e.subject_hash = sha256(convert_to(
               'erasure:' || NEW.creator_id::text, 'UTF8'))) THEN
    RAISE insufficient_privilege USING MESSAGE = 'an account of this id was erased';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER refuse_erased_account BEFORE INSERT ON auth.creators
  FOR EACH ROW EXECUTE FUNCTION auth.refuse_erased_account();
SELECT platform.hand_over('auth.refuse_erased_account()', 'auth_lookup');
