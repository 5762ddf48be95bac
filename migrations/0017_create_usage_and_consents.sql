-- What was used, event by event, and what people agreed to. Both are written once and never
-- changed.
CREATE TABLE platform.usage_events (
  creator_id uuid NOT NULL,
  id         uuid NOT NULL,
  -- The role that wrote it, so that no service writes in the name of another.
  service    text NOT NULL DEFAULT current_user,
  kind       text NOT NULL CHECK (kind ~ '^[a-z_]{1,40}$'),
  quantity   bigint NOT NULL CHECK (quantity >= 0),
  at         timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, id)
);
SELECT platform.protect('platform.usage_events');
GRANT INSERT (creator_id, id, kind, quantity) ON platform.usage_events
  TO hub_app, ai_app, channel_app;
GRANT SELECT ON platform.usage_events TO auth_app;

CREATE TABLE platform.consents (
  creator_id   uuid NOT NULL,
  id           uuid NOT NULL,
  subject_kind text NOT NULL CHECK (subject_kind IN ('user', 'contact')),
  subject_id   uuid NOT NULL,
  purpose      text NOT NULL CHECK (purpose ~ '^[a-z_]{1,40}$'),
  -- Which text was agreed to.
  version      text NOT NULL CHECK (length(version) BETWEEN 1 AND 40),
  granted      boolean NOT NULL,
  at           timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, id)
);
SELECT platform.protect('platform.consents');
CREATE INDEX consents_by_subject ON platform.consents (creator_id, subject_id, purpose, id DESC);
GRANT SELECT, INSERT (creator_id, id, subject_kind, subject_id, purpose, version, granted)
  ON platform.consents TO auth_app;
