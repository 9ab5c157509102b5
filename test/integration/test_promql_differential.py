"""The same data and the same questions to Belfry and to Prometheus: the same answers, to 1e-12.

The queries are test/promql/compliance_queries.yaml, expanded. PROMETHEUS names an executable to compare with (3.x is the language that
Belfry speaks); else Debian's is taken, where the file lists what 2.x answers otherwise by design."""

import itertools
import math
import os
import re
import shutil
import time

import pytest

import promdata
from belfry import ROOT
from promdata import Server, fleet

QUERIES = os.path.join(ROOT, "test", "promql", "compliance_queries.yaml")
PROMETHEUS = os.environ.get("PROMETHEUS") or shutil.which("prometheus")
TOLERANCE = 1e-12


# --- the queries -----------------------------------------------------------------------------------

def text_of(quoted):
    return quoted.strip()[1:-1].replace("''", "'")


def read_queries(path=QUERIES):
    """The file's one shape of YAML: {"lists", "queries", "fails", "differs_2": [(pattern, reason)]}."""
    doc = {"lists": {}, "queries": [], "fails": [], "differs_2": []}
    section = None
    with open(path, encoding="utf-8") as f:
        for line in f:
            line = line.rstrip("\n")
            if not line.strip() or line.strip().startswith("#"):
                continue
            if not line.startswith(" "):
                section = line.split(":")[0]
            elif section == "lists":
                name, values = line.strip().split(": ", 1)
                doc["lists"][name] = [text_of(q) for q in re.findall(r"'(?:[^']|'')*'", values)]
            elif section == "differs_2":
                pattern, reason = re.findall(r"'(?:[^']|'')*'", line)
                doc["differs_2"].append((re.compile(text_of(pattern)), text_of(reason)))
            else:
                doc[section].append(text_of(line.strip()[2:]))
    return doc


def expand(doc):
    for template in doc["queries"]:
        names = list(dict.fromkeys(re.findall(r"\{\{(\w+)\}\}", template)))
        for values in itertools.product(*(doc["lists"][n] for n in names)):
            query = template
            for name, value in zip(names, values):
                query = query.replace("{{%s}}" % name, value)
            yield query


# --- comparing -------------------------------------------------------------------------------------

def close(a, b):
    a, b = float(a), float(b)
    if a == b or math.isnan(a) and math.isnan(b):
        return True
    return math.isfinite(a) and math.isfinite(b) and abs(a - b) <= TOLERANCE * max(abs(a), abs(b))


def series_of(data):
    return {tuple(sorted(s["metric"].items())): s["values"] for s in data["result"]}


def difference(want, got):
    """What differs between two matrices; None when nothing does."""
    want, got = series_of(want), series_of(got)
    for key in want.keys() ^ got.keys():
        return f"{'too little' if key in want else 'too much'}: {dict(key)}"
    for key, values in want.items():
        mine = got[key]
        if [t for t, _ in values] != [t for t, _ in mine]:
            missing = sorted({t for t, _ in values} ^ {t for t, _ in mine})
            return f"{dict(key)}: points at other times: {missing[:5]}"
        for (t, a), (_, b) in zip(values, mine):
            if not close(a, b):
                return f"{dict(key)} at {t}: {a} there, {b} here"
    return None


def compare(theirs, ours, query, start, end, step):
    params = {"query": query, "start": start, "end": end, "step": step}
    want, refused = theirs.query("/api/v1/query_range", **params)
    got, error = ours.query("/api/v1/query_range", **params)
    if refused or error:
        if refused and error:
            return f"both refuse: {refused}"
        return f"only {theirs.name if refused else ours.name} refuses: {refused or error}"
    return difference(want, got)


# --- servers ---------------------------------------------------------------------------------------

@pytest.fixture
def prometheus(tmp_path):
    with promdata.prometheus(PROMETHEUS, tmp_path) as server:
        yield server


@pytest.mark.skipif(not PROMETHEUS, reason="no prometheus to compare with")
def test_same_answers(belfry, prometheus):
    ours = Server("belfry", belfry({"metrics": {"enable": True}}).port, "/prometheus")
    base = int(time.time()) // 3600 * 3600 - 7200
    data = fleet(base * 1000)
    prometheus.write(data)
    ours.write(data)
    doc = read_queries()
    version = prometheus.version()
    known = doc["differs_2"] if version.startswith("2.") else []
    # 3 s past any multiple of a subquery's step: the edges of its ranges hold no step either
    start, end, step = base + 1203, base + 3603, 20
    queries = list(expand(doc))
    assert len(queries) >= 539
    failures, differ = [], 0
    for query in queries:
        why = compare(prometheus, ours, query, start, end, step)
        if any(pattern.fullmatch(query) for pattern, _ in known):
            differ += 1
        elif why:
            failures.append(f"{query}\n    {why}")
    for query in doc["fails"]:
        why = compare(prometheus, ours, query, start, end, step)
        if not (why or "").startswith("both refuse"):
            failures.append(f"{query}\n    should be refused: {why}")
    print(f"{len(queries) + len(doc['fails'])} queries against Prometheus {version}: {len(failures)} disagree, "
          f"{differ} differ by design")
    assert not failures, f"{len(failures)} queries:\n" + "\n".join(failures)
