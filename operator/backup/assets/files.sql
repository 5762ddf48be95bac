-- One statement for each table that names files of creator-hub: the files that the rows need.
SELECT format(
  'SELECT DISTINCT ''file'', creator_id::text || ''/'' || %s FROM %s %s', f.name, f.tab, f.condition)
FROM (VALUES
  ('hub.documents', 'encode(content_hash, ''hex'')', 'WHERE state <> ''erasing'''),
  ('hub.document_versions', 'encode(content_hash, ''hex'')', ''),
  ('hub.artefacts', '''text-'' || document_id', '')
) AS f (tab, name, condition)
WHERE to_regclass(f.tab) IS NOT NULL
