"""What the test programs report, as one kind of sum: cmocka's lines, pytest's and the browser's JUnit files, node's TAP.
Used by run_tests.py alone. Standard library only."""

import re
import xml.etree.ElementTree as ET

TAIL = 60  # lines of a failed test's output that are shown


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


def tail(text, lines=TAIL):
    return "\n".join((text or "").rstrip().splitlines()[-lines:])


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read()
    except OSError:
        return ""


# --- cmocka ------------------------------------------------------------------------------------

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


# --- JUnit -------------------------------------------------------------------------------------

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


# --- TAP ---------------------------------------------------------------------------------------

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
