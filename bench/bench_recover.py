"""kill -9 of the watcher and of the core, with 1,000 targets: how long until the successor works.

Watcher: until a result is published in its ring (the header's counter) that the dead one cannot have published. Core:
until its successor answers /metrics with results taken, polled every 5 ms. `restart: {delay: 0}`, because a second
death soon after the first would else wait on purpose; every kill here is as the first one.
"""
import argparse
import os
import signal
import time

from benchlib import Belfry, Sink, Table, load, machine, median


def until(what, seconds=30, pause=0.002):
    t = time.monotonic()
    while time.monotonic() - t < seconds:
        if what():
            return (time.monotonic() - t) * 1000
        time.sleep(pause)
    raise RuntimeError("no successor within %d s" % seconds)


def published(b):
    """Number of the last record in the only watcher's ring; src/ipc/ring.c has the format."""
    with open(os.path.join(b.dir, "data/run/rings/recover.0"), "rb") as f:
        f.seek(72)
        return int.from_bytes(f.read(8), "little")


def kill_watcher(b):
    pid = b.roles()["watcher"][0]
    os.kill(pid, signal.SIGKILL)
    before = published(b)
    return until(lambda: published(b) > before, pause=0.001)


def consumes(b):
    try:
        return b.metric("belfry_results_total", b.get("/metrics", 1)) > 0
    except (OSError, KeyError):
        return False


def kill_core(b):
    os.kill(b.roles()["core"][0], signal.SIGKILL)
    time.sleep(0.005)  # its socket is gone
    return 5 + until(lambda: consumes(b), pause=0.005)


def distribution(name, aim, ms, table):
    ms.sort()
    note = (f"n {len(ms)}, min {ms[0]:.0f}, p90 {ms[int(len(ms) * .9)]:.0f}, max {ms[-1]:.0f}, load {load()}")
    table.add(f"{name}: median", median(ms), "ms", aim, note)


def series(b, kill, n, pause):
    out = []
    for _ in range(n):
        time.sleep(pause)
        out.append(kill(b))
    return out


def main(argv):
    p = argparse.ArgumentParser(prog="bench recover", description=__doc__)
    p.add_argument("--kills", type=int, default=20)
    p.add_argument("--targets", type=int, default=1000)
    a = p.parse_args(argv)
    print("  " + machine())
    table = Table()
    # Each kill is the first after a stable time, as in life; the growing delay after repeated deaths is tested elsewhere.
    calm = {"restart": {"delay": 0, "max_restarts": 0}}
    with Sink() as sink:
        targets = [{"name": f"t{i}", "url": f"http://127.0.0.1:{sink.port}/{i}"} for i in range(a.targets)]
        with Belfry({"recover": {"interval": 5, "timeout": 5, "targets": targets}}, extra=calm) as b:
            b.wait_ready()
            b.wait_assigned(a.targets)
            time.sleep(6)
            distribution("watcher killed, successor probing", 100, series(b, kill_watcher, a.kills, 1), table)
            time.sleep(2)
            distribution("core killed, successor consuming", 500, series(b, kill_core, a.kills, 1.5), table)
    return table.misses
