#!/usr/bin/python3
"""Runs Belfry's test suites and prints one total.

Suites, in order: unit, fuzz (replay of the corpora) and sim through `meson test`; integration
through pytest; ui (the page in a real browser, before a mock and before the real program) and web (the page's own
modules) through node. A suite whose folder does not exist counts nothing. Every failure and every skip is named; the last
line is `N passed, N failed, N skipped`. Exit status 1 if anything failed or nothing ran at all.

Integration and ui tests drive dozens of processes and a browser on a machine that may be busy. A few that fail are run once
more, alone: one that passes then is named UNSTABLE with what it said at first, to be mended, and counts as passed. More
than a few failures are never looked at twice.

Called by `make test` and .ci/run. Python's standard library only; pytest is run as a program.
"""

import argparse
import concurrent.futures
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import xml.etree.ElementTree as ET

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SUITES = ["unit", "fuzz", "sim", "integration", "ui", "web"]
TAIL = 60  # lines of a failed test's output that are shown
UNSTABLE_MAX = 3  # failures of a suite that are run once more


class Totals:
    def __init__(self):
        self.passed = 0
        self.failed = []  # (name, text)
        self.skipped = []  # (name, reason)
        self.unstable = []  # (name, text): failed, then passed alone
        self.good = set()  # names that passed, where the report has names

    def add(self, other):
        self.passed += other.passed
        self.unstable += other.unstable
        self.failed += other.failed
        self.skipped += other.skipped

    def line(self):
        return f"{self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped"


def say(text):
    print(text, flush=True)


def tail(text, lines=TAIL):
    return "\n".join((text or "").rstrip().splitlines()[-lines:])


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


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read()
    except OSError:
        return ""


# --- meson: unit, fuzz, sim -------------------------------------------------------------------

# cmocka's own report, so that a test function counts as one test, not a whole file.
CMOCKA_LINE = re.compile(r"^\[\s+(OK|FAILED|SKIPPED|ERROR)\s+\] (\S+)$", re.M)


def count_cmocka(name, entry):
    totals = Totals()
    text = (entry.get("stdout") or "") + "\n" + (entry.get("stderr") or "")
    failed = set()
    for verdict, case in CMOCKA_LINE.findall(entry.get("stdout") or ""):
        if verdict == "OK":
            totals.passed += 1
        elif verdict == "SKIPPED":
            totals.skipped.append((f"{name}: {case}", "the test skipped itself"))
    for verdict, case in CMOCKA_LINE.findall(text):
        if verdict in ("FAILED", "ERROR") and not re.fullmatch(r"\d+", case):
            failed.add(case)
    result = entry["result"]
    if failed and result != "OK":
        for case in sorted(failed):
            totals.failed.append((f"{name}: {case}", tail(text)))
    elif result in ("SKIP",):
        totals.skipped.append((name, tail(text, 1) or "exit status 77"))
    elif result not in ("OK", "EXPECTEDFAIL"):
        totals.failed.append((f"{name} ({result.lower()})", tail(text)))
    elif totals.passed + len(totals.skipped) == 0:
        totals.passed = 1  # not a cmocka program: one test
    return totals


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

def case_name(case):
    where = case.get("classname", "").replace(".", "/")
    return f"{where}: {case.get('name', '?')}"


def count_junit(path):
    totals = Totals()
    for case in ET.parse(path).getroot().iter("testcase"):
        bad = [e for e in case if e.tag in ("failure", "error")]
        skip = case.find("skipped")
        if bad:
            text = "\n".join((e.get("message") or "") + "\n" + (e.text or "") for e in bad)
            totals.failed.append((case_name(case), tail(text)))
        elif skip is not None:
            totals.skipped.append((case_name(case), skip.get("message") or "no reason given"))
        else:
            totals.passed += 1
            totals.good.add(case_name(case))
    return totals


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
    report = os.path.join(args.out, f"{name}.xml")
    log = os.path.join(args.out, f"{name}.log")
    status = run(["/usr/bin/python3", "-m", "pytest", "-q", "-ra", "-p", "no:cacheprovider",
                  f"--junitxml={report}"] + what, args.limit, log, args.env)
    totals = count_junit(report) if os.path.exists(report) else Totals()
    if status is None:
        totals.failed.append(("integration", f"still running after {args.limit} s\n" + tail(read(log))))
    elif status not in (0, 1, 5) or (status == 1 and not totals.failed):
        totals.failed.append((f"integration (pytest exit {status})", tail(read(log))))
    return totals


def suite_integration(_name, args):
    folder = os.path.join(ROOT, "test", "integration")
    if not os.path.isdir(folder):
        return Totals()

    def alone(name):
        path, _, test = name.partition(": ")
        return run_pytest(args, "integration-again", [os.path.join(ROOT, path + ".py") + "::" + test])
    return look_again(run_pytest(args, "integration", [folder] + args.pytest), alone)


# --- node: ui, web ----------------------------------------------------------------------------

TAP_LINE = re.compile(r"^( *)(not )?ok \d+ - (.*?)(?: # (SKIP|TODO)\b ?(.*))?$")


def count_tap(text):
    """Leaves of node's TAP: a line that closes a deeper block is the sum of what it encloses."""
    totals = Totals()
    deeper = 0
    lines = text.splitlines()
    for i, line in enumerate(lines):
        m = TAP_LINE.match(line)
        if not m:
            continue
        depth, bad, name, directive, reason = len(m[1]), m[2], m[3], m[4], m[5]
        encloses = deeper > depth
        deeper = depth
        if encloses and not bad:
            continue
        if encloses and totals.failed:
            continue
        if directive:
            totals.skipped.append((name, reason or directive.lower()))
        elif bad:
            totals.failed.append((name, "\n".join(lines[i + 1:i + 40])))
        else:
            totals.passed += 1
    return totals


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


def suite_ui(_name, args):
    if not os.path.exists(os.path.join(ROOT, "test", "ui", "run.mjs")):
        return Totals()
    totals = ui_run(args, "ui", [])
    if os.path.exists(args.env["BELFRY"]):
        totals.add(ui_real(args))
    return totals


RUNNERS = {"unit": suite_meson, "fuzz": suite_meson, "sim": suite_meson,
           "integration": suite_integration, "ui": suite_ui, "web": suite_web}


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
    p.add_argument("--slow", type=float, default=1, help="multiplies the time limits of unit tests")
    p.add_argument("--limit", type=int, default=1500, help="seconds a pytest or node suite may take")
    p.add_argument("-k", dest="expr", help="passed on to pytest")
    args = p.parse_args()
    args.build = os.path.abspath(os.path.join(ROOT, args.build))
    args.out = os.path.join(args.build, "test-results")
    args.pytest = ["-k", args.expr] if args.expr else []
    os.makedirs(args.out, exist_ok=True)
    for old in os.listdir(args.out):
        os.unlink(os.path.join(args.out, old))
    args.env = dict(os.environ, BELFRY=os.path.join(args.build, "belfry"),
                    PYTHONDONTWRITEBYTECODE="1", LC_ALL="C.UTF-8")
    return args


def run_suite(name, args):
    start = time.monotonic()
    part = RUNNERS.get(name, suite_meson)(name, args)
    if part.passed or part.failed or part.skipped:
        say(f"{name:12} {part.line()}  ({time.monotonic() - start:.1f} s)")
    return part


def run_suites(names, args):
    """One after the other; but those that mostly wait, for processes or for a browser, wait together."""
    together = [n for n in names if n in ("integration", "ui")]
    totals = [run_suite(n, args) for n in names if n not in together]
    with concurrent.futures.ThreadPoolExecutor(max(1, len(together))) as pool:
        return totals + list(pool.map(lambda n: run_suite(n, args), together))


def main():
    args = parse_args()
    total = Totals()
    if not build_tests(args):
        total.failed.append(("build", ""))
    else:
        for part in run_suites(args.suite or SUITES, args):
            total.add(part)
    for name, reason in total.skipped:
        say(f"SKIPPED {name}: {reason}")
    for word, tests in (("UNSTABLE", total.unstable), ("FAILED", total.failed)):
        for name, text in tests:
            say(f"{word} {name}")
            if text:
                say("    " + text.replace("\n", "\n    "))
    say(total.line())
    return 1 if total.failed or total.passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
