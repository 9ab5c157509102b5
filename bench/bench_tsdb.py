"""The time-series store beside Prometheus and VictoriaMetrics: CPU of ingestion by remote write, memory and disk of the same
data, and the time to be ready again after kill -9.

  ingest   100,000 known series, 4 connections, as fast as the server takes it
  mixed    200,000 series × 65 scrapes: memory an active series, bytes on disk after merging
  deep     10,000 series × 6 h: bytes on disk after merging
  real     what record_metrics.py recorded in --real DIR: bytes on disk after merging, beside VictoriaMetrics alone
  restart  a million series × 2 h (--restart-series, --restart-scrapes), kill -9, ready; a smaller set beside Prometheus
  churn    a day in which a million series live a quarter of an hour each, beside 1,000 that stay: queries of the last hour on
           those, against a day without the others
"""
import argparse
import os
import signal
import time

from benchlib import Table, load, machine, median, read, tree
from metricslib import STEP, BelfryServer, Client, Prometheus, peers

PARTS = ["ingest", "mixed", "deep", "real", "restart", "churn"]


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


def lives(pid):
    """A zombie may have threads that still hold its files."""
    state = read(f"/proc/{pid}/stat").rpartition(")")[2].split()[:1]
    try:
        return state not in ([], ["Z"]) or state == ["Z"] and len(os.listdir(f"/proc/{pid}/task")) > 1
    except OSError:
        return False


def restart_once(s):
    """Kills the server and all below it, waits until they are gone (the kernel takes a while to give back gigabytes, and who starts
    before that pays for it), starts it again; seconds until it answers a query."""
    pids = tree(s.pid)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    s.proc().wait()
    while any(lives(pid) for pid in pids):
        time.sleep(0.01)
    t = time.monotonic()
    s.start()
    while True:
        try:
            s.request(s.api + "/query?query=1")
            return time.monotonic() - t
        except (OSError, RuntimeError):
            if time.monotonic() - t > 300:
                raise
            time.sleep(0.02)


def restarts(kind, series, scrapes, rounds=3):
    with kind() as s:
        fed = s.load("push", series, scrapes, began(scrapes))
        took, cpu = [], []
        for _ in range(rounds):
            took.append(restart_once(s))
            cpu.append(s.cpu())
        print(f"  {s.name}: {fed['samples']:,} samples in {fed['seconds']:.0f} s, then ready after " +
              ", ".join(f"{t:.2f} ({c:.2f} CPU)" for t, c in zip(took, cpu)) + f" s, RSS {s.rss_mb():.0f} MB, load {load()}", flush=True)
        return median(took)


def restart(table, a):
    def many():
        return BelfryServer(limits={"series": 4000000, "series_per_source": 4000000})
    for kind in [p for p in peers() if p is Prometheus] + [many] if a.peer_series else []:
        restarts(kind, a.peer_series, a.peer_scrapes)
    took = restarts(many, a.restart_series, a.restart_scrapes)
    table.add(f"ready after kill -9, {a.restart_series:,} series × {a.restart_scrapes}", took, "s", 5, f"load {load()}")


CHURN_QUERIES = [
    ("rate, 1 h / 15 s", "query_range", 'sum by (path) (rate(app_requests_total{job="stable"}[5m]))'),
    ("one series, 1 h / 15 s", "query_range", 'app_requests_total{job="stable",instance="stable-7"}'),
    ("regex, 1 h / 15 s", "query_range", 'sum(rate(app_requests_total{instance=~"stable-1.."}[5m]))'),
    ("instant rate", "query", 'sum by (path) (rate(app_requests_total{job="stable"}[5m]))'),
    ("series", "series", 'app_requests_total{job="stable"}'),
    ("values of a label", "label/path/values", 'app_requests_total{job="stable"}'),
]


def churn_params(call, query, end):
    if call == "query_range":
        return {"query": query, "start": end - 3600, "end": end, "step": 15, "nocache": 1}
    if call == "query":
        return {"query": query, "time": end, "nocache": 1}
    return {"match[]": query, "start": end - 3600, "end": end}


def churn_times(series, a):
    """CPU ms of each query over the last hour of a day in which `series` are there at a time: 1,000 all day, the rest a quarter of
    an hour each."""
    scrapes, figures = a.churn_scrapes, []
    with BelfryServer(limits={"series": 4000000, "series_per_source": 4000000}) as s:
        end = int(time.time()) // 60 * 60 - 120
        fed = s.load("churn", series, scrapes, (end - (scrapes - 1) * 60) * 1000, step=60000)
        s.settle()
        print(f"  {series:,} at a time: {fed['samples']:,} samples in {fed['seconds']:.0f} s, RSS {s.rss_mb():.0f} MB, load {load()}",
              flush=True)
        client = Client(s)
        for name, call, query in CHURN_QUERIES:
            p = churn_params(call, query, end)
            client.get(call, **p)
            cpu, times = s.cpu(), [client.get(call, **p)[0] for _ in range(a.churn_rounds)]
            figures.append(((s.cpu() - cpu) * 1000 / a.churn_rounds, median(times)))
    return figures


def churn(table, a):
    still, moving = churn_times(1000, a), churn_times(1000 + a.churn_series // (a.churn_scrapes // 15), a)
    for (name, *_), (cpu, ms), (churn_cpu, churn_ms) in zip(CHURN_QUERIES, still, moving):
        table.add(f"churn of {a.churn_series:,}, {name}: {churn_ms:.2f} ms ({churn_cpu:.1f} CPU)", churn_ms / ms, "× without", 1.25,
                  f"without: {ms:.2f} ms ({cpu:.1f} CPU)")


def main(argv):
    p = argparse.ArgumentParser(prog="bench tsdb", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--only", choices=PARTS, action="append")
    p.add_argument("--scrapes", type=int, default=100, help="of ingest: × 100,000 samples")
    p.add_argument("--real", metavar="DIR")
    p.add_argument("--restart-series", type=int, default=1000000)
    p.add_argument("--restart-scrapes", type=int, default=480)
    p.add_argument("--peer-series", type=int, default=100000, help="of restart, beside Prometheus; 0: without")
    p.add_argument("--peer-scrapes", type=int, default=120)
    p.add_argument("--churn-series", type=int, default=1000000)
    p.add_argument("--churn-scrapes", type=int, default=1440, help="a minute apart")
    p.add_argument("--churn-rounds", type=int, default=30)
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
        elif part == "restart":
            restart(table, a)
        else:
            churn(table, a)
    return table.misses
