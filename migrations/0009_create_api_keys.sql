-- Keys with which programs call the platform: only a hash is kept, and what a key may do never
-- exceeds what its maker may do at that moment.

CREATE TABLE auth.api_keys (
  creator_id   uuid NOT NULL,
  id           uuid NOT NULL,
  name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
  -- The beginning of the key, by which people tell keys apart.
  prefix       text NOT NULL CHECK (length(prefix) = 12),
  key_hash     bytea NOT NULL CHECK (length(key_hash) = 32),
  scopes       text[] NOT NULL CHECK (cardinality(scopes) BETWEEN 1 AND 40),
  created_by   uuid NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now(),
  expires_at   timestamptz,
  last_used_at timestamptz,
  revoked_at   timestamptz,
  PRIMARY KEY (creator_id, id),
  UNIQUE (creator_id, key_hash),
  FOREIGN KEY (creator_id, created_by) REFERENCES auth.users (creator_id, id) ON DELETE CASCADE
);
SELECT platform.protect('auth.api_keys');
CREATE INDEX api_keys_by_maker ON auth.api_keys (creator_id, created_by);
GRANT SELECT, INSERT ON auth.api_keys TO auth_app;
GRANT UPDATE (last_used_at, revoked_at) ON auth.api_keys TO auth_app;

-- Finds the account of a key by the key's hash. The index is not unique, since unique keys of a
-- tenant table are led by creator_id; 256 random bits are.
CREATE INDEX api_keys_by_hash ON auth.api_keys (key_hash);
CREATE POLICY lookup ON auth.api_keys FOR SELECT TO auth_lookup USING (true);
GRANT SELECT (creator_id, id, key_hash) ON auth.api_keys TO auth_lookup;
CREATE FUNCTION auth.find_api_key(wanted_hash bytea) RETURNS TABLE (tenant uuid, key_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
  SELECT k.creator_id, k.id FROM auth.api_keys k WHERE k.key_hash = wanted_hash LIMIT 1
$$;
GRANT EXECUTE ON FUNCTION auth.find_api_key(bytea) TO auth_app;
SELECT platform.hand_over('auth.find_api_key(bytea)', 'auth_lookup');
