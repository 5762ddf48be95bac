-- Users change their own address, once they have proved the new one.
GRANT UPDATE (email) ON auth.users TO auth_app;
GRANT UPDATE (email, earlier) ON auth.login_directory TO auth_lookup;

ALTER TABLE auth.email_tokens
  -- The address that the token was sent to, where it is not the user's.
  ADD COLUMN new_email text CHECK (length(new_email) BETWEEN 3 AND 254),
  DROP CONSTRAINT email_tokens_purpose_check,
  ADD CONSTRAINT email_tokens_purpose_check
    CHECK (purpose IN ('password_reset', 'email_verification', 'email_change')),
  ADD CONSTRAINT email_tokens_new_email_purpose_check
    CHECK ((purpose = 'email_change') = (new_email IS NOT NULL));
GRANT UPDATE (new_email) ON auth.email_tokens TO auth_app;

ALTER TABLE auth.sessions DROP CONSTRAINT sessions_revoked_reason_check;
ALTER TABLE auth.sessions ADD CONSTRAINT sessions_revoked_reason_check CHECK (revoked_reason IN
  ('logout', 'logout_all', 'revoked', 'refresh_token_reuse', 'password_changed',
   'password_reset', 'email_changed'));

-- Gives a user of the tenant that this transaction acts for another address; false when it is
-- taken.
CREATE FUNCTION auth.change_login(wanted_email text, of_user uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE auth.login_directory d SET email = wanted_email, earlier = false
  WHERE d.tenant = nullif(current_setting('app.current_creator_id', true), '')::uuid
    AND d.user_id = of_user;
  RETURN FOUND;
EXCEPTION WHEN unique_violation THEN
  RETURN false;
END
$$;
GRANT EXECUTE ON FUNCTION auth.change_login(text, uuid) TO auth_app;
SELECT platform.hand_over('auth.change_login(text, uuid)', 'auth_lookup');
