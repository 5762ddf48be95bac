# Fills in the resolver and the domain of the cluster, then starts nginx. Services are looked up
# at each request, so that one that was made anew is followed.
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
