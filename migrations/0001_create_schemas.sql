-- Schemas, and the one recipe that protects a tenant table.

CREATE SCHEMA IF NOT EXISTS platform;
CREATE SCHEMA auth;
CREATE SCHEMA hub;
CREATE SCHEMA ai;
CREATE SCHEMA channel;

GRANT USAGE ON SCHEMA platform TO platform_app;
GRANT USAGE ON SCHEMA auth TO auth_app, auth_lookup;
GRANT USAGE ON SCHEMA hub TO hub_app;
GRANT USAGE ON SCHEMA ai TO ai_app;
GRANT USAGE ON SCHEMA channel TO channel_app, channel_lookup;
GRANT USAGE ON SCHEMA platform TO job_dispatcher;

-- Turns a table with a column creator_id into a tenant table. The setting stands in a scalar
-- sub-select, so that it is evaluated once per statement; it reads as '' after a transaction that
-- had set it, hence nullif: no tenant, no rows.
CREATE FUNCTION platform.protect(target regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  mine constant text :=
    '(creator_id = (SELECT nullif(current_setting(''app.current_creator_id'', true), '''')::uuid))';
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
  EXECUTE format('CREATE POLICY tenant ON %s TO platform_app USING %s WITH CHECK %s',
                 target, mine, mine);
END
$$;
REVOKE ALL ON FUNCTION platform.protect(regclass) FROM PUBLIC;

-- Hands a SECURITY DEFINER function to the narrow role that it runs as. Under FORCE the tables'
-- owner sees no row, so such a function needs a role of its own with a policy of its own.
CREATE FUNCTION platform.hand_over(target regprocedure, new_owner regrole) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  home constant regnamespace := (SELECT pronamespace FROM pg_proc WHERE oid = target);
BEGIN
  EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', target);
  EXECUTE format('GRANT CREATE ON SCHEMA %s TO %s', home, new_owner);
  EXECUTE format('ALTER FUNCTION %s OWNER TO %s', target, new_owner);
  EXECUTE format('REVOKE CREATE ON SCHEMA %s FROM %s', home, new_owner);
END
$$;
REVOKE ALL ON FUNCTION platform.hand_over(regprocedure, regrole) FROM PUBLIC;
