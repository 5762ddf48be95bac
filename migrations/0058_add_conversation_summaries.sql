-- What was said in a conversation before the messages that are sent with a question. It is part of
-- the conversation's row, so that it is deleted, erased and copied with it.

ALTER TABLE channel.conversations
  ADD COLUMN summary text CHECK (length(summary) BETWEEN 1 AND 2000),
  -- The last message that is in the summary.
  ADD COLUMN summarised_seq bigint NOT NULL DEFAULT 0 CHECK (summarised_seq >= 0),
  ADD CONSTRAINT conversations_summary CHECK (summary IS NULL OR summarised_seq > 0);
GRANT UPDATE (summary, summarised_seq) ON channel.conversations TO channel_app;
