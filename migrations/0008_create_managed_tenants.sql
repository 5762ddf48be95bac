-- Accounts that a Tenant resource describes, and what the platform grants to an account.

-- What a resource manages names it: the REST API leaves that alone, and says whose it is.
ALTER TABLE auth.creators
  ADD COLUMN external_uid uuid,
  ADD COLUMN managed_by text CHECK (length(managed_by) BETWEEN 1 AND 400),
  ADD CONSTRAINT creators_managed CHECK ((external_uid IS NULL) = (managed_by IS NULL));
GRANT UPDATE (display_name, plan, managed_by, updated_at) ON auth.creators TO auth_app;

-- Every service reads what a tenant may do; auth alone writes it. No row: nothing is restricted.
CREATE TABLE platform.tenant_settings (
  creator_id      uuid PRIMARY KEY REFERENCES auth.creators ON DELETE CASCADE,
  plan            text NOT NULL CHECK (plan IN ('free', 'pro', 'enterprise')),
  quotas          jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(quotas) = 'object'),
  allowed_origins text[] NOT NULL DEFAULT '{}' CHECK (cardinality(allowed_origins) <= 50),
  suspended_at    timestamptz,
  created_at      timestamptz NOT NULL DEFAULT now(),
  updated_at      timestamptz NOT NULL DEFAULT now()
);
SELECT platform.protect('platform.tenant_settings');
GRANT SELECT ON platform.tenant_settings TO auth_app, hub_app, ai_app, channel_app;
GRANT INSERT ON platform.tenant_settings TO auth_app;
GRANT UPDATE (plan, quotas, allowed_origins, suspended_at, updated_at)
  ON platform.tenant_settings TO auth_app;

-- Which account a resource made: asked before a tenant is known, and the one place where a
-- resource's UID is unique. No service role reads or writes it; the functions below do.
CREATE TABLE auth.managed_directory (
  external_uid uuid PRIMARY KEY,
  tenant       uuid NOT NULL UNIQUE REFERENCES auth.creators (creator_id) ON DELETE CASCADE
);
ALTER TABLE auth.managed_directory ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.managed_directory FORCE ROW LEVEL SECURITY;
CREATE POLICY lookup ON auth.managed_directory TO auth_lookup USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON auth.managed_directory TO auth_lookup;

CREATE FUNCTION auth.find_managed(wanted uuid[]) RETURNS TABLE (external_uid uuid, tenant uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
  SELECT d.external_uid, d.tenant FROM auth.managed_directory d
  WHERE d.external_uid = ANY (wanted)
$$;
GRANT EXECUTE ON FUNCTION auth.find_managed(uuid[]) TO auth_app;
SELECT platform.hand_over('auth.find_managed(uuid[])', 'auth_lookup');

-- Takes a UID for the tenant that this transaction acts for; false when another one has it, who
-- was waited for.
CREATE FUNCTION auth.claim_managed(wanted uuid) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
  WITH claimed AS (
    INSERT INTO auth.managed_directory (external_uid, tenant)
    VALUES (wanted, nullif(current_setting('app.current_creator_id', true), '')::uuid)
    ON CONFLICT (external_uid) DO NOTHING
    RETURNING 1)
  SELECT EXISTS (SELECT FROM claimed)
$$;
GRANT EXECUTE ON FUNCTION auth.claim_managed(uuid) TO auth_app;
SELECT platform.hand_over('auth.claim_managed(uuid)', 'auth_lookup');

-- The way in for an owner whom a resource named: the link sets the password, once.
CREATE TABLE auth.owner_invitations (
  creator_id  uuid NOT NULL,
  id          uuid NOT NULL,
  user_id     uuid NOT NULL,
  token_hash  bytea NOT NULL CHECK (length(token_hash) = 32),
  created_at  timestamptz NOT NULL DEFAULT now(),
  expires_at  timestamptz NOT NULL,
  accepted_at timestamptz,
  PRIMARY KEY (creator_id, id),
  FOREIGN KEY (creator_id, user_id) REFERENCES auth.users ON DELETE CASCADE
);
SELECT platform.protect('auth.owner_invitations');
CREATE INDEX owner_invitations_by_hash ON auth.owner_invitations (token_hash);
GRANT SELECT, INSERT, DELETE ON auth.owner_invitations TO auth_app;
GRANT UPDATE (accepted_at) ON auth.owner_invitations TO auth_app;

CREATE POLICY lookup ON auth.owner_invitations FOR SELECT TO auth_lookup USING (true);
GRANT SELECT (creator_id, id, token_hash) ON auth.owner_invitations TO auth_lookup;
CREATE FUNCTION auth.find_owner_invitation(wanted_hash bytea)
RETURNS TABLE (tenant uuid, invitation_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
  SELECT i.creator_id, i.id FROM auth.owner_invitations i
  WHERE i.token_hash = wanted_hash
  LIMIT 1
$$;
GRANT EXECUTE ON FUNCTION auth.find_owner_invitation(bytea) TO auth_app;
SELECT platform.hand_over('auth.find_owner_invitation(bytea)', 'auth_lookup');

-- What a tenant uses is counted where it lies, under the tenant's own policy, by columns that tell
-- amounts and nothing else.
GRANT USAGE ON SCHEMA hub, channel TO auth_app;
GRANT SELECT (creator_id, file_size, state) ON hub.documents TO auth_app;
GRANT SELECT (creator_id, id, role) ON channel.messages TO auth_app;
