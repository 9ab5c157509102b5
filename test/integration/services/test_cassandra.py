"""cassandra against a real node: Cassandra 4.1 from Maven Central's jars, with PasswordAuthenticator. One node for the whole
file, as it takes half a minute to start; peers that live and die are rows written into its system.peers_v2, with real
listeners behind them. Slow: BELFRY_SLOW=0 skips it."""

import os

import pytest
from belfry import free_port
from harness import Relay, Server, ServiceCases, check
from javaservers import jars, java

OPENS = ["java.base/java.io", "java.base/java.lang.module", "java.base/java.net", "java.base/java.nio",
         "java.base/java.util", "java.base/java.util.concurrent", "java.base/java.util.concurrent.atomic",
         "java.base/jdk.internal.loader", "java.base/jdk.internal.math", "java.base/jdk.internal.module",
         "java.base/jdk.internal.ref", "java.base/jdk.internal.reflect", "java.base/jdk.internal.misc",
         "java.base/jdk.internal.util.jar", "java.base/sun.nio.ch", "java.base/java.lang", "java.base/java.lang.reflect",
         "java.management/com.sun.jmx.remote.security", "java.management.rmi/javax.management.remote.rmi",
         "java.rmi/sun.rmi.registry", "java.rmi/sun.rmi.server", "java.rmi/sun.rmi.transport",
         "java.rmi/sun.rmi.transport.tcp", "java.sql/java.sql", "java.logging/java.util.logging",
         "jdk.management/com.sun.management.internal", "jdk.unsupported/sun.misc"]
CONFIG = """
cluster_name: 'Glocken'
num_tokens: 1
hints_directory: {d}/hints
data_file_directories: [{d}/data]
commitlog_directory: {d}/commitlog
saved_caches_directory: {d}/saved
cdc_raw_directory: {d}/cdc
commitlog_sync: periodic
commitlog_sync_period: 10000ms
commitlog_segment_size: 4MiB
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: SimpleSnitch
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters: [{{seeds: "127.0.0.1:{storage}"}}]
listen_address: 127.0.0.1
rpc_address: 127.0.0.1
storage_port: {storage}
native_transport_port: {native}
start_native_transport: true
authenticator: PasswordAuthenticator
authorizer: AllowAllAuthorizer
role_manager: CassandraRoleManager
file_cache_size: 16MiB
networking_cache_size: 16MiB
key_cache_size: 1MiB
concurrent_reads: 4
concurrent_writes: 4
memtable_heap_space: 32MiB
memtable_offheap_space: 16MiB
auto_snapshot: false
"""
QUIET = """<configuration><appender name="O" class="ch.qos.logback.core.ConsoleAppender"><encoder><pattern>%p %c{0} %m%n</pattern>
</encoder></appender><root level="INFO"><appender-ref ref="O"/></root></configuration>"""
DEFAULT = {"username": "cassandra", "password": "cassandra"}  # of a new cluster


def frame(op, body):
    return b"\x04\0\0\1" + bytes([op]) + len(body).to_bytes(4, "big") + body


class Cql:
    """A client that is enough to write a row; by hand, as no driver is packaged."""

    def __init__(self, port):
        import socket
        self.s = socket.create_connection(("127.0.0.1", port), 10)
        self.ask(1, b"\0\1\0\x0bCQL_VERSION\0\x053.0.0")
        self.ask(0x0f, b"\0\0\0\x14\0cassandra\0cassandra")

    def ask(self, op, body):
        self.s.sendall(frame(op, body))
        head = self.read(9)
        body = self.read(int.from_bytes(head[5:], "big"))
        assert head[4] != 0, body
        return body

    def read(self, n):
        data = b""
        while len(data) < n:
            more = self.s.recv(n - len(data))
            assert more
            data += more
        return data

    def run(self, text):
        return self.ask(7, len(text).to_bytes(4, "big") + text.encode() + b"\0\1\0")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if os.environ.get("BELFRY_SLOW") == "0":
        pytest.skip("Cassandra takes half a minute to start (BELFRY_SLOW=0)")
    folder = tmp_path_factory.mktemp("cassandra")
    native, storage = free_port(), free_port()
    (folder / "cassandra.yaml").write_text(CONFIG.format(d=folder, native=native, storage=storage))
    (folder / "logback.xml").write_text(QUIET)
    classes = jars("cassandra", "org.apache.cassandra:cassandra-all:4.1.7")
    argv = [java(), "-Xmx512m", "-Xms256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xss512k",
            "--add-modules=java.sql", "-Djdk.attach.allowAttachSelf=true"]
    for package in OPENS:
        argv += ["--add-opens", package + "=ALL-UNNAMED", "--add-exports", package + "=ALL-UNNAMED"]
    argv += [f"-Dcassandra.config=file://{folder}/cassandra.yaml", f"-Dlogback.configurationFile={folder}/logback.xml",
             f"-Dcassandra.storagedir={folder}", "-Dcassandra-foreground=yes", "-Dcassandra.ring_delay_ms=100",
             "-Dcassandra.skip_wait_for_gossip_to_settle=0", "-Dcassandra.superuser_setup_delay_ms=0",
             "-Dcassandra.auth_bcrypt_gensalt_log2_rounds=4",
             f"-Djava.io.tmpdir={folder}", "-cp", f"{folder}:{classes}", "org.apache.cassandra.service.CassandraDaemon"]

    def ready():
        try:
            Cql(native).s.close()
            return True
        except (OSError, AssertionError):
            return False
    s = Server(argv, native, folder / "log", ready=ready, timeout=115)
    yield s
    s.stop()


class TestCassandra(ServiceCases):
    TYPE = "cassandra"
    TLS = True

    def config(self, port):
        return dict(DEFAULT, host="127.0.0.1", port=port)

    def test_cluster(self, server):
        doc = self.good(self.config(server.port))
        m = doc["metrics"]
        assert m["cassandra_up"] == 1 and m["cassandra_nodes"] == 1 and m["cassandra_schema_versions"] == 1, doc
        assert m["cassandra_cluster_name"] == "Glocken" and m["cassandra_version"] == "4.1.7", doc
        assert '"Glocken", 1 of 1 nodes up, 1 data centres' in doc["message"], doc

    def test_wrong_password(self, server):
        message = self.bad(dict(self.config(server.port), password="falsch"), "10s")
        assert "login refused" in message and "incorrect" in message, message

    def test_no_password(self, server):
        assert "PasswordAuthenticator" in self.bad({"host": "127.0.0.1", "port": server.port}, "5s")

    def test_keyspace(self, server):
        self.good(dict(self.config(server.port), keyspace="system_auth"))
        assert 'keyspace "nirgends" does not exist' in self.bad(dict(self.config(server.port), keyspace="nirgends"), "5s")
        status, _, err = check("cassandra", dict(self.config(server.port), keyspace="a'b"), "1s")
        assert status == 2 and "keyspace" in err

    def test_many_probes_in_one_process(self, server):
        status, doc, err = check(self.TYPE, self.config(server.port), "10s", "--times", "40", "--delta", "1ms")
        assert doc["requestSuccessPerc"] == 1 and status == 0, (doc, err)

    def test_url(self, server):
        status, doc, err = check(f"cassandra://cassandra:cassandra@127.0.0.1:{server.port}/system", None, "10s")
        assert status == 0, (doc, err)

    def test_dead_node(self, server):
        """Three more nodes in the node's view: one that answers, one that is dead, one that is frozen."""
        live, frozen, cql = Relay(server.port), Relay(server.port, "silent"), Cql(server.port)
        rows = ((2, live.port), (3, free_port()), (4, frozen.port))
        for n, port in rows:
            cql.run("INSERT INTO system.peers_v2 (peer, peer_port, native_address, native_port, data_center, schema_version) "
                    f"VALUES ('127.0.0.{n}', 7000, '127.0.0.1', {port}, 'dc{n}', "
                    + ("50554d6e-29bb-11e5-b345-feff819cdc9f)" if n == 2 else "now())"))
        try:
            message = self.bad(self.config(server.port), "2s")
            assert "2 of 4 nodes are down, such as 127.0.0.1:" in message, message
            doc = self.good(dict(self.config(server.port), nodes_down_threshold=2), "2s")
            assert "2 of 4 nodes are down" in doc["warnings"][0] and "disagree about the schema: 2" in doc["warnings"][1], doc
            assert doc["metrics"]["cassandra_nodes_down"] == 2 and doc["metrics"]["cassandra_datacenters"] == 4, doc
            assert doc["metrics"][f'cassandra_node_up{{node="127.0.0.1:{live.port}",datacenter="dc2"}}'] == 1, doc
            doc = self.good(dict(self.config(server.port), datacenter="dc2"), "2s")
            assert "schema" in doc["warnings"][0], doc
            self.good(dict(self.config(server.port), check_peers=False), "2s")
        finally:
            for n, _ in rows:
                cql.run(f"DELETE FROM system.peers_v2 WHERE peer='127.0.0.{n}' AND peer_port=7000")
            live.close()
            frozen.close()
