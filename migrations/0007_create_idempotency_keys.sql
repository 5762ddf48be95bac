-- What was answered to a request that named itself, so that its repetition gets the same answer
-- and has no second effect. The row is written by the transaction of the effect.

CREATE TABLE platform.idempotency_keys (
  creator_id   uuid NOT NULL,
  route        text NOT NULL CHECK (length(route) BETWEEN 1 AND 200),
  key          text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
  request_hash bytea NOT NULL CHECK (length(request_hash) = 32),
  status       smallint NOT NULL CHECK (status BETWEEN 200 AND 299),
  location     text CHECK (length(location) <= 2000),
  body         jsonb NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, route, key)
);
SELECT platform.protect('platform.idempotency_keys');
CREATE INDEX idempotency_keys_by_age ON platform.idempotency_keys (creator_id, created_at);
GRANT SELECT, INSERT, DELETE ON platform.idempotency_keys
  TO hub_app, ai_app, channel_app, auth_app;
