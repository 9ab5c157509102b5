"""zookeeper against real servers: one for all cases (a JVM takes its time), and an ensemble of three."""

import os
import socket

import pytest
from belfry import free_port, wait_until
from harness import Server, ServiceCases, check, program

JARS = "/usr/share/java/zookeeper.jar"


def ask(port, word):
    with socket.create_connection(("127.0.0.1", port), 5) as s:
        s.sendall(word.encode())
        text = b""
        while part := s.recv(65536):
            text += part
    return text.decode()


def start(folder, number=1, ensemble="", port=None, ready=True, whitelist="*", more=""):
    if not os.path.exists(JARS):
        pytest.skip("no zookeeper here (Debian package zookeeper)")
    (folder / "data").mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    (folder / "data" / "myid").write_text(f"{number}\n")
    conf = folder / "zoo.cfg"
    conf.write_text(f"tickTime=500\ninitLimit=20\nsyncLimit=4\ndataDir={folder}/data\nclientPort={port}\n"
                    f"clientPortAddress=127.0.0.1\nadmin.enableServer=false\n4lw.commands.whitelist={whitelist}\n"
                    f"{ensemble}{more}")
    argv = [program("java", "default-jre-headless"), "-Xmx96m", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
            "-Dzookeeper.jmx.log4j.disable=true", "-cp", JARS, "org.apache.zookeeper.server.quorum.QuorumPeerMain", conf]
    return Server(argv, port, folder / "log", ready=(lambda: serves(port)) if ready else None)


def serves(port):
    try:
        return "Mode: " in ask(port, "srvr")
    except OSError:
        return False


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    s = start(tmp_path_factory.mktemp("zk"))
    yield s
    s.close()


class TestZooKeeper(ServiceCases):
    TYPE, TLS, CUT_AFTER = "zookeeper", True, 2

    def test_learned(self, server):
        doc = self.good(self.config(server.port))
        assert {"zk_up", "zk_ruok", "zk_znode_count", "zk_outstanding_requests", "zk_avg_latency",
                "zk_num_alive_connections", "zk_open_file_descriptor_count"} <= set(doc["metrics"]), doc
        assert doc["metrics"]["zk_server_state"] == "standalone" and doc["metrics"]["zk_up"] == 1, doc
        assert doc["message"].startswith("ZooKeeper 3.") and "standalone" in doc["message"], doc
        assert check(f"zookeeper://127.0.0.1:{server.port}/")[0] == 0

    def test_role(self, server):
        message = self.bad(dict(self.config(server.port), expect={"mode": "leader"}))
        assert message == "the server is standalone; want leader", message

    def test_thresholds(self, server):
        expect = {"max_znodes": 1, "max_files_percent": 0.0001}
        warned = " ".join(self.good(dict(self.config(server.port), expect=expect))["warnings"])
        assert "znodes; want at most 1" in warned and "files are open" in warned, warned


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ensemble")
    ports = [(free_port(), free_port()) for _ in range(3)]
    text = "".join(f"server.{i + 1}=127.0.0.1:{a}:{b}\n" for i, (a, b) in enumerate(ports))
    lists = ("*", "srvr", "*")  # the second, as Debian has it, allows little
    servers = [start(folder / f"n{i}", i + 1, text, ready=False, whitelist=lists[i]) for i in range(3)]
    wait_until(lambda: all(serves(s.port) for s in servers), 60)
    yield servers
    for s in servers:
        s.close()


def test_ensemble(ensemble):
    """The second allows srvr alone; then servers leave until there is no quorum."""
    status, doc, _ = check("zookeeper", {"host": "127.0.0.1", "port": ensemble[1].port})
    assert status == 0 and "zk_ruok" not in doc["metrics"] and "zk_avg_latency" in doc["metrics"], doc
    assert doc["metrics"]["zk_server_state"] in ("leader", "follower"), doc
    first, third = ({"host": "127.0.0.1", "port": ensemble[i].port} for i in (0, 2))
    status, doc, _ = check("zookeeper", dict(third, expect={"mode": "leader"}))
    leader = third if status == 0 else first  # the highest id is elected, unless the others were up before it
    lacking = dict(leader, expect={"min_synced_followers": 3})
    if check("zookeeper", leader)[1]["metrics"]["zk_server_state"] == "leader":
        wait_until(lambda: any("followers are in step with the leader; want at least 3" in w
                               for w in check("zookeeper", lacking)[1]["warnings"]), 20)
    ensemble[1].stop()
    ensemble[2].stop()
    wait_until(lambda: "serves no requests: it has no quorum" in check("zookeeper", first)[1]["message"], 30)
