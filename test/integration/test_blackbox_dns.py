"""Belfry's /probe beside Debian's blackbox_exporter: dns, asked of a BIND that serves one zone by udp, tcp and tls."""

import os
import shutil
import socket
import subprocess

import pytest
from belfry import free_port, wait_until
from blackbox_cases import Case, pair_of
from certs import Certs

CONF = """
tls mine {{ cert-file "{certs}/good.pem"; key-file "{certs}/good.key"; }};
options {{
  directory "{dir}"; pid-file none; session-keyfile "{dir}/session.key"; managed-keys-directory "{dir}";
  listen-on port {port} {{ 127.0.0.1; }};
  listen-on port {tls} tls mine {{ 127.0.0.1; }};
  listen-on-v6 {{ none; }};
  recursion no; notify no; version "mine 1.0"; minimal-responses no; dnssec-validation no;
}};
controls {{ }};
zone "shop.test" {{ type primary; file "{dir}/shop.test"; }};
"""

ZONE = """$TTL 300
@ IN SOA ns1 admin 2026112201 3600 600 86400 300
@ IN NS ns1
@ IN MX 10 mail
@ IN TXT "v=spf1 -all" "two \\"quoted\\""
ns1 IN A 127.0.0.1
mail IN A 10.0.0.25
www IN A 10.0.0.1
www IN A 10.0.0.2
alias IN CNAME www
_sip._tcp IN SRV 1 2 5060 www
six IN AAAA 2001:db8::1
many IN TXT "{long}"
many IN TXT "b{long}"
many IN TXT "c{long}"
""".format(long="x" * 250)


def dns(name, kind="A", timeout="3s", **options):
    return {"prober": "dns", "timeout": timeout,
            "dns": {"query_name": name, "query_type": kind, "preferred_ip_protocol": "ip4", **options}}


def answer(**rules):
    return {"validate_answer_rrs": {k: [v] if isinstance(v, str) else v for k, v in rules.items()}}


def world_of(world, **more):
    return {"transport_protocol": "tcp", "dns_over_tls": True, "tls_config": {"ca_file": world.certs.ca}, **more}


def server(world):
    return f"127.0.0.1:{world.port}"


def secure(world):
    return f"127.0.0.1:{world.tls}"


def case(name, module, up=True, target=server, **more):
    return Case(name, module, target, up, **more)


W = "www.shop.test"
CASES = [
    case("a", dns(W)),
    case("a_with_dot", dns(W + ".")),
    case("cname", dns("alias.shop.test")),
    case("mx", dns("shop.test", "MX", **answer(fail_if_not_matches_regexp="\\tMX\\t10 mail\\.shop\\.test\\.$"))),
    case("txt", dns("shop.test", "TXT", **answer(fail_if_not_matches_regexp='"v=spf1 -all" "two \\\\"quoted\\\\""$'))),
    case("srv", dns("_sip._tcp.shop.test", "SRV", **answer(fail_if_not_matches_regexp="SRV\t1 2 5060 www.shop.test.$"))),
    case("aaaa", dns("six.shop.test", "AAAA", **answer(fail_if_not_matches_regexp="2001:db8::1$"))),
    case("soa", dns("shop.test", "SOA")),
    case("soa_of_no_zone", dns("other.test", "SOA"), up=False),
    case("soa_of_nobody", dns("shop.test", "SOA", timeout="1s"), up=False, target=lambda w: f"127.0.0.1:{w.closed}"),
    case("soa_nxdomain", dns("none.shop.test", "SOA"), up=False),
    case("soa_wrong", dns("shop.test", "SOA", **answer(fail_if_matches_regexp="ns1")), up=False),
    case("ns", dns("shop.test", "NS")),
    case("any", dns("shop.test", "ANY")),
    case("any_by_default", {"prober": "dns", "timeout": "3s", "dns": {"query_name": "shop.test", "preferred_ip_protocol": "ip4"}}),
    case("any_tcp", dns("shop.test", "ANY", transport_protocol="tcp")),
    case("empty", dns(W, "AAAA")),
    case("nxdomain", dns("none.shop.test"), up=False),
    case("nxdomain_wanted", dns("none.shop.test", valid_rcodes=["NOERROR", "NXDOMAIN"])),
    case("noerror_unwanted", dns(W, valid_rcodes=["NXDOMAIN"]), up=False),
    case("refused", dns("example.com"), up=False),
    case("refused_wanted", dns("example.com", valid_rcodes=["REFUSED"])),
    case("no_recursion", dns(W, recursion_desired=False)),
    case("chaos", dns("version.bind", "TXT", query_class="CH", **answer(fail_if_not_matches_regexp='CH\tTXT\t"mine 1.0"$'))),
    case("tcp", dns(W, transport_protocol="tcp")),
    case("tls", lambda w: dns(W, **world_of(w)), target=secure),
    case("tls_unknown_authority", dns(W, transport_protocol="tcp", dns_over_tls=True), up=False, target=secure),
    case("truncated", dns("many.shop.test", "TXT")),
    case("matches", dns(W, **answer(fail_if_matches_regexp="10\\.0\\.0\\.2$")), up=False),
    case("matches_not", dns(W, **answer(fail_if_matches_regexp=["192", "10.0.0.3"]))),
    case("all_match", dns(W, **answer(fail_if_all_match_regexp="10\\.0\\.0\\."))),
    case("all_match_not", dns(W, **answer(fail_if_all_match_regexp="10\\.0\\.0\\.2")), up=False),
    case("not_matches", dns(W, **answer(fail_if_not_matches_regexp="10\\.0\\.0\\.2")), up=False),
    case("not_matches_good", dns(W, **answer(fail_if_not_matches_regexp="^www\\.shop\\.test\\.\t300\tIN\tA\t10\\.0\\.0\\.[12]$"))),
    case("none_matches", dns(W, **answer(fail_if_none_matches_regexp=["192", "172"])), up=False),
    case("none_matches_good", dns(W, **answer(fail_if_none_matches_regexp=["192", "10\\.0\\.0\\.2$"]))),
    case("not_matches_empty", dns(W, "AAAA", **answer(fail_if_not_matches_regexp=".")), up=False),
    case("none_matches_empty", dns(W, "AAAA", **answer(fail_if_none_matches_regexp=".")), up=False),
    case("all_match_empty", dns(W, "AAAA", **answer(fail_if_all_match_regexp="."))),
    case("authority", dns(W, validate_authority_rrs={"fail_if_not_matches_regexp": ["NS\tns1\\.shop\\.test\\.$"]})),
    case("authority_bad", dns(W, validate_authority_rrs={"fail_if_matches_regexp": ["ns1"]}), up=False),
    case("additional", dns(W, validate_additional_rrs={"fail_if_none_matches_regexp": ["^ns1.*127\\.0\\.0\\.1$"]})),
    case("additional_bad", dns(W, validate_additional_rrs={"fail_if_not_matches_regexp": ["192"]}), up=False),
    case("nobody", dns(W, timeout="1s"), up=False, target=lambda w: f"127.0.0.1:{w.closed}"),
    case("nobody_tcp", dns(W, transport_protocol="tcp"), up=False, target=lambda w: f"127.0.0.1:{w.closed}"),
    case("silent", dns(W, timeout="1s"), up=False, target=lambda w: f"127.0.0.1:{w.deaf.getsockname()[1]}"),
    case("source", dns(W, source_ip_address="127.0.0.9")),
    case("source_tcp", dns(W, source_ip_address="127.0.0.9", transport_protocol="tcp")),
    case("server_by_name", dns(W), target=lambda w: f"localhost:{w.port}"),
    case("server_unknown", dns(W), up=False, target="no-such-host.invalid"),
]


class World:
    def __init__(self, folder):
        self.folder = str(folder)
        self.certs = Certs(folder / "certs")
        self.port, self.tls, self.closed = free_port(), free_port(), free_port()
        self.deaf = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.deaf.bind(("127.0.0.1", 0))
        with open(os.path.join(self.folder, "named.conf"), "w", encoding="ascii") as f:
            f.write(CONF.format(dir=self.folder, port=self.port, tls=self.tls, certs=self.certs.folder))
        with open(os.path.join(self.folder, "shop.test"), "w", encoding="ascii") as f:
            f.write(ZONE)
        with open(os.path.join(self.folder, "log"), "wb") as log:
            self.named = subprocess.Popen(["/usr/sbin/named", "-g", "-n", "1", "-c", os.path.join(self.folder, "named.conf")],
                                          stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self.listens, 30, what="named")

    def listens(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.tls)) == 0

    def close(self):
        self.named.terminate()
        self.named.wait(20)
        self.deaf.close()


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    if not shutil.which("named", path="/usr/sbin:/usr/bin"):
        pytest.skip("named is not here: tools/deps.sh services")
    world = World(tmp_path_factory.mktemp("dns"))
    yield from pair_of(tmp_path_factory.mktemp("pair"), CASES, world)
    world.close()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_same(pair, case):
    pair.compare(case)
