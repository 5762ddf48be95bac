-- A sign-in asks the database less often: what belongs together is one call.

-- What a sign-in compares with. The hash is read under the policy of the tenant that the address
-- belongs to; nobody's address takes the same way and finds no hash. Afterwards the transaction acts
-- for whomever it acted for before.
CREATE FUNCTION auth.find_credentials(wanted_email text)
RETURNS TABLE (tenant uuid, user_id uuid, password_hash text)
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  nobody constant uuid := '00000000-0000-0000-0000-000000000000';
  before constant text := coalesce(current_setting('app.current_creator_id', true), '');
BEGIN
  SELECT f.tenant, f.user_id INTO tenant, user_id FROM auth.find_login(wanted_email) f;
  tenant := coalesce(tenant, nobody);
  user_id := coalesce(user_id, nobody);
  PERFORM set_config('app.current_creator_id', tenant::text, true);
  SELECT u.password_hash INTO password_hash
  FROM auth.users u WHERE u.creator_id = tenant AND u.id = user_id;
  PERFORM set_config('app.current_creator_id', before, true);
  RETURN NEXT;
END
$$;
REVOKE ALL ON FUNCTION auth.find_credentials(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.find_credentials(text) TO auth_app;

-- Adds an entry to the chain of an account. One at a time: the statement after the lock sees what
-- the holder before committed. Nobody's account keeps no log, and costs the same call.
CREATE FUNCTION auth.append_audit(
  creator uuid, actor_kind text, actor uuid, action text, target text, ip inet, request_id text)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $$
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
REVOKE ALL ON FUNCTION
  auth.append_audit(uuid, text, uuid, text, text, inet, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
  auth.append_audit(uuid, text, uuid, text, text, inet, text) TO auth_app;
