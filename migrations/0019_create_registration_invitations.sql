-- Invitations to register an account of one's own. No account owns one, so no service role reads or
-- writes the table; the functions below do, for administrators of the platform and for whoever has
-- the token. Only its SHA-256 is kept. The address goes when the invitation is used: from then on
-- the account has it, and is erased with it.
CREATE TABLE auth.registration_invitations (
  id          uuid PRIMARY KEY,
  email       text CHECK (length(email) <= 320),
  token_hash  bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
  invited_by  uuid NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  expires_at  timestamptz NOT NULL,
  accepted_at timestamptz,
  revoked_at  timestamptz,
  CHECK ((email IS NULL) = (accepted_at IS NOT NULL))
);
ALTER TABLE auth.registration_invitations ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.registration_invitations FORCE ROW LEVEL SECURITY;
CREATE POLICY lookup ON auth.registration_invitations TO auth_lookup USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, DELETE ON auth.registration_invitations TO auth_lookup;
GRANT UPDATE (email, accepted_at, revoked_at) ON auth.registration_invitations TO auth_lookup;

-- Invites an address in place of what still waits for it; no row for who is no administrator. What
-- ended a month ago is forgotten on the way.
CREATE FUNCTION auth.invite_to_register(
  caller uuid, new_id uuid, wanted_email text, new_hash bytea, life double precision
) RETURNS SETOF auth.registration_invitations
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
  DELETE FROM auth.registration_invitations i
  WHERE i.expires_at < now() - interval '30 days' AND auth.is_admin(caller);
  UPDATE auth.registration_invitations i SET revoked_at = now()
  WHERE i.email = wanted_email AND i.accepted_at IS NULL AND i.revoked_at IS NULL
    AND auth.is_admin(caller);
  INSERT INTO auth.registration_invitations (id, email, token_hash, invited_by, expires_at)
  SELECT new_id, wanted_email, new_hash, caller, now() + make_interval(secs => life)
  WHERE auth.is_admin(caller)
  RETURNING *
$$;
GRANT EXECUTE ON FUNCTION
  auth.invite_to_register(uuid, uuid, text, bytea, double precision) TO auth_app;
SELECT platform.hand_over(
  'auth.invite_to_register(uuid, uuid, text, bytea, double precision)', 'auth_lookup');

-- A page of them, newest first; none for who is no administrator.
CREATE FUNCTION auth.list_registration_invitations(caller uuid, before uuid, most bigint)
RETURNS SETOF auth.registration_invitations
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
  SELECT * FROM auth.registration_invitations i
  WHERE auth.is_admin(caller) AND (before IS NULL OR i.id < before)
  ORDER BY i.id DESC LIMIT most
$$;
GRANT EXECUTE ON FUNCTION auth.list_registration_invitations(uuid, uuid, bigint) TO auth_app;
SELECT platform.hand_over('auth.list_registration_invitations(uuid, uuid, bigint)', 'auth_lookup');

-- Takes one back; false when there is none that was not used.
CREATE FUNCTION auth.revoke_registration_invitation(caller uuid, wanted_id uuid) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
  WITH revoked AS (
    UPDATE auth.registration_invitations i SET revoked_at = coalesce(i.revoked_at, now())
    WHERE i.id = wanted_id AND i.accepted_at IS NULL AND auth.is_admin(caller)
    RETURNING 1)
  SELECT EXISTS (SELECT FROM revoked)
$$;
GRANT EXECUTE ON FUNCTION auth.revoke_registration_invitation(uuid, uuid) TO auth_app;
SELECT platform.hand_over('auth.revoke_registration_invitation(uuid, uuid)', 'auth_lookup');

-- Whether a token lets that address register now.
CREATE FUNCTION auth.admits_registration(hash bytea, wanted_email text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
  SELECT EXISTS (
    SELECT FROM auth.registration_invitations i
    WHERE i.token_hash = hash AND i.email = wanted_email
      AND i.accepted_at IS NULL AND i.revoked_at IS NULL AND i.expires_at > now())
$$;
GRANT EXECUTE ON FUNCTION auth.admits_registration(bytea, text) TO auth_app;
SELECT platform.hand_over('auth.admits_registration(bytea, text)', 'auth_lookup');

-- Uses it up; false when it was used, taken back or too late. A second one waits for the first.
CREATE FUNCTION auth.use_registration_invitation(hash bytea, wanted_email text) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
  WITH used AS (
    UPDATE auth.registration_invitations i SET accepted_at = now(), email = NULL
    WHERE i.token_hash = hash AND i.email = wanted_email
      AND i.accepted_at IS NULL AND i.revoked_at IS NULL AND i.expires_at > now()
    RETURNING 1)
  SELECT EXISTS (SELECT FROM used)
$$;
GRANT EXECUTE ON FUNCTION auth.use_registration_invitation(bytea, text) TO auth_app;
SELECT platform.hand_over('auth.use_registration_invitation(bytea, text)', 'auth_lookup');
