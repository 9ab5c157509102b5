"""Remote write in and out: Belfry's sender against Debian's servers and another Belfry, its receiver against a sender of this file,
with kill -9 of the core and receivers that go away. Nothing that was acknowledged is lost, nothing that was taken in is left
behind."""

import http.client
import json
import shutil
import signal
import time
import urllib.parse

import pytest

import promdata
from belfry import free_port, wait_until
from promdata import Server, bits, snappy, write_request

PROMETHEUS = shutil.which("prometheus")
VICTORIA = shutil.which("victoria-metrics")
RESTART = {"delay": "0s", "max_restarts": 100000}
QUEUE = {"batch_send_deadline": "200ms", "max_samples_per_send": 500, "min_backoff": "20ms", "max_backoff": "200ms"}
HEADERS = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy", "X-Prometheus-Remote-Write-Version": "0.1.0"}


def config(*urls, **item):
    doc = {"restart": RESTART, "metrics": {"enable": True, "external_labels": {"site": "here"}}}
    if urls:
        doc["remote_write"] = [{"url": url, "name": f"q{n}", "queue_config": QUEUE, **item} for n, url in enumerate(urls)]
    return doc


def post(port, series, prefix="/prometheus"):
    """One request: its status, 0 when there was no answer."""
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        c.request("POST", prefix + "/api/v1/write", snappy(write_request(series)), HEADERS)
        return c.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        c.close()


def deliver(port, series, **kw):
    """As a sender does: again until it is taken. How often it took."""
    for attempt in range(1, 500):
        status = post(port, series, **kw)
        if status // 100 == 2:
            return attempt
        assert status in (0, 503, 500), f"refused: {status}"
        time.sleep(0.05)
    raise AssertionError("never taken")


def batch(k, base_ms, n=40):
    """Sample k of n series."""
    return [({"__name__": "load", "series": f"s{i}", "job": "drop" if i % 10 == 9 else "keep"},
             [(base_ms + k * 1000, bits(k + i / 64))]) for i in range(n)]


def samples_of(port, prefix="/prometheus", metric="load", ahead=0):
    """{series label: [[seconds, value]]} of the hour before now + ahead seconds."""
    query = urllib.parse.urlencode({"query": metric + "[1h]", "time": time.time() + ahead})
    status, text = Server("", port, prefix).ask("GET", "/api/v1/query?" + query)
    if status != 200:
        return {}
    return {(s["metric"]["series"], s["metric"].get("site")): s["values"] for s in json.loads(text)["data"]["result"]}


def total(found):
    return sum(map(len, found.values()))


def check(found, rounds, series, site):
    """Every series has every round once, in order, with its value."""
    assert sorted(found) == sorted((f"s{i}", site) for i in series)
    for (name, _), values in found.items():
        i = int(name[1:])
        assert [float(v) for _, v in values] == [k + i / 64 for k in range(rounds)], name


# --- the receiver ----------------------------------------------------------------------------------

def test_acknowledged_samples_survive_kills(belfry):
    b = belfry(config())
    base, rounds, again = int(time.time() * 1000) - 600_000, 120, 0
    for k in range(rounds):
        again += deliver(b.port, batch(k, base)) - 1
        if k % 30 == 20:
            pid = b.pid_of("core")
            b.seen.add(pid)
            b.signal(pid, signal.SIGKILL)
    wait_until(lambda: total(samples_of(b.port)) == rounds * 40, 30, what="all samples")
    check(samples_of(b.port), rounds, range(40), None)
    assert again > 0, "the kills were felt"


def test_statuses(belfry):
    b = belfry(config())
    now = int(time.time() * 1000)
    wait_until(lambda: post(b.port, batch(0, now)) == 204, what="the store is open")
    assert post(b.port, batch(0, now)) == 204, "the same again is fine"
    other = [(labels, [(t, bits(-1.0))]) for labels, [(t, _)] in batch(0, now)]
    assert post(b.port, other) == 400, "another value at that time"
    assert post(b.port, [({"job": "x"}, [(now, bits(1.0))])]) == 400, "no name"
    server = Server("belfry", b.port, "/prometheus")
    good = snappy(write_request(batch(1, now)))
    assert server.ask("POST", "/api/v1/write", good, {**HEADERS, "Content-Type": "text/plain"})[0] == 415
    assert server.ask("POST", "/api/v1/write", b"nonsense", HEADERS)[0] == 400
    assert server.ask("POST", "/api/v1/write", b"\xff\xff\xff\xff\x0f", HEADERS)[0] == 413


# --- the sender ------------------------------------------------------------------------------------

def debian_prometheus(tmp_path):
    return promdata.prometheus(PROMETHEUS, tmp_path, "global: {}\n")


def debian_victoria(tmp_path):
    port = free_port()
    return promdata.running([VICTORIA, f"-storageDataPath={tmp_path / 'peer'}", f"-httpListenAddr=127.0.0.1:{port}",
                             "-search.latencyOffset=0s", "-memory.allowedBytes=64MB"],
                            port, tmp_path / "peer.log", "/health")


PEERS = [pytest.param(debian_prometheus, marks=pytest.mark.skipif(not PROMETHEUS, reason="no prometheus here"), id="prometheus"),
         pytest.param(debian_victoria, marks=pytest.mark.skipif(not VICTORIA, reason="no victoria-metrics here"), id="victoria")]


@pytest.mark.parametrize("start", PEERS)
def test_sends_to(belfry, tmp_path, start):
    with start(tmp_path) as peer:
        port = peer.port
        b = belfry(config(f"http://127.0.0.1:{port}/api/v1/write", write_relabel_configs=[
            {"source_labels": ["__name__", "job"], "regex": "load;keep", "action": "keep"},
            {"source_labels": ["series"], "regex": "s(.*)", "target_label": "number"}]))
        base = int(time.time() * 1000)
        for k in range(30):
            deliver(b.port, batch(k, base))
        want = [i for i in range(40) if i % 10 != 9]
        wait_until(lambda: total(samples_of(port, "", ahead=30)) == 30 * len(want), 40,
                   what="all samples at the peer")
        check(samples_of(port, "", ahead=30), 30, want, "here")
        assert total(samples_of(port, "", 'load{number="7"}', ahead=30)) == 30


def test_catches_up_after_kills_and_an_outage(belfry):
    other = belfry(config())
    b = belfry(config(f"http://127.0.0.1:{other.port}/prometheus/api/v1/write"))
    wait_until(lambda: post(b.port, []) == 204, what="the store is open")
    base, rounds = int(time.time() * 1000) + 1000, 100  # up to 100 s ahead, which all of it may be done sooner than
    for k in range(rounds):
        deliver(b.port, batch(k, base))
        if k in (20, 70):
            pid = b.pid_of("core")
            b.seen.add(pid)
            b.signal(pid, signal.SIGKILL)
        if k == 40:
            assert other.stop() == 0
        if k == 80:
            other.start()
    wait_until(lambda: total(samples_of(other.port, ahead=rounds)) == rounds * 40, 60, what="all samples at the other")
    check(samples_of(other.port, ahead=rounds), rounds, range(40), "here")
