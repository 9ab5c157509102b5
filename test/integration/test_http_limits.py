"""What clients may ask of the server: sizes, rates, connections, time; requests whose length can be understood in two ways; headers
that are given back; paths that lead elsewhere. Raw sockets, because clients would mend what is wrong here."""

import http.client
import json
import re
import resource
import socket
import time

import pytest

from belfry import wait_until

SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def raw(b, request, timeout=15):
    """All that comes back until the connection's end."""
    with socket.create_connection(("127.0.0.1", b.port), timeout) as s:
        s.sendall(request if isinstance(request, bytes) else request.encode("latin1"))
        got = b""
        try:
            while True:
                more = s.recv(65536)
                if not more:
                    return got.decode("latin1")
                got += more
        except ConnectionResetError:
            return got.decode("latin1")


def rejected(b, reason):
    return b.metrics()[f'belfry_http_rejected_total{{reason="{reason}"}}']


def statuses(text):
    return [int(part.split(" ", 1)[0]) for part in text.split("HTTP/1.1 ")[1:]]


@pytest.fixture
def house(belfry):
    return belfry({"server": {"anonymous": "admin", "cors_origins": ["https://dash.example.com"], "limits": {
        "max_body": 100000, "max_header": 8192, "request_timeout": 2}}})


# --- smuggling -------------------------------------------------------------------------------------

INNER = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize("headers", [
    f"Content-Length: {len(INNER) + 5}\r\nTransfer-Encoding: chunked\r\n",
    f"Transfer-Encoding: chunked\r\nContent-Length: {len(INNER) + 5}\r\n",
    "Content-Length: 0\r\nContent-Length: 5\r\n",
    "Content-Length: 5\r\nContent-Length: 5\r\n",
    "Content-Length: +5\r\n",
    "Content-Length: -1\r\n",
    "Content-Length: 0x5\r\n",
    "Content-Length: 5, 5\r\n",
    "Transfer-Encoding: identity, chunked\r\n",
    "Transfer-Encoding: xchunked\r\n",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    "Host: elsewhere\r\nContent-Length: 0\r\n",
])
def test_smuggling(house, headers):
    """One refusal, and what follows is never taken for a second request."""
    text = raw(house, f"POST /api/v1/targets HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n0\r\n\r\n{INNER}")
    assert set(statuses(text)) <= {400, 413, 501}, text  # libmicrohttpd's own 400 has its head twice
    assert "alive" not in text


def test_folded_header(house):
    """A folded line is refused, or is a part of the header before it: never a header of its own."""
    text = raw(house, "GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n Content-Length: 48\r\nConnection: close"
                      "\r\n\r\n" + INNER)
    assert statuses(text)[:1] in ([200], [400], [])
    assert len(statuses(text)) <= 1


def test_bare_line_ends(house):
    text = raw(house, "GET /health/live HTTP/1.1\r\nHost: localhost\r\nX: a\rTransfer-Encoding: chunked\r\n"
                      "Connection: close\r\n\r\n")
    assert len(statuses(text)) <= 1


# --- headers and paths -----------------------------------------------------------------------------

@pytest.mark.parametrize("target", [
    "/api/v1/nothing%0d%0aX-Injected:%20yes",
    "/api/v1/targets?limit=%0d%0aX-Injected:%20yes",
    "/prometheus/api/v1/query?query=%0d%0aX-Injected:%20yes",
    "/api/v1/alerts/export?format=csv%0d%0aX-Injected:%20yes",
    "/status/a%0d%0aX-Injected:%20yes",
])
def test_header_injection(house, target):
    head = raw(house, f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").split("\r\n\r\n")[0]
    assert head.startswith("HTTP/1.1 ")
    assert "x-injected" not in [line.split(":")[0].lower() for line in head.split("\r\n")]


@pytest.mark.parametrize("path", [
    "/../belfry.yaml", "/..%2fbelfry.yaml", "/%2e%2e/belfry.yaml", "/assets/../../belfry.yaml", "//etc/passwd",
    "/assets/%2e%2e%2f%2e%2e%2fetc/passwd", "/..%5cbelfry.yaml", "/index.html%00.js", "/status/../belfry.yaml",
])
def test_path_traversal(house, path):
    text = raw(house, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert statuses(text) in ([404], [400], [401]), text[:300]
    assert "anonymous" not in text and "root:" not in text


def test_safe_headers(house):
    for path in ("/", "/api/v1/targets", "/api/v1/nothing", "/metrics", "/health/live", "/prometheus/nothing"):
        headers = house.call("GET", path)[2]
        for name, value in SAFE.items():
            assert headers[name] == value, (path, name)
            assert len(headers.get_all(name)) == 1
        assert "default-src" in headers["Content-Security-Policy"] and "camera=()" in headers["Permissions-Policy"]
        assert headers["Strict-Transport-Security"] is None
    assert house.call("POST", "/api/v1/targets", b"x" * 200000)[2]["X-Content-Type-Options"] == "nosniff"


def test_cors(house):
    plain = house.call("GET", "/api/v1/targets", headers={"Origin": "https://evil.example.com"})
    assert plain[2]["Access-Control-Allow-Origin"] is None
    read = house.call("GET", "/api/v1/targets", headers={"Origin": "https://dash.example.com"})
    assert read[0] == 200 and read[2]["Access-Control-Allow-Origin"] == "https://dash.example.com"
    assert read[2]["Access-Control-Allow-Credentials"] is None
    ask = {"Origin": "https://dash.example.com", "Access-Control-Request-Method": "GET"}
    status, _, headers = house.call("OPTIONS", "/api/v1/targets", headers=ask)
    assert status == 204 and headers["Access-Control-Allow-Methods"] == "GET, HEAD"
    assert house.call("OPTIONS", "/api/v1/targets", headers={**ask, "Origin": "https://evil.example.com"})[0] != 204
    change = house.call("POST", "/api/v1/targets", {"name": "x"}, headers={"Origin": "https://dash.example.com"})
    assert change[0] == 403


# --- sizes -----------------------------------------------------------------------------------------

def test_sizes(house):
    assert house.call("POST", "/api/v1/targets", b"x" * 100001)[0] == 413
    chunks = "".join("400\r\n" + "x" * 1024 + "\r\n" for _ in range(110))
    assert 413 in statuses(raw(house, "POST /api/v1/targets HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
                                      "Connection: close\r\n\r\n" + chunks + "0\r\n\r\n"))
    assert rejected(house, "body") == 2
    for head in ("X-Big: " + "x" * 20000, "\r\n".join(f"X-{i}: y" for i in range(3000))):
        text = raw(house, f"GET /health/live HTTP/1.1\r\nHost: localhost\r\n{head}\r\n\r\n")
        assert statuses(text) in ([431], [413], [414], [400], []), text[:100]
    text = raw(house, "GET /" + "a" * 30000 + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert statuses(text) in ([414], [431], []), text[:100]
    assert house.call("GET", "/health/live")[0] == 200


# --- slow clients ----------------------------------------------------------------------------------

def trickle(b, pieces, seconds):
    """Sends a piece every 0.2 s; how long until the server cut it."""
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", b.port), 10) as s:
        s.settimeout(0.2)
        while time.monotonic() - begun < seconds:
            try:
                s.sendall(next(pieces).encode())
                if s.recv(1000) == b"":
                    return time.monotonic() - begun
            except socket.timeout:
                continue
            except OSError:
                return time.monotonic() - begun
    return None


def heads():
    yield "GET /health/live HTTP/1.1\r\nHost: localhost\r\n"
    n = 0
    while True:
        n += 1
        yield f"X-{n}: y\r\n"


def bodies():
    yield ("POST /api/v1/targets HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
           "Content-Length: 90000\r\n\r\n")
    while True:
        yield " "


@pytest.mark.parametrize("pieces", [heads, bodies])
def test_slowloris(house, pieces):
    assert trickle(house, pieces(), 30) is not None
    assert rejected(house, "slow") == 1
    assert house.call("GET", "/health/live")[0] == 200


# --- of one address --------------------------------------------------------------------------------

def test_rate(belfry):
    b = belfry({"server": {"anonymous": "admin", "limits": {"local": True, "request_rate": 5, "request_burst": 100}}})
    c = http.client.HTTPConnection("127.0.0.1", b.port, timeout=10)
    seen = []
    for _ in range(400):
        c.request("GET", "/health/live")
        r = c.getresponse()
        seen.append(r.status)
        body = r.read()
        if r.status == 429:
            break
    assert seen[-1] == 429 and set(seen[:-1]) == {200}
    assert int(r.headers["Retry-After"]) >= 1 and json.loads(body)["status"] == 429
    c.close()
    text = wait_until(lambda: (lambda answer: answer[0] == 200 and answer[1])(b.call("GET", "/metrics")), 20, 0.5, "the bucket fills again")
    assert re.search(r'^belfry_http_rejected_total\{reason="rate"\} [1-9]', text, re.M)


def test_connections(belfry):
    b = belfry({"server": {"anonymous": "admin", "limits": {"local": True, "connections_per_address": 10,
                                                            "request_rate": 0}}})
    held = [socket.create_connection(("127.0.0.1", b.port), 10) for _ in range(30)]
    try:
        def refused():
            n = 0
            for s in held:
                s.settimeout(0.01)
                try:
                    n += s.recv(1) == b""
                except socket.timeout:
                    pass
                except OSError:
                    n += 1
            return n >= 20
        wait_until(refused, 10, what="20 of 30 are closed")
    finally:
        for s in held:
            s.close()
    wait_until(lambda: safe_status(b) == 200, 10)
    assert rejected(b, "connections") >= 20


def safe_status(b):
    try:
        return b.call("GET", "/health/live")[0]
    except OSError:
        return 0


# --- the port --------------------------------------------------------------------------------------

def test_port_is_taken_for_a_while(belfry):
    """As after kill -9 of a large core: it is tried again, and then goes on."""
    b = belfry(start=False)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", b.port))
        other.listen()
        b.start(wait=False)
        logs = b.folder
        wait_until(lambda: "the port is taken" in b.output(200) or said(logs, "the port is taken"), 20,
                   what="it is said")
    b.wait_ready(20)


def said(folder, text):
    import glob
    import os
    for path in glob.glob(os.path.join(folder, "**", "*.log"), recursive=True):
        with open(path, encoding="utf-8", errors="replace") as f:
            if text in f.read():
                return True
    return False


# --- many streams of events ------------------------------------------------------------------------

def test_5000_streams(belfry):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 6000:
        pytest.skip(f"this process may open {hard} files only")
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8000), hard))
    b, held = belfry({"server": {"anonymous": "admin"}}), []
    try:
        for _ in range(5000):
            s = socket.create_connection(("127.0.0.1", b.port), 20)
            s.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")
            held.append(s)
        assert all(s.recv(12) == b"HTTP/1.1 200" for s in held)
        b.post("targets", {"name": "x", "type": "tcp", "config": {"host": "127.0.0.1", "port": 9}})
        for s in held:
            text = b""
            while b"\ndata:" not in text:
                more = s.recv(65536)
                assert more
                text += more
        with open(f"/proc/{b.pid_of('core')}/status", encoding="ascii") as f:
            rss = next(int(line.split()[1]) >> 10 for line in f if line.startswith("VmRSS"))
        assert rss < 400, f"{rss} MiB with 5,000 streams"
    finally:
        for s in held:
            s.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
