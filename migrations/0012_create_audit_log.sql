-- What was done in an account, and by whom: append-only, each entry sealed by the hash of the one
-- before, so that a change or a gap shows. Nobody has the right to update or delete.

-- One form of an entry for whoever writes and whoever verifies. Fields are quoted, so that none
-- can run into the next; time is to the microsecond, as it is stored.
CREATE FUNCTION auth.audit_hash(
  previous bytea, creator uuid, seq bigint, at timestamptz, actor_kind text, actor uuid,
  action text, target text, ip inet, request_id text)
RETURNS bytea LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
  SELECT sha256(previous || convert_to(jsonb_build_array(
    creator, seq, (extract(epoch FROM at) * 1000000)::bigint, actor_kind, actor, action, target,
    host(ip), request_id)::text, 'UTF8'))
$$;
GRANT EXECUTE ON FUNCTION
  auth.audit_hash(bytea, uuid, bigint, timestamptz, text, uuid, text, text, inet, text)
  TO auth_app;

CREATE TABLE auth.audit_log (
  creator_id uuid NOT NULL REFERENCES auth.creators,
  seq        bigint NOT NULL CHECK (seq > 0),
  at         timestamptz NOT NULL,
  actor_kind text NOT NULL CHECK (actor_kind IN ('user', 'api_key', 'service', 'nobody')),
  actor      uuid,
  action     text NOT NULL CHECK (length(action) BETWEEN 1 AND 60),
  target     text CHECK (length(target) <= 200),
  ip         inet,
  request_id text CHECK (length(request_id) <= 64),
  previous   bytea NOT NULL CHECK (length(previous) = 32),
  hash       bytea NOT NULL CHECK (length(hash) = 32),
  PRIMARY KEY (creator_id, seq),
  CHECK ((actor IS NULL) = (actor_kind IN ('nobody', 'service')))
);
SELECT platform.protect('auth.audit_log');
CREATE INDEX audit_log_by_action ON auth.audit_log (creator_id, action, seq DESC);
CREATE INDEX audit_log_by_actor ON auth.audit_log (creator_id, actor, seq DESC);
GRANT SELECT, INSERT ON auth.audit_log TO auth_app;
