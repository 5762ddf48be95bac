-- Functions look into the temporary schema last. Without being named in search_path it is searched
-- before everything for tables and types, so that a role with a temporary table of the right name
-- could have a definer function use it (PostgreSQL 15, 5.9.6 and CREATE FUNCTION, "Writing
-- SECURITY DEFINER Functions Safely").
DO $$
DECLARE
  target record;
BEGIN
  FOR target IN
    SELECT p.oid::regprocedure AS name, p.proowner::regrole AS owner
    FROM pg_catalog.pg_proc p
    WHERE p.pronamespace IN ('platform'::regnamespace, 'auth'::regnamespace, 'hub'::regnamespace,
                             'ai'::regnamespace, 'channel'::regnamespace)
      AND p.proconfig IS NOT NULL AND 'search_path=pg_catalog' = ANY (p.proconfig)
  LOOP
    -- Only its owner may alter a function, and this role is a member of each of them.
    EXECUTE pg_catalog.format('SET LOCAL ROLE %s', target.owner);
    EXECUTE pg_catalog.format('ALTER FUNCTION %s SET search_path = pg_catalog, pg_temp',
                              target.name);
    SET LOCAL ROLE platform_owner;
  END LOOP;
END
$$;
