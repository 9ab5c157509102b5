"""memcached against the real server: plain, with accounts, near its bounds."""

import socket
import time

import pytest
from belfry import free_port, wait_until
from harness import Server, ServiceCases, check, program


def start(folder, *options):
    port = free_port()
    return Server([program("memcached", "memcached"), "-l", "127.0.0.1", "-p", port, "-U", 0, "-u", "root", "-t", 1,
                   *options], port, folder / "memcached.log")


def tell(port, text):
    with socket.create_connection(("127.0.0.1", port), 5) as s:
        s.sendall(text)
        time.sleep(0.05)
        return s.recv(65536)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    s = start(tmp_path_factory.mktemp("memcached"), "-m", 2, "-c", 100, "-I", "512k")
    yield s
    s.close()


class TestMemcached(ServiceCases):
    TYPE, TLS, CUT_AFTER = "memcached", True, 12

    def test_learned(self, server):
        doc = self.good(dict(self.config(server.port), round_trip=True))
        assert {"memcached_current_connections", "memcached_limit_bytes", "memcached_items_evicted_total",
                'memcached_commands_total{command="get",status="hit"}'} <= set(doc["metrics"]), doc
        assert doc["metrics"]["memcached_up"] == 1 and doc["message"].startswith("memcached 1."), doc
        assert tell(server.port, b"stats items\r\n") == b"END\r\n"  # the key of ours has gone
        status, doc, _ = check(f"memcached://127.0.0.1:{server.port}/?round_trip=true")
        assert status == 0, doc

    def test_connections(self, server):
        held = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(60)]
        warned = self.good(dict(self.config(server.port), expect={"max_connections_percent": 50}))["warnings"]
        for s in held:
            s.close()
        assert "of 100 connections are in use" in warned[0], warned

    def test_full_and_evicting(self, server):
        for i in range(40):
            tell(server.port, b"set k%d 0 0 100000\r\n%s\r\n" % (i, b"x" * 100000))
        for i in range(5):
            tell(server.port, b"get nothing%d\r\n" % i)
        assert self.good(self.config(server.port))["warnings"] == []
        expect = {"max_memory_percent": 10, "max_evictions": 1, "min_hit_percent": 99}
        warned = " ".join(self.good(dict(self.config(server.port), expect=expect))["warnings"])
        assert "memory is nearly full" in warned and "were evicted" in warned and "of reads are hits" in warned, warned


def test_accounts(tmp_path):
    accounts = tmp_path / "accounts"
    accounts.write_text("mon:geheim\n")
    s = start(tmp_path, "-Y", accounts)
    config = {"host": "127.0.0.1", "port": s.port}
    status, doc, _ = check("memcached", config)
    assert status == 1 and "a user name and password are required" in doc["message"], doc
    assert doc["metrics"]["memcached_up"] == 0 and f"127.0.0.1:{s.port}" in doc["message"], doc
    status, doc, _ = check("memcached", dict(config, username="mon", password="falsch"))
    assert status == 1 and "wrong user name or password" in doc["message"], doc
    status, doc, _ = check(f"memcached://mon:geheim@127.0.0.1:{s.port}/?round_trip=true")
    assert status == 0, doc
    status, doc, err = check("memcached", dict(config, username="mon"))
    assert status == 2 and "want both or neither" in err, err
    s.close()


def test_no_more_connections(tmp_path):
    """memcached counts a newcomer a little after it let it in, so some more than its limit may be held."""
    s = start(tmp_path, "-c", 30)
    full = {"host": "127.0.0.1", "port": s.port}
    held = []

    def refused():
        held.extend(socket.create_connection(("127.0.0.1", s.port)) for _ in range(40))
        status, doc, _ = check("memcached", full, "500ms")
        return doc if status == 1 else None

    assert "Too many open connections" in wait_until(refused, 20)["message"]
    for h in held:
        h.close()
    wait_until(lambda: check("memcached", full)[0] == 0, 20)
    s.close()
