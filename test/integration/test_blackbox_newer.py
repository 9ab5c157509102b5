"""Belfry's /probe by what blackbox_exporter has since Debian's version: the probers unix and websocket, the keys it has and Belfry has not,
and what stands beside /probe: the last probes with their debug output, the modules in force."""

import base64
import hashlib
import http.client
import json
import re
import socketserver

import pytest
from belfry import run
from blackbox_cases import Pair, read_metrics
from certs import Certs
from servers import Service

MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def frame(text):
    data = text.encode()
    return bytes([0x81, len(data)]) + data


class Socket(socketserver.StreamRequestHandler):
    """A WebSocket server: greets, answers "hello NAME" with "welcome NAME", and says 403 where it is not to be spoken to."""

    greetings = ("good morning", "at your service")

    def text(self):
        head = self.rfile.read(2)
        if len(head) < 2 or head[0] & 15 == 8:
            return None
        mask, data = self.rfile.read(4), self.rfile.read(head[1] & 127)
        return bytes(b ^ mask[i % 4] for i, b in enumerate(data)).decode()

    def handle(self):
        self.connection.settimeout(20)
        try:
            path = self.rfile.readline().split()[1].decode()
            headers = http.client.parse_headers(self.rfile)
            key = headers["Sec-WebSocket-Key"]
            if path == "/closed" or not key or (path == "/private" and headers["Authorization"] != "Bearer t0ken") or (
                    path == "/named" and headers["X-Who"] != "mine"):
                self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                return
            proof = base64.b64encode(hashlib.sha1((key + MAGIC).encode()).digest()).decode()
            self.wfile.write(f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             f"Sec-WebSocket-Accept: {proof}\r\n\r\n".encode())
            for text in self.greetings:
                self.wfile.write(frame(text))
            while (said := self.text()) is not None:
                self.wfile.write(frame(said.replace("hello", "welcome")))
        except OSError:
            pass


class Lines(socketserver.StreamRequestHandler):
    """A mail server of few words; over TLS when the class has a context."""

    context = None

    def handle(self):
        self.request.settimeout(20)
        try:
            s = self.context.wrap_socket(self.request, server_side=True) if self.context else self.request
            s.sendall(b"220 shop ready\r\n")
            s.sendall(b"250 " + s.recv(100))
            s.recv(1)
        except OSError:
            pass


def websocket(*steps, **options):
    return {"prober": "websocket", "timeout": "3s", "websocket": {"preferred_ip_protocol": "ip4", **options,
                                                                 **({"query_response": list(steps)} if steps else {})}}


def unix(*steps, **options):
    return {"prober": "unix", "timeout": "3s", "unix": {**options, **({"query_response": list(steps)} if steps else {})}}


MORNING = {"expect": "good (?P<when>\\w+)$", "send": "hello ${when}"}


class World:
    def __init__(self, folder, belfry):
        self.certs = Certs(folder / "certs")
        token = folder / "token"
        token.write_text("t0ken\n")
        context = self.certs.context("good")
        secure = type("Secure", (Lines,), {"context": context})
        self.paths = {name: str(folder / name) for name in ("plain.sock", "secure.sock", "none.sock")}
        self.servers = [Service(Lines, self.paths["plain.sock"]), Service(secure, self.paths["secure.sock"]),
                        Service(Socket)]
        self.ws = f"ws://127.0.0.1:{self.servers[2].port}"
        ca = {"ca_file": self.certs.ca}
        modules = {
            "open": websocket(),
            "talk": websocket(MORNING, {"expect": "at your"}, {"expect": "^welcome morning$"}),
            "late": websocket({"expect": "at your"}),
            "send": websocket({"send": "hello all"}, {"expect": "good"}, {"expect": "service"}, {"expect": "^welcome all$"}),
            "token": websocket(http_config={"authorization": {"credentials_file": str(token)}}),
            "header": websocket(headers={"X-Who": {"values": ["mine"]}}),
            "connects": unix(),
            "talks": unix({"expect": "^220 (\\w+)", "send": "HELO ${1}"}, {"expect": "^250 HELO shop$"}),
            "refuses": unix({"expect": "^999"}),
            "secure": unix({"expect": "^220"}, tls=True, tls_config={**ca, "server_name": "localhost"}),
            "secure_wrong": unix({"expect": "^220"}, tls=True, tls_config={**ca, "server_name": "elsewhere.example"}),
            "web": {"prober": "http", "timeout": "2s", "http": {"basic_auth": {"username": "u", "password": "hush"}}},
        }
        self.path = folder / "blackbox.yml"
        self.path.write_text(json.dumps({"modules": modules}))
        self.belfry = belfry({"server": {"blackbox_file": str(self.path)}})

    def get(self, path, **params):
        return Pair.ask(self.belfry.port, path, params, {})

    def probe(self, module, target):
        status, text, _ = self.get("/probe", module=module, target=target)
        assert status == 200, text
        return {name: value for (name, labels), value in read_metrics(text).items() if not labels}

    def close(self):
        for s in self.servers:
            s.close()


@pytest.fixture
def world(tmp_path, belfry):
    w = World(tmp_path, belfry)
    yield w
    w.close()


def test_websocket(world):
    for module, path, up, status, regex in (("open", "/", 1, 101, 0), ("talk", "/", 1, 101, 0), ("late", "/", 0, 101, 1),
                                            ("send", "/", 1, 101, 0), ("open", "/closed", 0, 403, 0), ("token", "/private", 1, 101, 0),
                                            ("open", "/private", 0, 403, 0), ("header", "/named", 1, 101, 0)):
        got = world.probe(module, world.ws + path)
        told = (got["probe_success"], got["probe_websocket_status_code"], got["probe_websocket_failed_due_to_regex"])
        assert told == (up, status, regex), (module, path)
        assert got["probe_websocket_connection_upgraded"] == (status == 101) and got["probe_ip_protocol"] == 4
    for target in ("http://127.0.0.1:1/", "127.0.0.1:1"):
        assert world.probe("open", target)["probe_success"] == 0
    phases = re.findall(r'probe_websocket_duration_seconds{phase="(\w+)"}', world.get("/probe", module="talk", target=world.ws)[1])
    assert phases == ["resolve", "connect", "processing", "transfer"]


def test_unix(world):
    for module, path, up, regex in (("connects", "plain.sock", 1, 0), ("talks", "plain.sock", 1, 0), ("connects", "none.sock", 0, 0),
                                    ("secure", "secure.sock", 1, 0), ("secure_wrong", "secure.sock", 0, 0)):
        got = world.probe(module, world.paths[path])
        assert (got["probe_success"], got["probe_failed_due_to_regex"]) == (up, regex), module
        assert "probe_ip_protocol" not in got and ("probe_ssl_earliest_cert_expiry" in got) == (module == "secure")
    assert world.probe("refuses", world.paths["plain.sock"])["probe_success"] == 0
    assert world.probe("connects", "127.0.0.1:1")["probe_success"] == 0


def test_refused_keys(tmp_path):
    """What, where, and what instead."""
    path, config = tmp_path / "blackbox.yml", tmp_path / "belfry.yaml"
    config.write_text(json.dumps({"server": {"blackbox_file": str(path)}}))
    for prober, key, value, what in (("http", "fail_if_body_json_matches_cel", "body.a == 1", "CEL is not understood; want fail_if_body_"),
                                     ("http", "fail_if_body_json_not_matches_cel", "body.a == 1", "CEL is not understood; want fail_"),
                                     ("http", "enable_http3", "true", "HTTP/3 is not spoken; without the key, HTTP/2"),
                                     ("http", "proxy_from_environment", "true", "name the proxy as proxy_url"),
                                     ("websocket", "http_config", "{proxy_url: 'http://a:1'}", "the handshake does without")):
        path.write_text(f"modules:\n  m:\n    prober: {prober}\n    {prober}:\n      {key}: {value}\n")
        status, out, err = run("config", "check", "-c", config)
        assert status != 0 and f"blackbox.yml:5:" in out + err and f"modules.m.{prober}.{key}" in out + err and what in out + err, out + err


def test_last_probes(world):
    assert world.get("/blackbox")[0] == 200 and world.get("/logs", id=1)[0] == 404
    target = world.ws.replace("ws://", "http://me:hush@")
    good = world.get("/probe", module="connects", target=world.paths["plain.sock"], debug="true")[1]
    world.get("/probe", module="web", target=target)
    world.get("/probe", module="connects", target="/no/<b>")
    page = world.get("/blackbox")[1]
    rows = re.findall(r"<tr><td>(\d+)<td>\S+<td>(\w+)<td>(\S+?)<td>(\w+)<td><a href=\"(/blackbox/logs\?id=\d+)\"", page)
    assert [(r[0], r[1], r[3]) for r in rows] == [("3", "connects", "failure"), ("2", "web", "failure"), ("1", "connects", "success")]
    assert rows[0][2] == "/no/&lt;b&gt;" and "hush" not in page
    assert world.get("/logs", id=1)[1] == good
    for found in (world.get(rows[1][4]), world.get("/logs", target=target), world.get("/blackbox/logs", target=target, module="web")):
        assert found[0] == 200 and "probe_http_status_code" in found[1] and "level=error" in found[1] and "hush" not in found[1]
    assert "prober: http" in found[1] and "me:***@" in found[1] and found[2]["Content-Type"].startswith("text/plain")
    for params, status in (({"id": "x"}, 400), ({"id": 0}, 400), ({}, 400), ({"id": 99}, 404), ({"target": target, "module": "open"}, 404)):
        assert world.get("/logs", **params)[0] == status


def test_beside(world):
    status, text, _ = world.get("/blackbox/config")
    assert status == 200 and "username: u" in text and "talks:" in text and "hush" not in text
    before = world.get("/metrics")[1]
    assert re.search(r"\nblackbox_exporter_config_last_reload_successful 1\n", before)
    taken = [re.search(r"\nblackbox_exporter_config_last_reload_success_timestamp_seconds (\S+)\n", before).group(1)]
    assert run("reload", "-c", world.belfry.path)[0] == 0
    taken.append(re.search(r"\nblackbox_exporter_config_last_reload_success_timestamp_seconds (\S+)\n", world.get("/metrics")[1]).group(1))
    world.path.write_text("modules: {m: {prober: none}}\n")
    assert run("reload", "-c", world.belfry.path)[0] != 0
    text = world.get("/metrics")[1]
    assert float(taken[0]) < float(taken[1]) and f"_success_timestamp_seconds {taken[1]}\n" in text
    assert "\nblackbox_exporter_config_last_reload_successful 0\n" in text
