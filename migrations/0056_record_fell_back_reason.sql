-- Why an answer quotes its sources, although the chat model was to write it. Earlier versions do not
-- record it.
ALTER TABLE ai.generations
  ADD COLUMN fell_back_reason text CHECK (length(fell_back_reason) BETWEEN 1 AND 40),
  ADD CONSTRAINT generations_fell_back_reason CHECK (fell_back_reason IS NULL OR fell_back);
