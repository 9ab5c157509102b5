"""rabbitmq against Debian's RabbitMQ, with its management plugin, an epmd of its own and a home of its own."""

import base64
import json
import os
import pwd
import shutil
import subprocess
import tempfile
import urllib.request

import pytest
from belfry import free_port, wait_until
from harness import Server, ServiceCases, check, listens, program


class Rabbit(Server):
    """epmd and the Erlang machine are started in the server's process group, so they freeze and end with it."""

    def __init__(self):
        place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # it waits for its disk at each of its steps
        self.folder, self.api = tempfile.mkdtemp(prefix="belfry-rabbit-", dir=place), free_port()
        owner = pwd.getpwnam("rabbitmq")
        port, self.user_name = free_port(), "rabbitmq"
        with open(f"{self.folder}/rabbitmq.conf", "w", encoding="ascii") as f:
            f.write(f"listeners.tcp.default = 127.0.0.1:{port}\nmanagement.tcp.ip = 127.0.0.1\n"
                    f"management.tcp.port = {self.api}\nlog.console = true\nlog.console.level = warning\n"
                    "management_agent.disable_metrics_collector = false\nvm_memory_high_watermark.absolute = 1GB\n"
                    "disk_free_limit.absolute = 1MB\ncollect_statistics_interval = 500\n")
        with open(f"{self.folder}/plugins", "w", encoding="ascii") as f:
            f.write("[rabbitmq_management].\n")
        self.settings = {
            "HOME": self.folder, "ERL_EPMD_PORT": str(free_port()), "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": "belfry@localhost", "RABBITMQ_CONFIG_FILE": f"{self.folder}/rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{self.folder}/plugins", "RABBITMQ_MNESIA_BASE": f"{self.folder}/mnesia",
            "RABBITMQ_LOG_BASE": f"{self.folder}/log", "RABBITMQ_LOGS": "-", "RABBITMQ_PID_FILE": f"{self.folder}/pid",
            "RABBITMQ_DIST_PORT": str(free_port()), "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",
        }
        os.chmod(self.folder, 0o755)
        for root, folders, files in os.walk(self.folder):
            for name in [root] + [os.path.join(root, n) for n in folders + files]:
                os.chown(name, owner.pw_uid, owner.pw_gid)
        epmd = f"epmd -port {self.settings['ERL_EPMD_PORT']} -address 127.0.0.1 & "  # else it would become a daemon
        try:
            super().__init__(["/bin/sh", "-c", f"{epmd} exec {server_script()}"], port, f"{self.folder}/console",
                             env=self.settings, cwd=self.folder, user="rabbitmq", timeout=110,
                             ready=lambda: listens(port) and listens(self.api))
        except AssertionError:
            self.stop()
            raise

    def ctl(self, *argv):
        subprocess.run(["/usr/lib/rabbitmq/bin/rabbitmqctl", *argv],
                       env=dict(os.environ, **self.settings), cwd=self.folder, user="rabbitmq", check=True,
                       capture_output=True, timeout=60)

    def call(self, method, path, document=None):
        ask = urllib.request.Request(f"http://127.0.0.1:{self.api}/api{path}", method=method,
                                     data=json.dumps(document or {}).encode())
        ask.add_header("Authorization", "Basic " + base64.b64encode(b"guest:guest").decode())
        ask.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(ask, timeout=30) as answer:
            return answer.read()

    def stop(self):
        super().stop()
        shutil.rmtree(self.folder, ignore_errors=True)
    close = stop


def server_script():
    """The script below /usr/lib: that in /usr/sbin would become the user rabbitmq by itself, and the epmd a service."""
    program("rabbitmq-server", "rabbitmq-server")
    return "/usr/lib/rabbitmq/bin/rabbitmq-server"


@pytest.fixture(scope="module")
def server():
    s = Rabbit()
    s.call("PUT", "/queues/%2f/orders", {"durable": False})
    s.call("PUT", "/vhosts/prod")
    yield s
    s.stop()


class TestRabbitmq(ServiceCases):
    TYPE = "rabbitmq"
    TLS = True

    def with_api(self, server, **more):
        return dict(self.config(server.port), management_port=server.api, **more)

    def test_version(self, server):
        doc = self.good(self.config(server.port))
        assert doc["message"].startswith("RabbitMQ 3.") and 'vhost "/" open' in doc["message"], doc

    def test_wrong_password(self, server):
        message = self.bad(dict(self.config(server.port), username="guest", password="falsch"), "10s")
        assert "access refused" in message and "PLAIN" in message, message

    def test_wrong_vhost(self, server):
        assert "nirgends" in self.bad(dict(self.config(server.port), vhost="nirgends"), "5s")

    def test_wrong_queue(self, server):
        message = self.bad(dict(self.config(server.port), queue="nirgends"), "5s")
        assert 'queue "nirgends": not found' in message, message

    def test_queue(self, server):
        config = dict(self.config(server.port), queue="orders")
        server.call("DELETE", "/queues/%2f/orders/contents")
        doc = self.good(config)
        assert doc["metrics"]['rabbitmq_queue_messages_ready{queue="orders"}'] == 0, doc
        for n in range(5):
            server.call("POST", "/exchanges/%2f/amq.default/publish",
                        {"properties": {}, "routing_key": "orders", "payload": str(n), "payload_encoding": "string"})
        doc = self.good(dict(config, messages_threshold=4, min_consumers=1))
        assert "holds 5 messages; want at most 4" in doc["warnings"][0] and "0 consumers" in doc["warnings"][1], doc
        assert "holds 5 messages; want at most 3" in self.bad(dict(config, messages_down_threshold=3), "5s")

    def test_nodes(self, server):
        disk = 'rabbitmq_disk_space_available_bytes{node="belfry@localhost"}'
        wait_until(lambda: disk in self.good(self.with_api(server))["metrics"])  # told from the node's first statistics on
        doc = self.good(self.with_api(server, expected_nodes=1))
        m = doc["metrics"]
        assert doc["warnings"] == [] and m["rabbitmq_nodes_running"] == 1 and m["rabbitmq_nodes_with_alarms"] == 0, doc
        assert m[disk] > 0, doc
        assert "1 nodes are running; want 2" in self.good(self.with_api(server, expected_nodes=2))["warnings"][0]

    def test_memory_alarm(self, server):
        server.ctl("set_vm_memory_high_watermark", "absolute", "10MB")
        try:
            wait_until(lambda: check("rabbitmq", self.with_api(server), "5s")[1]["warnings"], 30, what="the alarm")
            doc = self.good(self.with_api(server))
            assert "memory alarm at belfry@localhost" in doc["warnings"][0], doc
        finally:
            server.ctl("set_vm_memory_high_watermark", "absolute", "1GB")

    def test_management_gone(self, server):
        doc = self.good(dict(self.config(server.port), management_port=free_port()))
        assert "management API" in doc["warnings"][0] and "refused" in doc["warnings"][0], doc

    def test_many_probes_in_one_process(self, server):
        status, doc, err = check(self.TYPE, self.config(server.port), "10s", "--times", "200", "--delta", "1ms")
        assert doc["requestSuccessPerc"] == 1 and status == 0, (doc, err)

    def test_url(self, server):
        status, doc, err = check(f"amqp://guest:guest@127.0.0.1:{server.port}/prod", None, "5s")
        assert status == 0 and 'vhost "prod"' in doc["message"], (doc, err)
        status, doc, err = check(f"amqp://guest:guest@127.0.0.1:{server.port}/%2f?queue=orders", None, "5s")
        assert status == 0 and "orders" in doc["message"], (doc, err)

    def test_usage(self):
        for config, words in (({"host": "a", "messages_threshold": 5}, "queue"), ({"host": "a", "password": "x"}, "username"),
                              ({"host": "a", "expected_nodes": 3}, "management_port")):
            status, _, err = check("rabbitmq", config, "1s")
            assert status == 2 and words in err, err
