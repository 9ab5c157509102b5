"""The Prometheus API as its clients use it: remote write in and queries out, the calls that Grafana's data source makes,
errors, gzip, import and export, deletion, `belfry query`; and the same answers as Debian's prometheus where one is installed."""

import gzip
import http.client
import json
import os
import shutil
import threading
import time
import urllib.parse

import pytest

import promdata
from belfry import run, wait_until
from promdata import Server, bits, snappy, write_request

API = "/prometheus/api/v1"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PROMETHEUS = shutil.which("prometheus")


def series(base):
    """Ten minutes of a few series; base in seconds."""
    out = []
    for n, host in enumerate(("a:1", "b:2")):
        up = [((base + i * 15) * 1000, bits(1.0)) for i in range(40)]
        calls = [((base + i * 15) * 1000, bits(float(i * (n + 1) * 7))) for i in range(40)]
        out.append(({"__name__": "up", "job": "web", "instance": host}, up))
        out.append(({"__name__": "http_calls_total", "job": "web", "instance": host, "code": "200"}, calls))
    out.append(({"__name__": "temperature.celsius", "room": "é\"\\"}, [((base + 15) * 1000, bits(-1.25e-9))]))
    return out


@pytest.fixture
def house(belfry):
    b = belfry({"metrics": {"enable": True}})
    server = Server("belfry", b.port, "/prometheus")
    wait_until(lambda: server.ask("GET", "/api/v1/labels")[0] == 200, 20, what="the store is open")
    b.base = int(time.time()) // 60 * 60 - 900
    server.write(series(b.base))
    b.server = server
    return b


def get(house, path, **params):
    query = urllib.parse.urlencode(params, doseq=True)
    status, doc, _ = house.call("GET", API + path + ("?" + query if query else ""))
    assert status == 200, (path, params, status, doc)
    assert doc["status"] == "success"
    return doc["data"]


def post(house, path, **params):
    status, doc, _ = house.call("POST", API + path, urllib.parse.urlencode(params, doseq=True).encode(), FORM)
    assert status == 200, (path, params, status, doc)
    return doc["data"]


# --- what Grafana asks -----------------------------------------------------------------------------

def test_grafana(house):
    start, end = house.base, house.base + 600
    build = get(house, "/status/buildinfo")
    assert build["version"].split(".")[0] == "3" and build["application"] == "Belfry"
    # "Save & test"
    assert post(house, "/query", query="1+1", time=end) == {"resultType": "scalar", "result": [end, "2"]}
    # the label browser and variables
    assert get(house, "/label/__name__/values", start=start, end=end) == [
        "http_calls_total", "temperature.celsius", "up"]
    assert "instance" in get(house, "/labels", start=start, end=end)
    assert post(house, "/labels", start=start, end=end, **{"match[]": 'up{job="web"}'}) == [
        "__name__", "instance", "job"]
    assert get(house, "/label/instance/values", start=start, end=end, limit=40000,
               **{"match[]": '{__name__="up"}'}) == ["a:1", "b:2"]
    assert get(house, "/label/U__room/values") == ['é"\\']
    found = get(house, "/series", start=start, end=end, **{"match[]": ["up", "http_calls_total"]})
    assert len(found) == 4 and {"__name__": "up", "instance": "a:1", "job": "web"} in found
    # panels
    data = post(house, "/query_range", query="sum by (instance) (rate(http_calls_total[1m]))", start=start + 120,
                end=end, step=15)
    assert data["resultType"] == "matrix"
    assert [s["metric"] for s in data["result"]] == [{"instance": "a:1"}, {"instance": "b:2"}]
    assert float(data["result"][0]["values"][5][1]) == pytest.approx(7 / 15)
    assert post(house, "/query_exemplars", query="up", start=start, end=end) == []
    assert isinstance(get(house, "/metadata", limit=5000), dict)
    assert get(house, "/rules") == {"groups": []}
    assert get(house, "/alerts") == {"alerts": []}
    assert get(house, "/targets", state="active")["activeTargets"] == []
    assert get(house, "/format_query", query="sum by(a)(up)") == "sum by (a) (up)"
    assert get(house, "/parse_query", query="up")["type"] == "vectorSelector"
    assert get(house, "/features")["promql_functions"]["rate"] is True


def test_values(house):
    at = house.base + 15
    data = get(house, "/query", query='{"temperature.celsius"}', time=at)
    assert data["result"] == [{"metric": {"__name__": "temperature.celsius", "room": 'é"\\'},
                               "value": [at, "-1.25e-09"]}]
    data = get(house, "/query", query="up[31s]", time=at + 0.5)
    assert data["result"][0]["values"] == [[at - 15, "1"], [at, "1"]]
    stats = get(house, "/query_range", query="sum(rate(http_calls_total[1m]))", start=at, end=at + 300, step=15,
                stats="all")["stats"]
    assert stats["samples"]["totalQueryableSamples"] > 0 and stats["timings"]["evalTotalTime"] >= 0
    assert [n["depth"] for n in stats["nodes"]][:2] == [0, 1]


RULES = """\
groups:
  - name: shop
    interval: 1s
    labels: {team: web}
    rules:
      - record: job:up:sum
        expr: sum by (job) (up)
      - alert: Always
        expr: vector(1.5) > 1
        for: 0s
        labels: {severity: page}
        annotations: {summary: "value {{ $value }}"}
      - alert: Never
        expr: vector(1) > 2
        keep_firing_for: 1m
"""


def test_rules(belfry, tmp_path):
    rules = tmp_path / "rules.yml"
    rules.write_text(RULES)
    b = belfry({"metrics": {"enable": True}, "rule_files": [str(rules)]})

    def firing():
        status, doc, _ = b.call("GET", API + "/alerts")
        return status == 200 and [a for a in doc["data"]["alerts"] if a["state"] == "firing"]
    alert = wait_until(firing, 30, what="the alert fires")[0]
    assert alert["labels"] == {"alertname": "Always", "severity": "page", "team": "web"}
    assert alert["annotations"] == {"summary": "value 1.5"} and alert["value"] == "1.5e+00"
    group, = get(b, "/rules")["groups"]
    assert (group["name"], group["interval"], group["file"]) == ("shop", 1, str(rules))
    record, always, never = group["rules"]
    assert record["type"] == "recording" and record["query"] == "sum by (job) (up)" and record["health"] == "ok"
    assert (always["type"], always["state"], never["state"]) == ("alerting", "firing", "inactive")
    assert always["alerts"][0]["labels"] == alert["labels"] and never["keepFiringFor"] == 60
    assert [r["name"] for r in get(b, "/rules", type="alert")["groups"][0]["rules"]] == ["Always", "Never"]
    assert get(b, "/rules", exclude_alerts="true")["groups"][0]["rules"][1]["alerts"] == []
    assert get(b, "/rules", **{"rule_name[]": "job:up:sum"})["groups"][0]["rules"][0]["type"] == "recording"
    assert get(b, "/rules", **{"rule_group[]": "other"}) == {"groups": []}
    found = wait_until(lambda: get(b, "/query", query='ALERTS{alertstate="firing"}')["result"], 10, what="ALERTS")
    assert found[0]["metric"]["alertname"] == "Always"


# --- errors ----------------------------------------------------------------------------------------

ERRORS = [
    ("/query", {}, 400, "bad_data", '1:1: parse error: no expression found in input'),
    ("/query", {"query": "up{"}, 400, "bad_data", "1:4: parse error: unexpected end of input inside braces"),
    ("/query", {"query": "rate(up)"}, 400, "bad_data", "got instant vector"),
    ("/query", {"query": "up", "time": "x"}, 400, "bad_data", 'invalid parameter "time"'),
    ("/query_range", {"query": "up", "start": 5, "end": 1, "step": 1}, 400, "bad_data", "end timestamp"),
    ("/query_range", {"query": "up", "start": 0, "end": 100000, "step": 1}, 400, "bad_data", "11,000 points"),
    ("/query", {"query": "label_replace(up, 'a', 'b', 'c', '(')"}, 422, "execution", "label_replace"),
    ("/series", {}, 400, "bad_data", "no match[] parameter provided"),
    ("/labels", {"match[]": "{"}, 400, "bad_data", 'invalid parameter "match[]"'),
    ("/status/tsdb", {"limit": "-1"}, 400, "bad_data", "limit"),
]


def test_errors(house):
    for path, params, status, kind, words in ERRORS:
        got, doc, headers = house.call("GET", API + path + "?" + urllib.parse.urlencode(params))
        assert (got, doc["status"], doc["errorType"]) == (status, "error", kind), (path, params, doc)
        assert words in doc["error"] and headers["Content-Type"] == "application/json"
    assert house.call("GET", API + "/nothing")[0] == 404
    assert house.call("DELETE", API + "/query")[0] == 405
    for body, kind, encoding, status in [(b"\xff\xff", "application/x-protobuf", "snappy", 400),
                                         (b"x", "text/plain", "snappy", 415)]:
        got = house.call("POST", API + "/write", body, {"Content-Type": kind, "Content-Encoding": encoding})
        assert got[0] == status, got


def test_old_samples_are_refused_in_part(house):
    now = house.base + 600
    rows = [({"__name__": "late"}, [(now * 1000, bits(1.0))]), ({"__name__": "late"}, [((now - 86400 * 30) * 1000, bits(2.0))])]
    status, text, _ = house.call("POST", API + "/write", snappy(write_request(rows)),
                                 {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"})
    assert status == 400 and text
    assert get(house, "/query", query="late", time=now)["result"][0]["value"][1] == "1"


# --- other ways in and out -------------------------------------------------------------------------

def test_gzip(house):
    path = API + "/query_range?" + urllib.parse.urlencode(
        {"query": "http_calls_total", "start": house.base, "end": house.base + 600, "step": 1})
    plain = house.call("GET", path)[1]
    c = http.client.HTTPConnection("127.0.0.1", house.port, timeout=15)
    c.request("GET", path, headers={"Accept-Encoding": "gzip"})
    r = c.getresponse()
    assert r.headers["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(r.read())) == plain
    c.close()


def test_import_export_delete(house):
    at = (house.base + 60) * 1000
    text = f'# TYPE shop_orders gauge\nshop_orders{{shop="north"}} 5 {at}\nshop_orders{{shop="south"}} NaN {at}\n'
    done = house.api("POST", "/api/v1/metrics/import?format=prometheus", text.encode())
    assert done["data"]["taken"] == 2
    text = house.call("GET", "/api/v1/metrics/export?format=prometheus&match[]=shop_orders")[1]
    assert sorted(text.splitlines()) == [f'shop_orders{{shop="north"}} 5 {at}', f'shop_orders{{shop="south"}} NaN {at}']
    lines = Server("", house.port).ask("GET", "/api/v1/metrics/export?match[]=shop_orders")[1].splitlines()
    assert json.loads(lines[0])["timestamps"] == [at]
    house.api("POST", "/api/v1/metrics/import?format=prometheus", b'shop_open{shop="north"} 1\n')
    status, federated, _ = house.call("GET", "/federate?" + urllib.parse.urlencode({"match[]": "shop_open"}))
    assert status == 200 and federated.startswith('# TYPE shop_open untyped\nshop_open{') and 'shop="north"' in federated
    assert house.call("POST", API + "/admin/tsdb/delete_series?match[]=shop_orders")[0] == 204
    assert get(house, "/series", **{"match[]": "shop_orders"}) == []
    name = house.api("POST", API + "/admin/tsdb/snapshot")["data"]["name"]
    assert any(name in folders for _, folders, _ in os.walk(house.data))


def test_cli(house):
    args = ("-c", house.path)
    status, out, err = run("query", "up", "--time", house.base + 60, *args)
    assert status == 0, err
    assert 'up{instance="a:1", job="web"}' in out and out.splitlines()[1].split()[-1] == "1"
    status, out, _ = run("query", "sum(up)", "--start", house.base + 60, "--end", house.base + 120, "--step", "30s", *args)
    assert status == 0 and len(out.splitlines()) == 4
    status, out, _ = run("query", "1 + 1", "--json", *args)
    assert status == 0 and json.loads(out)["data"]["result"][1] == "2"
    status, _, err = run("query", "up)", *args)
    assert status == 1 and "1:4: parse error" in err
    assert run("query", *args)[0] == 2


def test_a_query_ends_with_its_client(house):
    """Whoever leaves does not keep a worker busy."""
    query = "sum(sum_over_time((http_calls_total ^ 1.1)[10m:10ms]))"
    path = API + "/query_range?" + urllib.parse.urlencode(
        {"query": query, "start": house.base, "end": house.base + 600, "step": 0.1})

    def ask():
        c = http.client.HTTPConnection("127.0.0.1", house.port, timeout=0.3)
        try:
            c.request("GET", path)
            c.getresponse()
        except OSError:
            pass
        c.close()
    threads = [threading.Thread(target=ask) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    started = time.monotonic()
    assert get(house, "/query", query="1")["result"][1] == "1"
    assert time.monotonic() - started < 20


# --- the same answers as Prometheus ----------------------------------------------------------------

@pytest.fixture
def prometheus(tmp_path):
    with promdata.prometheus(PROMETHEUS, tmp_path) as server:
        yield server


def same_questions(base):
    end = base + 600
    window = {"start": base, "end": end}
    for query in ("up", "sum(up) by (instance)", "http_calls_total / ignoring(code) up", "1 / 0", '"text"', "up[1m]",
                  "topk(1, http_calls_total)", "absent(nothing)", "vector(1) > 2"):
        yield "/query", {"query": query, "time": base + 307.5}
    for query in ("rate(http_calls_total[47s])", "time()", "up == 0", "-up"):
        yield "/query_range", {"query": query, "start": base + 100, "end": end, "step": 15}
    yield "/labels", {"match[]": ["up", "nothing"]}
    yield "/labels", {"match[]": "http_calls_total", **window}
    yield "/series", {"match[]": ["up", 'http_calls_total{instance=~"a.*"}'], **window}
    yield "/label/instance/values", {}
    yield "/label/code/values", {"match[]": "http_calls_total"}
    yield "/label/nothing/values", {}
    yield "/format_query", {"query": "sum  by(a) (rate(x{c='d'}[5m]  offset 1h))"}
    for bad in ("up)", "up{", "sum(up) by", "rate(up)", "up and 1", "foo{a='b'", "1 == 1", "{}", "up[5m] + 1", "-'a'"):
        yield "/query", {"query": bad, "time": base}
    yield "/query", {"query": "up", "timeout": "x"}
    yield "/query_range", {"query": "up", "start": 2, "end": 1, "step": 1}
    yield "/query_range", {"query": "up", "start": 1, "end": 2, "step": 0}
    yield "/query_range", {"query": "up", "start": 0, "end": 20000, "step": 1}
    yield "/series", {}


@pytest.mark.skipif(not PROMETHEUS, reason="no prometheus to compare with")
def test_same_as_prometheus(house, prometheus):
    plain = [(l, s) for l, s in series(house.base) if "." not in l["__name__"]]  # 2.x has no such names
    prometheus.write(plain)
    failures = []
    for path, params in same_questions(house.base):
        question = "/api/v1" + path + "?" + urllib.parse.urlencode(params, doseq=True)
        (a, theirs), (b, ours) = prometheus.ask("GET", question), house.server.ask("GET", question)
        theirs, ours = json.loads(theirs), json.loads(ours)
        if (a, theirs) != (b, ours):
            failures.append(f"{question}\n  there {a} {theirs}\n  here  {b} {ours}")
    assert not failures, "\n".join(failures)
