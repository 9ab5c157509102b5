"""clickhouse, against ClickHouse of Debian (18.16), over HTTP."""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import urllib.request

import pytest
from belfry import free_port, run, wait_until
from harness import Server, ServiceCases, check, program
from test_zookeeper import start as start_zookeeper

PASSWORD = "geheim & mehr"
CONFIG = """<yandex><logger><level>warning</level><console>1</console></logger><http_port>{http}</http_port>
<tcp_port>{tcp}</tcp_port><interserver_http_port>{inter}</interserver_http_port><listen_host>127.0.0.1</listen_host>
<path>{folder}/data/</path><tmp_path>{folder}/tmp/</tmp_path><users_config>{folder}/users.xml</users_config>
<default_profile>default</default_profile><default_database>default</default_database><timezone>UTC</timezone>
<mark_cache_size>1000000</mark_cache_size><max_concurrent_queries>50</max_concurrent_queries>
<merge_tree><parts_to_delay_insert>6</parts_to_delay_insert><parts_to_throw_insert>100</parts_to_throw_insert>
<replicated_max_parallel_fetches>1</replicated_max_parallel_fetches></merge_tree>
<zookeeper><node><host>127.0.0.1</host><port>{keeper}</port></node><session_timeout_ms>3000</session_timeout_ms></zookeeper>
</yandex>"""
USERS = """<yandex><profiles><default/><reader><readonly>1</readonly></reader></profiles><quotas><default/></quotas><users>
<default><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default>
<mon><password_sha256_hex>{hash}</password_sha256_hex><networks><ip>::/0</ip></networks><profile>reader</profile>
<quota>default</quota></mon>
<bare><password_sha256_hex>{hash}</password_sha256_hex><networks><ip>::/0</ip></networks><profile>reader</profile>
<quota>default</quota><allow_databases><database>app</database></allow_databases></bare></users></yandex>"""


class ClickHouse(Server):
    def __init__(self, keeper):
        self.folder = tempfile.mkdtemp(prefix="belfry-ch-", dir="/tmp")
        user, port = "clickhouse" if os.geteuid() == 0 else None, free_port()
        with open(self.folder + "/config.xml", "w", encoding="ascii") as f:
            f.write(CONFIG.format(http=port, tcp=free_port(), inter=free_port(), folder=self.folder, keeper=keeper))
        with open(self.folder + "/users.xml", "w", encoding="ascii") as f:
            f.write(USERS.format(hash=hashlib.sha256(PASSWORD.encode()).hexdigest()))
        if user:
            for name in (self.folder, self.folder + "/config.xml", self.folder + "/users.xml"):
                shutil.chown(name, user)
        super().__init__([program("clickhouse-server", "clickhouse-server"), "--config-file=" + self.folder + "/config.xml"],
                         port, self.folder + "/log", user=user, cwd=self.folder, ready=self.answers)

    def answers(self):
        with contextlib.suppress(OSError):
            return self.sql("SELECT 1") == "1"

    def sql(self, text):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", data=text.encode(), timeout=20) as answer:
            return answer.read().decode().strip()

    def close(self):
        self.thaw()
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def server():
    keeper = free_port()  # nobody is there yet
    s = ClickHouse(keeper)
    s.keeper = keeper
    with contextlib.closing(s):
        s.sql("CREATE DATABASE app")
        s.sql("CREATE TABLE app.orders (id UInt32, state String) ENGINE = Memory")
        s.sql("INSERT INTO app.orders VALUES (1, 'open'), (2, 'paid')")
        yield s


class TestClickhouse(ServiceCases):
    TYPE, TLS = "clickhouse", True

    def config(self, port, **more):
        return dict({"host": "127.0.0.1", "port": port, "username": "mon", "password": PASSWORD, "database": "app"}, **more)

    def test_what_it_learns(self, server):
        doc = self.good(self.config(server.port))
        m = doc["metrics"]
        assert m["clickhouse_up"] == 1 and m["version"].startswith("18.") and m["ClickHouseAsyncMetrics_Uptime"] >= 0
        assert m["ClickHouseMetrics_ReadonlyReplica"] == 0 and m["ClickHouseAsyncMetrics_ReplicasMaxAbsoluteDelay"] == 0
        assert doc["message"].startswith("ClickHouse 18.") and doc["target"] == f"127.0.0.1:{server.port}/app"

    def test_url(self, server):
        status, doc, err = check(f"clickhouse://mon:geheim%20%26%20mehr@127.0.0.1:{server.port}/app")
        assert status == 0 and doc["type"] == "clickhouse", (doc, err)

    def test_wrong_password_and_database(self, server):
        assert "Wrong password for user mon" in self.bad(self.config(server.port, password="falsch"))
        assert "Unknown user nobody" in self.bad(self.config(server.port, username="nobody"))
        assert "Database nowhere doesn't exist" in self.bad(self.config(server.port, database="nowhere"))

    def test_own_query(self, server):
        count = {"query": "SELECT count() FROM orders WHERE state = 'open'"}
        assert self.good(self.config(server.port, **count, expect={"value": "1"}))["metrics"]["clickhouse_query_value"] == 1
        assert 'the query answered "1"; want > 5' in self.bad(
            self.config(server.port, **count, expect={"value": "5", "op": ">"}))
        none = {"query": "SELECT state FROM orders WHERE id = 7"}
        assert "answered no value" in self.bad(self.config(server.port, **none, expect={"op": "exists"}))
        assert "ordrs doesn't exist" in self.bad(self.config(server.port, query="SELECT 1 FROM ordrs"))
        assert "readonly" in self.bad(self.config(server.port, query="INSERT INTO orders VALUES (3, 'x')"))

    def test_answer_without_end(self, server):
        self.bad(self.config(server.port, query="SELECT number FROM system.numbers"), "8s")

    def test_own_query_that_takes_too_long_ends_on_the_server(self, server):
        """An account that may set how long: one that is read-only is bounded by its profile (test_own_query)."""
        config = self.config(server.port, username="default", password="", query="SELECT count() FROM system.numbers")
        self.bad(config, "2s")
        running = "SELECT count() FROM system.processes WHERE query LIKE 'SELECT count() FROM system.numbers%'"
        wait_until(lambda: server.sql(running) == "0", 20, what="the query has ended on the server")

    def test_too_many_parts(self, server):
        server.sql("CREATE TABLE app.parts (d Date, n UInt32) ENGINE = MergeTree(d, n, 8192)")
        server.sql("SYSTEM STOP MERGES")
        for n in range(4):
            server.sql(f"INSERT INTO app.parts VALUES ('2026-01-01', {n})")
        doc = self.good(self.config(server.port, expect={"max_parts": 3}))
        assert doc["warnings"] == ["a partition has 4 parts; want at most 3 (insertions are slowed)"]
        assert doc["metrics"]["ClickHouseAsyncMetrics_MaxPartCountForPartition"] == 4
        assert self.good(self.config(server.port))["warnings"] == []
        for n in range(3):
            server.sql(f"INSERT INTO app.parts VALUES ('2026-01-01', {n})")
        assert "want at most 6" in self.good(self.config(server.port))["warnings"][0]
        server.sql("DROP TABLE app.parts")

    def test_replica_without_its_zookeeper(self, server, tmp_path):
        zookeeper = start_zookeeper(tmp_path, port=server.keeper)
        with contextlib.closing(zookeeper):
            server.sql("CREATE TABLE app.copied (d Date, n UInt32) ENGINE = ReplicatedMergeTree('/copied', 'a', d, n, 8192)")
            server.sql("INSERT INTO app.copied VALUES ('2026-01-01', 1)")
            doc = self.good(self.config(server.port))
            assert doc["warnings"] == [] and doc["metrics"]["clickhouse_replicated_tables"] == 1
        said = "1 of 1 replicated tables are read-only (no session with ZooKeeper or Keeper)"
        wait_until(lambda: said in self.good(self.config(server.port))["warnings"], 40)


def test_what_is_configured_wrongly():
    status, _, err = run("check", "clickhouse", "--config", json.dumps({"host": "h", "expect": {"value": "1"}}))
    assert status == 2 and "no query" in err, (status, err)
