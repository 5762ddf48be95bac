# Writes one ACL user per service, then starts Redis. The probe may say PING and nothing else.
set -eu
umask 077
{
  echo "user default off"
  echo "user probe on nopass resetkeys resetchannels -@all +ping"
@USERS@
} > /tmp/users.acl
# A pod deleted by force may still write to the folder beside its successor: wait for its end.
exec 9> /data/.lock
flock 9
exec redis-server --port 6379 --dir /data --appendonly yes --appendfsync everysec --save "" \
  --maxmemory @MAXMEMORY@ --maxmemory-policy noeviction --aclfile /tmp/users.acl \
  --protected-mode no
