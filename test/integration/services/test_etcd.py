"""etcd against the real server: one alone (accounts, alarms, TLS of its own), a cluster of three that loses two."""

import base64
import json
import subprocess
import urllib.request

import pytest
from belfry import free_port, wait_until
from harness import Server, ServiceCases, check, program


def api(port, path, body):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def healthy(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
            return json.load(answer)["health"] == "true"
    except OSError:
        return False


def start(folder, name="default", port=None, peer=None, *more, ready=True, scheme="http"):
    folder.mkdir(exist_ok=True)
    port, peer = port or free_port(), peer or free_port()
    argv = [program("etcd", "etcd-server"), "--name", name, "--data-dir", folder / "data", "--listen-client-urls",
            f"{scheme}://127.0.0.1:{port}", "--advertise-client-urls", f"{scheme}://127.0.0.1:{port}",
            "--listen-peer-urls", f"http://127.0.0.1:{peer}", "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
            "--unsafe-no-fsync", "--heartbeat-interval", 50, "--election-timeout", 500]
    if "--initial-cluster" not in more:
        argv += ["--initial-cluster", f"{name}=http://127.0.0.1:{peer}"]
    return Server([*argv, *more], port, folder / "log", ready=(lambda: healthy(port)) if ready else None)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    s = start(tmp_path_factory.mktemp("etcd") / "d", "shop")
    yield s
    s.close()


class TestEtcd(ServiceCases):
    TYPE, TLS, CUT_AFTER = "etcd", True, 40

    def test_learned(self, server):
        doc = self.good(dict(self.config(server.port), members=True))
        m = doc["metrics"]
        assert m["etcd_up"] == 1 and m["etcd_server_has_leader"] == 1 and m["etcd_server_is_leader"] == 1, doc
        assert m["etcd_mvcc_db_total_size_in_bytes"] > 0 and m["etcd_raft_term"] >= 2 and m["etcd_alarms"] == 0, doc
        assert m["etcd_cluster_members"] == 1 and m["etcd_cluster_members_healthy"] == 1, doc
        assert doc["message"].startswith("etcd 3.") and "leader" in doc["message"], doc
        assert check(f"etcd://127.0.0.1:{server.port}/")[0] == 0

    def test_thresholds(self, server):
        warned = self.good(dict(self.config(server.port), expect={"max_db_size": "1KiB", "min_members": 3}))["warnings"]
        assert "want at most 1.0 KiB" in warned[0] and "1 members; want at least 3" in warned[1], warned

    def test_account_that_nobody_asks_for(self, server):
        message = self.bad(dict(self.config(server.port), username="root", password="x"))
        assert "the server asks for none" in message, message

    def test_half_an_account(self):
        status, _, err = check("etcd", dict(self.config(1), username="root"))
        assert status == 2 and "want both or neither" in err, err

    def test_alarm(self, server):
        member = api(server.port, "/v3/maintenance/status", {})["header"]["member_id"]
        alarm = {"memberID": member, "alarm": "NOSPACE"}
        api(server.port, "/v3/maintenance/alarm", dict(alarm, action="ACTIVATE"))
        message = self.bad(self.config(server.port))
        api(server.port, "/v3/maintenance/alarm", dict(alarm, action="DEACTIVATE"))
        assert "alarm NOSPACE: the database is at its quota, writes are refused" in message, message
        assert f"127.0.0.1:{server.port}" in message
        wait_until(lambda: check("etcd", self.config(server.port))[0] == 0, 20)


def test_accounts(tmp_path):
    s = start(tmp_path / "d", "auth")
    config = {"host": "127.0.0.1", "port": s.port}
    for name in ("root", "mon"):
        api(s.port, "/v3/auth/user/add", {"name": name, "password": "geheim"})
    api(s.port, "/v3/auth/user/grant", {"user": "root", "role": "root"})
    api(s.port, "/v3/auth/enable", {})
    status, doc, _ = check("etcd", dict(config, username="root", password="falsch"))
    assert status == 1 and "wrong user name or password" in doc["message"] and f"127.0.0.1:{s.port}" in doc["message"], doc
    status, doc, _ = check("etcd", dict(config, username="root", password="geheim"))
    assert status == 0 and doc["warnings"] == [], doc
    status, doc, _ = check(f"etcd://mon:geheim@127.0.0.1:{s.port}/")
    assert status == 0, doc
    status, doc, _ = check("etcd", config)
    assert status == 0 and all("required" in w or "permission" in w for w in doc["warnings"]), doc
    s.close()


def test_quota(tmp_path):
    """The database grows to its quota: etcd raises the alarm by itself."""
    s = start(tmp_path / "d", "full", None, None, "--quota-backend-bytes", 1 << 20)
    config = {"host": "127.0.0.1", "port": s.port}
    assert check("etcd", config)[0] == 0
    value = base64.b64encode(b"x" * 200_000).decode()

    def full():
        try:
            api(s.port, "/v3/kv/put", {"key": base64.b64encode(b"k").decode(), "value": value})
        except OSError:
            pass
        return check("etcd", config)[0] == 1
    wait_until(full, 20)
    assert "alarm NOSPACE" in check("etcd", config)[1]["message"]
    s.close()


def test_tls_of_its_own(tmp_path, certs):
    port = free_port()
    s = start(tmp_path / "d", "tls", port, None, "--cert-file", f"{certs.folder}/good.pem", "--key-file",
              f"{certs.folder}/good.key", "--trusted-ca-file", certs.ca, "--client-cert-auth", ready=False, scheme="https")
    config = {"host": "127.0.0.1", "port": port, "tls": True, "tls_options": {"ca_file": certs.ca}}
    assert check("etcd", config)[0] == 1
    config["tls_options"].update(cert_file=f"{certs.folder}/good.pem", key_file=f"{certs.folder}/good.key")
    wait_until(lambda: check("etcd", config)[0] == 0, 20)
    assert "probe_ssl_earliest_cert_expiry" in check("etcd", config)[1]["metrics"]
    s.close()


def test_cluster(tmp_path):
    """One of three stops: a member does not answer. Two stop: no leader."""
    ports, peers = [free_port() for _ in range(3)], [free_port() for _ in range(3)]
    every = ",".join(f"n{i}=http://127.0.0.1:{p}" for i, p in enumerate(peers))
    nodes = [start(tmp_path / f"n{i}", f"n{i}", ports[i], peers[i], "--initial-cluster", every, ready=False)
             for i in range(3)]
    config = {"host": "127.0.0.1", "port": ports[0], "members": True, "expect": {"min_members": 3}}
    wait_until(lambda: check("etcd", config)[1].get("warnings") == [] and check("etcd", config)[0] == 0, 30)
    assert check("etcd", config)[1]["metrics"]["etcd_cluster_members_healthy"] == 3
    assert sum(check("etcd", dict(config, port=p))[1]["metrics"]["etcd_server_is_leader"] for p in ports) == 1

    nodes[1].stop()

    def one_missing():
        status, doc, _ = check("etcd", config)
        return status == 0 and any("member n1 does not answer" in w for w in doc["warnings"])
    wait_until(one_missing, 20)
    nodes[2].stop()
    wait_until(lambda: "has no leader" in check("etcd", config)[1]["message"], 20)
    assert check("etcd", config)[1]["metrics"]["etcd_server_has_leader"] == 0
    nodes[0].stop()
