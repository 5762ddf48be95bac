# Dumps the database into the backup volume and keeps the newest. A dump gets its name last, so
# that one that was cut short never counts as a backup.
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
