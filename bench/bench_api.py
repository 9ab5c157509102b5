"""What people look at while 100,000 targets are probed: lists of 100 in every order, 30-day graphs at 50 a second, 5,000 open
event streams, a public status page under what wrk can ask; and whether the probes notice.

The targets are one sink on loopback (bench/micro/sink.c). The lateness is the watchers' own 99th percentile of their last minute,
the worst of them: hence the warming, which is longer. Clients run on the same cores, so what they measure includes themselves.
"""
import argparse
import http.client
import json
import os
import random
import re
import resource
import selectors
import socket
import subprocess
import threading
import time

from benchlib import Belfry, Sink, Table, load, machine, memory_mb, raise_files, read

GROUPS = 50
HISTORY = 12  # targets that have 30 days behind them
DAY = 86400


def groups_of(sink, n, interval):
    """n targets in groups of every size, as people have them: some large, many small."""
    names = [f"g{i:02d}" for i in range(GROUPS)]
    out = {g: {"interval": interval, "timeout": 5, "labels": {"env": "prod" if i % 3 else "test"}, "targets": []}
           for i, g in enumerate(names)}
    rng = random.Random(7)
    for i in range(n):
        g = names[int(rng.random() ** 2 * GROUPS)] if i >= HISTORY else names[0]
        out[g]["targets"].append({"name": f"t{i}", "url": f"tcp://127.0.0.1:{sink.port}"})
    return out


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))] if values else float("nan")


class Conn:
    """One kept connection; get() says how long it took in ms."""

    def __init__(self, port):
        self.c = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def get(self, path, headers=None):
        t = time.perf_counter()
        self.c.request("GET", path, headers=headers or {})
        r = self.c.getresponse()
        body = r.read()
        took = (time.perf_counter() - t) * 1000
        if r.status != 200:
            raise RuntimeError(f"{path}: {r.status} {body[:300]!r}")
        return took, body

    def send(self, method, path, doc):
        self.c.request(method, path, json.dumps(doc), {"Content-Type": "application/json"})
        r = self.c.getresponse()
        body = r.read()
        if r.status >= 300:
            raise RuntimeError(f"{method} {path}: {r.status} {body[:300]!r}")
        return json.loads(body) if body else None


class Late:
    """The probes' lateness during a span; the watchers tell the 99th percentile of their last minute."""

    def __init__(self, b):
        self.b, self.missed, self.worst = b, b.sum("missed_rounds"), 0.0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stop.wait(1):
            self.worst = max([self.worst] + [x["late_p99_ns"] / 1e6 for x in self.b.beats()])

    def end(self, table, what):
        self.stop.set()
        self.thread.join()
        table.add(f"{what}: probes' p99 lateness", self.worst, "ms", 50,
                  f"rounds missed {self.b.sum('missed_rounds') - self.missed}, load {load()}")


def backfill(b, sink, interval):
    """30 days for a few targets, before anything probes them."""
    now = int(time.time())
    conn = Conn(b.port)
    for i in range(HISTORY):
        labels = f'{{target="t{i}",group="g00",type="tcp",instance="127.0.0.1:{sink.port}",env="test"}}'
        lines = []
        for s in range(now - 30 * DAY, now - 600, interval):
            ok = 0 if s % 7200 < interval else 1
            lines.append(f"probe_success{labels} {ok} {s}000")
            lines.append(f"probe_duration_seconds{labels} {0.01 + (s % 600) / 60000:.5f} {s}000")
        conn.c.request("POST", "/api/v1/metrics/import?format=prometheus", "\n".join(lines) + "\n")
        r = conn.c.getresponse()
        body = r.read()
        if r.status >= 300:
            raise RuntimeError(f"import: {r.status} {body[:300]!r}")


def lists(b, a, table):
    """Lists of 100 in every order, one after the other."""
    conn, rng, n = Conn(b.port), random.Random(1), a.targets
    asked = {
        "worst first": lambda: "sort=worst",
        "by groups, with counts": lambda: "sort=worst&layout=groups&facets=1",
        "anywhere in it": lambda: f"sort=name&offset={rng.randrange(n)}",
        "searched": lambda: f"sort=worst&q=t{rng.randrange(10, n // 10)}",
        "one state of one group": lambda: f"state=up,down&group=g{rng.randrange(GROUPS):02d}&sort=latency",
    }
    conn.get("/api/v1/targets?limit=100&sort=name")  # the first puts 100,000 names in order
    for what, query in asked.items():
        times = [conn.get(f"/api/v1/targets?limit=100&{query()}")[0] for _ in range(a.requests)]
        table.add(f"list of 100, {what}: p99", quantile(times, 0.99), "ms", 10, f"p50 {quantile(times, 0.5):.2f} ms")


def paced(rate, seconds, threads, work):
    """Calls work(thread) `rate` times a second on a fixed plan; the time counts from when it was due."""
    times, lock, begin = [], threading.Lock(), time.perf_counter()

    def run(k):
        for i in range(k, int(rate * seconds), threads):
            due = begin + i / rate
            time.sleep(max(0, due - time.perf_counter()))
            work(k)
            with lock:
                times.append((time.perf_counter() - due) * 1000)

    all_of = [threading.Thread(target=run, args=(k,)) for k in range(threads)]
    for t in all_of:
        t.start()
    for t in all_of:
        t.join()
    return times, time.perf_counter() - begin


def graphs(b, a, table):
    conns = [Conn(b.port) for _ in range(4)]
    ids = [x["id"] for x in json.loads(conns[0].get(f"/api/v1/targets?group=g00&sort=name&limit={HISTORY}")[1])["items"]]
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 30 * DAY))
    _, body = conns[0].get(f"/api/v1/targets/{ids[0]}/graph?since={since}")
    filled = sum(v is not None for v in json.loads(body)["latency_ms"])
    rng = random.Random(3)
    times, _ = paced(50, a.seconds, 4, lambda k: conns[k].get(f"/api/v1/targets/{rng.choice(ids)}/graph?since={since}"))
    table.add("30-day graph at 50/s: p99", quantile(times, 0.99), "ms", 20,
              f"p50 {quantile(times, 0.5):.2f} ms, {filled} of 300 cells filled")


class Streams:
    """Open event streams, each showing 30 targets."""

    def __init__(self, b, n, ids):
        self.b, self.sel, self.open = b, selectors.DefaultSelector(), []
        rng = random.Random(5)
        for _ in range(n):
            s = socket.create_connection(("127.0.0.1", b.port), 30)
            shown = ",".join(str(i) for i in rng.sample(ids, 30))
            s.sendall(f"GET /api/v1/events?targets={shown} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            s.setblocking(False)
            self.sel.register(s, selectors.EVENT_READ)
            self.open.append(s)
        self.bytes = self.ended = 0
        self.seen = {}

    def read(self, seconds, word=None):
        """Reads what comes; when each stream first said `word`."""
        end = time.perf_counter() + seconds
        self.seen = {}
        while time.perf_counter() < end and (word is None or len(self.seen) + self.ended < len(self.open)):
            for key, _ in self.sel.select(0.05):
                data = key.fileobj.recv(1 << 16)
                self.bytes += len(data)
                if not data:
                    self.ended += 1
                    self.sel.unregister(key.fileobj)
                elif word and word in data:
                    self.seen.setdefault(key.fileobj, time.perf_counter())

    def close(self):
        for s in self.open:
            s.close()


def streams(b, a, table):
    conn = Conn(b.port)
    page = json.loads(conn.get("/api/v1/targets?limit=10000&sort=name&offset=1000")[1])
    ids = [x["id"] for x in page["items"]]
    core = b.roles()["core"]
    before = memory_mb(core)[1]
    s = Streams(b, a.streams, ids)
    s.read(5)
    late = Late(b)
    took = []
    for i in range(5):
        s.read(2)
        t = time.perf_counter()
        target = ids[i]
        threading.Thread(target=lambda: Conn(b.port).send("PATCH", f"/api/v1/targets/{target}", {"enabled": False})).start()
        s.read(10, b"event: target")
        took += [(x - t) * 1000 for x in s.seen.values()]
    s.read(max(5, a.seconds / 2))
    table.add(f"{a.streams:,} streams: a change of state is there, p99", quantile(took, 0.99), "ms", 1000,
              f"{len(took)} of {5 * a.streams} arrived, {s.ended} streams ended")
    late.end(table, f"{a.streams:,} streams")
    table.add(f"{a.streams:,} streams: memory of the core, more", memory_mb(core)[1] - before, "MB", 400, f"before {before:.0f} MB")
    s.close()


def milliseconds(text):
    """wrk's "1.23ms", "850.00us", "1.02s"."""
    number, unit = re.fullmatch(r"([0-9.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def status_page(b, a, table):
    conn = Conn(b.port)
    conn.send("POST", "/api/v1/status-pages", {"slug": "bench", "title": "Bench", "groups": ["g49", "g48"]})
    conn.get("/status/bench")
    late = Late(b)
    done = subprocess.run(["wrk", "--latency", "-t2", f"-c{a.connections}", f"-d{a.seconds:.0f}s", f"http://127.0.0.1:{b.port}/status/bench"],
                          capture_output=True, text=True, check=True, timeout=a.seconds + 60)
    said = done.stdout
    rate = float(re.search(r"Requests/sec:\s+([0-9.]+)", said)[1])
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    table.add(f"status page, {a.connections} connections: requests answered", rate, "/s", None, f"aim 2,000; {bad[1] if bad else 0} not 200")
    table.add(f"status page, {a.connections} connections: p99", milliseconds(re.search(r"99%\s+(\S+)", said)[1]), "ms", None)
    late.end(table, "status page")


def uptimes(b, a, table):
    """What the target view asks first: uptime, incidents and reasons over a day to a year."""
    conn = Conn(b.port)
    ids = [x["id"] for x in json.loads(conn.get(f"/api/v1/targets?group=g00&sort=name&limit={HISTORY}")[1])["items"]]
    times = [conn.get(f"/api/v1/targets/{ids[i % len(ids)]}/uptime")[0] for i in range(a.requests)]
    table.add("uptime of a day to a year: p99", quantile(times, 0.99), "ms", 10, f"p50 {quantile(times, 0.5):.2f} ms")


def main(argv):
    p = argparse.ArgumentParser(prog="bench api", description=__doc__)
    p.add_argument("--targets", type=int, default=100000)
    p.add_argument("--interval", type=int, default=30)
    p.add_argument("--warm", type=float, default=100, help="seconds before measuring")
    p.add_argument("--seconds", type=float, default=20, help="of each load")
    p.add_argument("--requests", type=int, default=500, help="of each kind of list")
    p.add_argument("--streams", type=int, default=5000)
    p.add_argument("--connections", type=int, default=16, help="to the status page")
    p.add_argument("--only", choices=["lists", "graphs", "uptimes", "streams", "status"])
    a = p.parse_args(argv)
    raise_files()
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < a.streams * 2 + 1000:
        a.streams = resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2 - 1000
    print("  " + machine())
    table = Table()
    parts = {"lists": lists, "graphs": graphs, "uptimes": uptimes, "streams": streams, "status": status_page}
    limits = {"connections_per_address": 0, "request_rate": 0}  # all clients are one address here
    with Sink() as sink, Belfry({}, extra={"server": {"limits": limits}}) as b:
        b.wait_ready(60)
        time.sleep(1)
        backfill(b, sink, a.interval)
        b.write(groups_of(sink, a.targets, a.interval))  # it sees that its file changed
        b.wait_assigned(a.targets, 240)
        print(f"  {a.targets:,} targets are assigned")
        time.sleep(a.warm)
        late = Late(b)
        time.sleep(5)
        late.end(table, "nobody looks")
        try:
            for name, part in parts.items():
                if a.only in (None, name):
                    late = Late(b) if name in ("lists", "graphs", "uptimes") else None
                    part(b, a, table)
                    if late:
                        late.end(table, name)
        except (OSError, http.client.HTTPException) as e:
            raise RuntimeError("Belfry is gone: " + read(os.path.join(b.dir, "out"))[-3000:]) from e
    return table.misses
