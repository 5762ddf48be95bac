-- Where in its file a passage begins: a page, a slide, a row, a second or an anchor. Null where the
-- kind of file has none, and in passages of earlier versions until they are processed again.
ALTER TABLE ai.chunks ADD COLUMN position jsonb CHECK (pg_column_size(position) <= 8000);
GRANT UPDATE (position) ON ai.chunks TO ai_app;
