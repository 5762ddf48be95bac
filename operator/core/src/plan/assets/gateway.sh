# Fills in the cluster's DNS server and domain, then starts nginx. nginx resolves the Services at
# run time, so that it follows one that was deleted and created again.
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
sed -e "s|@RESOLVER@|$resolver|g" -e "s|@DOMAIN@|$domain|g" /etc/creator/nginx.conf \
  > /tmp/nginx.conf
exec nginx -e stderr -c /tmp/nginx.conf -g "daemon off;"
