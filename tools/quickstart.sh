#!/bin/sh
# Looks around this machine once for things worth watching and writes them as a group beside the
# quickstart's configuration. Only what answers now is taken, so that a first page is green.
#   tools/quickstart.sh BELFRY DIRECTORY          called by `make run`
set -u
belfry=$1
out=${2%/}/local.d/machine.yaml
[ -e "$out" ] && exit 0

answers() { timeout 3 "$belfry" check "$1" --attempts 1 --timeout 1s >/dev/null 2>&1; }

# name, url
found=''
take()
{
    answers "$2" && found="$found      - {name: \"$1\", url: \"$2\"}
"
}

for server in $(sed -n 's/^nameserver  *\([0-9][0-9.]*\)$/\1/p' /etc/resolv.conf 2>/dev/null | head -2); do
    take "域名服务器 resolver $server" "dns://$server"
done

# The default route's gateway: little-endian hex in the third column.
gateway=$(awk '$2 == "00000000" && $3 != "00000000" { print $3; exit }' /proc/net/route 2>/dev/null)
if [ -n "$gateway" ]; then
    ip=$(echo "$gateway" | sed 's/\(..\)\(..\)\(..\)\(..\)/0x\4 0x\3 0x\2 0x\1/')
    # shellcheck disable=SC2086 # four words
    take "网关 gateway" "icmp://$(printf '%d.%d.%d.%d' $ip)"
fi

# What listens (state 0A) on all addresses or on loopback.
ports=$(awk '$4 == "0A" && ($2 ~ /^00000000:/ || $2 ~ /^0100007F:/ || $2 ~ /^0+:/) { split($2, a, ":"); print a[2] }' \
    /proc/net/tcp /proc/net/tcp6 2>/dev/null | sort -u)
for known in 22:SSH 25:SMTP 80:HTTP 443:HTTPS 3306:MySQL 5432:PostgreSQL 6379:Redis 8080:HTTP 9090:Prometheus 27017:MongoDB; do
    case " $(echo "$ports" | tr '\n' ' ') " in
    *" $(printf '%04X' "${known%%:*}") "*) take "${known#*:} (${known%%:*})" "tcp://127.0.0.1:${known%%:*}" ;;
    esac
done

[ -n "$found" ] || exit 0
mkdir -p "$(dirname "$out")"
cat >"$out" <<END
# Found on this machine by tools/quickstart.sh; yours to edit.
groups:
  - name: this-machine
    labels: {env: local}
    targets:
$found
END
echo "quickstart: wrote $out"
