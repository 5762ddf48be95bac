-- Letters of accounts, the links in them, and the reasons why sessions end.

ALTER TABLE auth.users ADD COLUMN email_verified_at timestamptz;
GRANT UPDATE (email_verified_at) ON auth.users TO auth_app;

ALTER TABLE auth.sessions DROP CONSTRAINT sessions_revoked_reason_check;
ALTER TABLE auth.sessions ADD CONSTRAINT sessions_revoked_reason_check CHECK (revoked_reason IN
  ('logout', 'logout_all', 'revoked', 'refresh_token_reuse', 'password_changed',
   'password_reset'));

-- Letters to send. The text is sealed, for it may carry a link that opens the account; it goes
-- once the letter was sent.
CREATE TABLE auth.mail_outbox (
  creator_id   uuid NOT NULL REFERENCES auth.creators ON DELETE CASCADE,
  id           uuid NOT NULL,
  recipient    text NOT NULL CHECK (length(recipient) BETWEEN 3 AND 254),
  subject      text NOT NULL CHECK (length(subject) BETWEEN 1 AND 200),
  body         text CHECK (length(body) <= 20000),
  state        text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sent', 'dead')),
  attempts     integer NOT NULL DEFAULT 0,
  error_reason text CHECK (length(error_reason) <= 500),
  run_at       timestamptz NOT NULL DEFAULT now(),
  lease_until  timestamptz,
  lease_token  uuid,
  created_at   timestamptz NOT NULL DEFAULT now(),
  expires_at   timestamptz NOT NULL,
  sent_at      timestamptz,
  PRIMARY KEY (creator_id, id),
  CHECK ((state = 'sent') = (sent_at IS NOT NULL)),
  CHECK (state = 'sent' OR body IS NOT NULL)
);
SELECT platform.protect('auth.mail_outbox');
CREATE INDEX mail_due ON auth.mail_outbox (run_at) WHERE state = 'queued';
GRANT SELECT, INSERT, DELETE ON auth.mail_outbox TO auth_app;
GRANT UPDATE (body, state, error_reason, run_at, lease_until, lease_token, sent_at)
  ON auth.mail_outbox TO auth_app;

-- A sender serves all tenants, but learns of one letter at a time, and of no more than its address.
CREATE POLICY dispatch_read ON auth.mail_outbox FOR SELECT TO auth_lookup USING (true);
CREATE POLICY dispatch_lease ON auth.mail_outbox FOR UPDATE TO auth_lookup USING (true);
GRANT SELECT (creator_id, id, state, attempts, run_at, lease_until) ON auth.mail_outbox
  TO auth_lookup;
GRANT UPDATE (attempts, lease_until, lease_token) ON auth.mail_outbox TO auth_lookup;

CREATE FUNCTION auth.claim_mail(lease_seconds double precision, token uuid)
RETURNS TABLE (tenant uuid, letter uuid, attempt integer)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
  UPDATE auth.mail_outbox m
  SET attempts = m.attempts + 1, lease_until = now() + make_interval(secs => lease_seconds),
      lease_token = token
  WHERE (m.creator_id, m.id) = (
    SELECT d.creator_id, d.id FROM auth.mail_outbox d
    WHERE d.state = 'queued' AND d.run_at <= now()
      AND (d.lease_until IS NULL OR d.lease_until < now())
    ORDER BY d.run_at
    FOR UPDATE SKIP LOCKED
    LIMIT 1)
  RETURNING m.creator_id, m.id, m.attempts
$$;
GRANT EXECUTE ON FUNCTION auth.claim_mail(double precision, uuid) TO auth_app;
SELECT platform.hand_over('auth.claim_mail(double precision, uuid)', 'auth_lookup');

-- Which letters wait or were given up, newest first: what `auth-service outbox` prints.
CREATE FUNCTION auth.unsent_mail() RETURNS TABLE (tenant uuid, letter uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
  SELECT m.creator_id, m.id FROM auth.mail_outbox m WHERE m.state <> 'sent'
  ORDER BY m.id DESC LIMIT 100
$$;
GRANT EXECUTE ON FUNCTION auth.unsent_mail() TO auth_app;
SELECT platform.hand_over('auth.unsent_mail()', 'auth_lookup');

-- What a link in a letter opens, once. Only the SHA-256 of the token is kept.
CREATE TABLE auth.email_tokens (
  creator_id uuid NOT NULL,
  id         uuid NOT NULL,
  user_id    uuid NOT NULL,
  purpose    text NOT NULL CHECK (purpose IN ('password_reset', 'email_verification')),
  token_hash bytea NOT NULL CHECK (length(token_hash) = 32),
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (creator_id, id),
  UNIQUE (creator_id, user_id, purpose),     -- a newer one replaces the older
  FOREIGN KEY (creator_id, user_id) REFERENCES auth.users ON DELETE CASCADE
);
SELECT platform.protect('auth.email_tokens');
GRANT SELECT, INSERT, DELETE ON auth.email_tokens TO auth_app;
GRANT UPDATE (id, token_hash, created_at, expires_at) ON auth.email_tokens TO auth_app;

CREATE INDEX email_tokens_by_hash ON auth.email_tokens (token_hash);
CREATE POLICY lookup ON auth.email_tokens FOR SELECT TO auth_lookup USING (true);
GRANT SELECT (creator_id, user_id, purpose, token_hash, expires_at) ON auth.email_tokens
  TO auth_lookup;
CREATE FUNCTION auth.find_email_token(wanted_hash bytea, wanted_purpose text)
RETURNS TABLE (tenant uuid, user_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
  SELECT t.creator_id, t.user_id FROM auth.email_tokens t
  WHERE t.token_hash = wanted_hash AND t.purpose = wanted_purpose AND t.expires_at > now()
  LIMIT 1
$$;
GRANT EXECUTE ON FUNCTION auth.find_email_token(bytea, text) TO auth_app;
SELECT platform.hand_over('auth.find_email_token(bytea, text)', 'auth_lookup');

-- Who asked for a new password: written alike for known and unknown addresses, so that neither the
-- answer nor its time tells them apart. A worker takes the row away and writes to whoever has an
-- account. No service role reads or writes it; the functions below do.
CREATE TABLE auth.reset_requests (
  email      text PRIMARY KEY CHECK (length(email) BETWEEN 3 AND 254),
  asked_at   timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE auth.reset_requests ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.reset_requests FORCE ROW LEVEL SECURITY;
CREATE POLICY lookup ON auth.reset_requests TO auth_lookup USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON auth.reset_requests TO auth_lookup;

CREATE FUNCTION auth.ask_reset(wanted_email text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
  INSERT INTO auth.reset_requests (email) VALUES (wanted_email)
  ON CONFLICT (email) DO UPDATE SET asked_at = now()
$$;
GRANT EXECUTE ON FUNCTION auth.ask_reset(text) TO auth_app;
SELECT platform.hand_over('auth.ask_reset(text)', 'auth_lookup');

-- Takes the oldest request; it comes back if the transaction does not last.
CREATE FUNCTION auth.take_reset_request() RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
  DELETE FROM auth.reset_requests r WHERE r.email = (
    SELECT o.email FROM auth.reset_requests o ORDER BY o.asked_at
    FOR UPDATE SKIP LOCKED LIMIT 1)
  RETURNING r.email
$$;
GRANT EXECUTE ON FUNCTION auth.take_reset_request() TO auth_app;
SELECT platform.hand_over('auth.take_reset_request()', 'auth_lookup');
