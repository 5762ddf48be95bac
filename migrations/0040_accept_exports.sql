-- Exports of note-taking programs: zip archives of pages.
ALTER TABLE hub.documents DROP CONSTRAINT documents_kind_check;
ALTER TABLE hub.documents ADD CONSTRAINT documents_kind_check CHECK (kind IN (
  'txt', 'md', 'html', 'csv', 'srt', 'vtt', 'pdf', 'docx', 'pptx', 'xlsx', 'odt', 'epub', 'zip'));
