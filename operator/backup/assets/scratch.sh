# Loads the dump of a backup into a server of its own, reads there what the check compares, and ends
# the server. It listens on no port, and its data are deleted.
set -eu
umask 077
work=${BACKUP_WORK_DIR:-/work}
here=$(dirname "$0")
data="$work/scratch"
socket=$(mktemp -d /tmp/scratch.XXXXXX)
rm -rf "$data"
initdb -D "$data" --username=postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync > /dev/null
stop() { pg_ctl -D "$data" -m immediate stop > /dev/null 2>&1 || true; rm -rf "$data" "$socket"; }
trap stop EXIT
pg_ctl -D "$data" -w -t 120 -l "$work/scratch.log" start > /dev/null \
  -o "-c port=5432 -c listen_addresses='' -c unix_socket_directories=$socket -c fsync=off -c full_page_writes=off -c max_wal_size=1GB" ||
  { tail -n 20 "$work/scratch.log" >&2; exit 1; }
export PGHOST="$socket" PGUSER=postgres PGDATABASE=platform PGPASSWORD=none PGPORT=5432
createdb platform --maintenance-db=postgres
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --file="$work/roles.sql"
BACKUP_WORK_DIR=$work sh "$here/load.sh"
umask 027
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --file="$work/check.sql" --output="$work/restored.csv.part"
mv "$work/restored.csv.part" "$work/restored.csv"
