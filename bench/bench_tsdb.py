"""The time-series store beside Prometheus and VictoriaMetrics: CPU of ingestion by remote write, memory and disk of the same
data, and the time to be ready again after kill -9.

  ingest   100,000 known series, 4 connections, as fast as the server takes it
  mixed    200,000 series × 65 scrapes: memory an active series, bytes on disk after merging
  deep     10,000 series × 6 h: bytes on disk after merging
  real     what record_metrics.py recorded in --real DIR: bytes on disk after merging, beside VictoriaMetrics alone
  restart  a million series × 2 h (--restart-series, --restart-scrapes), kill -9, ready
"""
import argparse
import os
import signal
import time

from benchlib import Table, load, machine, read, tree
from metricslib import STEP, BelfryServer, peers

PARTS = ["ingest", "mixed", "deep", "real", "restart"]


def began(scrapes):
    """A start that makes the last sample some minutes old."""
    return (int(time.time()) // 60 * 60 - 120) * 1000 - (scrapes - 1) * STEP


def ingest(table, a):
    scrapes, cost = a.scrapes, {}
    for kind in peers() + [BelfryServer]:
        with kind() as s:
            start = began(scrapes + 1)
            s.load("push", 100000, 1, start)  # the series are known then
            cpu = s.cpu()
            fed = s.load("push", 100000, scrapes, start + STEP)
            time.sleep(2)
            cost[s.name] = (s.cpu() - cpu) * 1e6 / fed["samples"]
            print(f"  {s.name}: {cost[s.name]:.2f} CPU-s per million samples, {fed['samples'] / fed['seconds']:,.0f} samples/s, "
                  f"RSS {s.rss_mb():.0f} MB, load {load()}", flush=True)
    table.add("ingest, CPU-s per million samples", cost.pop("belfry"), "", 0.6,
              ", ".join(f"{n} {c:.2f}" for n, c in cost.items()))


def disk(table, a, name, series, scrapes, memory):
    bytes_, index, rss = {}, {}, {}
    for kind in peers() + [BelfryServer]:
        with kind() as s:
            empty = s.rss_mb()
            s.load(name, series, scrapes, began(scrapes))
            time.sleep(3)
            rss[s.name] = s.rss_mb()
            s.settle()
            bytes_[s.name], index[s.name] = s.disk()
            print(f"  {s.name}: {bytes_[s.name] / series / scrapes:.2f} B/sample + {index[s.name] / series:.0f} B/series; RSS "
                  f"{rss[s.name]:.0f} MB ({(rss[s.name] - empty) * 1048.576 / series:.2f} KB a series over an empty one)", flush=True)
    total = {n: bytes_[n] + index[n] for n in bytes_}
    vm = total.get("victoria-metrics", float("nan"))
    table.add(f"disk, {name}: {total['belfry'] / 1e6:.1f} MB", total["belfry"] / vm, "× VictoriaMetrics", 0.75,
              ", ".join(f"{n} {t / 1e6:.1f} MB" for n, t in total.items() if n != "belfry"))
    if memory:
        table.add(f"memory a series, {series:,} active", rss["belfry"] * 1048576 / series / 1000, "KB", 1,
                  ", ".join(f"{n} {r * 1048.576 / series:.2f}" for n, r in rss.items() if n != "belfry"))


def real(table, a):
    """Prometheus takes no text with times; so VictoriaMetrics only."""
    if not a.real:
        print("  skipped: wants --real DIR, see record_metrics.py")
        return
    total = {}
    for kind in peers() + [BelfryServer]:
        with kind() as s:
            if not s.text:
                continue
            samples, series = s.replay(a.real)
            s.settle()
            data, index = s.disk()
            total[s.name] = data + index
            print(f"  {s.name}: {samples:,} samples of {series:,} series: {data / samples:.2f} B/sample + "
                  f"{index / series:.0f} B/series", flush=True)
    table.add(f"disk, real: {total['belfry'] / 1e3:,.0f} kB", total["belfry"] / total.get("victoria-metrics", float("nan")),
              "× VictoriaMetrics", 0.75, ", ".join(f"{n} {t / 1e3:,.0f} kB" for n, t in total.items() if n != "belfry"))


def kill_tree(p):
    """kill -9 of a process and all below it; returns when they are gone: the kernel takes a while to give back gigabytes, and
    who starts before that pays for it."""
    pids = tree(p.pid)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    p.p.wait()
    while any(read(f"/proc/{pid}/stat").rpartition(")")[2].split()[:1] not in ([], ["Z"]) for pid in pids):
        time.sleep(0.01)


def restart(table, a):
    with BelfryServer(limits={"series": 4000000, "series_per_source": 4000000}) as s:
        s.load("push", a.restart_series, a.restart_scrapes, began(a.restart_scrapes))
        b = s.b
        print(f"  fed {a.restart_series * a.restart_scrapes:,} samples, RSS {s.rss_mb():.0f} MB, load {load()}", flush=True)
        kill_tree(b)
        t = time.monotonic()
        b.start()
        b.wait_ready()
        s.request(s.api + "/query?query=1")
        took = time.monotonic() - t
        table.add(f"ready after kill -9, {a.restart_series:,} series × {a.restart_scrapes}", took, "s", 5, f"load {load()}")


def main(argv):
    p = argparse.ArgumentParser(prog="bench tsdb", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--only", choices=PARTS, action="append")
    p.add_argument("--scrapes", type=int, default=100, help="of ingest: × 100,000 samples")
    p.add_argument("--real", metavar="DIR")
    p.add_argument("--restart-series", type=int, default=1000000)
    p.add_argument("--restart-scrapes", type=int, default=480)
    a = p.parse_args(argv)
    print("  " + machine())
    table = Table()
    for part in a.only or PARTS:
        print(f"  -- {part}", flush=True)
        if part == "ingest":
            ingest(table, a)
        elif part == "mixed":
            disk(table, a, "mixed", 200000, 65, True)
        elif part == "deep":
            disk(table, a, "deep", 10000, 1440, False)
        elif part == "real":
            real(table, a)
        else:
            restart(table, a)
    return table.misses
