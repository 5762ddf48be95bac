-- The second factor: a shared secret for one-time codes, and codes for who lost the device.

CREATE TABLE auth.totp (
  creator_id   uuid NOT NULL,
  user_id      uuid NOT NULL,
  secret       text NOT NULL CHECK (length(secret) <= 400),   -- sealed
  confirmed_at timestamptz,                                    -- until then it is only an offer
  last_step    bigint NOT NULL DEFAULT 0,                      -- no time step counts twice
  created_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, user_id),
  FOREIGN KEY (creator_id, user_id) REFERENCES auth.users ON DELETE CASCADE
);
SELECT platform.protect('auth.totp');
GRANT SELECT, INSERT, DELETE ON auth.totp TO auth_app;
GRANT UPDATE (secret, confirmed_at, last_step, created_at) ON auth.totp TO auth_app;

-- Only the SHA-256 of a code is kept; a used one is gone.
CREATE TABLE auth.recovery_codes (
  creator_id uuid NOT NULL,
  user_id    uuid NOT NULL,
  code_hash  bytea NOT NULL CHECK (length(code_hash) = 32),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, user_id, code_hash),
  FOREIGN KEY (creator_id, user_id) REFERENCES auth.totp ON DELETE CASCADE
);
SELECT platform.protect('auth.recovery_codes');
GRANT SELECT, INSERT, DELETE ON auth.recovery_codes TO auth_app;
