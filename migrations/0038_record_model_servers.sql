-- Which model server wrote an answer, and why it was not the preferred one; null: it was, or no model
-- was called. Earlier versions do not record it.
ALTER TABLE ai.generations
  ADD COLUMN server text CHECK (length(server) BETWEEN 1 AND 63),
  ADD COLUMN fallback_reason text CHECK (length(fallback_reason) BETWEEN 1 AND 40);
