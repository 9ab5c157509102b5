"""What bench_tsdb and bench_promql share: Belfry, Prometheus and VictoriaMetrics as servers that take remote write and
answer PromQL, and the generator that feeds them.

A newer peer is measured beside Debian's when the environment names its executable: PROMETHEUS, VICTORIA_METRICS.
"""
import gzip
import http.client
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.parse

from benchlib import Belfry, Proc, cpu_s, free_port, memory_mb, tool, tree

STEP = 15000


def stamped(line, source, stamp):
    """An exposition's line with job and time."""
    series, _, value = line.rstrip("\n").rpartition(" ")
    if series.endswith("}"):
        return f'{series[:-1]},job="{source}"}} {value} {stamp}\n'
    return f'{series}{{job="{source}"}} {value} {stamp}\n'


class Server:
    """A server with its address, its process tree and where it keeps its data."""

    name = data = write = text = api = None

    def cpu(self):
        return cpu_s(tree(self.pid))

    def rss_mb(self):
        return memory_mb(tree(self.pid))[1]

    def request(self, path, method="GET", timeout=300):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            c.request(method, path)
            r = c.getresponse()
            body = r.read()
            if r.status >= 300:
                raise RuntimeError(f"{self.name}: {method} {path}: {r.status} {body[:300]!r}")
            return body
        finally:
            c.close()

    def start(self):
        """Again, after proc() has ended; returns at once."""
        raise NotImplementedError

    def load(self, data_set, series, scrapes, start, connections=4, per_request=2000, step=STEP):
        """Feeds it; returns the generator's own figures."""
        argv = [tool("metrics_load", ["snappy", "pthread"], ["-D_GNU_SOURCE"]), f"127.0.0.1:{self.port}", self.write,
                data_set, "--series", series, "--scrapes", scrapes, "--step", step, "--start", start,
                "--connections", connections, "--per-request", per_request]
        return json.loads(subprocess.run([str(a) for a in argv], check=True, stdout=subprocess.PIPE).stdout)

    def replay(self, folder):
        """Feeds it what record_metrics.py wrote; returns (samples, series)."""
        samples, series = 0, set()
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        for name in sorted(os.listdir(folder), key=lambda n: n.rpartition("-")[2]):
            if not name.endswith(".gz"):
                continue
            source, _, stamp = name[:-3].rpartition("-")
            with gzip.open(os.path.join(folder, name), "rt") as f:
                lines = [stamped(line, source, stamp) for line in f if line[:1] not in "#\n"]
            samples += len(lines)
            series.update(line.rpartition(" ")[0].rpartition(" ")[0] for line in lines)
            c.request("POST", self.text, "".join(lines))
            r = c.getresponse()
            body = r.read()
            if r.status >= 300:
                raise RuntimeError(f"{self.name}: {self.text}: {r.status} {body[:300]!r}")
        return samples, len(series)

    def settle(self):
        """Everything written and merged: what the disk holds in the end."""

    def disk(self):
        """(bytes of samples, bytes of index) after settle()."""
        raise NotImplementedError


def du(path, want=lambda name: True):
    total = 0
    for folder, _, names in os.walk(path):
        for n in names:
            if want(n):
                try:
                    total += os.path.getsize(os.path.join(folder, n))
                except OSError:
                    pass
    return total


class BelfryServer(Server):
    name, write, api = "belfry", "/prometheus/api/v1/write", "/prometheus/api/v1"
    text = "/api/v1/metrics/import?format=prometheus"

    def __init__(self, **metrics):
        self.b = Belfry({}, extra={"metrics": metrics or {"enable": True}})
        self.port, self.data = self.b.port, os.path.join(self.b.dir, "data/tsdb")

    pid = property(lambda self: self.b.pid)

    def proc(self):
        return self.b.p

    def start(self):
        self.b.start()

    def __enter__(self):
        """Ready, the store included: it opens while the rest serves already."""
        self.b.wait_ready()
        end = time.monotonic() + 60
        while True:
            try:
                self.request(self.api + "/query?query=1")
                return self
            except RuntimeError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)

    def __exit__(self, *a):
        self.b.__exit__(*a)

    def settle(self):
        self.snapshot = json.loads(self.request(self.api + "/admin/tsdb/snapshot?merge=true", "POST"))["data"]["name"]

    def disk(self):
        """Of single samples: the peers keep no figures of 5 minutes and an hour."""
        folder = os.path.join(self.data, "snapshots", self.snapshot, "blocks")
        raw = []
        for name in os.listdir(folder):
            with open(os.path.join(folder, name, "meta.json")) as f:
                if json.load(f)["tier_ms"] == 0:
                    raw.append(os.path.join(folder, name))
        self.tiers = du(folder) - sum(du(r) for r in raw)
        return sum(du(r, lambda n: n == "chunks") for r in raw), sum(du(r, lambda n: n != "chunks") for r in raw)


class Prometheus(Server):
    write, api = "/api/v1/write", "/api/v1"

    def __init__(self, exe="prometheus"):
        self.exe, self.name = exe, "prometheus" if exe == "prometheus" else "prometheus (new)"
        self.dir, self.port = tempfile.mkdtemp(prefix="belfry-bench-prom-"), free_port()
        self.data = self.dir + "/data"
        with open(self.dir + "/c.yml", "w") as f:
            f.write("global: {scrape_interval: 15s}\n")
        self.start()

    pid = property(lambda self: self.p.pid)

    def proc(self):
        return self.p.p

    def start(self):
        self.p = Proc([self.exe, "--config.file=" + self.dir + "/c.yml", "--storage.tsdb.path=" + self.data,
                       "--storage.tsdb.retention.time=10y", "--web.enable-admin-api",
                       "--web.enable-remote-write-receiver", f"--web.listen-address=127.0.0.1:{self.port}"])

    def __enter__(self):
        end = time.monotonic() + 60
        while True:
            try:
                self.request("/-/ready")
                return self
            except (OSError, RuntimeError):
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def __exit__(self, *a):
        self.p.__exit__(*a)
        shutil.rmtree(self.dir, ignore_errors=True)

    def settle(self):
        self.snapshot = json.loads(self.request(self.api + "/admin/tsdb/snapshot", "POST"))["data"]["name"]

    def disk(self):
        folder = os.path.join(self.data, "snapshots", self.snapshot)
        chunks = du(os.path.join(folder), lambda n: n.isdigit())
        return chunks, du(folder) - chunks


class VictoriaMetrics(Server):
    write, text, api = "/api/v1/write", "/api/v1/import/prometheus", "/api/v1"

    def __init__(self, exe="victoria-metrics"):
        self.exe, self.name = exe, "victoria-metrics" if exe == "victoria-metrics" else "victoria-metrics (new)"
        self.dir, self.port = tempfile.mkdtemp(prefix="belfry-bench-vm-"), free_port()
        self.data = self.dir + "/data"
        self.p = Proc([exe, "-storageDataPath=" + self.data, "-retentionPeriod=100y",
                       f"-httpListenAddr=127.0.0.1:{self.port}", "-search.disableCache",
                       "-search.maxUniqueTimeseries=5000000"], self.port)

    pid = property(lambda self: self.p.pid)

    def __enter__(self):
        return self

    def __exit__(self, *a):
        self.p.__exit__(*a)
        shutil.rmtree(self.dir, ignore_errors=True)

    def settle(self):
        self.request("/internal/force_flush")
        time.sleep(2)
        self.request("/internal/force_merge")
        quiet, last = 0, -1
        while quiet < 3:  # it merges in the background
            time.sleep(1)
            now = du(self.data)
            quiet, last = (quiet + 1, now) if now == last else (0, now)

    def disk(self):
        data = du(self.data + "/data")
        return data, du(self.data + "/indexdb")


def peers():
    """The peers that this machine has, as functions that start one."""
    found = []
    if shutil.which("prometheus"):
        found.append(Prometheus)
    if shutil.which("victoria-metrics"):
        found.append(VictoriaMetrics)
    for variable, kind in (("PROMETHEUS", Prometheus), ("VICTORIA_METRICS", VictoriaMetrics)):
        if os.environ.get(variable):
            found.append(lambda kind=kind, exe=os.environ[variable]: kind(exe))
    return found


class Client:
    """One connection that is kept open, as Grafana's."""

    def __init__(self, server):
        self.server = server
        self.c = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)

    def get(self, call, **params):
        path = f"{self.server.api}/{call}"
        if params:
            path += "?" + urllib.parse.urlencode(params)
        t = time.perf_counter()
        self.c.request("GET", path)
        r = self.c.getresponse()
        body = r.read()
        took = time.perf_counter() - t
        if r.status != 200:
            raise RuntimeError(f"{self.server.name}: {path}: {r.status} {body[:300]!r}")
        return took * 1000, body
