"""Answers that are larger than what the core may hold: made while they are sent. Their clients read them whole, leave in the middle, or
read nothing; and all queries together are held to their memory."""

import gzip
import http.client
import json
import socket
import threading
import time
import urllib.parse

import pytest

from belfry import wait_until

API = "/prometheus/api/v1"
STEPS = 10999  # of 15 ms: all within the lookback of one sample
BIG = 1750


@pytest.fixture
def house(belfry):
    b = belfry({"metrics": {"enable": True}, "server": {"anonymous": "admin"}})
    wait_until(lambda: b.call("GET", API + "/labels")[0] == 200, 20, what="the store is open")
    b.at = int(time.time()) - 200
    text = "".join(f'wide{{i="{i}"}} 0.{12345678901234567 + i} {b.at * 1000}\n' for i in range(BIG))
    assert b.api("POST", "/api/v1/metrics/import?format=prometheus", text.encode())["data"]["taken"] == BIG
    return b


def path(house, series):
    pattern = {BIG: ".*", 60: "[1-5]?[0-9]", 20: "1?[0-9]"}[series]
    query = {"query": f'wide{{i=~"{pattern}"}}', "start": house.at + 1, "end": house.at + 1 + STEPS * 0.015,
             "step": 0.015, "nocache": 1}
    return API + "/query_range?" + urllib.parse.urlencode(query)


def rss(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) << 10 for line in f if line.startswith("VmRSS"))


def figures(house, *names):
    got = house.metrics()
    return [got[n] for n in names]


def idle(house):
    return figures(house, "belfry_http_large_answers", "belfry_promql_memory_bytes") == [0, 0]


def begin(house, target, headers=None):
    c = http.client.HTTPConnection("127.0.0.1", house.port, timeout=60)
    c.request("GET", target, headers=headers or {})
    return c, c.getresponse()


def test_whole(house):
    pid, most, stop = house.pid_of("core"), [0], threading.Event()

    def watch():
        while not stop.wait(0.02):
            most[0] = max(most[0], rss(pid))
    t = threading.Thread(target=watch)
    t.start()
    c, r = begin(house, path(house, BIG))
    assert r.status == 200 and r.headers["Transfer-Encoding"] == "chunked"
    total, series, last = 0, 0, b""
    while True:
        part = r.read1(1 << 20)
        if not part:
            break
        total += len(part)
        series += (last[-9:] + part).count(b'"metric":{')
        last = (last + part)[-200:] if len(part) < 200 else part[-200:]
    c.close()
    stop.set()
    t.join()
    assert last.endswith(b'"]]}]}}') and total > 600 << 20 and series >= BIG
    assert most[0] < 480 << 20, f"{most[0] >> 20} MiB for an answer of {total >> 20} MiB"
    wait_until(lambda: idle(house), 10, what="its memory is given back")


def test_gzip(house):
    c, r = begin(house, path(house, 60))
    plain = json.loads(r.read())
    c.close()
    c, r = begin(house, path(house, 60), {"Accept-Encoding": "gzip"})
    assert r.headers["Content-Encoding"] == "gzip" and r.headers["Transfer-Encoding"] == "chunked"
    assert json.loads(gzip.decompress(r.read())) == plain
    c.close()
    assert len(plain["data"]["result"]) == 60
    for s in plain["data"]["result"]:
        assert len(s["values"]) == STEPS + 1
        assert {v for _, v in s["values"]} == {repr(float(f'0.{12345678901234567 + int(s["metric"]["i"])}'))}


def test_client_leaves(house):
    c, r = begin(house, path(house, 60))
    r.read(100000)
    assert figures(house, "belfry_http_large_answers") == [1]
    c.sock.close()
    r.close()
    c.close()
    wait_until(lambda: idle(house), 20, what="nothing is held for who left")


def test_clients_that_do_not_read(house):
    """More of them than there are workers: everybody else is served."""
    held = []
    for _ in range(40):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(("127.0.0.1", house.port))
        s.sendall(f"GET {path(house, 60)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert s.recv(12) == b"HTTP/1.1 200"
        held.append(s)
    assert figures(house, "belfry_http_large_answers") == [40]
    for _ in range(10):
        assert house.get("targets?limit=1")["total"] == 0
        assert house.call("GET", API + "/query?query=count(wide)&time=" + str(house.at + 1))[0] == 200
    for s in held:
        s.close()
    wait_until(lambda: idle(house), 20, what="nothing is held for who left")


def test_memory_of_all(belfry):
    b = belfry({"metrics": {"enable": True, "query": {"total_memory": "64MiB"}}, "server": {"anonymous": "admin"}})
    wait_until(lambda: b.call("GET", API + "/labels")[0] == 200, 20, what="the store is open")
    b.at = int(time.time()) - 200
    text = "".join(f'wide{{i="{i}"}} 0.{12345678901234567 + i} {b.at * 1000}\n' for i in range(BIG))
    b.api("POST", "/api/v1/metrics/import?format=prometheus", text.encode())
    status, doc, headers = b.call("GET", path(b, BIG), timeout=60)
    assert status == 503 and doc["errorType"] == "unavailable" and "limit total_memory" in doc["error"]
    assert headers["Retry-After"]
    assert b.call("GET", path(b, 20), timeout=60)[0] == 200
    memory, most, refused = figures(b, "belfry_promql_memory_bytes", "belfry_promql_max_total_memory_bytes",
                                    "belfry_promql_memory_refused_total")
    assert memory <= most == 64 << 20 and refused >= 1


def test_series_and_federation(house):
    match = {"match[]": "wide", "start": house.at - 10, "end": house.at + 100}
    c, r = begin(house, API + "/series?" + urllib.parse.urlencode(match))
    assert sorted(int(s["i"]) for s in json.loads(r.read())["data"]) == list(range(BIG))
    c.close()
    text = "".join(f'deep{{i="{i}",pad="{"x" * 400}"}} {i}\n' for i in range(6000))
    assert house.api("POST", "/api/v1/metrics/import?format=prometheus", text.encode())["data"]["taken"] == 6000
    for headers in ({}, {"Accept-Encoding": "gzip"}):
        c, r = begin(house, "/federate?match[]=deep", headers)
        assert r.headers["Transfer-Encoding"] == "chunked"
        body = r.read()
        c.close()
        lines = (gzip.decompress(body) if headers else body).decode().splitlines()
        assert lines[0] == "# TYPE deep untyped" and len(lines) == 6001
        c, r = begin(house, API + "/series?match[]=deep", headers)
        assert r.headers["Transfer-Encoding"] == "chunked"
        body = r.read()
        c.close()
        found = json.loads(gzip.decompress(body) if headers else body)["data"]
        assert [int(s["i"]) for s in found] == sorted(range(6000), key=str)


def test_export(house):
    """In slices of time, and of its text: each sample once, and what was exported can be imported."""
    n, start = 3000, (house.at - 3400) * 1000
    for i in range(100):
        line = {"metric": {"__name__": "long", "i": str(i)}, "values": [k + i / 100 for k in range(n)],
                "timestamps": [start + 1000 * k for k in range(n)]}
        assert house.api("POST", "/api/v1/metrics/import?format=jsonl", json.dumps(line).encode())["data"]["taken"] == n
    for headers in ({}, {"Accept-Encoding": "gzip"}):
        c, r = begin(house, "/api/v1/metrics/export?match[]=long", headers)
        assert r.headers["Content-Type"] == "application/x-ndjson"
        body = r.read()
        c.close()
        found = {}
        for text in (gzip.decompress(body) if headers else body).decode().splitlines():
            doc = json.loads(text)
            found.setdefault(int(doc["metric"]["i"]), []).extend(zip(doc["timestamps"], doc["values"]))
        assert len(found) == 100
        for i, samples in found.items():
            assert samples == [(start + 1000 * k, k + i / 100) for k in range(n)]
    c, r = begin(house, "/api/v1/metrics/export?format=openmetrics&match[]=long")
    lines = r.read().decode().splitlines()
    c.close()
    assert len(lines) == 100 * n + 1 and lines[-1] == "# EOF"
