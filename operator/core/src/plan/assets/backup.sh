# Dumps the database to the backup volume and deletes old dumps. A dump gets its final name only
# after it was verified, so that an interrupted dump never counts as a backup.
set -eu
umask 077
file="/backup/$BACKUP_NAME-$(date -u +%Y%m%dT%H%M%SZ).dump"
rm -f /backup/*.part
pg_dump --format=custom --file="$file.part"
pg_restore --list "$file.part" > /dev/null
mv "$file.part" "$file"
ls -1 /backup/"$BACKUP_NAME"-*.dump | sort -r | tail -n "+$((BACKUP_RETAIN + 1))" |
  while read -r old; do rm -f "$old"; done
echo "wrote $file"
