-- Invites of people into an account: a token that lets one person in, once. An invite falls with
-- whoever made it.
CREATE TABLE auth.invites (
  creator_id  uuid NOT NULL,
  id          uuid NOT NULL,
  email       text NOT NULL CHECK (length(email) BETWEEN 3 AND 254),
  role        text NOT NULL CHECK (role IN ('owner', 'admin', 'editor', 'viewer')),
  token_hash  bytea NOT NULL CHECK (length(token_hash) = 32),
  invited_by  uuid NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  expires_at  timestamptz NOT NULL,
  accepted_at timestamptz,
  revoked_at  timestamptz,
  PRIMARY KEY (creator_id, id),
  FOREIGN KEY (creator_id, invited_by) REFERENCES auth.users (creator_id, id) ON DELETE CASCADE,
  CHECK (accepted_at IS NULL OR revoked_at IS NULL)
);
SELECT platform.protect('auth.invites');
CREATE INDEX invites_by_maker ON auth.invites (creator_id, invited_by);
GRANT SELECT, INSERT ON auth.invites TO auth_app;
GRANT UPDATE (accepted_at, revoked_at) ON auth.invites TO auth_app;

-- Finds the account of an invite by its token's hash, before a tenant is known. Not unique, since
-- unique keys of a tenant table are led by creator_id; 256 random bits are.
CREATE INDEX invites_by_hash ON auth.invites (token_hash);
CREATE POLICY lookup ON auth.invites FOR SELECT TO auth_lookup USING (true);
GRANT SELECT (creator_id, id, token_hash) ON auth.invites TO auth_lookup;
CREATE FUNCTION auth.find_invite(wanted_hash bytea) RETURNS TABLE (tenant uuid, invite_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
  SELECT i.creator_id, i.id FROM auth.invites i WHERE i.token_hash = wanted_hash LIMIT 1
$$;
GRANT EXECUTE ON FUNCTION auth.find_invite(bytea) TO auth_app;
SELECT platform.hand_over('auth.find_invite(bytea)', 'auth_lookup');
