"""The metrics store: the core killed under probing, a full disk, damaged files. Each result is one sample, ringing goes on."""

import json
import os
import time
import urllib.parse

from belfry import wait_until
from test_kill import RESTART, kill, load
from test_store import tmpfs  # noqa: F401

STORED = ("SELECT count(*), count(DISTINCT t.name || r.checked_at) FROM probe_results r "
          "JOIN probe_targets t ON t.id=r.target_id")


def query(b, expr, at=None):
    """[(labels, value)] of an instant query, or for a range selector [(labels, [[t, v], …])]."""
    path = "/prometheus/api/v1/query?query=" + urllib.parse.quote(expr) + (f"&time={at}" if at else "")
    status, doc, _ = b.call("GET", path)
    assert status == 200 and doc["status"] == "success", (status, doc)
    return [(r["metric"], r.get("values", r.get("value"))) for r in doc["data"]["result"]]


def one(b, expr):
    rows = query(b, expr)
    return float(rows[0][1][1]) if rows else 0


def is_open(b):
    return b.call("GET", "/health")[1]["checks"]["tsdb"].get("open")


def wait_open(b):
    wait_until(lambda: is_open(b), 20, what="the metrics store is open")


def test_core_killed_under_probing(belfry, target):
    """As many samples as results, at the same times, none twice."""
    t = target("accept")
    b = belfry({"restart": RESTART, "groups": load(t, groups=2, each=20)})
    for i in range(8):
        time.sleep(0.3 + 0.13 * i)
        pid = kill(b, "core")
        wait_until(lambda: b.pid_of("core") not in (0, pid), what="a new core")
        b.wait_ready()
    time.sleep(1)
    assert b.stop() == 0
    rows, unique = b.sql(STORED)[0]
    paused = load(t, groups=2, each=20)
    for group in paused:
        group["targets"] = [{**x, "enabled": False} for x in group["targets"]]
    b.write({"groups": paused})  # nothing new comes
    b.start()
    wait_open(b)
    samples = {}
    for labels, values in query(b, 'probe_success{target=~"l.*"}[1h]'):
        times = [round(at * 1000) for at, v in values]
        assert len(set(times)) == len(times), "no time twice"
        samples[labels["target"]] = times
    want = {}
    for name, at in b.sql("SELECT t.name, r.checked_at FROM probe_results r JOIN probe_targets t ON t.id=r.target_id"):
        want.setdefault(name, set()).add(at)
    assert set(samples) == set(want)
    for name, times in want.items():
        missing, more = times - set(samples[name]), set(samples[name]) - times
        assert not missing and not more, (name, sorted(missing)[:5], sorted(more)[:5])
    assert sum(map(len, want.values())) == unique and rows > 200


def test_everything_killed(belfry, target):
    t = target("accept")
    b = belfry({"restart": RESTART, "groups": load(t, groups=1, each=20)})
    wait_open(b)
    for _ in range(3):
        time.sleep(1)
        b.kill_all()
        b.start()
        wait_open(b)
    time.sleep(1)
    assert b.stop() == 0
    rows = b.sql(STORED)[0][1]
    b.start()
    wait_open(b)
    counted = one(b, 'sum(count_over_time(probe_success{target=~"l.*"}[1h]))')
    assert counted >= rows, "each stored result is a sample"


def test_disk_full(belfry, hook, target, tmpfs):  # noqa: F811
    t = target("accept")
    b = belfry({"channels": [hook.channel()], "defaults": {"channels": ["webhook"]},
                "limits": {"watcher": {"ring_size": "1MiB"}},
                "groups": [{"name": "g", "interval": "300ms", "timeout": "200ms", "threshold": 1,
                            "targets": [{"name": "shop", "url": t.tcp}]}]}, start=False)
    tmpfs(b.data, "24m")
    b.start()
    b.wait_status("shop", "healthy")
    wait_open(b)
    filler = os.path.join(b.data, "filler")
    with open(filler, "wb", buffering=0) as f:
        try:
            while True:
                f.write(b"x" * 4096)
        except OSError:
            pass

    def tsdb_ill():
        status, doc, _ = b.call("GET", "/health")
        return status == 503 and doc["checks"]["tsdb"]["status"] == "unhealthy"
    wait_until(tsdb_ill, 40, what="health says that the metrics store is full")
    before = b.target("shop")["last_checked_at"]
    wait_until(lambda: b.target("shop")["last_checked_at"] > before, what="probing and judging go on")
    assert query(b, "probe_success"), "reading goes on"
    os.unlink(filler)
    wait_until(lambda: b.call("GET", "/health")[0] == 200, 40, what="it resumes by itself")
    since = time.time()
    wait_until(lambda: one(b, 'timestamp(probe_success{target="shop"})') > since, 20, what="new samples come in")
    assert b.metrics()["belfry_tsdb_up"] == 1
    assert b.stop() == 0


def test_damaged_files_at_start(belfry, target):
    """Whatever is broken, Belfry starts, probes and takes new samples."""
    t = target("accept")
    b = belfry({"restart": RESTART, "groups": load(t, groups=1, each=10)})
    wait_open(b)
    time.sleep(2)
    assert b.stop() == 0
    folder = os.path.join(b.data, "tsdb")
    for round_ in range(3):
        files = [os.path.join(d, n) for d, _, names in os.walk(folder) for n in names if n != "lock"]
        assert files
        for path in files:
            size = os.path.getsize(path)
            if size < 16:
                continue
            with open(path, "r+b") as f:
                if round_ == 0:
                    f.seek(size // 2)
                    f.write(b"\xff\x00\xff\x00")
                elif round_ == 1:
                    f.truncate(size * 2 // 3)
                else:
                    f.seek(0)
                    f.write(b"garbage!" * 2)
        b.start()
        wait_until(lambda: is_open(b), 20, what=f"the store opens, round {round_}")
        since = time.time()
        wait_until(lambda: one(b, 'max(timestamp(probe_success{target="l0-1"}))') > since, 20,
                   what="new samples come in")
        assert not [c for c in b.crashes() if c.get("role") == "core" or c.get("unit") == "core"], b.crashes()
        assert b.stop() == 0


def test_a_store_that_cannot_be_opened(belfry, hook, target):
    """Belfry goes on without metrics, says so, and takes them up again."""
    t = target("accept")
    b = belfry({"channels": [hook.channel()], "groups": load(t, groups=1, each=3)}, start=False)
    os.makedirs(b.data)
    with open(os.path.join(b.data, "tsdb"), "w") as f:
        f.write("not a directory")
    b.start()
    b.wait_status("l0-0", "healthy")
    wait_until(lambda: any("metrics store" in json.dumps(r.json) for r in hook.of("webhook")), 30, what="an alert")
    status, doc, _ = b.call("GET", "/health")
    assert status == 503 and doc["checks"]["tsdb"]["status"] == "unhealthy", doc
    assert b.get(f"targets/{b.target('l0-0')['id']}/graph")["success"], "graphs are empty, not errors"
    os.unlink(os.path.join(b.data, "tsdb"))
    wait_until(lambda: b.call("GET", "/health")[0] == 200, 30, what="it opens by itself")
    wait_open(b)
    assert b.stop() == 0
