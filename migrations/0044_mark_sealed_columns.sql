-- What is encrypted with DATA_KEY says so: it is no part of a copy of an account, since it may be a
-- link that opens the account, a secret of the second factor, a new API key.
COMMENT ON COLUMN auth.mail_outbox.body IS 'sealed';
COMMENT ON COLUMN auth.totp.secret IS 'sealed';
COMMENT ON COLUMN auth.signing_keys.seed IS 'sealed';
COMMENT ON COLUMN platform.idempotency_keys.body IS 'sealed';
