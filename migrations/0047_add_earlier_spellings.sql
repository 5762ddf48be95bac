-- An address has one spelling: its domain in ASCII, its local part composed. The migrate binary
-- changes stored addresses to it. Of accounts that collide by it, one keeps the address; the
-- others sign in by the spelling that they had, marked here as earlier, until they change their
-- address.
ALTER TABLE auth.login_directory
  ADD COLUMN earlier boolean NOT NULL DEFAULT false,
  DROP CONSTRAINT login_directory_pkey,
  ADD PRIMARY KEY (email, earlier);

-- Only their owner may drop functions.
SET LOCAL ROLE auth_lookup;
DROP FUNCTION auth.claim_login(text, uuid);
DROP FUNCTION auth.find_login(text);
DROP FUNCTION auth.grant_admin(text);
SET LOCAL ROLE platform_owner;

-- Reserves an address for a user of the tenant that this transaction acts for; false when it is
-- taken.
CREATE FUNCTION auth.claim_login(wanted_email text, new_user uuid) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH claimed AS (
    INSERT INTO auth.login_directory (email, tenant, user_id)
    VALUES (wanted_email, nullif(current_setting('app.current_creator_id', true), '')::uuid,
            new_user)
    ON CONFLICT (email, earlier) DO NOTHING
    RETURNING 1)
  SELECT EXISTS (SELECT FROM claimed)
$$;
GRANT EXECUTE ON FUNCTION auth.claim_login(text, uuid) TO auth_app;
SELECT platform.hand_over('auth.claim_login(text, uuid)', 'auth_lookup');

-- Finds the account of an address.
CREATE FUNCTION auth.find_login(wanted_email text) RETURNS TABLE (tenant uuid, user_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT d.tenant, d.user_id FROM auth.login_directory d WHERE d.email = wanted_email
  ORDER BY d.earlier LIMIT 1
$$;
GRANT EXECUTE ON FUNCTION auth.find_login(text) TO auth_app;
SELECT platform.hand_over('auth.find_login(text)', 'auth_lookup');

-- Finds the account of an address, or of exactly this spelling: that comes first, so that an
-- account without the address is reached by the spelling that its user has always typed.
CREATE FUNCTION auth.find_login(wanted_email text, spelling text)
RETURNS TABLE (tenant uuid, user_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT d.tenant, d.user_id FROM auth.login_directory d
  WHERE d.email = spelling OR (d.email = wanted_email AND NOT d.earlier)
  ORDER BY d.email = spelling DESC, d.earlier DESC LIMIT 1
$$;
GRANT EXECUTE ON FUNCTION auth.find_login(text, text) TO auth_app;
SELECT platform.hand_over('auth.find_login(text, text)', 'auth_lookup');

-- Makes the user of an address an administrator; false when there is none.
CREATE FUNCTION auth.grant_admin(wanted_email text) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH found AS (
    SELECT d.tenant, d.user_id FROM auth.login_directory d
    WHERE d.email = wanted_email AND NOT d.earlier),
  granted AS (
    INSERT INTO auth.platform_admins (tenant, user_id) SELECT f.tenant, f.user_id FROM found f
    ON CONFLICT DO NOTHING)
  SELECT EXISTS (SELECT FROM found)
$$;
GRANT EXECUTE ON FUNCTION auth.grant_admin(text) TO auth_app;
SELECT platform.hand_over('auth.grant_admin(text)', 'auth_lookup');

-- What a sign-in compares with: see auth.find_credentials(text), which the version before calls.
CREATE FUNCTION auth.find_credentials(wanted_email text, spelling text)
RETURNS TABLE (tenant uuid, user_id uuid, password_hash text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  nobody constant uuid := '00000000-0000-0000-0000-000000000000';
  before constant text := coalesce(current_setting('app.current_creator_id', true), '');
BEGIN
  SELECT f.tenant, f.user_id INTO tenant, user_id
  FROM auth.find_login(wanted_email, spelling) f;
  tenant := coalesce(tenant, nobody);
  user_id := coalesce(user_id, nobody);
  PERFORM set_config('app.current_creator_id', tenant::text, true);
  SELECT u.password_hash INTO password_hash
  FROM auth.users u WHERE u.creator_id = tenant AND u.id = user_id;
  PERFORM set_config('app.current_creator_id', before, true);
  RETURN NEXT;
END
$$;
REVOKE ALL ON FUNCTION auth.find_credentials(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.find_credentials(text, text) TO auth_app;
