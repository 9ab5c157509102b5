"""The differential test's harness: Debian's blackbox_exporter and Belfry's /probe with the same blackbox.yml, asked the same, must
answer the same metrics. A file of cases:

    CASES = [Case("status_404", {"prober": "http", "timeout": "5s"}, lambda w: w.site.http + "/status/404", up=False), …]

    @pytest.fixture(scope="module")
    def pair(tmp_path_factory): yield from pair_of(tmp_path_factory.mktemp("pair"), CASES, world)

    @pytest.mark.parametrize("case", CASES, ids=str)
    def test_same(pair, case): pair.compare(case)

`world` is what the file's own servers are; targets and modules may be functions of it, since ports are chosen at the start."""

import http.client
import json
import math
import os
import re
import shutil
import subprocess
import urllib.parse

import pytest
from belfry import Belfry, free_port, wait_until

EXPORTER = shutil.which("prometheus-blackbox-exporter")

# What a newer blackbox_exporter has and Debian 12's 0.23.0 has not: metrics, and labels of a metric. The reference that Belfry follows is 0.28.
NEWER = {
    "probe_timeout_seconds": "0.28",
    "probe_tls_cipher_info": "0.25",
    "probe_failed_due_to_bytes": "0.28",
}
NEWER_LABELS = {"probe_ssl_last_chain_info": {"serialnumber": "0.25"}}

LINE = re.compile(r'([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"(?:,|$)')


class Case:
    """up: whether both must say probe_success 1. may_differ: metric → why it does, for what is known and right. params: further ones of
    the request; timeout: seconds in Prometheus' header."""

    def __init__(self, name, module, target, up=True, may_differ=None, timeout=8, **params):
        self.name, self.module, self.target, self.up = name, module, target, up
        self.may_differ, self.timeout, self.params = may_differ or {}, timeout, params

    def __str__(self):
        return self.name


def read_metrics(text):
    """{(name, ((label, value), …)): float}"""
    found = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        name, labels, value = LINE.match(line).groups()
        pairs = tuple(sorted(LABEL.findall(labels or "")))
        assert (name, pairs) not in found, f"twice: {line}"
        found[name, pairs] = float(value)
    return found


def is_time(name):
    """How long something took: there on both sides, with a value that cannot be compared."""
    return name.endswith(("duration_seconds", "lookup_time_seconds"))


def older(found):
    """As Debian's version would have put it."""
    return {(name, tuple(p for p in labels if p[0] not in NEWER_LABELS.get(name, {}))): value
            for (name, labels), value in found.items() if name not in NEWER}


def differences(theirs, ours, may_differ):
    ours = older(ours)
    for key in sorted(theirs.keys() | ours.keys()):
        name = key[0]
        if name in may_differ:
            continue
        if key not in ours:
            yield f"Belfry lacks {key} {theirs[key]}"
        elif key not in theirs:
            yield f"Belfry alone has {key} {ours[key]}"
        elif is_time(name):
            if not 0 <= ours[key] < 60:
                yield f"{key}: a strange time {ours[key]}"
        elif not math.isclose(theirs[key], ours[key], rel_tol=1e-9):
            yield f"{key}: blackbox_exporter {theirs[key]}, Belfry {ours[key]}"


class Pair:
    def __init__(self, folder, cases, world, wrapper=()):
        self.world, self.folder = world, str(folder)
        os.makedirs(self.folder, exist_ok=True)
        self.path = os.path.join(self.folder, "blackbox.yml")
        modules = {c.name: self.of(c.module) for c in cases}
        with open(self.path, "w", encoding="utf-8") as f:
            json.dump({"modules": modules}, f, indent=1)
        self.port = free_port()
        self.log = open(os.path.join(self.folder, "exporter.log"), "wb")
        self.exporter = subprocess.Popen(
            [*wrapper, EXPORTER, f"--config.file={self.path}", f"--web.listen-address=127.0.0.1:{self.port}"],
            stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL, cwd=self.folder)
        self.belfry = Belfry(os.path.join(self.folder, "b"), {"server": {"blackbox_file": self.path}}, wrapper=wrapper)
        self.belfry.start()
        wait_until(lambda: self.exporter.poll() is None and self.answers(), 20, what=self.output())

    def of(self, value):
        return value(self.world) if callable(value) else value

    def answers(self):
        try:
            return self.ask(self.port, "/-/healthy", {}, {})[0] == 200
        except OSError:
            return False

    def output(self):
        with open(self.log.name, encoding="utf-8", errors="replace") as f:
            return f.read()[-4000:]

    def close(self):
        self.belfry.close()
        self.exporter.terminate()
        self.exporter.wait(10)
        self.log.close()

    @staticmethod
    def ask(port, path, params, headers):
        c = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            c.request("GET", path + ("?" + urllib.parse.urlencode(params) if params else ""), headers=headers)
            r = c.getresponse()
            return r.status, r.read().decode(), r.headers
        finally:
            c.close()

    def both(self, params, timeout=None):
        """[(status, text, headers)] of the exporter and of Belfry."""
        headers = {"X-Prometheus-Scrape-Timeout-Seconds": str(timeout)} if timeout else {}
        return [self.ask(p, "/probe", params, headers) for p in (self.port, self.belfry.port)]

    def compare(self, case):
        target = self.of(case.target)
        params = {"target": target, "module": case.name, **{k: self.of(v) for k, v in case.params.items()}}
        theirs, ours = self.both(params, case.timeout)
        assert theirs[0] == 200 and ours[0] == 200, (theirs[:2], ours[:2])
        found = [read_metrics(text) for _, text, _ in (theirs, ours)]
        wrong = list(differences(*found, case.may_differ))
        for who, metrics in zip(("blackbox_exporter", "Belfry"), found):
            if metrics["probe_success", ()] != case.up:
                wrong.append(f"{who}: probe_success {metrics['probe_success', ()]}")
        if wrong:
            debug = self.both({**params, "debug": "true"}, case.timeout)
            pytest.fail("\n".join([f"{case.name}: {target}", *wrong, "--- blackbox_exporter", debug[0][1], "--- Belfry",
                                   debug[1][1]]), pytrace=False)


def pair_of(folder, cases, world, wrapper=()):
    """For a module's fixture. wrapper: what both programs are started by."""
    if not EXPORTER:
        pytest.skip("prometheus-blackbox-exporter is not here: tools/deps.sh test")
    assert len({c.name for c in cases}) == len(cases)
    pair = Pair(folder, cases, world, wrapper)
    yield pair
    pair.close()
