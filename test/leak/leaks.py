#!/usr/bin/python3
"""10,000 probes of each type under AddressSanitizer and LeakSanitizer: against the real server, against a port where nobody
listens, and against the server frozen.

    make leaks [KINDS=redis,mysql]      test/leak/leaks.py --probe-bench build-address/bench/micro/probe_bench [KIND…]

Prints a row a case: probes, how many failed, leaks, how resident memory grew from probe 1,000 to 10,000. Servers and configurations
are those of the integration tests (bench/stage.py; where no server is to be had, stand_ins.py). Exit status 1: something leaks, or a
healthy server was not probed.
"""
import argparse
import json
import os
import re
import subprocess
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
sys.path.insert(0, os.path.join(ROOT, "bench"))

import stage as stages  # noqa: E402
from stand_ins import STAND_INS, StandIn  # noqa: E402

KINDS = [*stages.KINDS, *STAND_INS]

# A small quarantine, else freed memory is kept and looks like growth; what malloc keeps is no leak of ours.
ASAN = "detect_leaks=1:exitcode=99:quarantine_size_mb=1:thread_local_quarantine_size_kb=16:malloc_context_size=12:detect_stack_use_after_return=0"
# The libraries' own: read once, kept until the process ends.
SUPPRESSED = os.path.join(ROOT, "test/leak/lsan.supp")
GROWTH_KIB = 4096  # what the allocator's own fragments may take


def probe(a, kind, config, count, width, timeout_ms):
    """What probe_bench says, with "leaks" (a text; empty: none) beside it."""
    argv = [a.probe_bench, kind, str(count), str(width), json.dumps(config), str(timeout_ms)]
    env = dict(os.environ, ASAN_OPTIONS=ASAN, LSAN_OPTIONS=f"suppressions={SUPPRESSED}:print_suppressions=0",
               UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1", **({"LD_PRELOAD": a.preload} if a.preload else {}))
    done = subprocess.run(argv, capture_output=True, text=True, env=env, timeout=a.limit, check=False)
    try:
        said = json.loads(done.stdout.splitlines()[0])
    except (IndexError, ValueError):
        said = {"probes": 0, "failed": 0, "early_kib": 0, "late_kib": 0, "first_failure": done.stderr[-300:].strip()}
    summary = re.search(r"SUMMARY: \w+: (.*)", done.stderr)
    said["leaks"] = summary[1] if summary else "" if done.returncode in (0, 1) else f"ended with {done.returncode}"
    said["report"] = done.stderr
    return said


def row(a, kind, case, said, good):
    grown = said["late_kib"] - said["early_kib"]
    bad = bool(said["leaks"]) or said["probes"] == 0 or (good and said["failed"] > said["probes"] // 10) or grown > GROWTH_KIB
    print(f"  {kind:<14} {case:<8} {said['probes']:>6} {said['failed']:>6}  {said['leaks'] or 'no leaks':<44} {grown:>+7} KiB"
          f"  {'NO' if bad else 'yes'}", flush=True)
    if bad:
        path = os.path.join(a.reports, f"{kind}-{case}.txt")
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"{said['first_failure']}\n{said['report']}")
        print(f"      {said['first_failure'] or ''} (see {path})", flush=True)
    return bad


def cases(a, stage):
    """Each: name, configuration, how many, how many at a time, timeout in ms, good or not."""
    yield "healthy", stage.config, a.count, a.together, 10000, True
    if stage.server:
        yield "nobody", stage.nobody(), a.count, 200, 500, False
        stage.freeze()
        yield "frozen", stage.config, max(a.count // 5, 20), max(a.count // 100, 1), 300, False
        stage.thaw()


def one_kind(a, kind):
    bad = 0
    try:
        with StandIn(kind) if kind in STAND_INS else stages.Stage(kind) as stage:
            for case, config, count, width, timeout_ms, good in cases(a, stage):
                if case in a.cases:
                    bad += row(a, kind, case, probe(a, stage.type, config, count, width, timeout_ms), good)
    except stages.Unavailable as e:
        print(f"  {kind:<14} not probed: {e}", flush=True)
    except subprocess.TimeoutExpired:
        print(f"  {kind:<14} not done within {a.limit} s", flush=True)
        bad += 1
    return bad


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--probe-bench", default=os.path.join(ROOT, "build-leaks/bench/micro/probe_bench"))
    p.add_argument("--preload", help="liblsan.so.0, for a probe_bench without sanitizers: leaks alone, ten times as fast")
    p.add_argument("--count", type=int, default=10000)
    p.add_argument("--together", type=int, default=8, help="probes at a time while the server is healthy")
    p.add_argument("--limit", type=int, default=900, help="seconds of one case")
    p.add_argument("--cases", default="healthy,nobody,frozen")
    p.add_argument("--reports", default="/tmp")
    p.add_argument("kinds", nargs="*", help="of " + ", ".join(KINDS))
    a = p.parse_args()
    a.cases = a.cases.split(",")
    print(f"  {'kind':<14} {'server':<8} {'probes':>6} {'failed':>6}  {'leaks':<44} {'1,000 → all':>11}  good")
    bad = sum(one_kind(a, kind) for kind in a.kinds or KINDS)
    print(f"  {bad or 'nothing'} to mend")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
