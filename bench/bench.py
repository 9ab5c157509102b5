#!/usr/bin/env python3
"""Measures Belfry, beside its peers where there are some, and says how far each figure is from its aim.

    bench/bench.py [--belfry build/belfry] NAME|all [NAME's options]

Each bench is bench_NAME.py with a function main(argv); see its --help. Figures of record: docs/benchmarks.md.
"""
import argparse
import importlib
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
# In the order of `make bench`; scale takes its minutes and comes last.
ALL = ["probe", "idle", "alert", "recover", "supervise", "tsdb", "promql", "api", "page", "services", "scale"]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter,
                                allow_abbrev=False)
    p.add_argument("--belfry", default=os.environ.get("BELFRY", os.path.join(HERE, "../build/belfry")))
    p.add_argument("name", choices=ALL + ["all"])
    a, options = p.parse_known_args()
    os.environ["BELFRY"] = os.path.abspath(a.belfry)
    sys.path.insert(0, HERE)
    bad = 0
    for name in ALL if a.name == "all" else [a.name]:
        print(f"== {name}", flush=True)
        bad += importlib.import_module("bench_" + name).main(options)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
