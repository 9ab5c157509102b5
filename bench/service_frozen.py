"""A server that takes connections and says nothing: does it delay the others' rounds, and does its own probe end in time?

500 targets of a frozen server (SIGSTOP) beside 500 healthy ones (tcp and http, each second) in one Belfry. How late a healthy target's
round is comes from when its results say they were begun: the earliest within its second is its slot.
"""
import json
import os
import sqlite3
import subprocess
import time

from benchlib import Belfry, Nginx, Sink, load

FROZEN_TIMEOUT_S = 2


def healthy(sink, nginx, count):
    half = count // 2
    return {"interval": 1, "timeout": 1, "targets":
            [{"name": f"tcp{i}", "url": f"tcp://127.0.0.1:{sink.port}"} for i in range(half)] +
            [{"name": f"http{i}", "url": f"http://127.0.0.1:{nginx.http}/"} for i in range(half)]}


def quantile(values, q):
    return sorted(values)[min(len(values) - 1, int(q * len(values)))]


def lateness_ms(starts, interval_ms):
    """How late each of a target's rounds was, from when they began: a slot comes each interval_ms, and somebody was (nearly) in time."""
    first = starts[0] % interval_ms
    turned = [(t - first + interval_ms // 2) % interval_ms for t in starts]  # the slot is not cut in two
    return [t - min(turned) for t in turned]


def healthy_late_ms(b, since_ms):
    """(p99, most) over the rounds of those that are well, begun since then; 500 ms late or more looks like nearly a second or none."""
    db, by_target = sqlite3.connect(f"file:{b.dir}/data/belfry.db?mode=ro", uri=True, timeout=30), {}
    try:
        for target, at in db.execute("SELECT target_id, checked_at FROM probe_results WHERE success = 1 AND checked_at > ?", (since_ms,)):
            by_target.setdefault(target, []).append(at)
    finally:
        db.close()
    late = [ms for starts in by_target.values() for ms in lateness_ms(sorted(starts), 1000)]
    return (quantile(late, 0.99), max(late)) if late else (float("inf"), float("inf"))


def threads(b):
    total = 0
    for pid in b.roles()["watcher"]:
        try:
            total += len(os.listdir(f"/proc/{pid}/task"))
        except OSError:
            pass
    return total


def beside(a, stage, sink, nginx):
    """(p99 and most of lateness in ms, threads of the watchers, rounds missed) with the frozen ones; stage None: without them."""
    groups = {"healthy": healthy(sink, nginx, a.frozen_targets)}
    if stage:
        groups["frozen"] = {"interval": 5, "timeout": FROZEN_TIMEOUT_S, "targets": [
            {"name": f"f{i}", "type": stage.type, "config": stage.config} for i in range(a.frozen_targets)]}
    with Belfry(groups) as b:
        b.wait_ready(60)
        b.wait_assigned(a.frozen_targets * (2 if stage else 1), 120)
        time.sleep(a.frozen_warm)
        since, missed = int(time.time() * 1000), b.sum("missed_rounds")
        time.sleep(a.frozen_seconds)
        n_threads, missed = threads(b), b.sum("missed_rounds") - missed
        time.sleep(1.2)  # until they are in the store
        return (*healthy_late_ms(b, since), n_threads, missed)


def past_deadline(a, stage):
    """How many ms after its deadline the latest of 50 probes together ended, by bench/micro/probe_bench; None: not built."""
    exe = a.probe_bench
    if not os.path.exists(exe):
        return None
    done = subprocess.run([exe, stage.type, "50", "50", json.dumps(stage.config), "1000"], capture_output=True, text=True,
                          timeout=60, check=False)
    return json.loads(done.stdout)["past_deadline_ms"] if done.stdout.startswith("{") else None


def tell(a, table, kind, figures, past):
    p99, most, n_threads, missed = figures
    text = "not measured" if past is None else f"{past:+.0f} ms"
    table.add(f"{kind} frozen: p99 lateness of others' rounds", p99, "ms", 50,
              f"most {most:.0f} ms, probe ends {text} after its deadline, {n_threads} threads, missed {missed}, load {load()}")


def one_kind(a, table, stage, sink, nginx):
    stage.server.freeze()
    try:
        tell(a, table, stage.name, beside(a, stage, sink, nginx), past_deadline(a, stage))
    finally:
        stage.server.thaw()


def run(a, table, stages):
    """stages: an iterable of running Stages."""
    with Sink(2) as sink, Nginx() as nginx:
        tell(a, table, "nobody", beside(a, None, sink, nginx), None)
        for stage in stages:
            if stage.server:
                one_kind(a, table, stage, sink, nginx)
