-- A page may use a widget if the channel and the account allow it: one look-up for both.
-- channel.find_widget stays for replicas of the release before.
CREATE POLICY widget_lookup ON platform.tenant_settings FOR SELECT TO channel_lookup USING (true);
GRANT USAGE ON SCHEMA platform TO channel_lookup;
GRANT SELECT (creator_id, suspended_at, allowed_origins)
  ON platform.tenant_settings TO channel_lookup;

CREATE FUNCTION channel.find_widget_with_account(wanted uuid)
RETURNS TABLE (creator_id uuid, name text, settings jsonb, suspended boolean, origins text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.creator_id, c.name, c.settings, s.suspended_at IS NOT NULL,
         coalesce(s.allowed_origins, '{}')
  FROM channel.channels c LEFT JOIN platform.tenant_settings s USING (creator_id)
  WHERE c.id = wanted AND c.kind = 'web_widget' AND c.enabled AND c.deleted_at IS NULL
$$;
GRANT EXECUTE ON FUNCTION channel.find_widget_with_account(uuid) TO channel_app;
SELECT platform.hand_over('channel.find_widget_with_account(uuid)', 'channel_lookup');
