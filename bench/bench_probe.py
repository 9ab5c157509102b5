"""CPU of a whole probe: watcher, core and store together, per kind of probe, on loopback.

Beside it in the same run: prometheus-blackbox-exporter under wrk (the exporter's CPU alone, without the Prometheus
that must scrape it), a bare OpenSSL handshake and bare sockets (bench/micro/floor.c).

http and https against nginx, dns against dnsmasq, tcp against a listener that looks every 2 ms (bench/micro/sink.c):
on loopback waking a sleeping server is charged to who connects. --tcp-nginx has tcp against nginx, too.
"""
import argparse
import os
import shutil
import subprocess
import tempfile
import time

from benchlib import (Belfry, Dnsmasq, Nginx, Proc, Sink, Table, cpu_s, free_port, load, machine, median, tool)

AIMS = {"http": 65, "tcp": 25, "icmp": 20, "dns": 30}
MODULES = """
modules:
  http: {prober: http, timeout: 5s}
  https: {prober: http, timeout: 5s, http: {tls_config: {insecure_skip_verify: true}}}
  tcp: {prober: tcp, timeout: 5s}
  icmp: {prober: icmp, timeout: 5s}
  dns: {prober: dns, timeout: 5s, dns: {query_name: bench.test, query_type: A, transport_protocol: udp}}
"""


class Servers:
    """What is probed, together; a `with` block of their lives."""

    def __init__(self, tcp_nginx):
        self.nginx, self.dns, self.sink = Nginx(), Dnsmasq(), Sink(2)
        self.http, self.https = self.nginx.http, self.nginx.https
        self.tcp = self.http if tcp_nginx else self.sink.port

    def __enter__(self):
        return self

    def __exit__(self, *a):
        for s in (self.nginx, self.dns, self.sink):
            s.__exit__(*a)


def target(kind, n, s):
    name = f"{kind}-{n}"
    url = {"http": f"http://127.0.0.1:{s.http}/", "https": f"https://127.0.0.1:{s.https}/",
           "tcp": f"tcp://127.0.0.1:{s.tcp}", "icmp": "icmp://127.0.0.1",
           "dns": f"dns://127.0.0.1:{s.dns.port}/bench.test?type=A"}[kind]
    if kind == "https":
        return {"name": name, "type": "http", "config": {"url": url, "tls": {"verify": False}}}
    return {"name": name, "url": url}


def measure_belfry(kind, a, servers):
    """CPU per probe of all of Belfry's processes, by role, from the counters at both ends of a window."""
    n_targets = a.targets // 4 if kind == "https" else a.targets
    targets = [target(kind, i, servers) for i in range(n_targets)]
    with Belfry({"bench": {"interval": a.interval, "timeout": min(a.interval, 5), "targets": targets}},
                extra={"defaults": {"connect_timeout": min(a.interval, 3)}}) as b:
        b.wait_ready()
        b.wait_assigned(n_targets)
        time.sleep(a.warm)
        runs = []
        for _ in range(a.runs):
            roles, n0, t0 = b.roles(), b.sum("probes"), time.monotonic()
            c0 = {r: cpu_s(p) for r, p in roles.items()}
            time.sleep(a.seconds)
            n, t = b.sum("probes") - n0, time.monotonic() - t0
            us = {r: (cpu_s(p) - c0[r]) / n * 1e6 for r, p in roles.items()}
            runs.append((sum(us.values()), us, n / t))
        missed = b.sum("missed_rounds")
        time.sleep(0.5)
        rows, good = b.stored()
        if good < rows * 0.99:
            print(f"  ! {kind}: {rows - good} of {rows} probes failed")
    total, us, rate = sorted(runs, key=lambda r: r[0])[len(runs) // 2]
    return total, us, rate, missed


def measure_exporter(kind, a, exporter, port, s):
    where = {"http": f"http://127.0.0.1:{s.http}/", "https": f"https://127.0.0.1:{s.https}/",
             "tcp": f"127.0.0.1:{s.tcp}", "icmp": "127.0.0.1", "dns": f"127.0.0.1:{s.dns.port}"}[kind]
    url = f"http://127.0.0.1:{port}/probe?module={kind}&target={where}"
    runs = []
    for _ in range(a.runs):
        c0 = cpu_s([exporter.pid])
        out = subprocess.run(["wrk", "-t1", "-c32", f"-d{a.seconds}s", url], check=True,
                             capture_output=True, text=True).stdout
        n = next(int(l.split()[0]) for l in out.splitlines() if "requests in" in l)
        runs.append((cpu_s([exporter.pid]) - c0) / n * 1e6)
    return median(runs)


def measure_floor(kind, a, s):
    if kind in ("icmp", "dns"):
        return None
    port = {"http": s.http, "https": s.https, "tcp": s.tcp}[kind]
    exe = tool("floor", ["ssl", "crypto"])
    count = {"http": 20000, "tcp": 10000, "https": 3000}[kind]
    return median([float(subprocess.run([exe, kind, "127.0.0.1", str(port), str(count)], check=True,
                                        capture_output=True, text=True).stdout) for _ in range(a.runs)])


def exporter_config():
    d = tempfile.mkdtemp(prefix="belfry-bench-bb-")
    with open(d + "/bb.yml", "w") as f:
        f.write(MODULES)
    return d


def one_kind(kind, a, table, servers, peer):
    total, us, rate, missed = measure_belfry(kind, a, servers)
    roles = ", ".join(f"{r} {v:.1f}" for r, v in us.items() if v >= 0.05)
    note = f"{roles}; {rate:.0f}/s; missed {missed}; load {load()}"
    floor = measure_floor(kind, a, servers)
    table.add(f"{kind}: belfry", total, "µs", AIMS.get(kind), note)
    if floor:
        table.add(f"{kind}: bare " + ("OpenSSL handshake" if kind == "https" else "sockets"), floor, "µs")
    if floor and kind == "https":
        table.add("https: belfry / bare handshake", total / floor, "×", 1.25)
    if peer:
        them = measure_exporter(kind, a, *peer, servers)
        table.add(f"{kind}: blackbox_exporter", them, "µs")
        table.add(f"{kind}: belfry / blackbox_exporter", total / them, "×", 0.65 if kind == "https" else 1)


def main(argv):
    p = argparse.ArgumentParser(prog="bench probe", description=__doc__)
    p.add_argument("--kinds", default="tcp,http,icmp,dns,https")
    p.add_argument("--targets", type=int, default=2000, help="a quarter of it for https")
    p.add_argument("--interval", type=int, default=1)
    p.add_argument("--seconds", type=int, default=10, help="length of a run")
    p.add_argument("--warm", type=float, default=4, help="seconds before the first run")
    p.add_argument("--runs", type=int, default=3)
    p.add_argument("--tcp-nginx", action="store_true", help="tcp against nginx")
    p.add_argument("--no-peer", action="store_true")
    a = p.parse_args(argv)
    print("  " + machine())
    table = Table()
    with Servers(a.tcp_nginx) as servers:
        if a.no_peer or not shutil.which("prometheus-blackbox-exporter"):
            for kind in a.kinds.split(","):
                one_kind(kind, a, table, servers, None)
            return table.misses
        d, port = exporter_config(), free_port()
        with Proc(["prometheus-blackbox-exporter", "--config.file=" + d + "/bb.yml",
                   f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"], port) as bb:
            for kind in a.kinds.split(","):
                one_kind(kind, a, table, servers, (bb, port))
        shutil.rmtree(d)
    return table.misses
