# Starts PostgreSQL; on an empty volume makes the cluster first. The folder gets its name last, so
# that a start that was cut short begins anew instead of running on half a cluster.
set -eu
umask 077
# A pod deleted by force may still run beside its successor. Two servers on one folder lose what was
# committed, and PostgreSQL's own lock does not see into another container: wait for the end.
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
