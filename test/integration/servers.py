"""What Belfry talks to in these tests: targets with switchable faults, a webhook receiver that can imitate robots, a
mail server, a name server. Each runs in threads of its own on a free loopback port."""

import base64
import gzip
import http.server
import json
import socket
import socketserver
import ssl
import struct
import sys
import threading
import time

from belfry import free_port


def reset(conn):
    """Closes with RST."""
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    conn.close()


class Service(socketserver.ThreadingTCPServer):
    """A port of loopback, or the address or path `at`, until close(). Each connection has a thread, in which the handler
    (a class of socketserver or http.server) serves it, or without one the subclass's serve(conn). tls: TLS at once."""

    Handler = None
    allow_reuse_address = daemon_threads = True
    request_queue_size = 512  # a full queue costs a prober its whole timeout

    def __init__(self, handler=None, at=("127.0.0.1", 0), tls=None):
        if isinstance(at, str):
            self.address_family = socket.AF_UNIX
        elif ":" in at[0]:
            self.address_family = socket.AF_INET6
        super().__init__(at, handler or self.Handler)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.port = 0 if isinstance(at, str) else self.server_address[1]
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()

    def finish_request(self, conn, peer):
        if self.RequestHandlerClass:
            super().finish_request(conn, peer)
        else:
            self.serve(conn)

    def handle_error(self, *who):
        if not isinstance(sys.exc_info()[1], OSError):  # who goes away in the middle is no error
            super().handle_error(*who)


class Http(http.server.BaseHTTPRequestHandler):
    """A handler that keeps no log and gives whole answers: answer(200, b"ok", X_Kind="apple")."""

    def log_message(self, *_):
        pass

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Target:
    """A TCP or HTTP service. Modes: ok, late (50 ms), accept (takes and closes: the cheapest), hang, reset, garbage, endless_body,
    endless_header, much, drip (one byte a second), bomb (gzip of zeros), status (self.status), body (self.body).
    down() closes the port, up() opens the same one again."""

    def __init__(self, mode="ok", tls=None):
        self.mode, self.tls, self.status, self.body = mode, tls, 500, b"ok"
        self.headers = ""
        self.port = free_port()
        self.listener = None
        self.served = 0
        self.stopping = threading.Event()
        self.up()

    @property
    def tcp(self):
        return f"tcp://127.0.0.1:{self.port}"

    @property
    def http(self):
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}/"

    def up(self):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", self.port))
        s.listen(512)
        self.listener = s
        threading.Thread(target=self.accept_loop, args=(s,), daemon=True).start()
        return self

    def down(self):
        if self.listener:
            s, self.listener = self.listener, None
            s.shutdown(socket.SHUT_RDWR)
            s.close()
        return self

    def close(self):
        self.stopping.set()
        self.down()

    def accept_loop(self, listener):
        while True:
            try:
                conn, _ = listener.accept()
            except OSError:
                return
            self.served += 1
            if self.mode == "accept":
                conn.close()
            else:
                threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def serve(self, conn):
        try:
            conn.settimeout(30)
            if self.tls:
                conn = self.tls.wrap_socket(conn, server_side=True)
            getattr(self, "do_" + self.mode)(conn)
        except (OSError, ssl.SSLError):
            pass
        finally:
            conn.close()

    @staticmethod
    def request(conn):
        data = b""
        while b"\r\n\r\n" not in data:
            got = conn.recv(4096)
            if not got:
                break
            data += got
        return data

    def reply(self, conn, status, body, headers=""):
        self.request(conn)
        conn.sendall(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n"
                     .encode() + body)

    def do_ok(self, conn):
        self.reply(conn, 200, b"ok")

    def do_late(self, conn):
        time.sleep(0.05)
        self.do_ok(conn)

    def do_status(self, conn):
        self.reply(conn, self.status, b"as told", self.headers)

    def do_body(self, conn):
        self.reply(conn, 200, self.body, self.headers)

    def do_hang(self, _conn):
        self.stopping.wait(30)

    def do_reset(self, conn):
        self.request(conn)
        reset(conn)

    def do_garbage(self, conn):
        conn.sendall(bytes(range(256)) * 8)

    def do_endless_body(self, conn):
        self.request(conn)
        conn.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while not self.stopping.is_set():
            conn.sendall(b"x" * 65536)

    def do_much(self, conn):
        """20 MiB, and never the end."""
        self.request(conn)
        conn.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * (20 << 20))
        self.stopping.wait(30)

    def do_endless_header(self, conn):
        self.request(conn)
        conn.sendall(b"HTTP/1.1 200 OK\r\n")
        while not self.stopping.is_set():
            conn.sendall(b"X-More: " + b"y" * 4000 + b"\r\n")

    def do_drip(self, conn):
        self.request(conn)
        for b in b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok":
            conn.sendall(bytes([b]))
            if self.stopping.wait(1):
                return

    def do_bomb(self, conn):
        body = bomb()
        self.reply(conn, 200, body, "Content-Encoding: gzip\r\n")


def bomb(cache=[]):
    """256 MiB of zeros, gzip in gzip-like ratio 1:1000."""
    if not cache:
        cache.append(gzip.compress(b"\0" * (256 << 20), 6))
    return cache[0]


ROBOTS = {"wecom": b'{"errcode":0,"errmsg":"ok"}', "dingtalk": b'{"errcode":0,"errmsg":"ok"}',
          "feishu": b'{"code":0,"msg":"success","data":{}}', "slack": b"ok", "webhook": b""}
REFUSALS = {"wecom": b'{"errcode":93000,"errmsg":"invalid webhook url"}',
            "dingtalk": b'{"errcode":310000,"errmsg":"sign not match"}',
            "feishu": b'{"code":19021,"msg":"sign match fail or timestamp is not within one hour from current time"}',
            "slack": b"invalid_payload", "webhook": b"no"}


class Received:
    def __init__(self, path, headers, body):
        self.at, self.path, self.headers, self.body = time.time(), path, headers, body
        self.kind = path.split("?")[0].strip("/").split("/")[0]

    @property
    def json(self):
        return json.loads(self.body)

    def text(self):
        return self.body.decode("utf-8", "replace")


class Webhook(Service):
    """Receives what channels send. /wecom, /dingtalk, /feishu, /slack, /webhook answer as the vendors do.
    Modes per kind (self.modes["wecom"]): ok, refuse (robots: HTTP 200 with an error), 500, busy (429), hang, reset,
    garbage, slow (2 s), echo (what came goes back)."""

    def __init__(self):
        self.received, self.modes = [], {}
        self.attempts = []  # (time, kind), whatever was answered
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        super().__init__()

    class Handler(Http):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            self.server.take(self, Received(self.path, dict(self.headers), self.body()))

    def close(self):
        self.stopping.set()
        super().close()

    def channel(self, kind="webhook", name=None, **more):
        return {"name": name or kind, "type": kind, "webhook_url": f"{self.url}/{kind}", **more}

    def take(self, handler, received):
        mode = self.modes.get(received.kind, "ok")
        with self.lock:
            self.attempts.append((received.at, received.kind))
        if mode == "hang":
            self.stopping.wait(30)
            return reset(handler.connection)
        if mode == "reset":
            handler.close_connection = True
            return reset(handler.connection)
        if mode == "slow":
            self.stopping.wait(2)
        status = {"500": 500, "busy": 429}.get(mode, 200)
        body = ROBOTS.get(received.kind, b"") if status == 200 else b"out of order"
        if mode == "refuse":
            body = REFUSALS[received.kind]
            status = 400 if received.kind in ("slack", "webhook") else 200
        if mode == "garbage":
            body = b"\xff\xfe<html>\0\x01 no robot lives here"
        if mode == "echo":
            body = received.body
        if mode in ("ok", "slow", "echo") or (mode == "garbage" and received.kind == "webhook"):
            with self.lock:
                self.received.append(received)
        handler.answer(status, body)

    def of(self, kind):
        with self.lock:
            return [r for r in self.received if r.kind == kind]

    def alerts(self):
        """Every alert of every webhook message: (time, status, target name)."""
        return [(r.at, a["status"], a["labels"].get("target") or a["labels"].get("name"))
                for r in self.of("webhook") for a in r.json["alerts"]]


class Smtp(Service):
    """A mail server that takes everything: EHLO, STARTTLS, AUTH PLAIN/LOGIN. self.mails: {from, to, data, tls, auth}."""

    def __init__(self, context=None):
        self.context, self.mails = context, []
        super().__init__()

    def serve(self, conn):
        conn.settimeout(20)
        f = conn.makefile("rb")
        tls, auth, mail = False, None, None

        def say(text):
            conn.sendall(text.encode() + b"\r\n")

        say("220 sink ESMTP")
        while line := f.readline().decode("latin1").strip():
            word = line.split(" ")[0].upper()
            if word in ("EHLO", "HELO"):
                start = "250-STARTTLS\r\n" if self.context and not tls else ""
                say(f"250-sink\r\n{start}250-AUTH PLAIN LOGIN\r\n250 8BITMIME")
            elif word == "STARTTLS":
                say("220 go")
                conn = self.context.wrap_socket(conn, server_side=True)
                f, tls = conn.makefile("rb"), True
            elif word == "AUTH":
                parts = line.split(" ")
                if parts[1].upper() == "LOGIN":
                    say("334 VXNlcm5hbWU6")
                    user = base64.b64decode(f.readline()).decode()
                    say("334 UGFzc3dvcmQ6")
                    auth = (user, base64.b64decode(f.readline()).decode())
                else:
                    if len(parts) < 3:
                        say("334 ")
                        parts.append(f.readline().decode().strip())
                    auth = tuple(base64.b64decode(parts[2]).decode().split("\0")[1:])
                say("235 welcome")
            elif word == "MAIL":
                mail = {"from": line, "to": [], "tls": tls, "auth": auth}
                say("250 ok")
            elif word == "RCPT":
                mail["to"].append(line)
                say("250 ok")
            elif word == "DATA":
                say("354 go")
                data = b""
                while (got := f.readline()) not in (b".\r\n", b""):
                    data += got[1:] if got.startswith(b".") else got
                mail["data"], mail["at"] = data, time.time()
                self.mails.append(mail)
                say("250 queued")
            elif word == "QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")


class Dns:
    """A name server on udp and tcp of one port. Modes: ok (A records from self.zone), never, nxdomain, servfail,
    garbage, refused."""

    def __init__(self, zone=None):
        self.zone, self.mode, self.asked = zone or {}, "ok", []
        while True:
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.udp.bind(("127.0.0.1", 0))
            self.port = self.udp.getsockname()[1]
            self.tcp = socket.socket()
            self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                self.tcp.bind(("127.0.0.1", self.port))
                break
            except OSError:
                self.udp.close()
                self.tcp.close()
        self.tcp.listen(32)
        threading.Thread(target=self.udp_loop, daemon=True).start()
        threading.Thread(target=self.tcp_loop, daemon=True).start()

    def close(self):
        for s in (self.udp, self.tcp):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()

    def answer(self, query):
        name, at = [], 12
        while query[at]:
            name.append(query[at + 1:at + 1 + query[at]].decode("latin1"))
            at += 1 + query[at]
        name, question = ".".join(name).lower(), query[12:at + 5]
        kind = struct.unpack(">H", query[at + 1:at + 3])[0]
        self.asked.append(name)
        if self.mode == "never":
            return None
        if self.mode == "garbage":
            return query[:2] + b"\xff" * 40
        code = {"nxdomain": 3, "servfail": 2, "refused": 5}.get(self.mode, 0)
        found = self.zone.get(name, []) if kind == 1 and code == 0 else []
        if self.mode == "ok" and name not in self.zone:
            code = 3
        out = query[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, len(found), 0, 0) + question
        for ip in found:
            out += b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton(ip)
        return out

    def udp_loop(self):
        while True:
            try:
                query, peer = self.udp.recvfrom(4096)
                if not query:
                    return
                reply = self.answer(query)
                if reply:
                    self.udp.sendto(reply, peer)
            except OSError:
                return
            except IndexError:
                pass

    def tcp_loop(self):
        while True:
            try:
                conn, _ = self.tcp.accept()
            except OSError:
                return
            threading.Thread(target=self.tcp_serve, args=(conn,), daemon=True).start()

    def tcp_serve(self, conn):
        try:
            conn.settimeout(10)
            size = struct.unpack(">H", conn.recv(2))[0]
            reply = self.answer(conn.recv(size))
            if reply:
                conn.sendall(struct.pack(">H", len(reply)) + reply)
            else:
                time.sleep(10)
        except (OSError, struct.error, IndexError):
            pass
        finally:
            conn.close()
