-- Channels, and what is said on them: contacts, conversations, messages with a gap-free number.

-- A deleted channel keeps its row, so that its transcripts keep their channel.
CREATE TABLE channel.channels (
  creator_id uuid NOT NULL,
  id         uuid NOT NULL,
  kind       text NOT NULL CHECK (kind IN ('web_widget')),
  name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
  enabled    boolean NOT NULL DEFAULT true,
  settings   jsonb NOT NULL CHECK (jsonb_typeof(settings) = 'object'),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz,
  PRIMARY KEY (creator_id, id)
);
SELECT platform.protect('channel.channels');
-- Not unique: a unique check would see the rows of every tenant.
CREATE INDEX channels_by_id ON channel.channels (id);
GRANT SELECT, INSERT ON channel.channels TO channel_app;
GRANT UPDATE (name, enabled, settings, updated_at, deleted_at) ON channel.channels TO channel_app;

-- A widget's session begins with nothing but the channel's id; the row names the tenant.
CREATE POLICY widget_lookup ON channel.channels FOR SELECT TO channel_lookup
  USING (kind = 'web_widget' AND enabled AND deleted_at IS NULL);
GRANT SELECT (creator_id, id, kind, name, enabled, settings, deleted_at)
  ON channel.channels TO channel_lookup;

CREATE FUNCTION channel.find_widget(wanted uuid)
RETURNS TABLE (creator_id uuid, name text, settings jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
  SELECT c.creator_id, c.name, c.settings
  FROM channel.channels c
  WHERE c.id = wanted AND c.kind = 'web_widget' AND c.enabled AND c.deleted_at IS NULL
$$;
GRANT EXECUTE ON FUNCTION channel.find_widget(uuid) TO channel_app;
SELECT platform.hand_over('channel.find_widget(uuid)', 'channel_lookup');

-- Whoever has spoken on a channel; a visitor who only looked leaves no row.
CREATE TABLE channel.contacts (
  creator_id uuid NOT NULL,
  id         uuid NOT NULL,
  channel_id uuid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, id),
  CONSTRAINT contacts_channel FOREIGN KEY (creator_id, channel_id)
    REFERENCES channel.channels (creator_id, id)
);
SELECT platform.protect('channel.contacts');
CREATE INDEX contacts_by_channel ON channel.contacts (creator_id, channel_id);
GRANT SELECT, INSERT ON channel.contacts TO channel_app;

-- `last_seq` is raised in the transaction that inserts a message, so the row lock makes the order
-- of commits the order of numbers. `answered_seq` is the last end-user turn that is dealt with;
-- the lease says which worker makes the next answer, so that there is one at a time.
CREATE TABLE channel.conversations (
  creator_id      uuid NOT NULL,
  id              uuid NOT NULL,
  channel_id      uuid NOT NULL,
  contact_id      uuid NOT NULL,
  origin          text CHECK (length(origin) <= 300),
  owner           text NOT NULL DEFAULT 'bot'
                  CHECK (owner IN ('bot', 'waiting', 'human', 'closed')),
  last_seq        bigint NOT NULL DEFAULT 0 CHECK (last_seq >= 0),
  answered_seq    bigint NOT NULL DEFAULT 0 CHECK (answered_seq >= 0),
  lease_token     uuid,
  lease_until     timestamptz,
  created_at      timestamptz NOT NULL DEFAULT now(),
  last_message_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, id),
  CONSTRAINT conversations_channel FOREIGN KEY (creator_id, channel_id)
    REFERENCES channel.channels (creator_id, id),
  CONSTRAINT conversations_contact FOREIGN KEY (creator_id, contact_id)
    REFERENCES channel.contacts (creator_id, id)
);
SELECT platform.protect('channel.conversations');
CREATE INDEX conversations_by_channel ON channel.conversations (creator_id, channel_id, id DESC);
CREATE INDEX conversations_by_contact ON channel.conversations (creator_id, contact_id, id DESC);
GRANT SELECT, INSERT ON channel.conversations TO channel_app;
GRANT UPDATE (owner, last_seq, answered_seq, lease_token, lease_until, last_message_at)
  ON channel.conversations TO channel_app;

CREATE TABLE channel.messages (
  creator_id        uuid NOT NULL,
  id                uuid NOT NULL,
  conversation_id   uuid NOT NULL,
  seq               bigint NOT NULL CHECK (seq > 0),
  role              text NOT NULL CHECK (role IN ('user', 'assistant')),
  content           text NOT NULL CHECK (length(content) BETWEEN 1 AND 32000),
  client_msg_id     uuid,
  reply_to          bigint,
  mode              text CHECK (mode IN ('generative', 'extractive', 'auto')),
  fell_back         boolean NOT NULL DEFAULT false,
  sources           jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(sources) = 'array'),
  generation_id     uuid,
  prompt_tokens     integer NOT NULL DEFAULT 0 CHECK (prompt_tokens >= 0),
  completion_tokens integer NOT NULL DEFAULT 0 CHECK (completion_tokens >= 0),
  created_at        timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, id),
  CONSTRAINT messages_conversation FOREIGN KEY (creator_id, conversation_id)
    REFERENCES channel.conversations (creator_id, id) ON DELETE CASCADE,
  CONSTRAINT messages_seq UNIQUE (creator_id, conversation_id, seq),
  CONSTRAINT messages_client_msg_id UNIQUE (creator_id, conversation_id, client_msg_id)
);
SELECT platform.protect('channel.messages');
GRANT SELECT, INSERT ON channel.messages TO channel_app;
