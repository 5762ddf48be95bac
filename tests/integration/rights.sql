-- Every right of every role of the platform, one line each, in words: policies, grants, functions.
WITH recipe AS (
  SELECT '(creator_id = ( SELECT (NULLIF(current_setting(''app.current_creator_id''::text, true), '
         || '''''::text))::uuid AS "nullif"))' AS expression
), ours AS (
  SELECT oid, rolname FROM pg_roles
  WHERE rolname ~ '^(platform|auth|hub|ai|channel|job|event|tenant|retention)_' AND rolname NOT IN ('platform_owner', 'platform_migrator')
), homes AS (
  SELECT oid, nspname, nspacl, nspowner FROM pg_namespace
  WHERE nspname !~ '^(pg_|information_schema$|public$)'
), tables AS (
  SELECT c.oid, c.oid::regclass::text AS name, c.relacl, c.relowner, c.relrowsecurity, c.relforcerowsecurity
  FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND c.relnamespace IN (SELECT oid FROM homes)
), grants AS (
  SELECT t.name, g.grantee, g.privilege_type AS privilege, NULL::name AS column_name, g.is_grantable
  FROM tables t, aclexplode(coalesce(t.relacl, acldefault('r', t.relowner))) g WHERE g.grantee <> t.relowner
  UNION ALL
  SELECT t.name, g.grantee, g.privilege_type, a.attname, g.is_grantable
  FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid, aclexplode(a.attacl) g WHERE g.grantee <> t.relowner
)
SELECT 'table ' || name || ': row security '
       || CASE WHEN relrowsecurity AND relforcerowsecurity THEN 'forced' WHEN relrowsecurity THEN 'enabled' ELSE 'off' END
FROM tables
UNION ALL
SELECT format('policy %s on %s for %s to %s%s%s%s', p.polname, t.name, p.polcmd,
         (SELECT string_agg(coalesce(r.rolname, 'public'), ', ' ORDER BY r.rolname)
          FROM unnest(p.polroles) o LEFT JOIN pg_roles r ON r.oid = o),
         CASE WHEN p.polpermissive THEN '' ELSE ' restrictive' END,
         ' using ' || replace(pg_get_expr(p.polqual, p.polrelid), r.expression, '(own rows)'),
         ' check ' || replace(pg_get_expr(p.polwithcheck, p.polrelid), r.expression, '(own rows)'))
FROM recipe r, pg_policy p JOIN tables t ON t.oid = p.polrelid
UNION ALL
SELECT format('grant %s on %s to %s%s%s', lower(privilege), name, coalesce(r.rolname, 'public'),
         ' (' || string_agg(column_name, ', ' ORDER BY column_name) || ')',
         CASE WHEN bool_or(is_grantable) THEN ' with grant option' END)
FROM grants LEFT JOIN pg_roles r ON r.oid = grantee
GROUP BY privilege, name, r.rolname, column_name IS NULL
UNION ALL
SELECT format('grant %s on schema %s to %s', lower(g.privilege_type), h.nspname, coalesce(r.rolname, 'public'))
FROM homes h, aclexplode(h.nspacl) g LEFT JOIN pg_roles r ON r.oid = g.grantee
WHERE g.grantee <> h.nspowner
UNION ALL
SELECT format('grant execute on %s to %s%s', p.oid::regprocedure, coalesce(r.rolname, 'public'),
         CASE WHEN p.prosecdef THEN ', as ' || p.proowner::regrole END)
FROM pg_proc p JOIN homes h ON h.oid = p.pronamespace,
  aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g LEFT JOIN pg_roles r ON r.oid = g.grantee
WHERE g.grantee <> p.proowner
UNION ALL
-- What nobody may call runs all the same: a trigger, with the rights of its owner.
SELECT format('run %s as %s', p.oid::regprocedure, p.proowner::regrole)
FROM pg_proc p JOIN homes h ON h.oid = p.pronamespace
WHERE p.prosecdef AND NOT EXISTS (
  SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g WHERE g.grantee <> p.proowner)
UNION ALL
-- A trigger that is gone, or does not fire, guards nothing.
SELECT format('trigger %s on %s%s: %s', g.tgname, t.name, CASE g.tgenabled WHEN 'O' THEN '' ELSE format(' (%s)', g.tgenabled) END,
         substring(pg_get_triggerdef(g.oid) FROM 'CREATE (?:CONSTRAINT )?TRIGGER \S+ (.*)'))
FROM pg_trigger g JOIN tables t ON t.oid = g.tgrelid WHERE NOT g.tgisinternal
UNION ALL
SELECT format('role %s: member of %s%s%s', o.rolname,
         coalesce((SELECT string_agg(m.roleid::regrole::text, ', ' ORDER BY m.roleid::regrole::text)
                   FROM pg_auth_members m WHERE m.member = o.oid), 'none'),
         CASE WHEN r.rolcanlogin THEN ', may log in' END,
         CASE WHEN r.rolsuper OR r.rolbypassrls OR r.rolcreaterole THEN ', passes by row security' END)
FROM ours o JOIN pg_roles r USING (oid)
ORDER BY 1
