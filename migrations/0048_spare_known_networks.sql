-- Wrong passwords and codes lock a user on networks from which the user has not signed in, and
-- only if there are many of them within some time (ADR 45).
ALTER TABLE auth.users ADD COLUMN failures_since timestamptz;
GRANT UPDATE (failures_since) ON auth.users TO auth_app;

-- Whether a user has signed in from the network of an address, with all factors. A network is an
-- IPv4 address or a /64. Sessions that ended for the sake of security do not count: they may have
-- been another person's.
CREATE FUNCTION auth.is_known_network(
  creator uuid, member uuid, address inet, ttl_seconds double precision) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (
    SELECT FROM auth.sessions s
    WHERE s.creator_id = creator AND s.user_id = member
      AND s.created_at > now() - make_interval(secs => ttl_seconds)
      AND (s.revoked_reason IS NULL OR s.revoked_reason = 'logout')
      AND set_masklen(s.ip::cidr, least(masklen(s.ip), 64))
        = set_masklen(address::cidr, least(masklen(address), 64)))
$$;
REVOKE ALL ON FUNCTION auth.is_known_network(uuid, uuid, inet, double precision) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.is_known_network(uuid, uuid, inet, double precision) TO auth_app;
