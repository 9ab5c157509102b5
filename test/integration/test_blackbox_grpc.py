"""Belfry's /probe beside Debian's blackbox_exporter: grpc. The server speaks just enough HTTP/2 to say any health status; etcd's own
health service is the real one."""

import shutil
import socket
import socketserver
import struct
import subprocess
import time

import pytest
from belfry import free_port, wait_until
from blackbox_cases import Case, pair_of, read_metrics
from certs import Certs
from servers import Service

NEVER_S = 3  # how long the server keeps the silent call open
DATA, HEADERS, SETTINGS, PING, WINDOW = 0, 1, 4, 6, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1

# service → (serving status or None, grpc-status)
SERVICES = {"": (1, 0), "shop.Up": (1, 0), "shop.Down": (2, 0), "shop.Unknown": (0, 0), "shop.Watch": (3, 0), "shop.Missing": (None, 5),
            "shop.Denied": (None, 7), "shop.Unavailable": (None, 14), "shop.Internal": (None, 13), "shop.NoHealth": (None, 12)}


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def headers(**pairs):
    """Literal fields, never indexed, no Huffman: RFC 7541, 6.2.3."""
    out = b""
    for name, value in pairs.items():
        name, value = name.replace("_", "-").encode(), str(value).encode()
        name = b":status" if name == b"status" else name
        out += b"\x10" + bytes([len(name)]) + name + bytes([len(value)]) + value
    return out


class Health(socketserver.BaseRequestHandler):
    context = None
    http_status = 200

    def take(self, n):
        got = b""
        while len(got) < n:
            more = self.sock.recv(n - len(got))
            if not more:
                raise OSError("closed")
            got += more
        return got

    def handle(self):
        try:
            self.sock = self.context.wrap_socket(self.request, server_side=True) if self.context else self.request
            self.sock.settimeout(20)
            self.serve()
        except OSError:
            pass
        finally:
            self.request.close()

    def serve(self):
        self.take(24)  # the preface
        self.sock.sendall(frame(SETTINGS, 0, 0))
        bodies = {}
        while True:
            head = self.take(9)
            length, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
            stream, payload = int.from_bytes(head[5:], "big") & 0x7fffffff, self.take(length)
            if kind == SETTINGS and not flags & ACK:
                self.sock.sendall(frame(SETTINGS, ACK, 0))
            elif kind == PING and not flags & ACK:
                self.sock.sendall(frame(PING, ACK, 0, payload))
            elif kind == DATA:
                bodies[stream] = bodies.get(stream, b"") + payload
                if flags & END_STREAM:
                    self.answer(stream, bodies[stream])

    def answer(self, stream, body):
        service = body[7:].decode() if len(body) > 5 else ""
        if service == "shop.Never":
            self.sock.settimeout(NEVER_S)
            return
        if service == "shop.Cut":
            raise OSError("breaks off")
        status, code = SERVICES[service]
        head = headers(status=self.http_status, content_type="application/grpc")
        if self.http_status != 200:
            self.sock.sendall(frame(HEADERS, END_HEADERS | END_STREAM, stream, headers(status=self.http_status)))
        elif status is None:
            self.sock.sendall(frame(HEADERS, END_HEADERS | END_STREAM, stream,
                                    head + headers(grpc_status=code, grpc_message="as%20told")))
        else:
            message = bytes([8, status]) if status else b""
            self.sock.sendall(frame(HEADERS, END_HEADERS, stream, head) +
                              frame(DATA, 0, stream, b"\0" + struct.pack(">I", len(message)) + message) +
                              frame(HEADERS, END_HEADERS | END_STREAM, stream, headers(grpc_status=0)))


def grpc(service=None, timeout="3s", **options):
    return {"prober": "grpc", "timeout": timeout, "grpc": {"preferred_ip_protocol": "ip4", **({"service": service} if service else {}),
                                                           **options}}


def tls(service=None, **options):
    return lambda w: grpc(service, **{"tls": True, "tls_config": {"ca_file": w.certs.ca}, **options})


def at(name, host="127.0.0.1"):
    return lambda w: f"{host}:{w.port(name)}"


CASES = [
    Case("server", grpc(), at("plain")),
    Case("serving", grpc("shop.Up"), at("plain")),
    Case("not_serving", grpc("shop.Down"), at("plain"), up=False),
    Case("unknown", grpc("shop.Unknown"), at("plain"), up=False),
    Case("service_unknown", grpc("shop.Watch"), at("plain"), up=False),
    Case("not_found", grpc("shop.Missing"), at("plain"), up=False),
    Case("denied", grpc("shop.Denied"), at("plain"), up=False),
    Case("unavailable", grpc("shop.Unavailable"), at("plain"), up=False),
    Case("internal", grpc("shop.Internal"), at("plain"), up=False),
    Case("no_health_service", grpc("shop.NoHealth"), at("plain"), up=False),
    Case("http_404", grpc(), at("status404"), up=False),
    Case("http_503", grpc(), at("status503"), up=False),
    Case("refused", grpc(), lambda w: f"127.0.0.1:{w.closed}", up=False),
    Case("never_answers", grpc("shop.Never", timeout="1s"), at("plain"), up=False,
         may_differ={"probe_grpc_status_code": "see test_never_answers"}),
    Case("breaks_off", grpc("shop.Cut"), at("plain"), up=False),
    Case("name", grpc(), at("plain", "localhost")),
    Case("name_unknown", grpc(), "no-such-host.invalid:50051", up=False),
    Case("tls", tls(), at("good")),
    Case("tls_name", tls(), at("good", "localhost")),
    Case("tls_not_serving", tls("shop.Down"), at("good"), up=False),
    Case("tls_not_found", tls("shop.Missing"), at("good"), up=False),
    Case("tls_skipped", grpc(tls=True, tls_config={"insecure_skip_verify": True}), at("selfsigned")),
    Case("tls_unknown_authority", grpc(tls=True), at("good"), up=False),
    Case("tls_wrong_name", tls(), at("other"), up=False),
    Case("etcd", grpc(), lambda w: f"127.0.0.1:{w.etcd_port}"),
    Case("etcd_not_found", grpc("no.Such"), lambda w: f"127.0.0.1:{w.etcd_port}", up=False),
]


class World:
    def __init__(self, folder):
        self.certs, self.closed = Certs(folder), free_port()
        self.servers = {"plain": self.serve(), "status404": self.serve(status=404), "status503": self.serve(status=503)}
        for kind in ("good", "other", "selfsigned"):
            context = self.certs.context(kind)
            context.set_alpn_protocols(["h2"])
            self.servers[kind] = self.serve(context)
        self.etcd_port, peer = free_port(), free_port()
        url = f"http://127.0.0.1:{self.etcd_port}"
        with open(folder / "etcd.log", "wb") as log:
            self.etcd = subprocess.Popen(
                [shutil.which("etcd"), "--data-dir", str(folder / "etcd"), "--listen-client-urls", url, "--advertise-client-urls", url,
                 "--listen-peer-urls", f"http://127.0.0.1:{peer}"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self.etcd_listens, 60, what="etcd")

    @staticmethod
    def serve(context=None, status=200):
        handler = type("Handler", (Health,), {"context": context, "http_status": status})
        return Service(handler)

    def etcd_listens(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.etcd_port)) == 0

    def port(self, name):
        return self.servers[name].port

    def close(self):
        self.etcd.terminate()
        self.etcd.wait(20)
        for s in self.servers.values():
            s.close()


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    if not shutil.which("etcd"):
        pytest.skip("etcd is not here: tools/deps.sh services")
    world = World(tmp_path_factory.mktemp("grpc"))
    yield from pair_of(tmp_path_factory.mktemp("pair"), CASES, world)
    world.close()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_same(pair, case):
    pair.compare(case)


def test_never_answers(pair):
    """blackbox_exporter up to 0.28 calls without a deadline (its #1557): past its own timeout it waits until the server breaks off, which
    is UNAVAILABLE, 14. Belfry ends the call in time, which is DEADLINE_EXCEEDED, 4, as the exporter's newer versions do."""
    params = {"module": "never_answers", "target": f"127.0.0.1:{pair.world.port('plain')}"}
    start = time.monotonic()
    theirs = read_metrics(pair.ask(pair.port, "/probe", params, {})[1])
    assert time.monotonic() - start > NEVER_S - 0.5
    ours = read_metrics(pair.ask(pair.belfry.port, "/probe", params, {})[1])
    assert theirs["probe_grpc_status_code", ()] == 14 and ours["probe_grpc_status_code", ()] == 4
    assert theirs["probe_duration_seconds", ()] > NEVER_S - 0.5 and 1 <= ours["probe_duration_seconds", ()]
