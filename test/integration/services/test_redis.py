"""redis against real servers: one alone (password, ACL, TLS of its own), a primary with a replica, a cluster of six, Sentinels."""

import socket
import subprocess

import pytest
from belfry import free_port, wait_until
from harness import Relay, Server, ServiceCases, check, program

NAMES = {"redis_up", "redis_memory_used_bytes", "redis_connected_clients", "redis_evicted_keys_total",
         "redis_rdb_last_bgsave_status", "redis_connected_slaves", "redis_uptime_in_seconds"}


def cli(port, *argv, password=None):
    auth = ["--no-auth-warning", "-a", password] if password else []
    return subprocess.run(["redis-cli", "-p", str(port), *auth, *map(str, argv)], capture_output=True, text=True,
                          timeout=20).stdout.strip()


def start(folder, *options, port=None, sentinel=False, **kw):
    port = port or free_port()
    folder.mkdir(exist_ok=True)
    base = ["--port", port, "--bind", "127.0.0.1", "--dir", folder, "--save", ""] if not sentinel else []
    argv = [program("redis-server", "redis-server"), *options[:1 if sentinel else 0], *base,
            *options[1 if sentinel else 0:]]
    return Server(argv, port, folder / "log", cwd=folder, **kw)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("redis")
    users = folder / "users.acl"
    users.write_text("user default on >geheim ~* &* +@all\nuser mon on >m0n ~* +ping +info +select\nuser bare on >b4re +ping\n")
    s = start(folder / "d", "--aclfile", users, "--enable-protected-configs", "yes")
    yield s
    s.close()


class TestRedis(ServiceCases):
    TYPE, TLS, CUT_AFTER = "redis", True, 20

    def config(self, port):
        return {"host": "127.0.0.1", "port": port, "password": "geheim"}

    def test_learned(self, server):
        doc = self.good(self.config(server.port))
        assert NAMES <= set(doc["metrics"]), doc
        assert doc["metrics"]["redis_up"] == 1 and doc["metrics"]["redis_role"] == "master"
        assert doc["message"].startswith("Redis 7.") and "master" in doc["message"], doc

    def test_url(self, server):
        status, doc, _ = check(f"redis://:geheim@127.0.0.1:{server.port}/3")
        assert status == 0 and "redis_db_keys" not in doc["metrics"], doc

    @pytest.mark.parametrize("change, words", [
        ({"password": None}, "a password is required"),
        ({"password": "falsch"}, "wrong user name or password"),
        ({"username": "nobody"}, "wrong user name or password"),
        ({"database": 99}, "no such database"),
        ({"expect": {"role": "replica"}}, "is a master; want a replica"),
        ({"mode": "cluster"}, "no cluster's node"),
        ({"mode": "sentinel"}, "does not know the command"),
    ])
    def test_refused(self, server, change, words):
        config = {k: v for k, v in dict(self.config(server.port), **change).items() if v is not None}
        message = self.bad(config)
        assert words in message, message
        if "role" not in str(change):
            assert f"127.0.0.1:{server.port}" in message, message

    def test_acl(self, server):
        doc = self.good(dict(self.config(server.port), username="mon", password="m0n", database=2))
        assert doc["warnings"] == [], doc
        doc = self.good(dict(self.config(server.port), username="bare", password="b4re"))
        assert "the account lacks the permission" in doc["warnings"][0], doc

    def test_thresholds(self, server):
        held = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(5)]
        cli(server.port, "config", "set", "maxclients", 10, password="geheim")
        try:
            warned = self.good(dict(self.config(server.port), expect={"max_clients_percent": 50}))["warnings"]
        finally:
            cli(server.port, "config", "set", "maxclients", 1000, password="geheim")
            for s in held:
                s.close()
        assert "client connections are in use" in warned[0], warned

    def test_snapshot_failed(self, server, tmp_path):
        """The folder in which it would lie has gone."""
        lost = tmp_path / "lost"
        lost.mkdir()
        cli(server.port, "config", "set", "dir", lost, password="geheim")
        lost.rmdir()
        cli(server.port, "bgsave", password="geheim")
        wait_until(lambda: "rdb_last_bgsave_status:err" in cli(server.port, "info", "persistence", password="geheim"), 20)
        warned = self.good(self.config(server.port))["warnings"]
        cli(server.port, "config", "set", "dir", tmp_path, password="geheim")
        cli(server.port, "bgsave", password="geheim")
        wait_until(lambda: "rdb_last_bgsave_status:ok" in cli(server.port, "info", "persistence", password="geheim"), 20)
        assert "the last snapshot (RDB) could not be written" in warned, warned


def test_tls_of_its_own(tmp_path, certs):
    port = free_port()
    s = start(tmp_path / "d", "--port", 0, "--tls-port", port, "--tls-cert-file", f"{certs.folder}/good.pem",
              "--tls-key-file", f"{certs.folder}/good.key", "--tls-ca-cert-file", certs.ca, "--tls-auth-clients", "yes",
              port=port)
    config = {"host": "127.0.0.1", "port": port, "tls": True, "tls_options": {"ca_file": certs.ca}}
    status, doc, _ = check("redis", config)
    assert status == 1, doc  # it wants a certificate of ours
    config["tls_options"].update(cert_file=f"{certs.folder}/good.pem", key_file=f"{certs.folder}/good.key")
    status, doc, _ = check("redis", config)
    assert status == 0 and "probe_ssl_earliest_cert_expiry" in doc["metrics"], doc
    status, doc, _ = check(f"rediss://127.0.0.1:{port}/")
    assert status == 1 and "certificate" in doc["message"], doc
    s.close()


def test_memory_nearly_full(tmp_path):
    s = start(tmp_path / "d", "--maxmemory", "3mb", "--maxmemory-policy", "noeviction")
    config = {"host": "127.0.0.1", "port": s.port}
    assert check("redis", config)[1]["warnings"] == []
    cli(s.port, "setrange", "big", 1_900_000, "x")
    doc = check("redis", config)[1]
    assert doc["success"] and "memory is nearly full" in doc["warnings"][0], doc
    cli(s.port, "config", "set", "maxmemory-policy", "allkeys-lru")
    assert check("redis", config)[1]["warnings"] == []
    cli(s.port, "config", "set", "maxmemory", "1200kb")  # evicts
    wait_until(lambda: "evicted_keys:0" not in cli(s.port, "info", "stats"), 20)
    doc = check("redis", dict(config, expect={"max_evicted_keys": 0}))[1]
    assert doc["metrics"]["redis_evicted_keys_total"] >= 1 and doc["warnings"] == [], doc
    s.close()


def test_loading(tmp_path):
    s = start(tmp_path / "d", "--key-load-delay", 10_000, "--loading-process-events-interval-bytes", 1024,
              "--rdbcompression", "no")
    config = {"host": "127.0.0.1", "port": s.port}
    cli(s.port, "config", "set", "key-load-delay", 0)
    cli(s.port, "eval", "for i=1,1000 do redis.call('set', i, string.rep('x', 200)) end", 0)
    cli(s.port, "save")
    s.stop()
    s.start()
    status, doc, _ = check("redis", config)
    assert status == 1 and "still being loaded" in doc["message"] and doc["metrics"]["redis_loading_dump_file"] == 1, doc
    s.close()


@pytest.fixture
def pair(tmp_path):
    primary = start(tmp_path / "primary", "--repl-diskless-sync-delay", 0)
    relay = Relay(primary.port)
    replica = start(tmp_path / "replica", "--replicaof", f"127.0.0.1 {relay.port}")
    wait_until(lambda: "master_link_status:up" in cli(replica.port, "info", "replication"), 30)
    yield primary, replica, relay
    for s in (replica, primary, relay):
        s.close()


def test_replica(pair):
    primary, replica, relay = pair
    at_primary, at_replica = ({"host": "127.0.0.1", "port": s.port, "expect": {"min_replicas": 1}} for s in (primary, replica))
    wait_until(lambda: "state=online" in cli(primary.port, "info", "replication"), 20)
    doc = check("redis", at_primary)[1]
    assert doc["success"] and doc["warnings"] == [] and doc["metrics"]["redis_connected_slaves"] == 1, doc
    assert any(k.startswith("redis_connected_slave_lag_seconds{") for k in doc["metrics"]), doc
    doc = check("redis", at_replica)[1]
    link = f'redis_master_link_up{{master_host="127.0.0.1",master_port="{relay.port}"}}'
    assert "replica" in doc["message"] and doc["metrics"][link] == 1 and doc["warnings"] == [], doc

    relay.close()
    primary.stop()
    wait_until(lambda: "master_link_status:down" in cli(replica.port, "info", "replication"), 30)
    doc = check("redis", at_replica)[1]
    assert doc["success"] and doc["metrics"][link] == 0, doc
    assert f"the link to the master 127.0.0.1:{relay.port} is down" in doc["warnings"][0], doc
    cli(replica.port, "config", "set", "replica-serve-stale-data", "no")
    status, doc, _ = check("redis", at_replica)
    assert status == 1 and "lost its master" in doc["message"], doc
    primary.start()
    assert "0 replicas are connected; want at least 1" in check("redis", at_primary)[1]["warnings"]


def test_replica_that_hangs(pair):
    primary, replica, _ = pair
    replica.freeze()
    config = {"host": "127.0.0.1", "port": primary.port, "expect": {"max_replication_lag": "1s"}}
    wait_until(lambda: any("s behind; want at most 1 s" in w for w in check("redis", config)[1]["warnings"]), 30)
    replica.thaw()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cluster")
    nodes = [start(folder / f"n{i}", "--cluster-enabled", "yes", "--cluster-node-timeout", 1000, "--cluster-port",
                   free_port(), "--cluster-replica-validity-factor", 0) for i in range(6)]
    made = subprocess.run(["redis-cli", "--cluster", "create", *[f"127.0.0.1:{n.port}" for n in nodes],
                           "--cluster-replicas", "1", "--cluster-yes"], capture_output=True, text=True, timeout=60)
    assert "All 16384 slots covered" in made.stdout, made.stdout + made.stderr
    wait_until(lambda: all("cluster_state:ok" in cli(n.port, "cluster", "info") for n in nodes), 30)
    yield nodes
    for n in nodes:
        n.close()


def replica_of(nodes, master):
    own = next(line.split()[0] for line in cli(master.port, "cluster", "nodes").splitlines() if "myself" in line)
    for n in nodes:
        if any("myself,slave" in line and own in line for line in cli(n.port, "cluster", "nodes").splitlines()):
            return n
    raise AssertionError("no replica")


def test_cluster(cluster):
    """Healthy; a replica gone; then its master, too: the slots are lost."""
    seed, master = cluster[0], cluster[1]
    config = {"host": "127.0.0.1", "port": seed.port, "mode": "cluster"}
    wait_until(lambda: cli(seed.port, "cluster", "nodes").count("slave") == 3, 20)
    status, doc, _ = check(f"redis://127.0.0.1:{seed.port}/?mode=cluster")
    assert status == 0 and doc["warnings"] == [], doc
    assert doc["metrics"]["redis_cluster_slots_ok"] == 16384 and doc["metrics"]["redis_cluster_known_nodes"] == 6, doc
    assert "6 nodes" in doc["message"] and "3 masters" in doc["message"], doc

    replica = replica_of(cluster, master)
    replica.stop()
    def warnings():
        return check("redis", config)[1]["warnings"]
    wait_until(lambda: f"node 127.0.0.1:{replica.port} (replica) has failed" in warnings(), 30)
    lone = f"master 127.0.0.1:{master.port} has 0 working replicas; want at least 1"
    assert lone in warnings()
    assert lone not in check("redis", dict(config, expect={"replicas": False}))[1]["warnings"]

    master.stop()
    wait_until(lambda: check("redis", config)[0] == 1, 30)
    doc = check("redis", config)[1]
    assert "the cluster is down" in doc["message"] and f"127.0.0.1:{master.port}" in doc["message"], doc
    assert "of 16384 slots are served" in doc["message"], doc

    for n in (master, replica):
        n.start()
    wait_until(lambda: check("redis", config)[0] == 0 and not warnings(), 40)

    cli(seed.port, "config", "set", "cluster-require-full-coverage", "no")
    cli(seed.port, "cluster", "delslots", 0)
    status, doc, _ = check("redis", config)
    assert status == 1 and "16383 of 16384 slots are served" in doc["message"], doc
    status, doc, _ = check("redis", dict(config, expect={"full_coverage": False}))
    assert status == 0 and "16383 of 16384 slots are served" in doc["warnings"], doc
    cli(seed.port, "cluster", "addslots", 0)


def test_seeds(cluster):
    gone, silent = free_port(), Relay(1, "silent")
    last = cluster[2].port
    status, doc, _ = check(f"redis://127.0.0.1:{gone},127.0.0.1:{silent.port},127.0.0.1:{last}/?mode=cluster", None, "3s")
    silent.close()
    assert status == 0 and f"refused by 127.0.0.1:{gone}" in doc["warnings"][0], doc
    assert "timeout" in doc["warnings"][1], doc
    status, doc, _ = check("redis", {"host": "127.0.0.1", "port": gone, "nodes": [f"127.0.0.1:{gone}"], "mode": "cluster"})
    assert status == 1 and "none of 2 nodes answers" in doc["message"], doc
    status, doc, err = check("redis", {"host": "127.0.0.1", "nodes": ["a:b"], "mode": "cluster"})
    assert status == 2 and "nodes[0]" in err, err


@pytest.fixture
def watched(tmp_path):
    """A master, its replica, three Sentinels."""
    master = start(tmp_path / "m", "--repl-diskless-sync-delay", 0)
    replica = start(tmp_path / "r", "--replicaof", f"127.0.0.1 {master.port}")
    sentinels = []
    for i in range(3):
        port, folder = free_port(), tmp_path / f"s{i}"
        folder.mkdir()
        conf = folder / "sentinel.conf"
        conf.write_text(f"port {port}\nbind 127.0.0.1\ndir {folder}\nsentinel monitor shop 127.0.0.1 {master.port} 2\n"
                        "sentinel down-after-milliseconds shop 1000\nsentinel failover-timeout shop 60000\n")
        sentinels.append(start(folder, conf, "--sentinel", port=port, sentinel=True))
    wait_until(lambda: all("usable" in cli(s.port, "sentinel", "ckquorum", "shop") and
                           cli(s.port, "sentinel", "ckquorum", "shop").startswith("OK 3") for s in sentinels), 30)
    wait_until(lambda: str(replica.port) in cli(sentinels[0].port, "sentinel", "replicas", "shop"), 30)
    yield master, replica, sentinels
    for s in (master, replica, *sentinels):
        s.close()


def test_sentinel(watched):
    master, replica, sentinels = watched
    config = {"host": "127.0.0.1", "port": sentinels[0].port, "mode": "sentinel", "master": "shop"}
    wait_until(lambda: check("redis", config)[1]["warnings"] == [], 20)
    doc = check("redis", config)[1]
    assert doc["message"] == f"Sentinel, master shop at 127.0.0.1:{master.port}, 3 sentinels", doc
    labels = f'{{master_name="shop",master_address="127.0.0.1:{master.port}"}}'
    assert doc["metrics"]["redis_sentinel_master_ckquorum_status" + labels] == 1, doc
    assert doc["metrics"]["redis_sentinel_master_ok_slaves" + labels] == 1, doc
    status, doc, _ = check(f"redis://127.0.0.1:{sentinels[0].port}/other?mode=sentinel")
    assert status == 1 and "no master named other; it knows shop" in doc["message"], doc

    replica.stop()
    wait_until(lambda: f"replica 127.0.0.1:{replica.port} of shop is down" in check("redis", config)[1]["warnings"], 30)
    master.stop()  # and nobody is left to take over
    wait_until(lambda: check("redis", config)[0] == 1, 30)
    doc = check("redis", config)[1]
    assert f"the master shop (127.0.0.1:{master.port}) is down, as the Sentinels agree" in doc["message"], doc
    for s in sentinels[1:]:
        s.stop()
    wait_until(lambda: any("no quorum" in w and "NOQUORUM" in w for w in check("redis", config)[1]["warnings"]), 30)
