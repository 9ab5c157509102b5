"""A small fleet's metrics for differential runs, how they get into a server (remote write 1.0 with snappy's literals only),
and a Prometheus to compare with. Standard library only.

Samples fall between whole seconds. Steps, ranges and offsets are whole seconds, so no sample ever lies on a window's edge and
Prometheus 2 (ranges closed on the left) sees what Prometheus 3 sees."""

import contextlib
import http.client
import json
import math
import os
import random
import struct
import subprocess
import urllib.parse

from belfry import free_port, wait_until

STALE_BITS = 0x7FF0000000000002
SCRAPE_MS = 15000
SCRAPES = 280  # 70 minutes
HOSTS = [("host-1:8001", 1217), ("host-2:8002", 4803), ("host-3:8003", 9931)]  # and when in a scrape they answer, ms


def bits(value):
    return struct.unpack("<Q", struct.pack("<d", value))[0]


def metrics(rng, host):
    """One host's series: (labels, value of scrape k or None or "stale")."""
    job, n = "shop", HOSTS.index(host) + 1
    base = {"instance": host[0], "job": job}

    def add(name, fn, **labels):
        values = fn if callable(fn) else None
        found.append(({"__name__": name, **base, **labels}, values))
    found = []

    def walk(start, size):
        state = [start]

        def fn(k):
            state[0] += rng.uniform(-size, size)
            return float(round(state[0]))
        return fn

    def counter(start, most, reset_every=0):
        state = [start]

        def fn(k):
            if reset_every and k % reset_every == reset_every - 1:
                state[0] = 0.0
            state[0] += rng.uniform(0, most)
            return state[0]
        return fn

    for i, kind in enumerate(("used", "cached", "free", "buffers")):
        add("app_memory_bytes", walk((i + 1) * n * 1e9, 2e7), type=kind)
    for i, mode in enumerate(("idle", "user", "system")):
        add("app_cpu_seconds_total", counter(1e5 * n, 15 / (i + 1)), mode=mode)
    add("app_items_total", counter(1e6, 50, reset_every=0 if n == 1 else 31 * n))
    add("app_queue", lambda k: float(rng.randrange(0, 50)))
    add("app_cores", lambda k: float(2 ** n))
    add("app_disk_bytes", lambda k: float(1e11 * n + k * 1e6 + rng.randrange(1000)))
    add("app_last_success_seconds", lambda k: float(1.7e9 + 3600 * n + k * 15 // 300 * 300))
    add("app_build_info", lambda k: 1.0, version=f"1.{n}.0")
    add("app_gaps", lambda k: ("stale" if n != 2 and k % 48 == 24 else None) if k % 48 >= 24 else 100.0 * n + k)
    if n < 3:
        add("app_gone", lambda k: float(k) if k < 130 else ("stale" if k == 130 else None))
    for path in ("/cart", "/pay"):
        buckets(add, rng, path)
    if n == 1:
        odd(add, rng)
    return found


def buckets(add, rng, path):
    bounds = [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, math.inf]
    counts, total = [1e5 * (i + 1) for i in range(len(bounds))], [2e5]
    drawn = {}

    def scrape(k):
        if k not in drawn:
            for _ in range(rng.randrange(1, 30)):
                took = rng.expovariate(1.5)
                total[0] += took
                for i, bound in enumerate(bounds):
                    counts[i] += took <= bound
            drawn[k] = (list(counts), total[0])
        return drawn[k]
    for i, bound in enumerate(bounds):
        add("app_seconds_bucket", lambda k, i=i: float(scrape(k)[0][i]), path=path,
            le="+Inf" if bound == math.inf else f"{bound:g}")
    add("app_seconds_sum", lambda k: scrape(k)[1], path=path)
    add("app_seconds_count", lambda k: float(scrape(k)[0][-1]), path=path)


def odd(add, rng):
    add("app_odd_values", lambda k: math.nan, kind="nan")
    add("app_odd_values", lambda k: math.inf, kind="inf")
    add("app_odd_values", lambda k: -math.inf, kind="minus inf")
    add("app_odd_values", lambda k: 0.0, kind="zero")
    add("app_odd_values", lambda k: 1e-300 * (k % 7 + 1), kind="tiny")
    add("app_odd_values", lambda k: 1e300 * (k % 5 + 1), kind="huge")
    add("app_odd_values", lambda k: math.nan if k % 3 == 0 else float(k % 11), kind="some nan")


def fleet(base_ms, seed=20260811):
    """[(labels, [(ms, bits)])], the same at each call but for the base."""
    rng, out = random.Random(seed), []
    for host in HOSTS:
        for labels, value in metrics(rng, host):
            samples = []
            for k in range(SCRAPES):
                v = value(k)
                if v is not None:
                    samples.append((base_ms + k * SCRAPE_MS + host[1], STALE_BITS if v == "stale" else
                                    bits(v) if v == v else 0x7FF8000000000001))
            out.append((labels, samples))
    return out


# --- remote write ----------------------------------------------------------------------------------

def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def write_request(series):
    body = bytearray()
    for labels, samples in series:
        one = bytearray()
        for name, value in sorted(labels.items()):
            one += field(1, field(1, name.encode()) + field(2, value.encode()))
        for t, v in samples:
            one += field(2, b"\x09" + struct.pack("<Q", v) + b"\x10" + varint(t))
        body += field(1, bytes(one))
    return bytes(body)


def snappy(data):
    out = bytearray(varint(len(data)))
    for at in range(0, len(data), 60):
        part = data[at:at + 60]
        out += bytes([len(part) - 1 << 2]) + part
    return bytes(out)


class Server:
    """One that speaks Prometheus' API under a prefix."""

    def __init__(self, name, port, prefix=""):
        self.name, self.port, self.prefix = name, port, prefix

    def ask(self, method, path, body=None, headers=None):
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            conn.request(method, self.prefix + path, body, headers or {})
            answer = conn.getresponse()
            return answer.status, answer.read()
        finally:
            conn.close()

    def write(self, series, per_request=5000):
        """In order of time: a server sees what a scrape would have brought, scrape by scrape."""
        flat = sorted((t, n, v) for n, (_, samples) in enumerate(series) for t, v in samples)
        for at in range(0, len(flat), per_request):
            grouped = {}
            for t, n, v in flat[at:at + per_request]:
                grouped.setdefault(n, []).append((t, v))
            body = snappy(write_request([(series[n][0], s) for n, s in grouped.items()]))
            status, text = self.ask("POST", "/api/v1/write", body, {
                "Content-Type": "application/x-protobuf", "Content-Encoding": "snappy",
                "X-Prometheus-Remote-Write-Version": "0.1.0"})
            assert status // 100 == 2, f"{self.name}: remote write: {status} {text[:300]}"

    def version(self):
        return json.loads(self.ask("GET", "/api/v1/status/buildinfo")[1])["data"]["version"]

    def query(self, path, **params):
        """(data, None) or (None, the error)."""
        status, text = self.ask("POST", path, urllib.parse.urlencode(params),
                                {"Content-Type": "application/x-www-form-urlencoded"})
        try:
            doc = json.loads(text)
        except ValueError:
            raise AssertionError(f"{self.name}: {params}: {status} {text[:300]}") from None
        if doc["status"] != "success":
            return None, doc["error"]
        return doc["data"], None


@contextlib.contextmanager
def running(argv, port, log, ready):
    """A Server of that command, from when it answers at `ready` until the block ends."""
    with open(log, "wb") as out:
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    server = Server(os.path.basename(argv[0]), port)

    def answers():
        assert child.poll() is None, log.read_text()
        try:
            return server.ask("GET", ready)[0] == 200
        except OSError:
            return False
    try:
        wait_until(answers, 30, what=f"{argv[0]} is ready")
        yield server
    finally:
        child.terminate()
        child.wait(20)


def prometheus(exe, folder, config="global: {}\nstorage:\n  tsdb:\n    out_of_order_time_window: 1d\n"):
    """A Prometheus that takes remote write, also of older samples."""
    path, port = folder / "prometheus.yml", free_port()
    path.write_text(config)
    return running([exe, f"--config.file={path}", f"--storage.tsdb.path={folder / 'prometheus'}",
                    f"--web.listen-address=127.0.0.1:{port}", "--web.enable-remote-write-receiver", "--log.level=warn"],
                   port, folder / "prometheus.log", "/-/ready")
