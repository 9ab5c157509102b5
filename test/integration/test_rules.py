"""Rules: the files of test/rules before promtool and before Belfry; check and its linter; rules that fire in a running Belfry, live
through reloads and restarts, and are found again in the past by backtest."""

import json
import os
import shutil
import time
import urllib.parse

import pytest

from belfry import ROOT, run, wait_until

RULES = os.path.join(ROOT, "test", "rules")
TESTS = sorted(n for n in os.listdir(RULES) if n.endswith("_test.yml"))
PROMTOOL = shutil.which("promtool")


# --- without a server ------------------------------------------------------------------------------

@pytest.mark.parametrize("name", TESTS)
def test_unit_tests_pass(name):
    status, out, err = run("rule", "test", os.path.join(RULES, name))
    assert status == 0, out + err
    assert "SUCCESS" in out


@pytest.mark.skipif(not PROMTOOL, reason="promtool is not installed: nothing to compare with")
@pytest.mark.parametrize("name", TESTS)
def test_promtool_agrees(name):
    status, out, err = run("test", "rules", os.path.join(RULES, name), exe=PROMTOOL)
    assert status == 0, out + err
    status, out, err = run("check", "rules", os.path.join(RULES, name.replace("_test", "")), exe=PROMTOOL)
    assert status in (0, 3), out + err


def write(folder, name, text):
    path = os.path.join(str(folder), name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def test_a_failing_test_says_what_differs(tmp_path):
    write(tmp_path, "r.yml", "groups: [{name: g, rules: [{alert: A, expr: m > 1, annotations: {s: 'v {{ $value }}'}}]}]\n")
    path = write(tmp_path, "t.yml", """
rule_files: [r.yml]
tests:
  - interval: 1m
    input_series: [{series: 'm{a="1"}', values: 2}, {series: 'm{a="2"}', values: 3}]
    alert_rule_test:
      - eval_time: 0m
        alertname: A
        exp_alerts:
          - {exp_labels: {a: "1"}, exp_annotations: {s: v 9}}
          - {exp_labels: {a: "3"}}
    promql_expr_test:
      - {expr: m, eval_time: 0m, exp_samples: [{labels: 'm{a="1"}', value: 2}]}
""")
    status, out, _ = run("rule", "test", path)
    assert status == 1
    for words in ['s: got "v 2"', 'want "v 9"', 'missing    {a="3"', 'unexpected {a="2"', 'unexpected m{a="2"} 3',
                  "1 of 1 tests failed"]:
        assert words in out, out


def test_start_timestamp(tmp_path):
    write(tmp_path, "r.yml", "groups: [{name: g, rules: [{record: t, expr: time()}]}]\n")
    path = write(tmp_path, "t.yml", """
rule_files: [r.yml]
tests:
  - start_timestamp: 2026-11-20T08:00:00Z
    promql_expr_test: [{expr: t, eval_time: 5m, exp_samples: [{labels: t, value: 1795161900}]}]
""")
    status, out, err = run("rule", "test", path)
    assert status == 0, out + err


def test_check_tells_every_problem_with_its_place(tmp_path):
    path = write(tmp_path, "bad.yml", """groups:
- name: g
  rules:
  - alert: A
    expr: |
      sum(x
        by y
    annotations: {a: '{{ humanise 1 }}'}
  - record: B
    expr: x
    fro: 1m
""")
    status, _, err = run("rule", "check", path)
    assert status == 1
    assert "bad.yml:7:9: " in err and "parse error" in err
    assert "did you mean humanize?" in err
    assert 'bad.yml:11:5: groups[0].rules[1]: unknown key "fro"' in err


def test_lint_by_the_language_alone(tmp_path):
    path = write(tmp_path, "r.yml", """groups:
- name: g
  interval: 1m
  rules:
  - {alert: NoFor, expr: up == 0}
  - {alert: Raw, expr: requests_total > 5, for: 5m}
  - {alert: Short, expr: 'rate(requests_total[20s]) > 5', for: 5m}
  - {alert: Gauge, expr: 'rate(temperature[5m]) > 5', for: 5m}
  - {alert: Delta, expr: 'delta(requests_total[5m]) > 5', for: 5m}
  - {alert: Never, expr: 'up{job="a", job="b"} == 0', for: 5m}
  - {alert: Always, expr: 'avg(up)', for: 5m}
  - {alert: Bool, expr: 'up == bool 0', for: 5m}
  - {alert: Le, expr: 'histogram_quantile(0.9, sum by (job) (rate(x_bucket[5m]))) > 1', for: 5m}
  - {alert: Dropped, expr: 'sum by (job) (up) == 0', for: 5m, annotations: {s: '{{ $labels.instance }}'}}
  - {alert: ShortFor, expr: up == 0, for: 30s}
  - {alert: ShortFor, expr: up == 0, for: 30s}
  - {alert: Good, expr: 'sum by (job) (rate(requests_total{code=~"5.."}[5m])) > 1', for: 5m, annotations: {s: '{{ $labels.job }}'}}
  - {alert: AlsoGood, expr: 'count(requests_total) < 2 or absent(requests_total)', for: 5m}
""")
    status, out, err = run("rule", "check", "--offline", path)
    assert status == 0, err
    found = {(int(line.split(":")[1]), line.rsplit("[", 1)[1].rstrip("]"))
             for line in out.splitlines() if ": warning: " in line}
    assert found == {(5, "no-for"), (6, "counter-without-rate"), (7, "short-range"), (8, "rate-of-gauge"),
                     (9, "delta-of-counter"), (10, "label-cannot-match"), (11, "no-comparison"),
                     (12, "no-comparison"), (13, "quantile-without-le"), (14, "dropped-label"), (15, "short-for"),
                     (16, "short-for"), (16, "duplicate")}
    assert run("rule", "check", "--offline", "--strict", path)[0] == 1
    assert run("rule", "check", "--offline", "--strict", "--no-lint", path)[0] == 0
    status, _, err = run("rule", "check", "-c", os.path.join(str(tmp_path), "none.yaml"), path)
    assert status == 0 and "no running Belfry was asked" in err


def test_usage():
    assert run("rule")[0] == 2
    assert run("rule", "nothing")[0] == 2
    assert run("rule", "check")[0] == 2
    assert run("rule", "test")[0] == 2
    assert run("rule", "test", "/nowhere.yml")[0] == 1
    assert run("rule", "backtest", "--from", "never", "x.yml")[0] == 2


# --- in a running Belfry ---------------------------------------------------------------------------

LIVE = """groups:
- name: live
  interval: 1s
  rules:
  - record: room:temperature:max
    expr: max by (room) (temperature)
  - alert: Hot
    expr: room:temperature:max > 30
    labels: {severity: page}
    annotations: {summary: '{{ $labels.room }}: {{ $value | humanize }}'}
  - alert: Slow
    expr: temperature > 10
    for: 1h
"""


def push(b, value, ms=None, room="attic"):
    ms = ms or int(time.time() * 1000)
    status, doc, _ = b.call("POST", "/api/v1/metrics/import",
                            f'temperature{{room="{room}"}} {value} {ms}\n'.encode(), {"Content-Type": "text/plain"})
    assert status in (200, 204), doc


def rule_of(b, name):
    for g in b.get("/prometheus/api/v1/rules")["data"]["groups"]:
        for r in g["rules"]:
            if r["name"] == name:
                return r
    return None


def ask(b, query):
    return b.get("/prometheus/api/v1/query?query=" + urllib.parse.quote(query))["data"]["result"]


def ready(b):
    def there():
        try:
            return rule_of(b, "Hot")
        except AssertionError:
            return None
    wait_until(there, 20, what="the rules are loaded")


@pytest.fixture
def live(belfry, tmp_path):
    b = belfry({"rule_files": ["rules.yml"]}, start=False)
    write(b.folder, "rules.yml", LIVE)
    b.start()
    ready(b)
    return b


def test_a_rule_fires_and_is_resolved(live):
    push(live, 35)
    wait_until(lambda: rule_of(live, "Hot")["state"] == "firing", 20, what="Hot fires")
    r = rule_of(live, "Hot")
    assert r["health"] == "ok" and r["type"] == "alerting"
    assert r["alerts"][0]["labels"] == {"alertname": "Hot", "room": "attic", "severity": "page"}
    assert r["alerts"][0]["annotations"] == {"summary": "attic: 35"}
    assert rule_of(live, "Slow")["state"] == "pending"
    alerts = live.get("/prometheus/api/v1/alerts")["data"]["alerts"]
    assert {a["labels"]["alertname"] for a in alerts} == {"Hot", "Slow"}
    wait_until(lambda: ask(live, 'ALERTS{alertname="Hot",alertstate="firing"}'), 10, what="ALERTS")

    def own():
        return [a for a in live.get("alerts?status=firing")["items"] if "Hot" in json.dumps(a)]
    wait_until(own, 20, what="the core has the alert")

    push(live, 20)
    wait_until(lambda: rule_of(live, "Hot")["state"] == "inactive", 20, what="Hot is quiet")
    wait_until(lambda: not own(), 20, what="the core has resolved it")
    wait_until(lambda: not ask(live, 'ALERTS{alertname="Hot"}'), 10, what="a stale marker")


def test_a_reload_keeps_the_state(live):
    push(live, 35)
    wait_until(lambda: rule_of(live, "Slow")["state"] == "pending", 20)
    since = rule_of(live, "Slow")["alerts"][0]["activeAt"]
    write(live.folder, "rules.yml", LIVE + "  - {alert: More, expr: vector(1)}\n")
    assert run("reload", "-c", live.path)[0] == 0
    wait_until(lambda: rule_of(live, "More") and rule_of(live, "More")["state"] == "firing", 20, what="the new rule")
    push(live, 35)
    assert rule_of(live, "Slow")["alerts"][0]["activeAt"] == since
    write(live.folder, "rules.yml", "groups: [{name: live, rules: [{alert: A, expr: '('}]}]\n")
    status, out, err = run("reload", "-c", live.path)
    assert status != 0 and "rules.yml:1:" in out + err
    assert rule_of(live, "Slow")


def test_a_pending_alert_survives_kill(live):
    push(live, 35)
    wait_until(lambda: ask(live, 'ALERTS_FOR_STATE{alertname="Slow"}'), 20, what="the state is written")
    since = float(ask(live, 'ALERTS_FOR_STATE{alertname="Slow"}')[0]["value"][1])
    time.sleep(2)
    live.kill_all()
    live.start()
    ready(live)
    push(live, 35)
    wait_until(lambda: ask(live, 'ALERTS_FOR_STATE{alertname="Slow"}'), 30, what="the state is back")
    wait_until(lambda: abs(float(ask(live, 'ALERTS_FOR_STATE{alertname="Slow"}')[0]["value"][1]) - since) < 60, 20)
    age = time.time() - float(ask(live, 'ALERTS_FOR_STATE{alertname="Slow"}')[0]["value"][1])
    assert age > 1.5


def test_backtest_finds_what_was(live, tmp_path):
    now = int(time.time()) // 60 * 60
    for minute in range(120, 0, -1):
        push(live, 35 if 90 <= minute < 100 or minute == 50 else 20, (now - minute * 60) * 1000, "past")
    path = write(tmp_path, "past.yml", """groups:
- name: past
  rules:
  - {alert: Hot, expr: 'temperature{room="past"} > 30', for: 2m}
  - {alert: Any, expr: 'temperature{room="past"} > 30'}
""")
    status, out, err = run("rule", "backtest", path, "-c", live.path, "--from", "3h", "--json")
    assert status == 0, err
    hot, every = [json.loads(line) for line in out.splitlines()]
    assert hot["alert"] == "Hot" and len(hot["firings"]) == 1
    assert len(every["firings"]) == 2
    assert hot["firings"][0]["value"] == 35
    status, out, err = run("rule", "backtest", path, "-c", live.path, "--from", "3h", "--rule", "Hot")
    assert status == 0 and "Hot fired 1 times" in out, out + err


def test_lint_asks_the_server(live, tmp_path):
    for i in range(10, 0, -1):
        push(live, 20, int(time.time() * 1000) - i * 30000)
    path = write(tmp_path, "r.yml", """groups:
- name: g
  rules:
  - {alert: Name, expr: temprature > 3, for: 5m}
  - {alert: Label, expr: 'temperature{room="cellar"} > 3', for: 5m}
  - {alert: Range, expr: 'max_over_time(temperature[40s]) > 3', for: 5m}
  - {alert: Good, expr: 'max_over_time(temperature{room=~"at.*"}[5m]) > 3', for: 5m}
""")
    status, out, err = run("rule", "check", "-c", live.path, path)
    assert status == 0 and "no running" not in err, err
    found = [(int(line.split(":")[1]), line.rsplit("[", 1)[1].rstrip("]"))
             for line in out.splitlines() if ": warning: " in line]
    assert found == [(4, "no-series"), (5, "label-cannot-match"), (6, "short-range")], out
    assert "did you mean temperature?" in out
