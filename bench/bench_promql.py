"""Queries over 10,000 series × 6 h at 15 s (14.4 million samples), the same in Belfry, Prometheus and VictoriaMetrics: median
latency at one client, CPU per query, and the ratio to the better peer. Answers are compared by their number of series."""
import argparse
import json
import time

from benchlib import Table, load, machine, median
from metricslib import STEP, BelfryServer, Client, peers

CPU, BUCKET = "node_cpu_seconds_total", "http_request_duration_seconds_bucket"
# name, call, query, span (h), step (s); instant when span is 0
QUERIES = [
    ("sum by (mode) (rate), 1 h / 15 s", "query_range", f"sum by (mode) (rate({CPU}[5m]))", 1, 15),
    ("sum by (mode) (rate), 6 h / 60 s", "query_range", f"sum by (mode) (rate({CPU}[5m]))", 6, 60),
    ("histogram_quantile, 1 h / 15 s", "query_range", f"histogram_quantile(0.95, sum by (le) (rate({BUCKET}[5m])))", 1, 15),
    ("topk(5, rate), 1 h / 15 s", "query_range", f"topk(5, rate({CPU}[5m]))", 1, 15),
    ("topk of sums by instance, regex", "query_range",
     f'topk(5, sum by (instance) (rate({CPU}{{mode=~"user|system|.*irq"}}[5m])))', 1, 15),
    ("one series, 1 h", "query_range", f'{CPU}{{instance="10.0.0.0:9100",cpu="0",mode="idle"}}', 1, 15),
    ("instant sum by (mode) (rate)", "query", f"sum by (mode) (rate({CPU}[5m]))", 0, 0),
    ("instant count of all 10,000", "query", 'count({__name__=~".+"})', 0, 0),
    ("label values, 50 instances", "label/instance/values", None, 0, 0),
    ("series, 800 of one mode", "series", f'{CPU}{{mode="idle"}}', 0, 0),
]


def params(call, query, span, step, end):
    if call == "query_range":
        return {"query": query, "start": end - span * 3600, "end": end, "step": step}
    if call == "query":
        return {"query": query, "time": end}
    if call == "series":
        return {"match[]": query, "start": end - 3600, "end": end}
    return {"start": end - 3600, "end": end}


def size(call, body):
    data = json.loads(body)["data"]
    return len(data["result"] if call.startswith("query") else data)


def measure(server, end, rounds):
    client, figures = Client(server), {}
    for name, call, query, span, step in QUERIES:
        p = params(call, query, span, step, end)
        if "victoria" in server.name:
            p["nocache"] = 1
        elif server.name == "belfry":
            p["nocache"] = 1
        answer = client.get(call, **p)[1]
        cpu = server.cpu()
        times = [client.get(call, **p)[0] for _ in range(rounds)]
        figures[name] = median(times), (server.cpu() - cpu) * 1000 / rounds, size(call, answer)
    return figures


COUNT = 'count({__name__=~".+"})'


def count_many(table, a):
    """The instant count of all over many series."""
    end, found = int(time.time()) // 60 * 60 - 120, {}
    for kind in peers() + [BelfryServer]:
        with kind() as server:
            server.load("mixed", a.count_series, a.count_scrapes, end * 1000 - (a.count_scrapes - 1) * STEP)
            time.sleep(2)
            client, p = Client(server), {"query": COUNT, "time": end, "nocache": 1}
            answer = json.loads(client.get("query", **p)[1])["data"]["result"][0]["value"][1]
            if int(answer) != a.count_series:
                raise RuntimeError(f"{server.name} counts {answer} series; want {a.count_series}")
            cpu, times = server.cpu(), [client.get("query", **p)[0] for _ in range(a.rounds)]
            found[server.name] = median(times), (server.cpu() - cpu) * 1000 / a.rounds
            print(f"  {server.name}: count of {a.count_series:,}: {found[server.name][0]:.1f} ms, load {load()}", flush=True)
    ms, cpu = found.pop("belfry")
    best = min([f[0] for n, f in found.items() if "new" not in n], default=float("nan"))
    table.add(f"instant count of all {a.count_series:,}: {ms:.2f} ms ({cpu:.1f} CPU)", ms / best, "×", 1 / 3,
              "; ".join(f"{n} {f[0]:.2f} ms ({f[1]:.1f} CPU)" for n, f in found.items()))


def over_deep(table, a):
    scrapes = int(a.hours * 3600 * 1000 / STEP)
    end = int(time.time()) // 60 * 60 - 120
    start = end * 1000 - (scrapes - 1) * STEP
    found = {}
    for kind in peers() + [BelfryServer]:
        with kind() as server:
            fed = server.load("deep", a.series, scrapes, start)
            server.settle()
            found[server.name] = measure(server, end, a.rounds)
            print(f"  {server.name}: {fed['samples']:,} samples in {fed['seconds']:.0f} s, RSS {server.rss_mb():.0f} MB, load {load()}",
                  flush=True)
    ours = found.pop("belfry")
    old = {n: f for n, f in found.items() if "new" not in n}
    for name, *_ in QUERIES:
        best = min(f[name][0] for f in old.values()) if old else float("nan")
        note = "; ".join(f"{n} {f[name][0]:.2f} ms ({f[name][1]:.1f} CPU)" for n, f in found.items())
        if any(f[name][2] != ours[name][2] for f in found.values()):
            note += "; SERIES DIFFER: " + ", ".join(f"{n} {f[name][2]}" for n, f in {**found, "belfry": ours}.items())
        table.add(f"{name}: {ours[name][0]:.2f} ms ({ours[name][1]:.1f} CPU)", ours[name][0] / best, "×", 1 / 3, note)


def main(argv):
    p = argparse.ArgumentParser(prog="bench promql", description=__doc__)
    p.add_argument("--series", type=int, default=10000)
    p.add_argument("--hours", type=float, default=6)
    p.add_argument("--rounds", type=int, default=15)
    p.add_argument("--count-series", type=int, default=200000)
    p.add_argument("--count-scrapes", type=int, default=20)
    p.add_argument("--only", choices=["deep", "count"], action="append")
    a = p.parse_args(argv)
    print("  " + machine())
    table = Table()
    if "count" in (a.only or ["count"]):
        count_many(table, a)
    if "deep" in (a.only or ["deep"]):
        over_deep(table, a)
    return table.misses
