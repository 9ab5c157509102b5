"""What Belfry costs while it has little to do: 50 targets at 30 s, CPU of all processes over a minute, memory."""
import argparse
import time

from benchlib import Belfry, Sink, Table, cpu_exact_s, cpu_s, load, machine, memory_mb


def main(argv):
    p = argparse.ArgumentParser(prog="bench idle", description=__doc__)
    p.add_argument("--seconds", type=int, default=60)
    p.add_argument("--runs", type=int, default=1)
    a = p.parse_args(argv)
    print("  " + machine())
    table = Table()
    with Sink() as sink:
        urls = [f"http://127.0.0.1:{sink.port}/", f"tcp://127.0.0.1:{sink.port}", "icmp://127.0.0.1"]
        targets = [{"name": f"t{i}", "url": urls[i % 3]} for i in range(50)]
        with Belfry({"idle": {"interval": 30, "targets": targets}}) as b:
            b.wait_ready()
            b.wait_assigned(50)
            time.sleep(15)
            for _ in range(a.runs):
                roles, t = b.roles(), time.monotonic()
                c0 = {r: cpu_exact_s(ps) for r, ps in roles.items()}
                ticks = cpu_s(b.pids())
                time.sleep(a.seconds)
                took = time.monotonic() - t
                used = {r: 100 * (cpu_exact_s(ps) - c0[r]) / took for r, ps in roles.items()}
                note = ", ".join(f"{r} {v:.3f}" for r, v in used.items() if v)
                table.add("CPU, idle with 50 targets at 30 s", sum(used.values()), "%", 0.3,
                          f"{note}; by ticks {100 * (cpu_s(b.pids()) - ticks) / took:.2f}; load {load()}")
                pss, rss = memory_mb(b.pids())
                table.add("PSS of all processes", pss, "MB", 40, f"RSS {rss:.0f} MB")
    return table.misses
