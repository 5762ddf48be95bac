-- Whether an answer reached the limit of its length. Earlier versions do not record it.
ALTER TABLE ai.generations ADD COLUMN truncated boolean NOT NULL DEFAULT false;
ALTER TABLE channel.messages ADD COLUMN truncated boolean NOT NULL DEFAULT false;
