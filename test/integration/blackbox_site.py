"""The web site that the differential test asks about: each path misbehaves in a way of its own. Plain, over TLS with each of the tests'
certificates, as HTTP/1.0, on IPv6, and over HTTP/2 by nginx."""

import gzip
import os
import socket
import ssl
import subprocess
import threading
import time
import zlib

from belfry import free_port, wait_until
from servers import Http, Service

MODIFIED = "Wed, 21 Oct 2015 07:28:00 GMT"


class Site(Http):
    protocol_version = "HTTP/1.1"

    def answer(self, status=200, body=b"hello, world\n", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if not any(n == "Content-Length" for n, _ in headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_any(self):
        path, _, rest = self.path.lstrip("/").partition("/")
        length = int(self.headers.get("Content-Length") or 0)
        self.given = self.rfile.read(length) if length else b""
        getattr(self, "at_" + (path.partition("?")[0].replace("-", "_") or "root"), self.at_missing)(rest)

    do_GET = do_POST = do_HEAD = do_PUT = do_OPTIONS = do_PATCH = do_DELETE = handle_any

    def at_root(self, _rest):
        self.answer()

    def at_missing(self, _rest):
        self.answer(404, b"not here\n")

    def at_status(self, rest):
        self.answer(int(rest), b"" if rest in ("204", "304") else b"status\n")

    def at_redirect(self, rest):
        left = int(rest)
        self.answer(302, b"moved\n", [("Location", f"/redirect/{left - 1}" if left > 1 else "/")])

    def at_loop(self, _rest):
        self.answer(301, b"", [("Location", "/loop")])

    def at_away(self, rest):
        self.answer(302, b"", [("Location", "http://" + rest)])

    def at_nowhere(self, _rest):
        self.answer(302, b"no place\n")

    def at_cookie(self, rest):
        if rest:
            good = "taste=sweet" in (self.headers.get("Cookie") or "")
            self.answer(200 if good else 403)
        else:
            self.answer(302, b"", [("Location", "/cookie/back"), ("Set-Cookie", "taste=sweet; Path=/")])

    def at_method(self, rest):
        self.answer(200 if self.command == rest else 405, b"%s\n" % self.command.encode())

    def at_echo(self, _rest):
        self.answer(200, self.given)

    def at_header(self, rest):
        """/header/NAME/VALUE: 200 when the request has it."""
        name, _, value = rest.partition("/")
        self.answer(200 if self.headers.get(name) == value else 400)

    def at_host(self, rest):
        self.answer(200 if self.headers.get("Host") == rest else 400)

    def at_give(self, _rest):
        self.answer(200, b"ok\n", [("X-Kind", "apple"), ("X-Kind", "pear"), ("X-Empty", "")])

    def at_modified(self, _rest):
        self.answer(200, b"old\n", [("Last-Modified", MODIFIED)])

    def at_bad_date(self, _rest):
        self.answer(200, b"old\n", [("Last-Modified", "yesterday")])

    def at_bytes(self, rest):
        self.answer(200, b"x" * int(rest))

    def at_chunked(self, rest):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for _ in range(int(rest or 3)):
            self.wfile.write(b"5\r\nhello\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def at_close(self, _rest):
        """No length: it ends where the connection does."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello, world\n")
        self.close_connection = True

    def at_short(self, _rest):
        """Less than it says."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello\n")
        self.close_connection = True

    def at_cut(self, _rest):
        self.close_connection = True

    def at_garbage(self, _rest):
        self.wfile.write(b"\x00\x01 this is no HTTP at all\r\n\r\n")
        self.close_connection = True

    def at_gzip(self, rest):
        """/gzip: when it is asked for; /gzip/always."""
        packed = gzip.compress(b"hello, world\n" * 100, mtime=0)
        if rest or "gzip" in (self.headers.get("Accept-Encoding") or ""):
            self.answer(200, packed, [("Content-Encoding", "gzip")])
        else:
            self.answer(200, b"hello, world\n" * 100)

    def at_deflate(self, _rest):
        c = zlib.compressobj(wbits=-15)
        self.answer(200, c.compress(b"hello, world\n" * 100) + c.flush(), [("Content-Encoding", "deflate")])

    def at_basic(self, _rest):
        good = self.headers.get("Authorization") == "Basic dXNlcjpwYXNz"  # user:pass
        self.answer(200 if good else 401, b"", [] if good else [("WWW-Authenticate", 'Basic realm="r"')])

    def at_bearer(self, _rest):
        self.answer(200 if self.headers.get("Authorization") == "Bearer t0ken" else 401)

    def at_agent(self, _rest):
        self.answer(200 if self.headers.get("User-Agent") == "mine/1" else 400)

    def at_slow(self, rest):
        time.sleep(float(rest))
        self.answer()

    def at_slow_body(self, rest):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        self.wfile.flush()
        time.sleep(float(rest))
        self.close_connection = True

    def at_twice(self, _rest):
        self.answer(200, self.path.encode())


class Site10(Site):
    protocol_version = "HTTP/1.0"


class Silent:
    """Takes connections and says nothing."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.kept = []
        threading.Thread(target=self.loop, daemon=True).start()

    def loop(self):
        while True:
            try:
                self.kept.append(self.listener.accept()[0])
            except OSError:
                return

    def close(self):
        self.listener.close()
        for c in self.kept:
            c.close()


NGINX = """daemon off; pid {dir}/nginx.pid; error_log {dir}/error.log; worker_processes 1;
events {{ worker_connections 64; }}
http {{ access_log off; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u;
scgi_temp_path {dir}/s;
server {{ listen 127.0.0.1:{port} ssl http2; ssl_certificate {certs}/good.pem; ssl_certificate_key {certs}/good.key;
  location / {{ return 200 "hello, world\\n"; }} location /gone {{ return 410; }} location /to {{ return 302 /; }} }} }}
"""


class World:
    """All of them; http, tls["good"] … are "host:port"."""

    def __init__(self, certs, folder):
        self.certs, self.ca, self.folder = certs, certs.ca, str(folder)
        self.servers = {"plain": Service(Site), "old": Service(Site10), "six": Service(Site, ("::1", 0))}
        for kind in ("good", "expired", "other", "selfsigned", "soon"):
            self.servers[kind] = Service(Site, tls=certs.context(kind))
        limited = certs.context("good")
        limited.maximum_version = ssl.TLSVersion.TLSv1_2
        self.servers["tls12"] = Service(Site, tls=limited)
        self.silent = Silent()
        self.closed = free_port()
        self.start_nginx()

    def start_nginx(self):
        self.h2_port = free_port()
        conf = os.path.join(self.folder, "nginx.conf")
        with open(conf, "w", encoding="ascii") as f:
            f.write(NGINX.format(dir=self.folder, port=self.h2_port, certs=self.certs.folder))
        self.nginx = subprocess.Popen(["nginx", "-c", conf, "-e", os.path.join(self.folder, "error.log")],
                                      stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def listens():
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", self.h2_port)) == 0
        wait_until(listens, 20, what="nginx")

    def port(self, name):
        return self.servers[name].port

    def url(self, name="plain", path="/", host=None):
        host = host or ("[::1]" if name == "six" else "127.0.0.1")
        scheme = "http" if name in ("plain", "old", "six") else "https"
        return f"{scheme}://{host}:{self.port(name)}{path}"

    def close(self):
        self.nginx.terminate()
        self.nginx.wait(10)
        self.silent.close()
        for s in self.servers.values():
            s.close()
