-- More kinds of files, and what the creator should know about one that was read.
ALTER TABLE hub.documents DROP CONSTRAINT documents_kind_check;
ALTER TABLE hub.documents ADD CONSTRAINT documents_kind_check CHECK (kind IN (
  'txt', 'md', 'html', 'csv', 'srt', 'vtt', 'pdf', 'docx', 'pptx', 'xlsx', 'odt', 'epub'));
ALTER TABLE hub.documents ADD COLUMN warnings jsonb NOT NULL DEFAULT '[]'
  CHECK (jsonb_typeof(warnings) = 'array');
GRANT UPDATE (warnings) ON hub.documents TO hub_app;
