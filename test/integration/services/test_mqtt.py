"""mqtt against Mosquitto: accounts and rights, rounds of messages in both versions, what the broker tells of itself, TLS of its
own."""

import socket
import subprocess
import threading

import pytest
from belfry import free_port, wait_until
from harness import Server, ServiceCases, check, program

ACL = """user mon
topic readwrite belfry/#
topic read $SYS/#
topic read plant/#
user plant
topic readwrite plant/#
user mute
topic write belfry/#
"""


def start(folder, text):
    folder.mkdir(exist_ok=True)
    port = free_port()
    conf = folder / "mosquitto.conf"
    conf.write_text(f"user root\nlistener {port} 127.0.0.1\nsys_interval 1\n{text}\n")
    return Server([program("mosquitto", "mosquitto"), "-c", conf], port, folder / "log")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mqtt")
    accounts = folder / "accounts"
    for i, (name, word) in enumerate((("mon", "geheim"), ("plant", "p"), ("mute", "m"))):
        subprocess.run([program("mosquitto_passwd", "mosquitto"), "-b", *(["-c"] if i == 0 else []), str(accounts), name,
                        word], check=True, capture_output=True)
    (folder / "acl").write_text(ACL)
    s = start(folder / "d", f"allow_anonymous false\npassword_file {accounts}\nacl_file {folder}/acl\n"
                            "max_inflight_messages 20\nretain_available true")
    yield s
    s.close()


def publish(server, topic, text, retain=True):
    """By another client, written out: CONNECT, PUBLISH, DISCONNECT."""
    def text_of(t):
        return len(t).to_bytes(2, "big") + t.encode()
    body = text_of("MQTT") + b"\x04\xc2\x00\x3c" + text_of("other") + text_of("plant") + text_of("p")
    message = text_of(topic) + text.encode()
    with socket.create_connection(("127.0.0.1", server.port), 5) as s:
        s.sendall(bytes([0x10, len(body)]) + body)
        assert s.recv(4) == b"\x20\x02\x00\x00"
        s.sendall(bytes([0x31 if retain else 0x30, len(message)]) + message + b"\xe0\x00")
        s.recv(1)


class TestMqtt(ServiceCases):
    TYPE, TLS, CUT_AFTER = "mqtt", True, 3

    def config(self, port):
        return {"host": "127.0.0.1", "port": port, "username": "mon", "password": "geheim", "topic": "belfry/probe"}

    def test_learned(self, server):
        wait_until(lambda: "broker_uptime" in self.good(self.config(server.port))["metrics"], 20)
        doc = self.good(self.config(server.port))
        assert {"mqtt_up", "mqtt_round_trip_seconds", "broker_clients_connected", "broker_messages_received",
                "broker_publish_messages_dropped"} <= set(doc["metrics"]), doc
        assert "mosquitto version 2" in doc["message"] and "comes back on belfry/probe" in doc["message"], doc
        assert "mosquitto" in doc["metrics"]["mqtt_broker_version"]
        doc = self.good(dict(self.config(server.port), expect={"max_clients": 1, "max_round_trip": "1ms"}))
        status, doc, _ = check(f"mqtt://mon:geheim@127.0.0.1:{server.port}/belfry/other?qos=1&version=5")
        assert status == 0 and "belfry/other" in doc["message"], doc

    @pytest.mark.parametrize("version", ["3.1.1", "5"])
    @pytest.mark.parametrize("qos", ["0", "1"])
    def test_round_trip(self, server, version, qos):
        self.good(dict(self.config(server.port), version=version, qos=qos))

    def test_many_clients(self, server):
        wait_until(lambda: "clients are connected; want at most 1" in " ".join(
            self.with_others(server, dict(self.config(server.port), expect={"max_clients": 1}))), 20)

    def with_others(self, server, config):
        """Two probes that wait for a message nobody sends are clients, too."""
        waiting = dict(self.config(server.port), topic=None, listen="belfry/never")
        waiting.pop("topic")
        threads = [threading.Thread(target=check, args=("mqtt", waiting, "2500ms")) for _ in range(2)]
        for t in threads:
            t.start()
        found = []
        wait_until(lambda: found.extend(check("mqtt", config)[1]["warnings"]) or found or
                   not any(t.is_alive() for t in threads), 20)
        for t in threads:
            t.join()
        return found

    @pytest.mark.parametrize("version", ["3.1.1", "5"])
    def test_wrong_password(self, server, version):
        for change in ({"password": "falsch"}, {"username": "nobody"}):
            message = self.bad(dict(self.config(server.port), version=version, **change))
            assert "not authorized" in message and "the login" in message, message
            assert f"127.0.0.1:{server.port}" in message, message
        config = self.config(server.port)
        del config["username"], config["password"]
        assert "not authorized" in self.bad(dict(config, version=version))

    def test_no_right(self, server):
        """3.1.1 brokers drop without a word what may not be published; 5 says so."""
        config = dict(self.config(server.port), topic="plant/secret")
        message = self.bad(config)
        assert "a message on plant/secret did not come back" in message, message
        message = self.bad(dict(config, version="5", qos="1"))
        assert "not authorized" in message, message

    def test_listen(self, server):
        publish(server, "plant/a/state", '{"t": 21.5, "state": "running"}')
        config = dict(self.config(server.port), listen="plant/+/state")
        del config["topic"]
        assert "a message came" in self.good(config)["message"]
        self.good(dict(config, expect={"message": {"op": "contains", "value": "running"}}))
        expect = {"json_path": "$.t", "message": {"op": "<", "value": "30"}}
        self.good(dict(config, expect=expect))
        expect["message"]["value"] = "20"
        message = self.bad(dict(config, expect=expect))
        assert 'plant/a/state, $.t is "21.5"; want < "20"' in message, message
        message = self.bad(dict(config, expect={"json_path": "$.none"}))
        assert "(nothing)" in message, message
        assert "no message came on plant/b" in self.bad(dict(config, listen="plant/b"))

    def test_listen_live(self, server):
        config = dict(self.config(server.port), listen="plant/live")
        del config["topic"]
        stop = threading.Event()

        def keep_publishing():
            while not stop.wait(0.1):
                publish(server, "plant/live", "now", retain=False)
        t = threading.Thread(target=keep_publishing)
        t.start()
        try:
            self.good(dict(config, expect={"message": {"op": "==", "value": "now"}}))
        finally:
            stop.set()
            t.join()

    @pytest.mark.parametrize("change, words", [
        ({"topic": "a/#"}, "without + and #"), ({"listen": "a#"}, "between slashes"),
        ({"username": None}, "none without a username"), ({"expect": {"json_path": "$["}}, "json_path"),
    ])
    def test_config(self, change, words):
        config = {k: v for k, v in dict(self.config(1883), **change).items() if v is not None}
        status, _, err = check("mqtt", config)
        assert status == 2 and words in err, err


def test_tls_of_its_own(tmp_path, certs):
    s = start(tmp_path / "d", f"allow_anonymous true\ncafile {certs.ca}\ncertfile {certs.folder}/good.pem\n"
                              f"keyfile {certs.folder}/good.key\nrequire_certificate true")
    config = {"host": "127.0.0.1", "port": s.port, "tls": True, "topic": "t", "tls_options": {"ca_file": certs.ca}}
    assert check("mqtt", config)[0] == 1
    config["tls_options"].update(cert_file=f"{certs.folder}/good.pem", key_file=f"{certs.folder}/good.key")
    status, doc, _ = check("mqtt", config)
    assert status == 0 and "probe_ssl_earliest_cert_expiry" in doc["metrics"], doc
    s.close()
