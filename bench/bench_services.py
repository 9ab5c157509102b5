"""Each type of service that can be started here, 1,000 targets of it at 10 s: what a probe costs, and what it costs the peer that has it.

Belfry is the real program, its server a real one on loopback (bench/stage.py). CPU is utime + stime of all of Belfry's processes over
the probes finished meanwhile; the server's is not counted. Peers in the same run: Debian's exporters, scraped as often, and Uptime Kuma
2 from npm. Aim: at most a fifth of the peer's CPU. --frozen: 500 targets of a frozen server beside 500 healthy ones (service_frozen.py).

    make bench-services            bench/bench.py services --kinds redis,mysql --seconds 20 --targets 300
    bench/bench.py services --frozen --no-cpu      lateness alone, about five minutes
"""
import argparse
import glob
import os
import time

import service_frozen
from benchlib import Belfry, Table, by_role, cpu_s, load, machine, memory_mb, read
from service_peers import KumaPeer, NoPeer, cpu_with_children_s, exporter
from stage import KINDS, SLOW_START, Stage, Unavailable

AIM = 0.2  # of the peer's CPU
ABSURD_US = 1000  # by itself
# Fewer targets where the server itself would take both processors of a small machine: OpenSSH starts a process and agrees on keys for
# each connection (20 ms), PostgreSQL and Dovecot start one, too; Cassandra hashes each login's password with bcrypt.
MOST = {"ssh": 200, "sftp": 100, "cassandra": 100, "postgresql": 300, "imap": 300, "pop3": 300, "smtp": 500, "ftp": 500}
# What the figure holds that is not Belfry's to lower; printed beside it.
WHY = {
    "postgresql": "SCRAM's 4,096 rounds of HMAC by OpenSSL in libpq at each login; the exporter keeps its connection and never logs in again",
    "https": "OpenSSL's handshake (bench-probe)",
    "tls": "OpenSSL's handshake (bench-probe)",
    "ssh": "the key exchange in libssh2",
    "sftp": "the key exchange and a login by key in libssh2",
}


class Window:
    """CPU by role, probes and memory between two moments."""

    def __init__(self, b):
        self.b, self.roles = b, by_role(b.pids())
        self.cpu, self.probes, self.peak = self.now(), b.sum("probes"), (0, 0)

    def now(self):
        # A program that a probe starts is part of what the probe costs.
        return {role: cpu_s(pids) if role != "watcher" else sum(map(cpu_with_children_s, pids)) for role, pids in self.roles.items()}

    def wait(self, seconds):
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 2))
            self.peak = max(self.peak, memory_mb(self.b.pids()))
        after, n = self.now(), self.b.sum("probes") - self.probes
        us = {role: (after[role] - self.cpu[role]) / max(n, 1) * 1e6 for role in after}
        return {"probes": n, "us": sum(us.values()), "core_us": us["core"] + us["warden"], "watcher_us": us["watcher"],
                "pss": self.peak[0], "rss": self.peak[1]}


def count_of(a, stage):
    return min(a.targets, MOST.get(stage.name, a.targets))


def wait_imported(b, seconds):
    """A fresh store is searched for results of old versions, once: that is no part of a probe."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not any(read(f).startswith("done") for f in glob.glob(b.dir + "/data/*/import")):
        time.sleep(0.2)


def belfry(a, stage):
    count = count_of(a, stage)
    group = {"interval": a.interval, "timeout": min(5, a.interval / 2), "targets": [
        {"name": f"t{i}", "type": stage.type, "config": stage.config} for i in range(count)]}
    with Belfry({stage.name: group}) as b:
        b.wait_ready(120)
        b.wait_assigned(count, 180)
        wait_imported(b, 60)
        time.sleep(a.warm)
        found = Window(b).wait(a.seconds)
        found["late"] = max(x["late_p99_ns"] for x in b.beats()) / 1e6
        rows, good = b.stored(f"WHERE checked_at > {int((time.time() - a.seconds) * 1000)}")
    found["failed"] = rows - good
    return found


def peers(a, stage, kuma):
    """What each peer takes; those that cannot are said by name."""
    for ask in ([lambda: exporter(stage, min(a.seconds, 20), count_of(a, stage) / a.interval)] if not a.no_exporter else []) + \
            ([lambda: kuma.measure(stage, a.monitors, a.seconds)] if kuma else []):
        try:
            yield ask()
        except NoPeer as e:
            print(f"      {stage.name}: {e}", flush=True)


def ratio(own, peer):
    over = own["us"] / peer["us"] if peer["us"] else float("inf")
    return f"{over:.2f}{'' if over <= AIM else ' OVER 1/5'}"


def one_kind(a, stage, kuma):
    """Prints the rows of a kind; the number of peers of which it takes more than a fifth."""
    own, rows, over = belfry(a, stage), 0, 0
    first = (f"  {stage.name:<14}{own['us']:>7.0f} (watcher {own['watcher_us']:.0f}, core {own['core_us']:.0f})"
             f"  {own['pss']:.0f}/{own['rss']:.0f} MB  late p99 {own['late']:.1f} ms  {own['probes']} probes, {own['failed']} failed")
    print(first + (" ABSURD" if own["us"] > ABSURD_US else ""), flush=True)
    for peer in peers(a, stage, kuma):
        rows, over = rows + 1, over + (own["us"] > AIM * peer["us"])
        print(f"      {peer['who']:<26}{peer['us']:>8.0f} µs  ratio {ratio(own, peer):<14} {peer['pss']:.0f}/{peer['rss']:.0f} MB  "
              f"{peer['note']}", flush=True)
    if (over or own["us"] > ABSURD_US) and stage.name in WHY:
        print(f"      why: {WHY[stage.name]}", flush=True)
    return over


def staged(kinds):
    """Each kind's server in turn, ended before the next; what cannot be started is said."""
    for kind in kinds:
        try:
            with Stage(kind) as stage:
                yield stage
        except Unavailable as e:
            print(f"  {kind:<14}not measured: {e}", flush=True)


def options(argv):
    p = argparse.ArgumentParser(prog="bench services", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--kinds", "--types", default="all", help="of " + ", ".join(KINDS))
    p.add_argument("--targets", type=int, default=1000)
    p.add_argument("--interval", type=int, default=10)
    p.add_argument("--seconds", type=float, default=60)
    p.add_argument("--warm", type=float, default=25, help="seconds before counting: the first round makes the series")
    p.add_argument("--monitors", type=int, default=300, help="of Uptime Kuma, at 20 s")
    p.add_argument("--no-exporter", action="store_true")
    p.add_argument("--no-kuma", action="store_true")
    p.add_argument("--kuma", help="a folder where npm has installed uptime-kuma already")
    p.add_argument("--no-cpu", action="store_true", help="only what --frozen measures")
    p.add_argument("--frozen", action="store_true")
    p.add_argument("--frozen-targets", type=int, default=500)
    p.add_argument("--frozen-warm", type=float, default=2.5, help="seconds before lateness is looked at")
    p.add_argument("--frozen-seconds", type=float, default=5)
    p.add_argument("--probe-bench", default=os.path.join(os.path.dirname(os.environ["BELFRY"]), "bench/micro/probe_bench"),
                   help="for the deadline figure: ninja bench/micro/probe_bench")
    a = p.parse_args(argv)
    a.kinds = [k for k in KINDS if k not in (SLOW_START if a.no_cpu else ())] if a.kinds == "all" else a.kinds.split(",")
    return a


def main(argv):
    a = options(argv)
    print("  " + machine())
    table, over = Table(), 0
    if not a.no_cpu:
        kuma = None if a.no_kuma else KumaPeer(a.kuma)
        print("  kind           Belfry, µs of CPU a probe; PSS/RSS of everything; then each peer", flush=True)
        for stage in staged(a.kinds):
            over += one_kind(a, stage, kuma)
        if kuma:
            kuma.close()
        print(f"  more than a fifth of a peer's: {over}; load {load()}")
    if a.frozen:
        service_frozen.run(a, table, staged(a.kinds))
    return over + table.misses
