# Loads the dump of a backup into the empty database, in one transaction that also records which
# backup it was: an interrupted load leaves nothing, and a repeated one knows that it is done.
set -eu
work=${BACKUP_WORK_DIR:-/work}
[ ! -e "$work/loaded" ] || { echo "the database is loaded already"; exit 0; }
PGPASSWORD=${PGPASSWORD#"${PGPASSWORD%%[![:space:]]*}"}
PGPASSWORD=${PGPASSWORD%"${PGPASSWORD##*[![:space:]]}"}
export PGPASSWORD
# psql must not take the end of a failed pg_restore for the end of the dump.
{
  printf '%s\n' 'SET statement_timeout = 0;' 'SET lock_timeout = 0;'
  if pg_restore --file=- "$work/database.dump"; then cat "$work/loaded.sql"
  else printf '\n\\.\n%s\n' 'SELECT 1 / 0;'; fi
} | psql --no-psqlrc --quiet --single-transaction --set ON_ERROR_STOP=1 --output=/dev/null
echo "loaded the database"
