-- How the assistant of an account answers: what is not set is as the platform has it.
CREATE TABLE ai.answer_settings (
  creator_id uuid PRIMARY KEY,
  -- Increases with each change; the ETag is made of it.
  revision   integer NOT NULL DEFAULT 1 CHECK (revision > 0),
  settings   jsonb NOT NULL CHECK (jsonb_typeof(settings) = 'object'),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
SELECT platform.protect('ai.answer_settings');
GRANT SELECT, INSERT ON ai.answer_settings TO ai_app;
GRANT UPDATE (revision, settings, updated_at) ON ai.answer_settings TO ai_app;

-- The policy that decided an answer, and the name of its topic.
ALTER TABLE ai.generations
  ADD COLUMN policy text CHECK (policy IN ('crisis', 'topic')),
  ADD COLUMN topic  text CHECK (length(topic) BETWEEN 1 AND 60),
  ADD CHECK (topic IS NULL OR policy = 'topic');

-- Why a conversation waits for a person, and since when. It stays after a person has taken over.
ALTER TABLE channel.conversations
  ADD COLUMN waiting_reason text CHECK (waiting_reason IN ('crisis', 'topic')),
  ADD COLUMN waiting_topic  text CHECK (length(waiting_topic) BETWEEN 1 AND 60),
  ADD COLUMN waiting_since  timestamptz,
  ADD CHECK ((waiting_reason IS NULL) = (waiting_since IS NULL));
GRANT UPDATE (waiting_reason, waiting_topic, waiting_since)
  ON channel.conversations TO channel_app;
CREATE INDEX conversations_waiting ON channel.conversations (creator_id, id)
  WHERE owner = 'waiting';
