"""Belfry's /probe beside Debian's blackbox_exporter: names with several addresses, of which one alone is tried. Both programs see an
/etc/hosts of this test's own, in a mount namespace; where that may not be made, the test is skipped."""

import socket
import socketserver
import subprocess

import pytest
from blackbox_cases import Case, pair_of
from servers import Service

OPEN, CLOSED = "127.0.0.2", "127.0.0.1"
HOSTS = {
    "first": [OPEN, CLOSED],
    "second": [CLOSED, OPEN],
    "six-closed": ["::1", OPEN],
    "six-last": [OPEN, "::1"],
    "alone": [OPEN],
}
BIND = 'mount --bind "$0" /etc/hosts && exec "$@"'


def modules():
    """name → module: each prober with each preference."""
    for ip in ("ip4", "ip6"):
        for fallback in (True, False):
            way = {"preferred_ip_protocol": ip, "ip_protocol_fallback": fallback}
            name = ip + ("" if fallback else "_alone")
            yield "tcp_" + name, {"prober": "tcp", "timeout": "3s", "tcp": way}
            yield "http_" + name, {"prober": "http", "timeout": "3s", "http": way}


def is_up(host, module):
    """As blackbox_exporter chooses: the first address of the family, else the last of the other."""
    preferred = [a for a in HOSTS[host] if (":" in a) == ("ip6" in module)]
    other = [a for a in HOSTS[host] if a not in preferred]
    chosen = preferred[0] if preferred else None if "alone" in module else other[-1]
    return chosen == OPEN


def target_of(host, module):
    return lambda w: f"{'http://' if module.startswith('http') else ''}{host}.shop.test:{w.port}"


CASES = [Case(f"{m}_{h}", module, target_of(h, m), up=is_up(h, m)) for m, module in modules() for h in HOSTS]


class Page(socketserver.StreamRequestHandler):
    def handle(self):
        self.connection.settimeout(20)
        try:
            line = self.rfile.readline()
            while line not in (b"\r\n", b"\n", b""):
                line = self.rfile.readline()
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nup\n")
        except OSError:
            pass


class World:
    """A server at OPEN alone: the same port at the other addresses is held, but nobody listens there."""

    def __init__(self):
        self.server = None
        while not self.server:
            self.held = [socket.socket(socket.AF_INET), socket.socket(socket.AF_INET6)]
            try:
                self.held[0].bind((CLOSED, 0))
                self.port = self.held[0].getsockname()[1]
                self.held[1].bind(("::1", self.port))
                self.server = Service(Page, (OPEN, self.port))
            except OSError:  # somebody has that port at another address
                for s in self.held:
                    s.close()

    def close(self):
        self.server.close()
        for s in self.held:
            s.close()


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("names")
    hosts = folder / "hosts"
    hosts.write_text("127.0.0.1 localhost\n" + "".join(f"{a} {name}.shop.test\n" for name, at in HOSTS.items() for a in at))
    wrapper = ["unshare", "--mount", "sh", "-c", BIND, str(hosts)]
    try:
        done = subprocess.run([*wrapper, "true"], capture_output=True, text=True)
    except FileNotFoundError as e:
        pytest.skip(f"no /etc/hosts of one's own here: {e}")
    if done.returncode != 0:
        pytest.skip(f"no /etc/hosts of one's own here: {done.stderr.strip()}")
    world = World()
    yield from pair_of(folder / "pair", CASES, world, wrapper)
    world.close()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_same(pair, case):
    pair.compare(case)
