-- A sign-in opens its session in the statement that counts it.

-- A session with its first token and its entry in the audit log; what the user let expire goes.
CREATE FUNCTION auth.open_session(
  creator uuid, member uuid, session uuid, agent text, address inet, token uuid,
  hash bytea, life_seconds double precision,
  actor_kind text, actor uuid, action text, target text, ip inet, request_id text)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  ends constant timestamptz := now() + make_interval(secs => life_seconds);
BEGIN
  DELETE FROM auth.sessions s
  WHERE s.creator_id = creator AND s.user_id = member AND s.expires_at < now();
  INSERT INTO auth.sessions (creator_id, id, user_id, user_agent, ip, expires_at)
  VALUES (creator, session, member, agent, address, ends);
  INSERT INTO auth.refresh_tokens (creator_id, id, session_id, token_hash, expires_at)
  VALUES (creator, token, session, hash, ends);
  PERFORM auth.append_audit(creator, actor_kind, actor, action, target, ip, request_id);
END
$$;
REVOKE ALL ON FUNCTION auth.open_session(uuid, uuid, uuid, text, inet, uuid, bytea,
  double precision, text, uuid, text, text, inet, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.open_session(uuid, uuid, uuid, text, inet, uuid, bytea,
  double precision, text, uuid, text, text, inet, text) TO auth_app;
