#!/bin/sh
# Installs what is missing, and only that: Debian packages through apt-get (as root or with sudo)
# and the page's npm packages.  Usage: tools/deps.sh build [test] [services] [lint] [bench]
# With everything in place it needs no root, no network, and takes no time.
set -eu
cd "$(dirname "$0")/.."

build='gcc libc6-dev make meson ninja-build pkg-config ca-certificates
  libuv1-dev libcurl4-openssl-dev libpq-dev libmariadb-dev libssl-dev libc-ares-dev libsqlite3-dev libmicrohttpd-dev libgnutls28-dev
  libyaml-dev libjansson-dev libpcre2-dev libsodium-dev libcjose-dev libcmark-dev libzstd-dev libre2-dev libroaring-dev libsnappy-dev zlib1g-dev libssh2-1-dev librdkafka-dev g++ tzdata'
# dnsmasq-base is dnsmasq without the service that would take port 53 of this machine.
test='libcmocka-dev python3 python3-pytest python3-yaml python3-cryptography openssl nginx-light dnsmasq-base
  chromium fonts-noto-cjk procps prometheus prometheus-blackbox-exporter victoria-metrics'
# Real servers for the tests of probers; the tests start them themselves, on ports of their own.
services='postgresql redis-server redis-sentinel mariadb-server memcached rabbitmq-server mosquitto nats-server
  etcd-server zookeeper bind9 openssh-server postfix dovecot-imapd dovecot-pop3d vsftpd slapd ldap-utils snmpd
  freeradius chrony clickhouse-server influxdb apache2-bin sip-tester openjdk-17-jdk-headless maven
  microsocks monitoring-plugins-basic'
lint='clang clang-format clang-tidy llvm libclang-rt-14-dev libcmocka-dev python3'
bench='prometheus-blackbox-exporter prometheus-postgres-exporter prometheus-mysqld-exporter prometheus-redis-exporter prometheus-snmp-exporter
  prometheus-elasticsearch-exporter prometheus victoria-metrics prometheus-node-exporter wrk runit s6 supervisor monit nginx-light dnsmasq-base python3 openssl procps'

say() { printf '%s\n' "deps: $*" >&2; }

installed()
{
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

as_root()
{
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        say "needs root to run: $*"
        return 1
    fi
}

# Services that a package would start by itself are for tests here: they are not started, and stay off.
policy=/usr/sbin/policy-rc.d
forbid_starts()
{
    [ -e "$policy" ] || printf '#!/bin/sh\n# by tools/deps.sh of Belfry, for a moment\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod +x "$policy"
}

allow_starts()
{
    ! grep -q 'deps.sh of Belfry' "$policy" 2>/dev/null || as_root rm -f "$policy"
}

keep_off()
{
    [ -d /run/systemd/system ] || return 0
    for unit in $(dpkg-query -L "$@" 2>/dev/null | sed -n 's|.*/systemd/system/\([^/@]*\.service\)$|\1|p'); do
        as_root systemctl disable "$unit" >/dev/null 2>&1 || true
    done
}

apt_install()
{
    export DEBIAN_FRONTEND=noninteractive
    set -- apt-get install -y -q --no-install-recommends "$@"
    as_root env DEBIAN_FRONTEND=noninteractive "$@" >&2 && return 0
    say "retrying after apt-get update"
    as_root apt-get update -q >&2
    as_root env DEBIAN_FRONTEND=noninteractive "$@" >&2
}

missing=''
for set in "$@"; do
    case $set in
    build) list=$build ;;
    test) list=$test ;;
    services) list=$services ;;
    lint) list=$lint ;;
    bench) list=$bench ;;
    *) say "unknown set '$set'; want build, test, services, lint or bench"; exit 2 ;;
    esac
    if ! command -v dpkg-query >/dev/null; then
        say "not a Debian system; install the equivalents of: $(echo $list)"
        continue
    fi
    for p in $list; do
        installed "$p" || case " $missing " in *" $p "*) ;; *) missing="$missing $p" ;; esac
    done
done

# Node.js may come from elsewhere than Debian; any version from 18 on does.
node_major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)
[ "$node_major" -ge 18 ] || missing="$missing nodejs"
command -v npm >/dev/null || missing="$missing npm"

if [ -n "$missing" ]; then
    say "installing$missing"
    trap allow_starts EXIT
    forbid_starts
    apt_install $missing
    allow_starts
    keep_off $missing
fi

# npm writes .package-lock.json last, so its age tells whether node_modules is complete and fresh.
if [ -f web/package-lock.json ] && [ ! web/node_modules/.package-lock.json -nt web/package-lock.json ]; then
    say "npm ci in web/"
    # Node.js ships certificates of its own; this machine's may have more (a company's proxy).
    : "${NODE_EXTRA_CA_CERTS:=/etc/ssl/certs/ca-certificates.crt}"
    export NODE_EXTRA_CA_CERTS
    (cd web && npm ci --no-audit --no-fund --loglevel=error >&2)
    touch web/node_modules/.package-lock.json
fi
