"""kafka against real brokers: Kafka 3.7 (KRaft) from Maven Central's jars, two of them, with listeners for plain text, for
SASL and for TLS. What needs no more than the protocol runs against librdkafka's own mock cluster."""

import ctypes
import os
import subprocess
import time

import pytest
from belfry import free_port, wait_until
from harness import FROZEN_MS, Relay, Server, ServiceCases, check, listens
from javaservers import jars, java

CLUSTER = "MkU3OEVBNTcwNTJENDM2Qk"  # any 16 bytes in base64
JAAS = ('org.apache.kafka.common.security.plain.PlainLoginModule required username="admin" password="geheim" '
        'user_admin="geheim" user_belfry="wach";')
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


def properties(node, ports, folder, certs):
    """Node 1 is broker and controller, node 2 is a broker: it can be stopped."""
    pem = open(os.path.join(certs.folder, "good.key"), encoding="ascii").read()
    pem += open(os.path.join(certs.folder, "good.pem"), encoding="ascii").read()
    with open(os.path.join(folder, "server.pem"), "w", encoding="ascii") as f:
        f.write(pem)
    plain, sasl, tls = ports[node]
    listeners = f"PLAINTEXT://127.0.0.1:{plain},SASL_PLAINTEXT://127.0.0.1:{sasl},SSL://127.0.0.1:{tls}"
    controller = f",CONTROLLER://127.0.0.1:{ports['controller']}" if node == 1 else ""
    return "\n".join([
        f"process.roles={'broker,controller' if node == 1 else 'broker'}",
        f"node.id={node}",
        f"controller.quorum.voters=1@127.0.0.1:{ports['controller']}",
        f"listeners={listeners}{controller}",
        f"advertised.listeners={listeners}",
        "controller.listener.names=CONTROLLER",
        "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL",
        "inter.broker.listener.name=PLAINTEXT",
        "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        f"listener.name.sasl_plaintext.plain.sasl.jaas.config={JAAS}",
        f"listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config={SCRAM}",
        f"listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config={SCRAM}",
        "ssl.keystore.type=PEM",
        f"ssl.keystore.location={folder}/server.pem",
        f"log.dirs={folder}/logs{node}",
        "offsets.topic.num.partitions=1",
        "offsets.topic.replication.factor=1",
        "transaction.state.log.num.partitions=1",
        "transaction.state.log.replication.factor=1",
        "transaction.state.log.min.isr=1",
        "group.initial.rebalance.delay.ms=0",
        "group.min.session.timeout.ms=1000",
        "broker.session.timeout.ms=4000",
        "broker.heartbeat.interval.ms=500",
        "auto.create.topics.enable=false",
        "num.network.threads=1",
        "num.io.threads=2",
        "log.cleaner.enable=false",
        "",
    ])


class Kafka:
    """Two brokers. One Java process holds the tools' classes for what the tests want done."""

    def __init__(self, folder, certs):
        self.folder, self.classes = str(folder), jars("kafka", "org.apache.kafka:kafka_2.13:3.7.2")
        self.ports = {1: [free_port() for _ in range(3)], 2: [free_port() for _ in range(3)], "controller": free_port()}
        self.nodes = {}
        for node in (1, 2):
            path = f"{self.folder}/{node}.properties"
            with open(path, "w", encoding="utf-8") as f:
                f.write(properties(node, self.ports, self.folder, certs))
            scram = [f"SCRAM-SHA-{bits}=[name=scram,password=wach]" for bits in (256, 512)]
            more = [word for one in scram for word in ("--add-scram", one)] if node == 1 else []
            self.java("kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", path, *more)
        for node in (1, 2):
            self.nodes[node] = Server(self.argv("kafka.Kafka", f"{self.folder}/{node}.properties"), self.ports[node][0],
                                      f"{self.folder}/{node}.log", ready=lambda n=node: all(map(listens, self.ports[n])),
                                      timeout=90)

    def argv(self, name, *argv):
        return [java(), "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", self.classes, name, *argv]

    def java(self, name, *argv, text=None):
        done = subprocess.run(self.argv(name, *argv), capture_output=True, text=True, timeout=90, input=text, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def brokers(self, listener=0):
        return [f"127.0.0.1:{self.ports[1][listener]}"]

    @property
    def port(self):
        return self.ports[1][0]

    def freeze(self):
        self.nodes[1].freeze()

    def thaw(self):
        self.nodes[1].thaw()

    def close(self):
        for node in self.nodes.values():
            node.stop()


HELPER = """
import java.time.Duration; import java.util.*;
import org.apache.kafka.clients.admin.*; import org.apache.kafka.clients.consumer.*; import org.apache.kafka.clients.producer.*;
public class Helper {
    static Properties p(String brokers) {
        Properties p = new Properties();
        p.put("bootstrap.servers", brokers); p.put("group.id", "orders-reader"); p.put("session.timeout.ms", "2000");
        p.put("heartbeat.interval.ms", "300"); p.put("auto.offset.reset", "earliest"); p.put("enable.auto.commit", "false");
        for (String s : new String[] {"key", "value"}) {
            p.put(s + ".serializer", "org.apache.kafka.common.serialization.StringSerializer");
            p.put(s + ".deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
        }
        return p;
    }
    static void produce(Properties p, int n) throws Exception {
        try (var producer = new KafkaProducer<String, String>(p)) {
            for (int i = 0; i < n; i++)
                producer.send(new ProducerRecord<>("orders", i % 2, "", "order " + i)).get();
        }
    }
    public static void main(String[] a) throws Exception {
        Properties p = p(a[0]);
        try (var admin = Admin.create(p)) {
            var both = Map.of(0, List.of(1, 2), 1, List.of(1, 2));
            admin.createTopics(List.of(new NewTopic("orders", both), new NewTopic("trip", Map.of(0, List.of(1))),
                                       new NewTopic("lonely", Map.of(0, List.of(2))))).all().get();
        }
        produce(p, 10);
        var consumer = new KafkaConsumer<String, String>(p);
        consumer.subscribe(List.of("orders"));
        for (int seen = 0; seen < 10;)
            seen += consumer.poll(Duration.ofMillis(200)).count();
        consumer.commitSync();
        System.out.println("consumed"); System.out.flush();
        new Thread(() -> { /* a consumer that keeps up its membership and reads no more */
            consumer.pause(consumer.assignment());
            try { while (true) consumer.poll(Duration.ofMillis(100)); }
            catch (org.apache.kafka.common.errors.WakeupException e) { consumer.close(); System.out.println("closed"); }
        }).start();
        for (var in = new Scanner(System.in); in.hasNextLine();) {
            String line = in.nextLine();
            if (line.equals("stop")) { consumer.wakeup(); }
            else { produce(p, Integer.parseInt(line)); System.out.println("produced"); }
            System.out.flush();
        }
    }
}
"""


class Helper:
    """A consumer of the group orders-reader, and a producer."""

    def __init__(self, kafka):
        with open(f"{kafka.folder}/Helper.java", "w", encoding="ascii") as f:
            f.write(HELPER)
        with open(f"{kafka.folder}/helper.log", "wb") as log:
            self.child = subprocess.Popen(kafka.argv(f"{kafka.folder}/Helper.java", kafka.brokers()[0]), stdin=subprocess.PIPE,
                                          stdout=subprocess.PIPE, stderr=log, text=True)
        self.wait("consumed")

    def wait(self, word):
        for line in self.child.stdout:
            if line.strip() == word:
                return
        raise AssertionError(f"the helper ended before it said {word}")

    def tell(self, line, answer):
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()
        self.wait(answer)

    def close(self):
        self.child.kill()
        self.child.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory, certs):
    k = Kafka(tmp_path_factory.mktemp("kafka"), certs)
    yield k
    k.close()


@pytest.fixture(scope="module")
def helper(server):
    h = Helper(server)
    yield h
    h.close()


class TestKafka(ServiceCases):
    TYPE = "kafka"
    TLS = True

    def config(self, port):
        return {"brokers": [f"127.0.0.1:{port}"]}

    def test_cluster(self, server):
        doc = self.good({"brokers": server.brokers(), "expected_brokers": 2})
        assert doc["metrics"]["kafka_brokers"] == 2 and doc["metrics"]["kafka_cluster_id"] == CLUSTER, doc
        assert doc["warnings"] == [] and "2 brokers" in doc["message"], doc

    def test_too_few_brokers(self, server):
        assert "2 of 3 brokers" in self.good({"brokers": server.brokers(), "expected_brokers": 3})["warnings"][0]

    def test_one_dead_broker_among_those_named(self, server):
        self.good({"brokers": [f"127.0.0.1:{free_port()}"] + server.brokers()})

    def test_wrong_topic(self, server):
        assert '"nirgends" does not exist' in self.bad({"brokers": server.brokers(), "topics": ["nirgends"]}, "5s")

    def test_wrong_group(self, server):
        assert '"nobody" does not exist' in self.bad({"brokers": server.brokers(), "group": "nobody"}, "30s")

    @pytest.mark.parametrize("mechanism,user", [("PLAIN", "belfry"), ("SCRAM-SHA-256", "scram"),
                                                ("SCRAM-SHA-512", "scram")])
    def test_sasl(self, server, mechanism, user):
        config = {"brokers": server.brokers(1), "username": user, "password": "wach", "sasl_mechanism": mechanism}
        self.good(config)
        begun = time.monotonic()
        message = self.bad(dict(config, password="falsch"), "20s")
        assert "uthentication" in message and time.monotonic() - begun < 15, message

    def test_real_tls(self, server, certs):
        doc = self.good({"brokers": server.brokers(2), "tls": True, "tls_options": {"ca_file": certs.ca}})
        assert doc["metrics"]["kafka_brokers"] == 2, doc

    def test_lag(self, server, helper):
        config = {"brokers": server.brokers(), "group": "orders-reader"}
        doc = self.good(config)
        assert doc["warnings"] == [] and doc["metrics"]["kafka_consumergroup_state"] == "Stable", doc
        of_group = '{consumergroup="orders-reader"'
        assert doc["metrics"]["kafka_consumergroup_lag_total" + of_group + "}"] == 0, doc
        assert doc["metrics"]["kafka_consumergroup_members" + of_group + "}"] == 1, doc

        helper.tell("7", "produced")
        metrics = self.good(dict(config, topics=["orders"]))["metrics"]
        assert metrics["kafka_consumergroup_lag_total" + of_group + "}"] == 7, metrics
        assert metrics["kafka_consumergroup_lag_sum" + of_group + ',topic="orders"}'] == 7, metrics
        for partition, lag in (("0", 4), ("1", 3)):
            assert metrics["kafka_consumergroup_lag" + of_group + f',topic="orders",partition="{partition}"}}'] == lag, metrics
        assert metrics["kafka_consumergroup_lag_max_partition"] == "orders-0", metrics

        warnings = self.good(dict(config, lag_threshold=5, partition_lag_threshold=3))["warnings"]
        assert "lags by 7; want at most 5" in warnings[0] and "lags by 4 in orders-0" in warnings[1], warnings
        assert "lags by 7; want at most 6" in self.bad(dict(config, lag_down_threshold=6), "10s")

        helper.tell("stop", "closed")
        doc = self.good(config)
        assert "no members (Empty): its consumers have stopped" in doc["warnings"][0], doc
        assert "consumers have stopped" in self.bad(dict(config, no_members_action="fail"), "10s")
        assert self.good(dict(config, no_members_action="ignore"))["warnings"] == []

    def test_round_trip(self, server, helper):
        doc = self.good({"brokers": server.brokers(), "round_trip_topic": "trip"}, "20s")
        assert doc["metrics"]["kafka_round_trip_seconds"] > 0, doc
        assert "nirgends" in self.bad({"brokers": server.brokers(), "round_trip_topic": "nirgends"}, "5s")

    def test_url(self, server, helper):
        status, doc, err = check(f"kafka://127.0.0.1:{server.port}/orders?group=orders-reader", None, "10s")
        assert status == 0 and doc["target"].startswith("kafka://"), (doc, err)

    def test_stopped_broker(self, server, helper):
        """The last one: it takes the second broker away."""
        server.nodes[2].stop()

        def noticed():
            _, doc, _ = check("kafka", {"brokers": server.brokers(), "topics": ["orders"], "expected_brokers": 2}, "5s")
            return doc["metrics"].get("kafka_brokers") == 1
        wait_until(noticed, 30, step=0.5, what="the stopped broker is noticed")
        doc = self.good({"brokers": server.brokers(), "topics": ["orders"], "expected_brokers": 2})
        assert "1 of 2 brokers" in doc["warnings"][0] and "2 of 2 partitions are under-replicated" in doc["warnings"][1], doc
        assert "1 of 1 partitions are offline (no leader), such as lonely-0" in self.bad(
            {"brokers": server.brokers(), "topics": ["lonely"]}, "5s")


# --- librdkafka's mock cluster: always there ---

@pytest.fixture(scope="module")
def mock():
    try:
        lib = ctypes.CDLL("librdkafka.so.1")
    except OSError:
        pytest.skip("no librdkafka here (Debian package librdkafka1)")
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_mock_cluster_new", "rd_kafka_mock_cluster_bootstraps"):
        getattr(lib, name).restype = ctypes.c_void_p
    why = ctypes.create_string_buffer(200)
    rk = ctypes.c_void_p(lib.rd_kafka_new(0, ctypes.c_void_p(lib.rd_kafka_conf_new()), why, 200))
    cluster = ctypes.c_void_p(lib.rd_kafka_mock_cluster_new(rk, 3))
    assert lib.rd_kafka_mock_topic_create(cluster, b"orders", 4, 3) == 0
    brokers = ctypes.cast(lib.rd_kafka_mock_cluster_bootstraps(cluster), ctypes.c_char_p).value.decode()

    class Mock:
        pass
    m = Mock()
    m.lib, m.cluster, m.brokers = lib, cluster, brokers.split(",")
    yield m
    lib.rd_kafka_mock_cluster_destroy(cluster)
    lib.rd_kafka_destroy(rk)


class TestMockCluster:
    def test_healthy(self, mock):
        status, doc, err = check("kafka", {"brokers": mock.brokers, "topics": ["orders"], "expected_brokers": 3}, "10s")
        assert status == 0 and doc["warnings"] == [], (doc, err)
        assert doc["metrics"]["kafka_brokers"] == 3 and doc["metrics"]["kafka_partitions"] == 4, doc

    def test_wrong_topic(self, mock):
        status, doc, _ = check("kafka", {"brokers": mock.brokers, "topics": ["nirgends"]}, "5s")
        assert status == 1 and "does not exist" in doc["message"], doc

    def test_round_trip(self, mock):
        status, doc, err = check("kafka", {"brokers": mock.brokers, "round_trip_topic": "orders"}, "20s")
        assert status == 0 and doc["metrics"]["kafka_round_trip_seconds"] > 0, (doc, err)

    @pytest.mark.parametrize("mode", ["silent", "cut", "garbage"])
    def test_spoilt(self, mock, mode):
        relay = Relay(int(mock.brokers[0].rsplit(":", 1)[1]), mode)
        status, doc, _ = check("kafka", {"brokers": [f"127.0.0.1:{relay.port}"]}, f"{FROZEN_MS}ms")
        relay.close()
        assert status == 1 and doc["message"], doc

    def test_handle_is_shared_and_forgotten_failures_end(self, mock):
        """Many probes in one process: the second begins where the first has left a handle."""
        status, doc, err = check("kafka", {"brokers": mock.brokers}, "5s", "--times", "200", "--delta", "1ms")
        assert doc["requestSuccessPerc"] == 1 and status == 0, (doc, err)

    def test_usage(self):
        for config, words in (({"brokers": ["a:99999"]}, "99999"), ({"brokers": ["a"], "lag_threshold": 5}, "group"),
                              ({"brokers": ["a"], "password": "x"}, "username")):
            status, _, err = check("kafka", config, "1s")
            assert status == 2 and words in err, err

    def test_targets_of_a_watcher_share_a_handle(self, mock, belfry):
        """A handle has a thread for each broker and a few more: forty targets take hardly more than one. A frozen cluster
        (here: one that says nothing) holds up neither its own targets' deadlines nor the watcher's end."""
        relay = Relay(1, "silent")
        one = {"brokers": mock.brokers, "topics": ["orders"]}
        frozen = {"brokers": [f"127.0.0.1:{relay.port}"]}
        targets = [{"name": f"k{i}", "type": "kafka", "config": one} for i in range(40)]
        targets += [{"name": f"f{i}", "type": "kafka", "config": frozen} for i in range(20)]
        b = belfry({"groups": [{"name": "g", "interval": "2s", "timeout": "1500ms", "threshold": 1, "targets": targets}]})
        for name in ("k0", "k20", "k39"):
            b.wait_status(name, "healthy", timeout=30)
        b.wait_status("f19", "unhealthy", timeout=30)
        watchers = [c["pid"] for c in b.children() if "watcher" in str(c)]
        threads = max(len(os.listdir(f"/proc/{pid}/task")) for pid in watchers)
        assert threads < 60, f"{threads} threads for two clusters"
        assert b.stop() == 0 and not b.crashes()
        relay.close()
