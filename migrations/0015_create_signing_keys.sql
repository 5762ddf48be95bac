-- Keys that sign access tokens, shared by all replicas of auth, and who administers the platform.

-- Which key signs follows from the times. The one that signs is the
-- youngest whose time has come; one whose time has not is published ahead; those before are
-- published until their last token has expired. The seed is sealed: the database cannot sign.
CREATE TABLE auth.signing_keys (
  kid         text PRIMARY KEY CHECK (length(kid) BETWEEN 20 AND 100),
  seed        text NOT NULL CHECK (length(seed) <= 400),
  active_from timestamptz NOT NULL UNIQUE,
  created_at  timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT, DELETE ON auth.signing_keys TO auth_app;
GRANT UPDATE (seed) ON auth.signing_keys TO auth_app;   -- sealed anew when DATA_KEY is replaced

-- Administrators of the platform: a role of its own, never inferred from plan or tenant. No service
-- role reads or writes the table; the functions below do.
CREATE TABLE auth.platform_admins (
  tenant     uuid NOT NULL,
  user_id    uuid NOT NULL,
  granted_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, user_id),
  FOREIGN KEY (tenant, user_id) REFERENCES auth.users (creator_id, id) ON DELETE CASCADE
);
ALTER TABLE auth.platform_admins ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.platform_admins FORCE ROW LEVEL SECURITY;
CREATE POLICY lookup ON auth.platform_admins TO auth_lookup USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, DELETE ON auth.platform_admins TO auth_lookup;

-- Makes the owner of an address an administrator; false when nobody has the address.
CREATE FUNCTION auth.grant_admin(wanted_email text) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
  WITH found AS (
    SELECT d.tenant, d.user_id FROM auth.login_directory d WHERE d.email = wanted_email),
  granted AS (
    INSERT INTO auth.platform_admins (tenant, user_id) SELECT f.tenant, f.user_id FROM found f
    ON CONFLICT DO NOTHING)
  SELECT EXISTS (SELECT FROM found)
$$;
GRANT EXECUTE ON FUNCTION auth.grant_admin(text) TO auth_app;
SELECT platform.hand_over('auth.grant_admin(text)', 'auth_lookup');

-- Takes that back; false when the owner of the address was none.
CREATE FUNCTION auth.withdraw_admin(wanted_email text) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
  WITH gone AS (
    DELETE FROM auth.platform_admins a USING auth.login_directory d
    WHERE d.email = wanted_email AND a.tenant = d.tenant AND a.user_id = d.user_id
    RETURNING 1)
  SELECT EXISTS (SELECT FROM gone)
$$;
GRANT EXECUTE ON FUNCTION auth.withdraw_admin(text) TO auth_app;
SELECT platform.hand_over('auth.withdraw_admin(text)', 'auth_lookup');

-- Whether a user of the tenant that this transaction acts for administers the platform.
CREATE FUNCTION auth.is_admin(wanted_user uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
  SELECT EXISTS (
    SELECT FROM auth.platform_admins a
    WHERE a.user_id = wanted_user
      AND a.tenant = nullif(current_setting('app.current_creator_id', true), '')::uuid)
$$;
GRANT EXECUTE ON FUNCTION auth.is_admin(uuid) TO auth_app;
SELECT platform.hand_over('auth.is_admin(uuid)', 'auth_lookup');
