"""nats against nats-server: accounts, tokens, rights, rounds of messages, TLS after INFO, a cluster, the monitoring port."""

import socket
import time

import pytest
from belfry import free_port, wait_until
from harness import Server, ServiceCases, check, program

CONF = """
listen: 127.0.0.1:{port}
http: 127.0.0.1:{monitor}
max_connections: 20
authorization {{
  users: [
    {{user: mon, password: geheim, permissions: {{publish: "belfry.>", subscribe: ["belfry.>", "_INBOX.>"]}}}}
    {{user: all, password: alles}}
  ]
}}
"""


def start(folder, text, **names):
    folder.mkdir(exist_ok=True)
    port = free_port()
    conf = folder / "nats.conf"
    conf.write_text(text.format(port=port, folder=folder, **names))
    return Server([program("nats-server", "nats-server"), "-c", conf], port, folder / "log")


@pytest.fixture(scope="module")
def monitor():
    return free_port()


@pytest.fixture(scope="module")
def server(tmp_path_factory, monitor):
    s = start(tmp_path_factory.mktemp("nats") / "d", CONF, monitor=monitor)
    wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", monitor)) == 0, 20)
    yield s
    s.close()


class TestNats(ServiceCases):
    TYPE, CUT_AFTER = "nats", 30

    def config(self, port):
        return {"host": "127.0.0.1", "port": port, "username": "mon", "password": "geheim", "subject": "belfry.probe"}

    def test_learned(self, server, monitor):
        doc = self.good(dict(self.config(server.port), monitor_port=monitor))
        assert {"nats_up", "nats_round_trip_seconds", "gnatsd_varz_connections", "gnatsd_varz_mem",
                "gnatsd_varz_slow_consumers"} <= set(doc["metrics"]), doc
        assert doc["message"].startswith("NATS 2.") and "comes back on belfry.probe" in doc["message"], doc
        status, doc, _ = check(f"nats://all:alles@127.0.0.1:{server.port}/any.subject")
        assert status == 0 and "comes back on any.subject" in doc["message"], doc

    @pytest.mark.parametrize("change, words", [
        ({"password": "falsch"}, "wrong account, password or token"),
        ({"username": None, "password": None}, "wrong account, password or token, or none given"),
        ({"subject": "other"}, "the account lacks the permission"),
        ({"expect": {"jetstream": True}}, "has no JetStream"),
        ({"tls": True}, ""),
    ])
    def test_refused(self, server, change, words):
        config = {k: v for k, v in dict(self.config(server.port), **change).items() if v is not None}
        message = self.bad(config)
        assert words in message and f"127.0.0.1:{server.port}" in message, message

    def test_monitoring(self, server, monitor):
        config = dict(self.config(server.port), monitor_port=monitor,
                      expect={"min_routes": 1, "max_connections_percent": 20})
        held = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(6)]
        time.sleep(0.1)
        warned = " ".join(self.good(config)["warnings"])
        for s in held:
            s.close()
        assert "0 routes to other servers; want at least 1" in warned, warned
        assert "of 20 connections are in use" in warned, warned
        warned = self.good(dict(self.config(server.port), monitor_port=free_port()))["warnings"]
        assert "no statistics from port" in warned[0] and "refused" in warned[0], warned

    def test_too_many_clients(self, server):
        held = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
        try:
            wait_until(lambda: "too many clients are connected" in self.bad(self.config(server.port)), 10)
        finally:
            for s in held:
                s.close()
        wait_until(lambda: check("nats", self.config(server.port))[0] == 0, 10)

    def test_config(self):
        for change, words in (({"subject": "a.*"}, "without spaces"), ({"token": "t"}, "both token and username")):
            status, _, err = check("nats", dict(self.config(4222), **change))
            assert status == 2 and words in err, err


def test_token(tmp_path):
    s = start(tmp_path / "d", "listen: 127.0.0.1:{port}\nauthorization {{token: geheim}}\n"
                              "jetstream {{store_dir: {folder}/js}}\n")
    assert check("nats", {"host": "127.0.0.1", "port": s.port, "token": "falsch"})[0] == 1
    status, doc, _ = check("nats", {"host": "127.0.0.1", "port": s.port, "token": "geheim", "expect": {"jetstream": True}})
    assert status == 0 and "JetStream" in doc["message"], doc
    status, doc, _ = check(f"nats://geheim@127.0.0.1:{s.port}/")
    assert status == 0, doc
    s.close()


@pytest.mark.parametrize("kind, words", [("good", None), ("expired", "expired"), ("selfsigned", "self-signed"),
                                         ("other", "name")])
def test_tls_after_info(tmp_path, certs, kind, words):
    s = start(tmp_path / "d", "listen: 127.0.0.1:{port}\ntls {{cert_file: {certs}/{kind}.pem, key_file: {certs}/{kind}.key}}\n",
              certs=certs.folder, kind=kind)
    config = {"host": "127.0.0.1", "port": s.port, "subject": "a"}
    status, doc, _ = check("nats", config)
    assert status == 1 and "the server wants TLS" in doc["message"], doc
    config.update(tls=True, tls_options={"ca_file": certs.ca})
    status, doc, _ = check("nats", config)
    s.close()
    if words:
        assert status == 1 and words in doc["message"].replace("self signed", "self-signed"), doc
    else:
        assert status == 0 and "probe_ssl_earliest_cert_expiry" in doc["metrics"], doc


def test_tls_first(tmp_path, certs):
    """Debian's server has no handshake_first; one is made of it by a relay that speaks TLS."""
    from harness import Relay
    s = start(tmp_path / "d", "listen: 127.0.0.1:{port}\n")
    relay = Relay(s.port, tls=certs.context("good"))
    config = {"host": "127.0.0.1", "port": relay.port, "tls": True, "tls_first": True, "tls_options": {"ca_file": certs.ca}}
    status, doc, _ = check("nats", config)
    assert status == 0, doc
    relay.close()
    s.close()


def test_cluster(tmp_path):
    """Three servers; a message put into one comes out of it; one that has stopped is missing in the others' routes."""
    routes, monitors = [free_port() for _ in range(3)], [free_port() for _ in range(3)]
    text = ("listen: 127.0.0.1:{port}\nhttp: 127.0.0.1:{monitor}\ncluster {{name: shop, listen: \"127.0.0.1:{route}\", "
            "routes: [{routes}]}}\n")
    servers = [start(tmp_path / f"n{i}", text, monitor=monitors[i], route=routes[i],
                     routes=", ".join(f'"nats://127.0.0.1:{r}"' for r in routes)) for i in range(3)]
    config = {"host": "127.0.0.1", "port": servers[0].port, "nodes": [f"127.0.0.1:{s.port}" for s in servers[1:]],
              "monitor_port": monitors[0], "subject": "a", "expect": {"min_routes": 2}}
    wait_until(lambda: check("nats", config)[1].get("warnings") == [], 20)
    assert check("nats", config)[1]["metrics"]["nats_cluster"] == "shop"
    servers[2].stop()
    wait_until(lambda: "1 routes to other servers; want at least 2" in check("nats", config)[1]["warnings"], 20)
    servers[0].stop()
    status, doc, _ = check("nats", config)
    assert status == 0 and "a node does not answer" in doc["warnings"][0], doc
    servers[1].stop()
    status, doc, _ = check("nats", config)
    assert status == 1 and "none of 3 nodes answers" in doc["message"], doc
