"""elasticsearch against a real node of OpenSearch 2.11 (Maven Central's jars; Elasticsearch answers the same paths). What one
node cannot be brought to (red, full disks, Elasticsearch's own banner, API keys) are recorded answers, and named so."""

import json
import urllib.request

import pytest
from belfry import free_port
from harness import FROZEN_MS, Relay, Server, ServiceCases, check
from javaservers import jars, java
from servers import Http, Service

NODE = """
import java.util.*;
import org.opensearch.common.settings.Settings;
import org.opensearch.node.*;
import org.opensearch.transport.Netty4Plugin;
public class Bell extends Node {
    Bell(Settings s) {
        super(InternalSettingsPreparer.prepareEnvironment(s, Map.of(), null, () -> "bell"), List.of(Netty4Plugin.class), true);
    }
    public static void main(String[] a) throws Exception {
        new Bell(Settings.builder().put("path.home", a[0]).put("path.data", a[0] + "/data").put("cluster.name", "glocken")
            .put("http.port", a[1]).put("transport.port", a[2]).put("http.type", "netty4").put("transport.type", "netty4")
            .put("node.name", "bell").put("network.host", "127.0.0.1").put("discovery.type", "single-node")
            .put("cluster.routing.allocation.disk.threshold_enabled", "false").put("node.processors", "1").build()).start();
        Thread.sleep(Long.MAX_VALUE);
    }
}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("opensearch")
    (folder / "config").mkdir()
    (folder / "Bell.java").write_text(NODE)
    port = free_port()
    classes = jars("opensearch", "org.opensearch.plugin:transport-netty4-client:2.11.1", "org.opensearch:opensearch:2.11.1",
                   "org.apache.logging.log4j:log4j-core:2.20.0")
    s = Server([java(), "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", classes, folder / "Bell.java",
                folder, port, free_port()], port, folder / "log", timeout=100)
    try:  # its port answers before it has read its own state: it is red until then
        urllib.request.urlopen(f"http://127.0.0.1:{port}/_cluster/health?wait_for_status=yellow&timeout=60s", timeout=70).read()
        yield s
    finally:
        s.stop()


def put(server, path, document):
    ask = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", method="PUT", data=json.dumps(document).encode())
    ask.add_header("Content-Type", "application/json")
    urllib.request.urlopen(ask, timeout=60).read()


class TestElasticsearch(ServiceCases):
    TYPE = "elasticsearch"
    TLS = True
    FULL = {"disk_warning_percent": 0, "disk_down_percent": 0}  # the test machine's own disk is not what is tested

    def config(self, port):
        return dict(self.FULL, host="127.0.0.1", port=port)

    def test_green(self, server):
        doc = self.good(self.config(server.port))
        m = doc["metrics"]
        assert doc["message"].startswith('OpenSearch 2.11.1, cluster "glocken" is green, 1 nodes'), doc
        assert m['elasticsearch_cluster_health_status{color="green"}'] == 1, doc
        assert m['elasticsearch_filesystem_data_size_bytes{node="bell"}'] > 0, doc

    def test_disks(self, server):
        message = self.bad(dict(self.config(server.port), disk_down_percent=0.1), "10s")
        assert "the disk of node bell is" in message and "want at most 0.1 %" in message, message
        doc = self.good(dict(self.config(server.port), disk_warning_percent=0.1))
        assert "the disk of node bell is" in doc["warnings"][0], doc

    def test_too_few_nodes(self, server):
        assert "1 of 3 nodes" in self.good(dict(self.config(server.port), expected_nodes=3))["warnings"][0]

    def test_many_probes_in_one_process(self, server):
        status, doc, err = check(self.TYPE, self.config(server.port), "10s", "--times", "200", "--delta", "1ms")
        assert doc["requestSuccessPerc"] == 1 and status == 0, (doc, err)

    def test_url(self, server):
        status, doc, err = check(f"opensearch://127.0.0.1:{server.port}?disk_down_percent=0", None, "10s")
        assert status == 0, (doc, err)

    def test_yellow(self, server):
        """The last one: an index with a replica that has no second node to go to."""
        put(server, "/orders?wait_for_active_shards=1", {"settings": {"number_of_shards": 1, "number_of_replicas": 1}})
        doc = self.good(self.config(server.port))
        assert doc["warnings"] == ["the cluster is yellow: 1 replicas are unassigned"], doc
        assert doc["metrics"]["elasticsearch_cluster_health_unassigned_shards"] == 1, doc
        assert "is yellow" in self.bad(dict(self.config(server.port), yellow_action="fail"), "5s")
        assert self.good(dict(self.config(server.port), yellow_action="ignore"))["warnings"] == []


# --- recorded answers ---

HEALTH = {"cluster_name": "shop", "status": "green", "timed_out": False, "number_of_nodes": 3, "number_of_data_nodes": 3,
          "active_primary_shards": 10, "active_shards": 20, "relocating_shards": 0, "initializing_shards": 0,
          "unassigned_shards": 0, "number_of_pending_tasks": 0}
BANNER = {"name": "a", "cluster_name": "shop", "version": {"number": "8.13.4", "build_flavor": "default"}}


@pytest.fixture
def recorded():
    """recorded({path: document}, wanted header) → a server's port."""
    made = []

    def make(answers, wanted=None):
        class Handler(Http):
            def do_GET(self):
                good = wanted is None or self.headers.get("Authorization") == wanted
                found = answers.get(self.path.split("?")[0])
                body = json.dumps(found if good else {"error": {"type": "security_exception"}, "status": 401}).encode()
                status = 401 if not good else 200 if found is not None else 404
                self.answer(status, body, Content_Type="application/json")
        made.append(Service(Handler))
        return made[-1].port
    yield make
    for s in made:
        s.close()


def disk(name, percent):
    return {"node": name, "shards": "5", "disk.total": "1000000", "disk.avail": str(1000000 - percent * 10000),
            "disk.used": str(percent * 10000), "disk.percent": str(percent)}


def answers(disks=(), **health):
    return {"/": BANNER, "/_cluster/health": dict(HEALTH, **health), "/_cat/allocation": list(disks)}


class TestRecordedAnswers:
    def look(self, port, want=0, **more):
        status, doc, err = check("elasticsearch", dict({"host": "127.0.0.1", "port": port}, **more), "5s")
        assert status == want, (doc, err)
        return doc

    def test_recorded_elasticsearch_banner(self, recorded):
        doc = self.look(recorded(answers([disk("a", 50), {"node": "UNASSIGNED", "shards": "2"}])))
        assert doc["message"].startswith('Elasticsearch 8.13.4, cluster "shop" is green, 3 nodes, 20 shards'), doc
        assert doc["warnings"] == [], doc

    def test_recorded_red(self, recorded):
        doc = self.look(recorded(answers(status="red", unassigned_shards=4)), 1)
        assert "the cluster is red: 4 shards are unassigned" in doc["message"], doc
        doc = self.look(recorded(answers(status="red", unassigned_shards=0)), 1)
        assert "the cluster is red: it has just started" in doc["message"], doc

    def test_recorded_full_disks(self, recorded):
        doc = self.look(recorded(answers([disk("a", 50), disk("b", 90)])))
        assert doc["warnings"] == ["the disk of node b is 90 % full; want at most 85 %"], doc
        doc = self.look(recorded(answers([disk("a", 50), disk("b", 97)])), 1)
        assert "the disk of node b is 97 % full; want at most 95 %" in doc["message"], doc

    def test_recorded_api_key_and_account(self, recorded):
        port = recorded(answers(), "ApiKey c2VjcmV0")
        self.look(port, api_key="c2VjcmV0")
        assert "login refused" in self.look(port, 1, api_key="wrong")["message"]
        port = recorded(answers(), "Basic bWU6cHc=")
        self.look(port, username="me", password="pw")
        assert "login refused" in self.look(port, 1, username="me", password="falsch")["message"]

    def test_no_elasticsearch(self, recorded):
        assert "status 404" in self.look(recorded({"/": BANNER}), 1)["message"]
        assert "cannot read the cluster's health" in self.look(recorded({"/_cluster/health": {"a": 1}}), 1)["message"]

    def test_silent(self):
        relay = Relay(1, "silent")
        status, doc, _ = check("elasticsearch", {"host": "127.0.0.1", "port": relay.port}, f"{FROZEN_MS}ms")
        relay.close()
        assert status == 1 and doc["latency_ms"] >= FROZEN_MS - 50, doc
