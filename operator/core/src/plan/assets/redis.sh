# Writes one ACL user per service, then starts Redis. The probe's user can run PING only.
set -eu
umask 077
{
  echo "user default off"
  echo "user probe on nopass resetkeys resetchannels -@all +ping"
@USERS@
} > /tmp/users.acl
# The container of a force-deleted pod may still write to the volume: wait until it exits.
exec 9> /data/.lock
flock 9
exec redis-server --port 6379 --dir /data --appendonly yes --appendfsync everysec --save "" \
  --maxmemory @MAXMEMORY@ --maxmemory-policy noeviction --aclfile /tmp/users.acl \
  --protected-mode no
