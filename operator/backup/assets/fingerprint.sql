-- One statement for each table, which counts its rows and adds up their hashes for each tenant.
-- Sealed columns are left out: a restored platform seals them with a key of its own. The order of
-- tables and of tenants is fixed, so that two databases are compared line by line.
SELECT format(
  'SELECT ''rows'' AS kind, %L AS name, %s AS tenant, count(*)::text AS rows, '
  'sum((''x'' || left(md5(ROW(%s)::text), 16))::bit(64)::bigint::numeric)::text AS checksum '
  'FROM %I.%I GROUP BY 3 ORDER BY (%2$s) COLLATE "C"',
  s.nspname || '.' || t.relname,
  CASE WHEN bool_or(a.attname = 'creator_id') THEN 'creator_id::text'
       WHEN bool_or(a.attname = 'tenant' AND a.atttypid = 'uuid'::regtype) THEN 'tenant::text'
       ELSE 'NULL::text' END,
  string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
    FILTER (WHERE col_description(t.oid, a.attnum) IS DISTINCT FROM 'sealed'),
  s.nspname, t.relname)
FROM pg_class t
JOIN pg_namespace s ON s.oid = t.relnamespace
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE t.relkind = 'r' AND t.relpersistence = 'p'
  AND s.nspname <> 'information_schema' AND s.nspname !~ '^pg_'
GROUP BY s.nspname, t.relname, t.oid
ORDER BY (s.nspname || '.' || t.relname) COLLATE "C"
