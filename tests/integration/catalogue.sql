-- Every fault of a tenant table's protection; no row means none.
WITH recipe AS (
  SELECT '(creator_id = ( SELECT (NULLIF(current_setting(''app.current_creator_id''::text, true), '
         || '''''::text))::uuid AS "nullif"))' AS expression
), creator_tables AS (
  SELECT c.oid, c.oid::regclass::text AS name, c.relrowsecurity, c.relforcerowsecurity
  FROM pg_class c
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'creator_id' AND NOT a.attisdropped
  WHERE c.relkind IN ('r', 'p') AND c.relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
)
SELECT name, 'row security not enabled and forced' AS fault
FROM creator_tables WHERE NOT (relrowsecurity AND relforcerowsecurity)
UNION ALL
SELECT name, 'no tenant policy of the recipe for all commands'
FROM creator_tables t, recipe r
WHERE NOT EXISTS (
  SELECT FROM pg_policy p
  WHERE p.polrelid = t.oid AND p.polname = 'tenant' AND p.polcmd = '*' AND p.polpermissive
    AND p.polroles = ARRAY['platform_app'::regrole::oid]
    AND pg_get_expr(p.polqual, p.polrelid) = r.expression
    AND pg_get_expr(p.polwithcheck, p.polrelid) = r.expression)
UNION ALL
SELECT name, 'further policy reaches the services: ' || p.polname
FROM creator_tables t JOIN pg_policy p ON p.polrelid = t.oid
WHERE p.polname <> 'tenant' AND p.polpermissive
  AND EXISTS (SELECT FROM unnest(p.polroles) r
              WHERE r = 0 OR r IN (SELECT oid FROM pg_roles WHERE rolname ~ '_app'))
UNION ALL
SELECT name, 'key or unique index not led by creator_id: ' || i.indexrelid::regclass
FROM creator_tables t
JOIN pg_index i ON i.indrelid = t.oid AND i.indisunique
LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = i.indkey[0]
WHERE a.attname IS DISTINCT FROM 'creator_id'
UNION ALL
SELECT t.name, 'foreign key without creator_id: ' || k.conname
FROM creator_tables t
JOIN pg_constraint k ON k.conrelid = t.oid AND k.contype = 'f'
JOIN creator_tables target ON target.oid = k.confrelid
WHERE NOT EXISTS (
  SELECT FROM pg_attribute a
  WHERE a.attrelid = t.oid AND a.attname = 'creator_id' AND a.attnum = ANY (k.conkey))
UNION ALL
SELECT c.oid::regclass::text, CASE c.relkind WHEN 'm' THEN 'materialized view: row security never applies'
                                       ELSE 'view without security_invoker' END
FROM pg_class c
WHERE c.relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
  AND (c.relkind = 'm' OR c.relkind = 'v' AND NOT coalesce(c.reloptions @> '{security_invoker=true}', false))
UNION ALL
SELECT c.oid::regclass::text, 'owned or truncatable by ' || r.rolname
FROM pg_class c, pg_roles r
WHERE r.rolname ~ '_app$' AND c.relkind IN ('r', 'p')
  AND c.relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
  AND (pg_has_role(r.oid, c.relowner, 'MEMBER') OR has_table_privilege(r.oid, c.oid, 'TRUNCATE'))
