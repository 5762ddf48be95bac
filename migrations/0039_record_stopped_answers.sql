-- Whether the visitor stopped the answer: its text is what they had seen by then.
ALTER TABLE channel.messages ADD COLUMN stopped boolean NOT NULL DEFAULT false;
