# Starts PostgreSQL; initializes the data directory first if the volume is empty. The directory gets
# its final name last, so that an interrupted initialization is repeated instead of used.
set -eu
umask 077
config=/etc/creator/postgresql.conf
stop() {
  echo "$1" >&2
  exit 1
}
# The container of a force-deleted pod may still be running. Two servers on one data directory lose
# committed data, and PostgreSQL's own lock does not work across containers: wait until it exits.
exec 9> /data/.lock
flock 9
# Services read passwords without the white space around them, such as the line end of an editor.
password=${POSTGRES_PASSWORD#"${POSTGRES_PASSWORD%%[![:space:]]*}"}
password=${password%"${password##*[![:space:]]}"}
[ -n "$password" ] || stop "PasswordRefused: the administrator's password in the Secret is empty."
case $password in
  *'
'*) stop "PasswordRefused: the administrator's password in the Secret has several lines." ;;
esac
program=$(postgres --version)
program=${program#*"PostgreSQL) "}
program=${program%%[!0-9]*}
if [ -s "$PGDATA/PG_VERSION" ]; then
  read -r data < "$PGDATA/PG_VERSION"
  [ "$data" = "$program" ] || stop "MajorVersionMismatch: the data is of PostgreSQL $data and the \
image of PostgreSQL $program, so nothing was started or changed. Set spec.images.postgres back to an \
image of PostgreSQL $data. To move to another major version, restore a dump into a new platform."
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  rm -rf "$PGDATA.new"
  printf %s "$password" > /tmp/password
  initdb -D "$PGDATA.new" --username=postgres --pwfile=/tmp/password --auth=scram-sha-256 \
    --data-checksums --encoding=UTF8 --locale=C.UTF-8 > /dev/null
  rm -f /tmp/password
  echo "CREATE DATABASE $POSTGRES_DB" | postgres --single -D "$PGDATA.new" postgres > /dev/null
  mv "$PGDATA.new" "$PGDATA"
fi
chmod 0700 "$PGDATA"
# A wrong setting is named before the server starts: the status shows the last lines of the log.
postgres -C config_file -D "$PGDATA" -c config_file=$config > /dev/null ||
  stop "ConfigurationRefused: correct spec.postgres.managed.parameters; the lines above name them."
# The Secret decides about the administrator's password, also when it was edited, or lost and made
# again beside existing data. A server in single-user mode listens nowhere: no client can sign in
# without a password meanwhile, as a line `trust` of pg_hba.conf would allow. It also ends a crash
# recovery. The statement has the password and must not be logged, whatever the parameters say.
quoted=$(printf %s "$password" | sed "s/'/''/g")
printf "ALTER ROLE postgres PASSWORD '%s'\n" "$quoted" |
  postgres --single -D "$PGDATA" -c config_file=$config -c exit_on_error=on -c log_statement=none \
    -c log_min_duration_statement=-1 -c log_min_error_statement=panic \
    -c standard_conforming_strings=on postgres > /dev/null ||
  stop "StartFailed: PostgreSQL could not set the administrator's password; see the lines above."
exec postgres -D "$PGDATA" -c config_file=$config
