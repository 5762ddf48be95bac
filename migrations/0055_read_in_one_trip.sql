-- What every page of a client or of a site with a widget begins with, by one statement instead of a
-- transaction. The functions run as their caller, under the policies of the tenant that they are
-- given, which is what a transaction of that tenant would see, and leave the setting as it was.

-- The signed-in user and the account.
CREATE FUNCTION auth.read_signed_in(tenant uuid, signed_in uuid, session uuid)
RETURNS TABLE (
  id uuid, email text, full_name text, email_verified_at timestamptz, last_login_at timestamptz,
  created_at timestamptz, role text, creator_id uuid, display_name text, company_name text,
  plan text, account_created_at timestamptz, read_at timestamptz)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  before text := coalesce(current_setting('app.current_creator_id', true), '');
BEGIN
  PERFORM set_config('app.current_creator_id', tenant::text, true);
  RETURN QUERY
    SELECT u.id, u.email, u.full_name, u.email_verified_at, u.last_login_at, u.created_at, m.role,
           c.creator_id, c.display_name, c.company_name, c.plan, c.created_at, now()
    FROM auth.users u
    JOIN auth.memberships m ON m.creator_id = u.creator_id AND m.user_id = u.id
    JOIN auth.creators c ON c.creator_id = u.creator_id
    WHERE u.creator_id = tenant AND u.id = signed_in
      AND EXISTS (SELECT FROM auth.sessions s
                  WHERE s.creator_id = tenant AND s.user_id = signed_in AND s.id = session
                    AND s.revoked_at IS NULL AND s.expires_at > now());
  PERFORM set_config('app.current_creator_id', before, true);
END
$$;
REVOKE ALL ON FUNCTION auth.read_signed_in(uuid, uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.read_signed_in(uuid, uuid, uuid) TO auth_app;

-- Whether the conversation of a visitor who comes back is closed.
CREATE FUNCTION channel.is_conversation_closed(tenant uuid, conversation uuid) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  before    text := coalesce(current_setting('app.current_creator_id', true), '');
  is_closed boolean;
BEGIN
  PERFORM set_config('app.current_creator_id', tenant::text, true);
  is_closed := EXISTS (SELECT FROM channel.conversations c
                       WHERE c.creator_id = tenant AND c.id = conversation AND c.owner = 'closed');
  PERFORM set_config('app.current_creator_id', before, true);
  RETURN is_closed;
END
$$;
REVOKE ALL ON FUNCTION channel.is_conversation_closed(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION channel.is_conversation_closed(uuid, uuid) TO channel_app;
