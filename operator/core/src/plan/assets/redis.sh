# Writes one ACL user per service, then starts Redis. The probe's user can run PING only.
set -eu
umask 077
# A password as its hash: white space or a quote in it would end a rule of the file. Services read
# their passwords without the white space around them.
password() {
  trimmed=${1#"${1%%[![:space:]]*}"}
  trimmed=${trimmed%"${trimmed##*[![:space:]]}"}
  # An empty one would open the user to everyone.
  [ -n "$trimmed" ] || return 0
  sum=$(printf %s "$trimmed" | sha256sum)
  printf %s "#${sum%% *}"
}
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
