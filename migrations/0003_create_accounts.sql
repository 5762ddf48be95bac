-- Accounts: the creator account that is the tenant, its people, and their sign-ins.

CREATE TABLE auth.creators (
  creator_id   uuid PRIMARY KEY,
  display_name text NOT NULL CHECK (length(display_name) BETWEEN 1 AND 200),
  company_name text CHECK (length(company_name) BETWEEN 1 AND 200),
  plan         text NOT NULL DEFAULT 'free' CHECK (plan IN ('free', 'pro', 'enterprise')),
  created_at   timestamptz NOT NULL DEFAULT now(),
  updated_at   timestamptz NOT NULL DEFAULT now()
);
SELECT platform.protect('auth.creators');
GRANT SELECT, INSERT ON auth.creators TO auth_app;

CREATE TABLE auth.users (
  creator_id    uuid NOT NULL REFERENCES auth.creators,
  id            uuid NOT NULL,
  email         text NOT NULL CHECK (length(email) BETWEEN 3 AND 254),
  full_name     text NOT NULL CHECK (length(full_name) BETWEEN 2 AND 100),
  password_hash text NOT NULL CHECK (length(password_hash) <= 300),
  failed_logins integer NOT NULL DEFAULT 0 CHECK (failed_logins >= 0),
  locked_until  timestamptz,
  last_login_at timestamptz,
  created_at    timestamptz NOT NULL DEFAULT now(),
  updated_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, id),
  UNIQUE (creator_id, email)
);
SELECT platform.protect('auth.users');
GRANT SELECT, INSERT ON auth.users TO auth_app;
GRANT UPDATE (full_name, password_hash, failed_logins, locked_until, last_login_at, updated_at)
  ON auth.users TO auth_app;

CREATE TABLE auth.memberships (
  creator_id uuid NOT NULL,
  user_id    uuid NOT NULL,
  role       text NOT NULL CHECK (role IN ('owner', 'admin', 'editor', 'viewer')),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, user_id),
  FOREIGN KEY (creator_id, user_id) REFERENCES auth.users ON DELETE CASCADE
);
SELECT platform.protect('auth.memberships');
GRANT SELECT, INSERT ON auth.memberships TO auth_app;

-- One sign-in on one device: the family of its refresh tokens.
CREATE TABLE auth.sessions (
  creator_id     uuid NOT NULL,
  id             uuid NOT NULL,
  user_id        uuid NOT NULL,
  user_agent     text CHECK (length(user_agent) <= 400),
  ip             inet NOT NULL,
  created_at     timestamptz NOT NULL DEFAULT now(),
  last_seen_at   timestamptz NOT NULL DEFAULT now(),
  expires_at     timestamptz NOT NULL,
  revoked_at     timestamptz,
  revoked_reason text CHECK (revoked_reason IN ('logout', 'refresh_token_reuse')),
  PRIMARY KEY (creator_id, id),
  FOREIGN KEY (creator_id, user_id) REFERENCES auth.users ON DELETE CASCADE,
  CHECK ((revoked_at IS NULL) = (revoked_reason IS NULL))
);
SELECT platform.protect('auth.sessions');
CREATE INDEX sessions_by_user ON auth.sessions (creator_id, user_id, id DESC);
GRANT SELECT, INSERT, DELETE ON auth.sessions TO auth_app;
GRANT UPDATE (last_seen_at, expires_at, revoked_at, revoked_reason) ON auth.sessions TO auth_app;

-- Only the SHA-256 of a token is kept. A used token stays until it would have expired, so that its
-- reuse is recognised.
CREATE TABLE auth.refresh_tokens (
  creator_id uuid NOT NULL,
  id         uuid NOT NULL,
  session_id uuid NOT NULL,
  token_hash bytea NOT NULL CHECK (length(token_hash) = 32),
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  used_at    timestamptz,
  PRIMARY KEY (creator_id, id),
  UNIQUE (creator_id, token_hash),
  FOREIGN KEY (creator_id, session_id) REFERENCES auth.sessions ON DELETE CASCADE
);
SELECT platform.protect('auth.refresh_tokens');
CREATE INDEX refresh_tokens_by_session ON auth.refresh_tokens (creator_id, session_id);
GRANT SELECT, INSERT, DELETE ON auth.refresh_tokens TO auth_app;
GRANT UPDATE (used_at) ON auth.refresh_tokens TO auth_app;

-- Which account an e-mail address signs in to: asked before a tenant is known, and the one place
-- where an address is unique on the whole platform. No service role reads or writes it; the
-- functions below do. Its user goes, and so does the row.
CREATE TABLE auth.login_directory (
  email   text PRIMARY KEY CHECK (length(email) BETWEEN 3 AND 254),
  tenant  uuid NOT NULL,
  user_id uuid NOT NULL,
  UNIQUE (tenant, user_id),
  FOREIGN KEY (tenant, user_id) REFERENCES auth.users (creator_id, id) ON DELETE CASCADE
);
ALTER TABLE auth.login_directory ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.login_directory FORCE ROW LEVEL SECURITY;
CREATE POLICY lookup ON auth.login_directory TO auth_lookup USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON auth.login_directory TO auth_lookup;

-- Finds the account of an address; the password is compared under that tenant's policy.
CREATE FUNCTION auth.find_login(wanted_email text) RETURNS TABLE (tenant uuid, user_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
  SELECT d.tenant, d.user_id FROM auth.login_directory d WHERE d.email = wanted_email
$$;
GRANT EXECUTE ON FUNCTION auth.find_login(text) TO auth_app;
SELECT platform.hand_over('auth.find_login(text)', 'auth_lookup');

-- Takes an address for a user of the tenant that this transaction acts for, and of no other; false
-- when somebody has it.
CREATE FUNCTION auth.claim_login(wanted_email text, new_user uuid) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
  WITH claimed AS (
    INSERT INTO auth.login_directory (email, tenant, user_id)
    VALUES (wanted_email, nullif(current_setting('app.current_creator_id', true), '')::uuid,
            new_user)
    ON CONFLICT (email) DO NOTHING
    RETURNING 1)
  SELECT EXISTS (SELECT FROM claimed)
$$;
GRANT EXECUTE ON FUNCTION auth.claim_login(text, uuid) TO auth_app;
SELECT platform.hand_over('auth.claim_login(text, uuid)', 'auth_lookup');

-- Finds the session of a refresh token by the token's hash. The index is not unique, since unique
-- keys of a tenant table are led by creator_id; 256 random bits are.
CREATE INDEX refresh_tokens_by_hash ON auth.refresh_tokens (token_hash);
CREATE POLICY lookup ON auth.refresh_tokens FOR SELECT TO auth_lookup USING (true);
GRANT SELECT (creator_id, session_id, token_hash) ON auth.refresh_tokens TO auth_lookup;
CREATE FUNCTION auth.find_refresh_token(wanted_hash bytea)
RETURNS TABLE (tenant uuid, session_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
  SELECT t.creator_id, t.session_id FROM auth.refresh_tokens t
  WHERE t.token_hash = wanted_hash
  LIMIT 1
$$;
GRANT EXECUTE ON FUNCTION auth.find_refresh_token(bytea) TO auth_app;
SELECT platform.hand_over('auth.find_refresh_token(bytea)', 'auth_lookup');
