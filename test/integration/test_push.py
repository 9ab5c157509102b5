"""Heartbeats of jobs: /push/TOKEN, as Healthchecks.io's and Uptime Kuma's clients speak it, and what must hold: late is down, runs are
told apart, what was acknowledged outlives any death."""

import http.client
import signal
import threading
import time

import pytest
from belfry import wait_until


def push(b, path, body=None, method=None):
    """(status, document) of a report, without any credentials."""
    c = http.client.HTTPConnection("127.0.0.1", b.port, timeout=10)
    c.request(method or ("POST" if body is not None else "GET"), path, body=body)
    r = c.getresponse()
    text = r.read()
    c.close()
    return r.status, text


def make(b, name="backup", **config):
    t = b.api("POST", "/api/v1/targets", {"name": name, "type": "push", "interval_seconds": 1, "timeout_seconds": 1,
                                          "config": {"period": "1h", "grace": "1m", "timezone": "UTC", **config}})
    return b.api("GET", f"/api/v1/targets/{t['id']}")


def seen(b, t):
    return b.api("GET", f"/api/v1/targets/{t['id']}")


@pytest.fixture
def b(belfry):
    return belfry({"server": {"public_url": "https://mon.example.com/"}})


def test_a_job_is_unknown_until_it_was_heard(b):
    t = make(b)
    path = t["push"]["path"]
    assert path.startswith("/push/") and len(path) == len("/push/") + 32
    assert t["push"]["url"] == "https://mon.example.com" + path
    assert t["config"]["token"] == "********" and t["status"] == "unknown"
    assert push(b, path) == (200, b'{"ok":true}')
    t = seen(b, t)
    assert t["status"] == "healthy" and t["last_message"].startswith("last heard at ")
    assert t["push"]["last_at"] and t["push"]["runs"][0]["kind"] == "success"


def test_a_failure_rings_at_once_and_a_success_ends_it(b):
    t = make(b)
    path = t["push"]["path"]
    assert push(b, path + "/3", "line one\nno space left on device\n")[0] == 200
    t = seen(b, t)
    assert t["status"] == "unhealthy" and t["alert_id"]
    assert t["last_message"].startswith("ended with exit code 3 at ")
    assert t["last_message"].endswith(": no space left on device")
    run = t["push"]["runs"][0]
    assert (run["kind"], run["exit_code"], run["output"]) == ("fail", 3, "line one\nno space left on device\n")
    assert push(b, path + "/0")[0] == 200
    assert seen(b, t)["status"] == "healthy"
    assert push(b, path + "/fail")[0] == 200
    assert "reported failure" in seen(b, t)["last_message"]


def test_overlapping_runs_are_told_apart(b):
    t = make(b)
    path = t["push"]["path"]
    assert push(b, path + "/start?rid=one")[0] == 200
    time.sleep(0.3)
    assert push(b, path + "/start?rid=two")[0] == 200
    assert [r["rid"] for r in seen(b, t)["push"]["running"]] == ["one", "two"]
    assert push(b, path + "?rid=two")[0] == 200
    assert push(b, path + "?rid=one")[0] == 200
    two, one = reversed(seen(b, t)["push"]["runs"])
    assert (one["rid"], two["rid"]) == ("one", "two")
    assert one["duration_ms"] >= 300 and one["duration_ms"] > two["duration_ms"] >= 0
    assert one["started_at"] < two["started_at"] and seen(b, t)["push"]["running"] == []


def test_late_is_down_and_says_since_when(b):
    t = make(b, period="1s", grace="1s")
    assert push(b, t["push"]["path"])[0] == 200
    b.wait_status("backup", "unhealthy", timeout=20)
    message = seen(b, t)["last_message"]
    assert message.startswith("nothing heard since ") and ", expected by " in message
    assert push(b, t["push"]["path"])[0] == 200
    assert seen(b, t)["status"] == "healthy"


def test_a_job_that_never_ran_is_late_too(b):
    t = make(b, period="1s", grace="1s")
    b.wait_status("backup", "unhealthy", timeout=20)
    assert seen(b, t)["last_message"].startswith("nothing heard yet, expected by ")


def test_a_start_without_an_end(b):
    t = make(b, max_duration="1s")
    assert push(b, t["push"]["path"] + "/start?rid=night")[0] == 200
    b.wait_status("backup", "unhealthy", timeout=20)
    message = seen(b, t)["last_message"]
    assert message.startswith("the run night that began at ") and message.endswith("has not ended and may take 1.0 s")


def test_as_uptime_kuma_says_it(b):
    t = make(b)
    path = "/api" + t["push"]["path"]
    assert push(b, path + "?status=up&msg=OK&ping=12.4") == (200, b'{"ok":true}')
    t = seen(b, t)
    assert t["last_message"].startswith("OK; last heard at ") and t["last_latency_ms"] == 12
    assert push(b, path + "?status=up&msg=&ping=")[0] == 200
    assert push(b, path + "?status=down&msg=disk+full")[0] == 200
    assert seen(b, t)["last_message"].endswith(": disk full")
    assert push(b, path + "?status=sideways")[0] == 400


def test_a_cron_expression_says_when(b):
    t = make(b, period=None, schedule="0 3 * * *", timezone="Asia/Shanghai")
    assert push(b, t["push"]["path"])[0] == 200
    assert seen(b, t)["push"]["due_at"].endswith("T19:00:00.000Z")
    assert b.call("POST", "/api/v1/targets", {"name": "x", "type": "push", "config": {"schedule": "0 3 * *"}})[0] == 422


def test_unknown_tokens_and_words(b):
    t = make(b)
    assert push(b, "/push/" + "x" * 32)[0] == 404
    assert push(b, "/push/")[0] == 404
    assert push(b, t["push"]["path"] + "/256")[0] == 400
    assert push(b, t["push"]["path"] + "/what")[0] == 400
    assert push(b, t["push"]["path"] + "?rid=" + "x" * 65)[0] == 400
    assert push(b, t["push"]["path"], method="PUT")[0] == 405
    assert seen(b, t)["status"] == "unknown"


def test_the_end_of_a_long_output_is_kept(b):
    t = make(b)
    body = ("ä" * 20000 + "the end").encode()
    assert push(b, t["push"]["path"] + "/log", body)[0] == 200
    assert push(b, t["push"]["path"], b"\xff\xfe" * 20000)[0] == 200
    bad, good = seen(b, t)["push"]["runs"]
    assert good["kind"] == "log" and good["output"].endswith("äthe end") and len(good["output"].encode()) <= 10000
    assert len(bad["output"].encode()) <= 10000


def test_too_many_reports_are_refused(b):
    t = make(b)
    codes = [push(b, t["push"]["path"])[0] for _ in range(80)]
    assert codes[0] == 200 and 429 in codes


def test_a_paused_job_is_answered_and_not_judged(b):
    t = make(b)
    b.api("PATCH", f"/api/v1/targets/{t['id']}", {"enabled": False})
    assert push(b, t["push"]["path"] + "/fail") == (200, b'{"ok":true,"paused":true}')
    b.api("PATCH", f"/api/v1/targets/{t['id']}", {"enabled": True})
    assert seen(b, t)["status"] == "unknown"


def test_the_address_stays(b):
    """Whatever else is changed; and it can be chosen, but not twice."""
    t = make(b)
    path = t["push"]["path"]
    doc = {k: t[k] for k in ("name", "type", "group", "interval_seconds", "timeout_seconds")}
    b.api("PUT", f"/api/v1/targets/{t['id']}", {**doc, "config": {"period": "2h"}})
    assert seen(b, t)["push"]["path"] == path
    b.api("PATCH", f"/api/v1/targets/{t['id']}", {"config": {"token": "chosen-by-hand-0001"}})
    assert push(b, path)[0] == 404 and push(b, "/push/chosen-by-hand-0001")[0] == 200
    other = b.call("POST", "/api/v1/targets", {"name": "o", "type": "push",
                                               "config": {"period": "1h", "token": "chosen-by-hand-0001"}})
    assert other[0] == 422


def test_a_job_of_the_file_keeps_its_address_over_reloads(belfry):
    config = {"groups": [{"name": "jobs", "targets": [{"name": "backup", "type": "push", "config": {"period": "1h"}}]}]}
    b = belfry(config)
    path = seen(b, b.target("backup"))["push"]["path"]
    config["groups"][0]["targets"][0]["config"]["period"] = "2h"
    b.write(config)
    b.call("POST", "/-/reload")
    wait_until(lambda: b.target("backup")["config"]["period"] == "2h", what="the reload")
    assert seen(b, b.target("backup"))["push"]["path"] == path
    assert push(b, path)[0] == 200
    b.stop()
    b.start()
    assert seen(b, b.target("backup"))["push"]["path"] == path


def test_nothing_acknowledged_is_lost(b):
    """kill -9 of the core while jobs report: what was answered 200 is there afterwards."""
    t = make(b)
    path, answered = t["push"]["path"], []
    push(b, path + "/start?rid=long")
    pid = b.pid_of("core")

    def report():
        for i in range(25):
            try:
                if push(b, f"{path}?rid=r{i}&msg=run+{i}")[0] == 200:
                    answered.append(i)
            except OSError:
                return
    worker = threading.Thread(target=report)
    worker.start()
    wait_until(lambda: len(answered) >= 5, what="some reports")
    b.signal(pid, signal.SIGKILL)
    worker.join()
    b.wait_ready(60)
    wait_until(lambda: b.pid_of("core") not in (None, pid), 30, what="another core")
    b.wait_ready(60)
    got = seen(b, t)
    said = {r["message"] for r in got["push"]["runs"]}
    missing = [i for i in answered[-18:] if f"run {i}" not in said]
    assert not missing, (answered, said)
    assert [r["rid"] for r in got["push"]["running"]] == ["long"]
    rows = b.api("GET", f"/api/v1/targets/{t['id']}/results?limit=1000")["items"]
    assert all(any(r["message"].startswith(f"run {i};") for r in rows) for i in answered)


def test_who_may_not_edit_does_not_see_the_address(b):
    t = make(b)
    token = b.api("POST", "/api/v1/tokens", {"name": "reader", "scope": "read"})["token"]
    c = http.client.HTTPConnection("127.0.0.1", b.port, timeout=10)
    c.request("GET", f"/api/v1/targets/{t['id']}", headers={"Authorization": f"Bearer {token}"})
    text = c.getresponse().read().decode()
    assert '"push"' in text and t["push"]["path"].split("/")[-1] not in text


def test_metrics(b):
    t = make(b)
    push(b, t["push"]["path"] + "/start")
    push(b, t["push"]["path"] + "/0")
    metrics = b.metrics()
    names = str(metrics)
    for name in ("probe_success", "probe_push_duration_seconds", "probe_push_exit_code",
                 "probe_push_last_success_timestamp_seconds", "probe_push_runs_active"):
        assert name in names
