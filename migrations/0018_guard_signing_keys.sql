-- Signing keys behind named functions, like everything else that no tenant owns: no role of a
-- service reads or writes the table.
REVOKE ALL ON auth.signing_keys FROM auth_app;
REVOKE UPDATE (seed) ON auth.signing_keys FROM auth_app;
ALTER TABLE auth.signing_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.signing_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY lookup ON auth.signing_keys TO auth_lookup USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, DELETE ON auth.signing_keys TO auth_lookup;
GRANT UPDATE (seed) ON auth.signing_keys TO auth_lookup;   -- sealed anew when DATA_KEY is replaced

CREATE FUNCTION auth.list_signing_keys()
RETURNS TABLE (kid text, seed text, active_from timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
  SELECT k.kid, k.seed, k.active_from FROM auth.signing_keys k ORDER BY k.active_from
$$;
GRANT EXECUTE ON FUNCTION auth.list_signing_keys() TO auth_app;
SELECT platform.hand_over('auth.list_signing_keys()', 'auth_lookup');

-- Adds a key that signs from so many seconds on.
CREATE FUNCTION auth.add_signing_key(new_kid text, sealed text, wait_seconds double precision)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
  INSERT INTO auth.signing_keys (kid, seed, active_from)
  VALUES (new_kid, sealed, clock_timestamp() + make_interval(secs => wait_seconds))
$$;
GRANT EXECUTE ON FUNCTION auth.add_signing_key(text, text, double precision) TO auth_app;
SELECT platform.hand_over('auth.add_signing_key(text, text, double precision)', 'auth_lookup');

-- Seals a seed anew, when DATA_KEY was replaced.
CREATE FUNCTION auth.reseal_signing_key(wanted_kid text, sealed text)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
  UPDATE auth.signing_keys SET seed = sealed WHERE kid = wanted_kid
$$;
GRANT EXECUTE ON FUNCTION auth.reseal_signing_key(text, text) TO auth_app;
SELECT platform.hand_over('auth.reseal_signing_key(text, text)', 'auth_lookup');

-- Forgets a key whose last token has expired.
CREATE FUNCTION auth.drop_signing_key(wanted_kid text)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
  DELETE FROM auth.signing_keys WHERE kid = wanted_kid
$$;
GRANT EXECUTE ON FUNCTION auth.drop_signing_key(text) TO auth_app;
SELECT platform.hand_over('auth.drop_signing_key(text)', 'auth_lookup');
