-- Every table of the platform with its columns, in order; no list of names anywhere.
SELECT c.oid::regclass::text AS table_name, a.attname AS name,
       format_type(a.atttypid, a.atttypmod) AS kind, a.attnotnull AS required,
       a.atthasdef AND a.attgenerated = '' AS has_default, a.attgenerated <> '' AS is_generated,
       coalesce(a.attnum = ANY (k.conkey), false) AS in_key,
       coalesce((SELECT string_agg(pg_get_constraintdef(v.oid), ' ') FROM pg_constraint v
                 WHERE v.conrelid = c.oid AND v.contype = 'c' AND a.attnum = ANY (v.conkey)), '')
         AS checks
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p'
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND c.relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
ORDER BY 1, a.attnum
