# Dumps the database to the backup volume and deletes old dumps. A dump gets its final name only
# after it was verified, so that an interrupted dump never counts as a backup.
set -eu
umask 077
# As the start script reads the password: without the white space around it.
PGPASSWORD=${PGPASSWORD#"${PGPASSWORD%%[![:space:]]*}"}
PGPASSWORD=${PGPASSWORD%"${PGPASSWORD##*[![:space:]]}"}
file="/backup/$BACKUP_NAME-$(date -u +%Y%m%dT%H%M%SZ).dump"
# What interrupted dumps of this kind left. A dump locks its file while it is written, so that none
# is taken from a run that is still busy; those of another kind are its own business.
for old in /backup/"$BACKUP_NAME"-*.part; do
  [ ! -e "$old" ] || flock -n "$old" rm -f "$old" || echo "another backup writes $old"
done
exec 9> "$file.part"
flock -n 9
pg_dump --format=custom --file="$file.part"
pg_restore --list "$file.part" > /dev/null
mv "$file.part" "$file"
ls -1 /backup/"$BACKUP_NAME"-*.dump | sort -r | tail -n "+$((BACKUP_RETAIN + 1))" |
  while read -r old; do rm -f "$old"; done
echo "wrote $file"
