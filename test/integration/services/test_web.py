"""websocket, transaction, domain and grpc. The WebSocket and the shop are servers of these tests; the registry answers as
RDAP and whois servers do (the real ones are not reachable from a test); gRPC is etcd's own health service."""

import base64
import hashlib
import json
import struct
import time
import urllib.parse

import pytest
from belfry import free_port, wait_until
from harness import Relay, Server, ServiceCases, check, program
from servers import Http, Service

# --- websocket ----------------------------------------------------------------------------------


class Ws(Service):
    """Echoes texts in upper case; "bye" closes with 1001; "ping" pings first; "many" answers in fragments. mode: proof (a
    wrong one), plain (200)."""

    def __init__(self):
        self.mode, self.headers = "", ""
        super().__init__()

    def freeze(self):
        self.mode = "hang"

    def thaw(self):
        self.mode = ""

    def serve(self, conn):
        try:
            self.talk(conn)
        except (ValueError, StopIteration):  # it is no WebSocket
            pass

    def talk(self, conn):
        conn.settimeout(20)
        f = conn.makefile("rb")
        lines = []
        while line := f.readline().strip():
            lines.append(line.decode())
        self.headers = "\n".join(lines)
        if self.mode == "hang":
            time.sleep(5)
            return
        if self.mode == "plain":
            conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            return
        key = next(x.split(": ")[1] for x in lines if x.startswith("Sec-WebSocket-Key"))
        proof = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        proof = bytes(20) if self.mode == "proof" else proof
        conn.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     b"Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Accept: " + base64.b64encode(proof) + b"\r\n\r\n")
        while True:
            head = f.read(2)
            if len(head) < 2:
                return
            n = head[1] & 127
            n = struct.unpack(">H", f.read(2))[0] if n == 126 else n
            mask = f.read(4)
            data = bytes(b ^ mask[i % 4] for i, b in enumerate(f.read(n)))
            if head[0] & 15 == 8:
                return
            if head[0] & 15 == 1:
                self.answer(conn, f, data)

    @staticmethod
    def frame(opcode, data, last=True):
        head = bytes([(0x80 if last else 0) | opcode])
        return head + (bytes([len(data)]) if len(data) < 126 else b"\x7e" + struct.pack(">H", len(data))) + data

    def answer(self, conn, f, data):
        if data == b"bye":
            conn.sendall(self.frame(8, struct.pack(">H", 1001) + "维护".encode()))
        elif data == b"many":
            conn.sendall(self.frame(1, b"one ", False) + self.frame(9, b"still there?") + self.frame(0, b"whole", True))
            assert f.read(2)[0] & 15 == 10  # a pong
            f.read(4 + 12)
        else:
            conn.sendall(self.frame(1, b"first " * 50) + self.frame(1, data.upper()))


@pytest.fixture(scope="module")
def server():
    ws = Ws()
    yield ws
    ws.close()


class TestWebsocket(ServiceCases):
    TYPE = "websocket"

    def config(self, port):
        return {"url": f"ws://127.0.0.1:{port}/live?x=1", "headers": {"X-Team": "belfry"}, "subprotocol": "chat",
                "steps": [{"send": "hello", "expect": "^HELLO$"}, {"send": "many", "expect": "^one whole$"}]}

    def test_healthy(self, server):
        doc = self.good(self.config(server.port))
        assert doc["metrics"]["probe_websocket_status_code"] == 101 and "X-Team: belfry" in server.headers
        assert server.headers.startswith("GET /live?x=1 HTTP/1.1")

    def test_tls(self, server, certs):
        for kind, word in (("expired", "expired"), ("selfsigned", "self"), ("other", "name"), ("good", "")):
            relay = Relay(server.port, tls=certs.context(kind))
            config = dict(self.config(relay.port), url=f"wss://127.0.0.1:{relay.port}/", tls={"ca_file": certs.ca})
            if word:
                assert word in self.bad(config), kind
            else:
                self.good(config)
            relay.close()

    def test_what_goes_wrong(self, server):
        config = self.config(server.port)
        for mode, words in (("plain", "HTTP status 200; want 101"), ("proof", "Sec-WebSocket-Accept is wrong")):
            server.mode = mode
            assert words in self.bad(config)
        server.mode = ""
        assert "chose subprotocol" in self.bad(dict(config, subprotocol="other"))
        assert "closed the connection: 1001 going away: 维护" in self.bad(dict(config, steps=[{"send": "bye", "expect": "x"}]))
        assert "waiting for a message that matches" in self.bad(dict(config, steps=[{"send": "a", "expect": "^b$"}]))

    def test_bad_configurations(self):
        for config, words in (({"url": "http://x/"}, "want ws://HOST/"), ({"url": "ws://"}, "url"),
                              ({"url": "ws://x/", "steps": [{}]}, "empty")):
            status, _, err = check("websocket", config)
            assert status == 2 and words in err, (config, err)


# --- transaction --------------------------------------------------------------------------------


class Shop(Service):
    """A login that sets a cookie on a redirect, a page with a token, an API that wants both."""

    class Handler(Http):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            form = urllib.parse.parse_qs(self.body().decode())
            if form.get("pw") != ["geheim"]:
                return self.answer(403, b"no")
            self.answer(302, Location="/home", Set_Cookie="sid=abc123; HttpOnly; Path=/")

        def do_GET(self):
            known = "sid=abc123" in (self.headers.get("Cookie") or "")
            if self.path == "/home":
                self.answer(200 if known else 401, b'<input name="csrf" value="t0k3n">' if known else b"who?")
            elif self.path == "/api/cart?t=t0k3n":
                self.answer(200 if known else 401, json.dumps({"items": [1, 2], "id": 7}).encode(), X_Cart="7")
            else:
                self.answer(404, b"?")


@pytest.fixture(scope="module")
def shop():
    s = Shop()
    yield s
    s.close()


def steps_of(shop, **login):
    return [{"name": "登录", "url": shop.url + "/login", "method": "POST", "body": "user=mon&pw={{password}}",
             "password": "geheim", "expect": {"body_contains": "csrf"},
             "take": {"csrf": 'regex:name="csrf" value="([^"]+)"'}, **login},
            {"name": "cart", "url": shop.url + "/api/cart?t={{csrf}}",
             "take": {"id": "json:$.id", "again": "header:X-Cart"},
             "expect": {"json": [{"path": "$.items.length()", "op": ">", "value": "1"}]}}]


def test_transaction(shop):
    status, doc, err = check("transaction", {"steps": steps_of(shop)})
    assert status == 0 and doc["metrics"]["probe_steps_done"] == 2, (doc, err)
    assert doc["metrics"]['probe_step_status_code{step="登录"}'] == 200, doc
    assert "geheim" not in json.dumps(doc)


def test_transaction_names_the_step_that_fails(shop):
    for login, words in (({"password": "falsch"}, "登录: HTTP status 403"), ({"take": {"csrf": "json:$.x"}}, "登录: cannot take csrf"),
                         ({"take": {}}, 'cart: nothing was taken as "csrf"'), ({"take": {"csrf": "regex:(name)"}}, "cart: HTTP status 404")):
        status, doc, _ = check("transaction", {"steps": steps_of(shop, **login)})
        assert status == 1 and words in doc["message"], (login, doc)


def test_transaction_bad_configurations():
    for config, words in (({"steps": []}, "steps"), ({"steps": [{"url": "ftp://x"}]}, "want http://HOST/"),
                          ({"steps": [{"url": "http://x/", "take": {"a b": "json:$"}}]}, "letters, digits"),
                          ({"steps": [{"url": "http://x/", "take": {"a": "$.x"}}]}, "want json:PATH")):
        status, _, err = check("transaction", config)
        assert status == 2 and words in err, (config, err)
    assert "no prober for URL scheme" in check("transaction://x")[2]
    assert "unknown key" in check("transaction", {"url": "http://x/"})[2]


# --- domain -------------------------------------------------------------------------------------


class Whois(Service):
    """answer: a function."""

    def __init__(self, answer):
        self.answer = answer
        super().__init__()

    def serve(self, conn):
        assert conn.recv(1000) == b"example.com\r\n"
        conn.sendall(self.answer().encode())


class Registry(Service):
    """RDAP at self.rdap, whois at self.whois; self.ends: days from now, None: not registered."""

    def __init__(self):
        self.ends, self.asked = 200, 0
        super().__init__()
        self.rdap = self.url + "/bootstrap"
        own = Whois(lambda: f"Domain Name: example.com\nExpiration Time: {self.day('%Y-%m-%d %H:%M:%S')}\n")
        root = Whois(lambda: f"% root\nrefer: 127.0.0.1:{own.port}\n")
        self.services = [own, root]
        self.whois = f"127.0.0.1:{root.port}"

    class Handler(Http):
        def do_GET(self):
            registry = self.server
            registry.asked += 1
            if self.path.startswith("/bootstrap/"):
                self.send_response(302)
                self.send_header("Location", "/registry/domain/" + self.path.rsplit("/", 1)[1])
                self.end_headers()
                return
            found = registry.ends is not None and self.path == "/registry/domain/example.com"
            self.send_response(200 if found else 404)
            self.end_headers()
            if found:
                self.wfile.write(json.dumps({"status": ["active"], "events": [
                    {"eventAction": "expiration", "eventDate": registry.day("%Y-%m-%dT%H:%M:%SZ")}]}).encode())

    def day(self, form):
        return time.strftime(form, time.gmtime(time.time() + self.ends * 86400 + 3600))

    def close(self):
        super().close()
        for s in self.services:
            s.close()


@pytest.fixture
def registry():
    r = Registry()
    yield r
    r.close()


@pytest.mark.parametrize("method", ["rdap", "whois"])
def test_domain_by_a_registry_of_this_test(registry, method):
    config = {"domain": "example.com", "method": method, "rdap_url": registry.rdap, "whois_server": registry.whois}
    for days, status, words in ((200, 0, "is registered until"), (20, 0, "is registered until"), (3, 1, "ends on"), (-5, 1, "ended on")):
        registry.ends = days
        got, doc, err = check("domain", config)
        assert got == status and words in doc["message"], (days, doc, err)
        assert bool(doc["warnings"]) == (days == 20), doc
        assert doc["metrics"]["probe_domain_expiry_timestamp_seconds"] > 1e9


def test_domain_falls_back_to_whois(registry):
    config = {"domain": "example.com", "rdap_url": f"http://127.0.0.1:{free_port()}/", "whois_server": registry.whois}
    assert check("domain", config)[0] == 0
    status, doc, _ = check("domain", dict(config, method="rdap"))
    assert status == 1 and "refused" in doc["message"], doc


def test_domain_not_registered(registry):
    registry.ends = None
    status, doc, _ = check("domain", {"domain": "example.com", "rdap_url": registry.rdap})
    assert status == 1 and "is not registered" in doc["message"], doc
    for bad, words in (({"domain": "localhost"}, "registered name"), ({"domain": "a b.c"}, "registered name"),
                       ({"domain": "a.c", "whois_server": "a:b"}, "whois_server: cannot read the port"),
                       ({"domain": "a.c", "expect": {"expiry_failure": "60d"}}, "want it shorter")):
        status, _, err = check("domain", bad)
        assert status == 2 and words in err, (bad, err)


def test_domain_is_asked_once_and_remembered(registry, belfry):
    b = belfry({"groups": [{"name": "g", "interval": "1s", "targets": [
        {"name": "d", "type": "domain", "config": {"domain": "example.com", "rdap_url": registry.rdap}}]}]})
    b.wait_status("d", "healthy")
    asked, target = registry.asked, b.target("d")["id"]
    wait_until(lambda: len(b.get(f"targets/{target}/results")["items"]) >= 3)
    assert registry.asked == asked


# --- grpc ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def etcd(tmp_path_factory):
    folder, port, peer = tmp_path_factory.mktemp("etcd"), free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    s = Server([program("etcd", "etcd-server"), "--data-dir", folder / "d", "--listen-client-urls", url,
                "--advertise-client-urls", url, "--listen-peer-urls", f"http://127.0.0.1:{peer}"], port, folder / "log")
    yield s
    s.close()


def test_grpc_health_of_etcd(etcd):
    status, doc, err = check(f"grpc://127.0.0.1:{etcd.port}")
    assert status == 0 and doc["message"] == "the server is SERVING", (doc, err)
    assert doc["metrics"]['probe_grpc_healthcheck_response{serving_status="SERVING"}'] == 1
    status, doc, _ = check(f"grpc://127.0.0.1:{etcd.port}/no.Such")
    assert status == 1 and 'does not know the service "no.Such"' in doc["message"], doc
    assert doc["metrics"]["probe_grpc_status_code"] == 5
    etcd.freeze()
    status, doc, _ = check(f"grpc://127.0.0.1:{etcd.port}", None, "1s")
    etcd.thaw()
    assert status == 1 and "timeout" in doc["message"], doc


def test_grpc_of_something_else(server):
    status, doc, _ = check("grpc", {"host": "127.0.0.1", "port": free_port()})
    assert status == 1 and "refused" in doc["message"], doc
    status, doc, _ = check("grpc", {"host": "127.0.0.1", "port": server.port}, "1s")
    assert status == 1 and doc["message"], doc
