# Dumps the database and counts its rows, both as of one snapshot: a backup whose counts were taken
# at another time than its data could not be checked. Files get their final names last.
set -eu
umask 027
work=${BACKUP_WORK_DIR:-/work}
# As the start script reads the password: without the white space around it.
PGPASSWORD=${PGPASSWORD#"${PGPASSWORD%%[![:space:]]*}"}
PGPASSWORD=${PGPASSWORD%"${PGPASSWORD##*[![:space:]]}"}
export PGPASSWORD BACKUP_WORK_DIR="$work"
here=$(dirname "$0")
rm -f "$work"/database.dump "$work"/database.dump.part "$work"/database.csv "$work"/rows.csv.part
{
  cat <<'SQL'
\set ON_ERROR_STOP on
\pset format csv
\pset tuples_only on
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL statement_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0;
SET LOCAL lock_timeout = 0;
SET LOCAL row_security = off;
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO, MDY';
SET LOCAL intervalstyle = 'postgres';
SET LOCAL extra_float_digits = 1;
SET LOCAL bytea_output = 'hex';
SET LOCAL search_path = '';
SELECT pg_export_snapshot() AS snapshot \gset
\setenv BACKUP_SNAPSHOT :snapshot
\! pg_dump --format=custom --snapshot="$BACKUP_SNAPSHOT" --file="$BACKUP_WORK_DIR/database.dump.part" && touch "$BACKUP_WORK_DIR/dumped"
\o | cat > "$BACKUP_WORK_DIR/rows.csv.part"
SELECT 'fingerprint', 1;
SELECT 'migration', max(version) FROM platform.schema_migrations;
SELECT 'tenants', count(*) FROM auth.creators;
SELECT DISTINCT 'role', r.rolname COLLATE "C" FROM pg_shdepend d JOIN pg_roles r ON r.oid = d.refobjid
WHERE d.refclassid = 'pg_authid'::regclass AND r.rolname !~ '^pg_' AND NOT r.rolsuper
  AND d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY 2;
SQL
  cat "$here/fingerprint.sql"
  echo '\gexec'
  cat "$here/files.sql"
  printf '%s\n' '\gexec' '\o' 'COMMIT;'
} > "$work/dump.sql"
rm -f "$work/dumped"
psql --no-psqlrc --quiet --file="$work/dump.sql"
[ -e "$work/dumped" ] || { echo "pg_dump failed; see the lines above" >&2; exit 1; }
pg_restore --list "$work/database.dump.part" > /dev/null
rm -f "$work/dumped" "$work/dump.sql"
mv "$work/rows.csv.part" "$work/database.csv"
mv "$work/database.dump.part" "$work/database.dump"
echo "dumped the database"
