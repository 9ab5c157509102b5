#!/usr/bin/python3
"""Runs Belfry's test suites and prints one total.

Suites, in order: unit, fuzz (replay of the corpora) and sim through `meson test`; web (the page's own modules) through node;
then together ui (the page in a real browser, before a mock and before the real program) through node, services (probers
before real servers) and integration through pytest. A suite whose folder does not exist counts nothing. Every failure and
every skip is named; the last line is `N passed, N failed, N skipped`. Exit status 1 if anything failed or nothing ran at all.

The last three mostly wait, for processes or for a browser. They are cut into jobs (integration: a pytest for each file; a
file may share nothing with another but the machine), and some lanes each take the next job when they are done with one.

These tests drive dozens of processes on a machine that may be busy. A few that fail are run once more, alone: one that
passes then is named UNSTABLE with what it said at first, to be mended, and counts as passed. More than a few failures are
never looked at twice.

Called by `make test` and .ci/run. Python's standard library only; pytest is run as a program. totals.py reads the reports.
"""

import argparse
import collections
import concurrent.futures
import functools
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

from totals import Totals, count_cmocka, count_junit, count_tap, read, tail

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SUITES = ["unit", "fuzz", "sim", "integration", "services", "ui", "web"]
SLOW = ["test_agent", "test_kill", "test_programs", "test_processes"]  # files of integration that begin first
UNSTABLE_MAX = 3  # failures of a suite that are run once more


def say(text):
    print(text, flush=True)


def run(argv, timeout, log, env=None, cwd=ROOT):
    """Runs argv with its output in the file log. Returns its status, or None if it ran too long."""
    with open(log, "wb") as out:
        child = subprocess.Popen(argv, cwd=cwd, env=env, stdout=out, stderr=subprocess.STDOUT,
                                 stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            return child.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)  # its own session: only what we started
            child.wait()
            return None


# --- meson: unit, fuzz, sim -------------------------------------------------------------------

def suite_meson(name, args):
    totals = Totals()
    listed = subprocess.run(["meson", "test", "-C", args.build, "--list", "--no-rebuild"],
                            cwd=ROOT, capture_output=True, text=True).stdout
    if not re.search(rf"(^|[ :+]){name}($|[ :+/])", listed, re.M):
        return totals
    base = f"{name}-log"
    run(["meson", "test", "-C", args.build, "--no-rebuild", "--suite", name, "--logbase", base,
         "--num-processes", str(args.jobs), "--timeout-multiplier", str(args.slow)],
        3600, os.path.join(args.out, f"{name}.log"))
    report = os.path.join(args.build, "meson-logs", base + ".json")
    for line in filter(None, read(report).split("\n")):  # not splitlines: output may hold U+2028
        try:
            entry = json.loads(line)
        except ValueError as e:  # two runs in one build directory write into one report
            totals.failed.append((name, f"{report} is damaged: {e}"))
            continue
        totals.add(count_cmocka(entry["name"].split(" / ")[-1], entry))
    if not os.path.exists(report):
        totals.failed.append((name, tail(read(os.path.join(args.out, f"{name}.log")))))
    return totals


# --- pytest: integration ----------------------------------------------------------------------

def look_again(totals, run_alone):
    """run_alone(name) → the totals of that test, run once more."""
    if len(totals.failed) > UNSTABLE_MAX:
        return totals
    first, totals.failed = totals.failed, []
    for name, text in first:
        if name in run_alone(name).good:
            totals.unstable.append((name, text))
            totals.passed += 1
        else:
            totals.failed.append((name, text))
    return totals


def run_pytest(args, name, what):
    """name: of report and log. What its tests write is in a folder that stays when one failed."""
    report, log = (os.path.join(args.out, f"{name}.{kind}") for kind in ("xml", "log"))
    folder = tempfile.mkdtemp(prefix="belfry-test-")
    status = run(["/usr/bin/python3", "-m", "pytest", "-q", "-ra", "-p", "no:cacheprovider", f"--rootdir={ROOT}",
                  f"--basetemp={folder}/t", f"--junitxml={report}", *what, *args.pytest], args.limit, log, args.env)
    totals = count_junit(report) if os.path.exists(report) else Totals()
    if status is None:
        totals.failed.append((name, f"still running after {args.limit} s\n" + tail(read(log))))
    elif status not in (0, 5) and (status > 2 or not totals.failed):  # 1 and 2 tell of failures, 5 of no tests
        totals.failed.append((f"{name} (pytest exit {status})", tail(read(log))))
    if not totals.failed:
        shutil.rmtree(folder, ignore_errors=True)
    return totals


def pytest_node(name):
    """The test of case_name(), as pytest wants it: "a/test_b/TestC: d" is a/test_b.py::TestC::d. None if it is no test."""
    where, _, test = name.partition(": ")
    parts = where.split("/")
    for i in range(len(parts)):
        path = os.path.join(ROOT, *parts[:i + 1]) + ".py"
        if test and os.path.exists(path):
            return "::".join([path, *parts[i + 1:], test])
    return None


def pytest_again(args, name):
    node = pytest_node(name)
    return run_pytest(args, "again", [node]) if node else Totals()


def jobs_integration(args):
    """A job for each file; but with -k, which leaves little to do, one for all."""
    folder = pathlib.Path(ROOT, "test", "integration")
    if args.expr:
        return [functools.partial(run_pytest, args, "integration", [str(folder), f"--ignore={folder}/services"])]
    files = [f for f in sorted(folder.rglob("test_*.py")) if folder / "services" not in f.parents]
    files.sort(key=lambda f: SLOW.index(f.stem) if f.stem in SLOW else len(SLOW))
    return [functools.partial(run_pytest, args, f"integration-{f.stem}", [str(f)]) for f in files]


def jobs_services(args):
    """One job: some of these servers take a processor and a gigabyte for themselves."""
    folder = os.path.join(ROOT, "test", "integration", "services")
    return [functools.partial(run_pytest, args, "services", [folder])] if os.path.isdir(folder) else []


# --- node: ui, web ----------------------------------------------------------------------------

def node_verdict(name, status, totals, log, args):
    if status is None:
        totals.failed.append((name, f"still running after {args.limit} s\n" + tail(read(log))))
    elif status != 0 and not totals.failed:
        totals.failed.append((f"{name} (exit {status})", tail(read(log))))
    return totals


def suite_web(name, args):
    if not os.path.exists(os.path.join(ROOT, "web", "test.mjs")):
        return Totals()
    log = os.path.join(args.out, "web.log")
    status = run(["node", "web/test.mjs", "--test-reporter=tap"], args.limit, log, args.env)
    return node_verdict(name, status, count_tap(read(log)), log, args)


def run_browser(args, name, extra):
    report = os.path.join(args.out, f"{name}.xml")
    log = os.path.join(args.out, f"{name}.log")
    status = run(["node", "test/ui/run.mjs", "--junit", report] + extra, args.limit, log, args.env)
    totals = count_junit(report) if os.path.exists(report) else Totals()
    return node_verdict(name, status, totals, log, args)


def ui_run(args, name, extra):
    def alone(test):  # "ui: name of the flow (zh)"
        flow = re.sub(r"^ui: | \(\w\w\)$", "", test)
        return run_browser(args, f"{name}-again", extra + ["--only", flow])
    return look_again(run_browser(args, name, extra), alone)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_ready(url, child, seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until and child.poll() is None:
        try:
            with urllib.request.urlopen(url + "health/ready", timeout=1):
                return True
        except OSError:
            time.sleep(0.05)
    return False


def ui_real(args):
    """The same flows against the real program, started on a data directory of its own."""
    with tempfile.TemporaryDirectory(prefix="belfry-ui-") as folder:
        port = free_port()
        config = os.path.join(folder, "belfry.yaml")
        with open(config, "w", encoding="utf-8") as f:
            f.write(f"server: {{listen: '127.0.0.1:{port}', anonymous: admin}}\n")
        log = os.path.join(args.out, "ui-belfry.log")
        with open(log, "wb") as out:
            child = subprocess.Popen([args.env["BELFRY"], "run", "-c", config], stdout=out,
                                     stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        try:
            url = f"http://127.0.0.1:{port}/"
            if wait_ready(url, child, 20):
                return ui_run(args, "ui-real", ["--server", url])
            totals = Totals()
            totals.failed.append(("ui-real", "belfry did not become ready\n" + tail(read(log))))
            return totals
        finally:
            child.terminate()
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def ui_both(args):
    totals = ui_run(args, "ui", [])
    if os.path.exists(args.env["BELFRY"]):
        totals.add(ui_real(args))
    return totals


def jobs_ui(args):
    """One job, and the longest: its flows have lanes of their own, so that two browsers would be one too many."""
    there = os.path.exists(os.path.join(ROOT, "test", "ui", "run.mjs"))
    return [functools.partial(ui_both, args)] if there else []


# --- all --------------------------------------------------------------------------------------

RUNNERS = {"unit": suite_meson, "fuzz": suite_meson, "sim": suite_meson, "web": suite_web}
TOGETHER = {"ui": jobs_ui, "services": jobs_services, "integration": jobs_integration}  # the longest jobs first


def build_tests(args):
    """Everything Meson knows, tests included; cmocka may have arrived after the first set-up."""
    log = os.path.join(args.out, "build.log")
    options = json.loads(subprocess.run(["meson", "introspect", "--buildoptions", args.build],
                                        cwd=ROOT, capture_output=True, text=True).stdout or "[]")
    if {o["name"]: o["value"] for o in options}.get("tests") != "enabled":
        run(["meson", "configure", args.build, "-Dtests=enabled"], 120, log)
    status = run(["ninja", "-C", args.build, "-j", str(args.jobs)], 1800, log)
    if status != 0:
        say(tail(read(log)))
    return status == 0


def parse_args():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--build", default="build", help="Meson's build directory")
    p.add_argument("--suite", action="append",
                   help=f"only this (may be repeated): {', '.join(SUITES)} or a folder of src/")
    p.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    p.add_argument("--lanes", type=int, help="so many of the jobs that mostly wait at once; as a rule --jobs and two")
    p.add_argument("--slow", type=float, default=1, help="multiplies the time limits of unit tests")
    p.add_argument("--limit", type=int, default=1500, help="seconds that one pytest or node may take")
    p.add_argument("-k", dest="expr", help="passed on to pytest")
    args = p.parse_args()
    args.lanes = args.lanes or args.jobs + 2
    args.build = os.path.abspath(os.path.join(ROOT, args.build))
    args.out = os.path.join(args.build, "test-results")
    args.pytest = ["-k", args.expr] if args.expr else []
    os.makedirs(args.out, exist_ok=True)
    for old in os.listdir(args.out):
        os.unlink(os.path.join(args.out, old))
    args.env = dict(os.environ, BELFRY=os.path.join(args.build, "belfry"),
                    PYTHONDONTWRITEBYTECODE="1", LC_ALL="C.UTF-8")
    return args


def report(name, totals, start):
    if totals.passed or totals.failed or totals.skipped:
        say(f"{name:12} {totals.line()}  ({time.monotonic() - start:.1f} s)")


def run_suite(name, args):
    start = time.monotonic()
    totals = RUNNERS.get(name, suite_meson)(name, args)
    report(name, totals, start)
    return totals


def found_by(job, name):
    """Its totals; one that broke, say on a damaged report, failed and takes no other with it."""
    totals = Totals()
    if job.exception():
        totals.failed.append((f"{name} (a job of it broke)", repr(job.exception())))
        return totals
    return job.result()


def run_together(names, args):
    """The jobs of these suites, in as many lanes as there are. Each suite's totals."""
    start, parts = time.monotonic(), {name: Totals() for name in names}
    with concurrent.futures.ThreadPoolExecutor(args.lanes) as pool:
        suite_of = {pool.submit(job): name for name in names for job in TOGETHER[name](args)}
        left = collections.Counter(suite_of.values())
        for job in concurrent.futures.as_completed(suite_of):
            name = suite_of[job]
            parts[name].add(found_by(job, name))
            left[name] -= 1
            if not left[name]:
                report(name, parts[name], start)
    for name in parts.keys() - {"ui"}:  # whose jobs look again themselves: while their Belfry runs
        look_again(parts[name], functools.partial(pytest_again, args))
    return parts.values()


def run_suites(names, args):
    totals = [run_suite(n, args) for n in names if n not in TOGETHER]
    return totals + list(run_together([n for n in TOGETHER if n in names], args))


def tell(total):
    for name, reason in total.skipped:
        say(f"SKIPPED {name}: {reason}")
    for word, tests in (("UNSTABLE", total.unstable), ("FAILED", total.failed)):
        for name, text in tests:
            say(f"{word} {name}")
            if text:
                say("    " + text.replace("\n", "\n    "))
    say(total.line())


def main():
    args = parse_args()
    total = Totals()
    if not build_tests(args):
        total.failed.append(("build", ""))
    else:
        for part in run_suites(args.suite or SUITES, args):
            total.add(part)
    tell(total)
    return 1 if total.failed or total.passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
