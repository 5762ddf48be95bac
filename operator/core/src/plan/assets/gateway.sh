# Fills in the cluster's DNS server and domain, then starts nginx. nginx resolves the Services at
# run time, so that it follows one that was deleted and created again. It listens for IPv6 where the
# kernel has it, since it does not start otherwise, and asks for addresses of IPv6 where the pod has
# one that others can reach.
set -eu
resolver=
domain=cluster.local
while read -r key rest; do
  case $key in
    nameserver) [ -n "$resolver" ] || resolver=$rest ;;
    search) for name in $rest; do case $name in svc.*) domain=${name#svc.} ;; esac; done ;;
  esac
done < /etc/resolv.conf
case $resolver in *:*) resolver="[$resolver]" ;; esac
listen6=
ipv6=off
if [ -r /proc/net/if_inet6 ]; then
  # Columns: address, index, length of the prefix, scope (00 is global), flags, name.
  while read -r _ _ _ scope _; do
    listen6="listen [::]:@PORT@;"
    [ "$scope" != 00 ] || ipv6=on
  done < /proc/net/if_inet6
fi
sed -e "s|@RESOLVER@|$resolver|g" -e "s|@DOMAIN@|$domain|g" -e "s|@LISTEN6@|$listen6|g" \
  -e "s|@IPV6@|$ipv6|g" /etc/creator/nginx.conf > /tmp/nginx.conf
exec nginx -e stderr -c /tmp/nginx.conf -g "daemon off;"
