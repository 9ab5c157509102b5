"""Many targets: 100,000 HTTP targets at 30 s held for minutes, their reload, and lateness of 10,000 at 10 s.

The target is bench/micro/sink.c, so that this machine's two cores are mostly Belfry's. Missed rounds are counted by
the watchers; stored results are counted in the store and compared with the watchers' counters of finished probes.
"""
import argparse
import json
import os
import signal
import time

from benchlib import Belfry, Sink, Table, cpu_s, load, machine, memory_mb, raise_files, read


def group(sink, n, interval, first=0):
    return {"interval": interval, "timeout": 5, "targets": [
        {"name": f"t{i}", "url": f"http://127.0.0.1:{sink.port}/t/{i}"} for i in range(first, first + n)]}


def settle(b, n, seconds):
    """All targets are with the watchers; then the first rounds of those given a slot late are left to pass."""
    t = time.monotonic()
    b.wait_ready(120)
    ready = time.monotonic() - t
    b.wait_assigned(n, 180)
    print(f"  {n:,} targets: ready after {ready:.1f} s, all assigned after {time.monotonic() - t:.1f} s")
    time.sleep(seconds)


class Window:
    """Differences of the counters between two moments."""

    def __init__(self, b):
        self.b, self.pids = b, b.pids()
        self.t, self.cpu = time.monotonic(), cpu_s(self.pids)
        self.probes, self.missed = b.sum("probes"), b.sum("missed_rounds")

    def end(self):
        t, n = time.monotonic() - self.t, self.b.sum("probes") - self.probes
        cpu = cpu_s(self.pids) - self.cpu
        same = sorted(self.pids) == sorted(self.b.pids())
        return {"seconds": t, "probes": n, "rate": n / t, "missed": self.b.sum("missed_rounds") - self.missed,
                "cpu_us": cpu / max(n, 1) * 1e6, "cores": cpu / t, "died": not same}


def stored_all(b, table):
    """Stops Belfry, so that every ring is drained, and counts."""
    probes = b.sum("probes")
    b.p.send_signal(signal.SIGTERM)
    beats = probes
    while b.p.poll() is None:
        beats = max(beats, b.sum("probes"))
        time.sleep(0.02)
    rows, good = b.stored()
    table.add("probes that the store does not have", beats - rows, "", 0, f"{rows:,} rows, {good:,} good")
    table.add("results dropped by full rings", b.sum("ring_dropped"), "", 0)


def reload(b, sink, a, table):
    """Adds one target to the 100,000: from SIGHUP until every watcher has the new assignment."""
    before = b.sum("assignment")
    w = Window(b)
    b.write({"scale": group(sink, a.targets + 1, a.interval)})
    t = time.monotonic()
    os.kill(b.pid, signal.SIGHUP)
    while b.sum("targets") < a.targets + 1 and time.monotonic() - t < 60:
        time.sleep(0.01)
    took = time.monotonic() - t
    time.sleep(3)
    r = w.end()
    table.add("reload of all of them", took, "s", 2, f"assignments {before} -> {b.sum('assignment')}")
    table.add("rounds missed around the reload", r["missed"], "", 0)


def watch(b, a, table):
    """The minutes of load; tells how it goes."""
    w, peak, worst = Window(b), 0, 0
    end = time.monotonic() + a.minutes * 60
    said = time.monotonic()
    while time.monotonic() < end:
        time.sleep(min(5, max(0.1, end - time.monotonic())))
        if b.p.poll() is not None or not b.sum("probes"):
            raise RuntimeError("Belfry is gone: " + read(os.path.join(b.dir, "out"))[-3000:])
        pss, rss = memory_mb(b.pids())
        peak = max(peak, rss)
        worst = max([worst] + [x["late_p99_ns"] / 1e6 for x in b.beats()])
        if time.monotonic() - said > 60:
            said = time.monotonic()
            r = w.end()
            print(f"    {r['seconds']:.0f} s: {r['rate']:.0f}/s, missed {r['missed']}, PSS {pss:.0f} MB, RSS {rss:.0f} MB, "
                  f"p99 late {worst:.1f} ms, load {load()}", flush=True)
    r = w.end()
    table.add(f"rounds missed in {a.minutes:g} min", r["missed"], "", 0,
              f"{r['probes']:,} probes, {r['rate']:.0f}/s, died: {r['died']}")
    table.add("RSS of all processes, most", peak, "MB", 500, f"PSS {memory_mb(b.pids())[0]:.0f} MB")
    table.add("CPU per probe", r["cpu_us"], "µs", None, f"{r['cores']:.2f} cores, load {load()}")
    table.add("p99 lateness (worst watcher, worst minute)", worst, "ms")


def hundred_thousand(a, sink, table):
    with Belfry({"scale": group(sink, a.targets, a.interval)}) as b:
        settle(b, a.targets, a.warm)
        watch(b, a, table)
        reload(b, sink, a, table)
        stored_all(b, table)


def ten_thousand(a, sink, table):
    with Belfry({"late": group(sink, 10000, 10)}) as b:
        settle(b, 10000, 15)
        w = Window(b)
        time.sleep(max(60, min(a.minutes * 60, 120)))
        r = w.end()
        p99 = max(x["late_p99_ns"] for x in b.beats()) / 1e6
        most = max(x["late_max_ns"] for x in b.beats()) / 1e6
        table.add("10,000 at 10 s: p99 lateness of a round", p99, "ms", 20,
                  f"max {most:.1f} ms, {r['rate']:.0f}/s, missed {r['missed']}, load {load()}")


def main(argv):
    p = argparse.ArgumentParser(prog="bench scale", description=__doc__)
    p.add_argument("--minutes", type=float, default=15)
    p.add_argument("--targets", type=int, default=100000)
    p.add_argument("--interval", type=int, default=30)
    p.add_argument("--warm", type=float, default=35, help="seconds before counting")
    p.add_argument("--only", choices=["100k", "10k"])
    a = p.parse_args(argv)
    raise_files()
    print("  " + machine())
    table = Table()
    with Sink() as sink:
        if a.only != "10k":
            hundred_thousand(a, sink, table)
        if a.only != "100k":
            ten_thousand(a, sink, table)
    return table.misses
