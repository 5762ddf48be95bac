# Starts PostgreSQL; initializes the data directory first if the volume is empty. The directory gets
# its final name last, so that an interrupted initialization is repeated instead of used.
set -eu
umask 077
# The container of a force-deleted pod may still be running. Two servers on one data directory lose
# committed data, and PostgreSQL's own lock does not work across containers: wait until it exits.
exec 9> /data/.lock
flock 9
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  rm -rf "$PGDATA.new"
  printf %s "$POSTGRES_PASSWORD" > /tmp/password
  initdb -D "$PGDATA.new" --username=postgres --pwfile=/tmp/password --auth=scram-sha-256 \
    --data-checksums --encoding=UTF8 --locale=C.UTF-8 > /dev/null
  rm -f /tmp/password
  echo "CREATE DATABASE $POSTGRES_DB" | postgres --single -D "$PGDATA.new" postgres > /dev/null
  mv "$PGDATA.new" "$PGDATA"
fi
chmod 0700 "$PGDATA"
exec postgres -D "$PGDATA" -c config_file=/etc/creator/postgresql.conf
