"""Start, stop, reload: by signal, command, HTTP and change of the file; hangs, runaways and crash reports."""

import json
import os
import signal
import time

import pytest

from belfry import LONG, alive, run, wait_until

GROUP = {"name": "g", "interval": "300ms", "timeout": "200ms", "threshold": 2}


def config(t, n=1, **more):
    return {"groups": [{**GROUP, "targets": [{"name": f"t{i}", "url": t.tcp} for i in range(n)]}], **more}


def names(b):
    return {t["name"] for t in b.get("targets?limit=1000")["items"]}


@pytest.mark.parametrize("signo", [signal.SIGTERM, signal.SIGINT])
def test_stops_gracefully(belfry, target, signo):
    t = target("accept")
    b = belfry(config(t, 5))
    wait_until(lambda: t.served > 20)
    pids = [c["pid"] for c in b.children()]
    b.child.send_signal(signo)
    assert b.child.wait(15) == 0
    assert not any(map(alive, pids))
    assert b.sql("SELECT count(*) FROM probe_results")[0][0] == t.served, "what was probed was flushed"
    assert not b.crashes()


def test_probes_under_way_end_before_the_stop(belfry, target):
    t = target("hang")
    b = belfry({"groups": [{"name": "g", "interval": "3s", "timeout": "2s", "targets": [{"name": "h", "url": t.http}]}]})
    wait_until(lambda: t.served)
    began = time.monotonic()
    assert b.stop() == 0
    assert time.monotonic() - began < 6
    assert b.sql("SELECT count(*) FROM probe_results") == [(1,)], "it timed out and was stored"


def test_stop_flushes_deliveries(belfry, hook, target):
    t = target("accept")
    hook.modes["webhook"] = "slow"
    b = belfry({**config(t), "channels": [hook.channel()], "defaults": {"channels": ["webhook"]}})
    b.wait_status("t0", "healthy")
    t.down()
    wait_until(lambda: hook.attempts)
    assert b.stop() == 0
    b.start()
    wait_until(lambda: hook.alerts())
    time.sleep(2.5)
    assert [a[1:] for a in hook.alerts()] == [("firing", "t0")], "a message under way is neither lost nor doubled"


def test_second_instance_is_refused_with_the_holders_pid(belfry, target):
    b = belfry(config(target("accept")))
    for command in ("run", "start"):
        status, out, err = run(command, "-c", b.path)
        assert status == 1 and str(b.child.pid) in err and "already running" in err
    assert b.get("targets")["total"] == 1


def test_start_status_reload_stop(belfry, target):
    b = belfry(config(target("accept")), start=False)
    status, out, err = run("start", "-c", b.path)
    try:
        assert status == 0, err
        assert b.call("GET", "/health/ready")[0] == 200, "start returns when it is ready"
        pid = b.warden()["pid"]
        assert str(pid) in out
        b.seen.add(pid)
        b.note_children()
        wait_until(lambda: b.cli("status")[0] == 0)
        status, out, _ = b.cli("status")
        assert "core" in out and "g" in out and str(b.pid_of("core")) in out
        doc = json.loads(b.cli("status", "--json")[1])
        assert doc["pid"] == pid and doc["state"] == "running"
        with open(os.path.join(b.data, "run", "belfry.pid"), encoding="ascii") as f:
            assert int(f.read().split()[0]) == pid
        assert b.cli("reload")[0] == 0
    finally:
        status, out, _ = b.cli("stop")
    assert status == 0 and not alive(pid) and b.cli("status")[0] == 3
    assert b.cli("stop")[0] == 0


def test_start_tells_why_it_did_not(belfry):
    b = belfry({}, start=False)
    b.write('{"server": {"listne": "x"}}')
    status, _, err = run("start", "-c", b.path)
    assert status == 1 and "listne" in err and ":1:" in err


def test_busy_port_is_told(belfry, target):
    t = target()
    b = belfry({}, start=False)
    b.write({"server": {"listen": f"127.0.0.1:{t.port}"}})
    status, out, err = run("run", "-c", b.path)
    assert status not in (0, None) and str(t.port) in out + err


def reload_by(b, how):
    if how == "SIGHUP":
        b.child.send_signal(signal.SIGHUP)
    elif how == "POST":
        b.api("POST", "/-/reload")
    elif how == "command":
        assert b.cli("reload")[0] == 0


@pytest.mark.parametrize("how", ["SIGHUP", "POST", "command", "file"])
def test_reload(belfry, target, how):
    t = target("accept")
    b = belfry(config(t, 3))
    old = {x["name"]: x["id"] for x in b.get("targets")["items"]}
    wait_until(lambda: t.served > 3)
    pids = {c["name"]: c["pid"] for c in b.children()}
    new = config(t, 2)
    new["groups"][0]["targets"].append({"name": "fresh", "url": t.tcp})
    new["groups"].append({"name": "more", "targets": [{"name": "m", "url": t.tcp}]})
    b.write(new)
    reload_by(b, how)
    wait_until(lambda: names(b) == {"t0", "t1", "fresh", "m"}, 10)
    b.wait_status("fresh", "healthy")
    b.wait_status("m", "healthy")
    now = {x["name"]: x["id"] for x in b.get("targets")["items"]}
    assert now["t0"] == old["t0"] and now["t1"] == old["t1"]
    assert b.pid_of("core") == pids["core"] and b.pid_of("g") == pids["g/0"], "no process was restarted for it"
    b.write(config(t, 1))
    reload_by(b, how)
    wait_until(lambda: names(b) == {"t0"}, 10)
    wait_until(lambda: not b.pid_of("more"), what="the watcher of a group that is gone ends")


def test_invalid_reload_changes_nothing_and_tells_all(belfry, target):
    t = target("accept")
    b = belfry(config(t, 2))
    b.write('groups:\n- name: g\n  intervall: 3s\n  targets:\n  - {name: a, url: "tcp://127.0.0.1"}\n'
            '  - {name: b, url: "foo://x"}\n')
    status, doc, headers = b.call("POST", "/-/reload")
    assert status == 422 and headers["Content-Type"] == "application/problem+json"
    places = {(e["line"], e["column"]) for e in doc["errors"]}
    assert len(doc["errors"]) == 3 and (3, 3) in places, doc
    assert all(e["file"].endswith("belfry.yaml") for e in doc["errors"])
    status, out, err = b.cli("reload")
    assert status == 1
    for e in doc["errors"]:
        assert f"{b.path}:{e['line']}:{e['column']}: " in err and e["message"] in err, err
    b.child.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    assert names(b) == {"t0", "t1"} and b.metrics()["belfry_config_reload_failures_total"] >= 2
    before = t.served
    wait_until(lambda: t.served > before + 3)


def test_many_faults_are_all_printed(belfry):
    b = belfry({})
    b.write("groups:\n" + "".join(f"- {{name: g{i}, bogus_key_number_{i}: 1}}\n" for i in range(60)))
    status, _, err = b.cli("reload")
    assert status == 1 and all(f"bogus_key_number_{i}" in err for i in range(60))


def test_yaml_that_cannot_be_read_does_not_stop_the_commands(belfry, target):
    b = belfry(config(target("accept")))
    b.write("groups: [\n")
    status, _, err = b.cli("reload")
    assert status == 1 and "belfry.yaml:" in err
    assert b.cli("target", "ls")[0] == 0


def test_reload_storm(belfry, target):
    t = target("accept")
    b = belfry(config(t, 20))
    wait_until(lambda: t.served > 20)
    end, n = time.monotonic() + (60 if LONG else 4), 0
    while time.monotonic() < end:
        n += 1
        b.write(config(t, 20 if n % 2 else 30) if n % 5 else "groups: [\n")
        for _ in range(3):
            b.child.send_signal(signal.SIGHUP)
        b.call("POST", "/-/reload")
    b.write(config(t, 20))
    b.api("POST", "/-/reload")
    assert len(names(b)) == 20
    before = t.served
    wait_until(lambda: t.served > before + 40)
    assert not b.crashes() and all(c["restarts"] == 0 for c in b.children())
    assert b.stop() == 0
    twice = b.sql("SELECT target_id, checked_at, count(*) FROM probe_results GROUP BY 1, 2 HAVING count(*) > 1")
    assert not twice


def test_alert_survives_a_reload(belfry, hook, target):
    t = target("accept")
    c = {**config(t), "channels": [hook.channel()], "defaults": {"channels": ["webhook"]}}
    b = belfry(c)
    b.wait_status("t0", "healthy")
    t.down()
    wait_until(lambda: hook.alerts())
    c["groups"][0]["interval"] = "350ms"
    b.write(c)
    b.api("POST", "/-/reload")
    time.sleep(1)
    t.up()
    wait_until(lambda: len(hook.alerts()) > 1)
    assert [a[1] for a in hook.alerts()] == ["firing", "resolved"]


REPORT = {"timestamp", "process_id", "process_name", "system_info", "exception", "environment", "exit", "log_tail"}


def test_hung_watcher_is_replaced(belfry, target):
    t = target("accept")
    b = belfry({**config(t, 3), "limits": {"watcher": {"hang_timeout": "1s"}}},
               env={"MY_API_TOKEN": "tok-s3cret", "DB_PASSWORD": "hunter2", "PLAIN": "visible"})
    wait_until(lambda: t.served > 3)
    pid = b.pid_of("g")
    b.signal(pid, signal.SIGSTOP)
    wait_until(lambda: b.pid_of("g") not in (0, pid), 15, what="a successor")
    wait_until(lambda: not alive(pid), 10)
    before = t.served
    wait_until(lambda: t.served > before + 3)
    report = wait_until(b.crashes)[-1]
    assert report["process_id"] == pid and REPORT <= set(report)
    assert {"platform", "cpu_percent", "memory_percent"} <= set(report["system_info"])
    assert {"type", "message", "traceback"} <= set(report["exception"])
    assert "g" in report["process_name"] and report["reason"]
    text = json.dumps(report)
    assert "tok-s3cret" not in text and "hunter2" not in text
    assert report["environment"]["MY_API_TOKEN"] == "********" and report["environment"]["PLAIN"] == "visible"
    assert oct(os.stat(os.path.join(b.data, "crash", os.listdir(os.path.join(b.data, "crash"))[0])).st_mode)[-3:] == "600"


def test_hung_core_is_replaced(belfry, target):
    t = target("accept")
    b = belfry({**config(t, 3), "limits": {"core": {"hang_timeout": "1s"}}})
    pid = b.pid_of("core")
    b.signal(pid, signal.SIGSTOP)
    wait_until(lambda: b.pid_of("core") not in (0, pid), 15)
    b.wait_ready()
    assert b.stop() == 0
    assert b.sql("SELECT count(*) FROM probe_results")[0][0] == t.served


def test_aborted_watcher_leaves_a_backtrace(belfry, target):
    t = target("accept")
    b = belfry(config(t))
    wait_until(lambda: t.served)
    b.signal(wait_until(lambda: b.pid_of("g")), signal.SIGSEGV)  # warden.json follows a moment later
    report = wait_until(b.crashes)[-1]
    assert report["exception"]["type"] == "SIGSEGV" and report["exception"]["traceback"], report["exception"]


def test_child_over_its_memory_limit_is_replaced(belfry, target):
    """A watcher must hold 20 MiB of each of six bodies; its limit is 24 MiB."""
    t = target("much")
    targets = [{"name": f"big{i}", "type": "http", "config": {"url": t.http, "max_body": "64MiB",
                "expect": {"body_contains": "never"}}} for i in range(6)]
    b = belfry({"groups": [{"name": "big", "interval": "5s", "timeout": "5s", "targets": targets},
                           {**GROUP, "name": "small", "targets": [{"name": "s", "url": t.tcp}]}],
                "limits": {"watcher": {"memory_limit": "24MiB"}}})
    pid = wait_until(lambda: b.pid_of("big"))
    wait_until(lambda: b.crashes(), 25, what="the death of the greedy")
    wait_until(lambda: b.pid_of("big") not in (0, pid), what="a successor")
    report = b.crashes()[0]
    assert "big" in report["unit"]
    assert "memory" in json.dumps([report["reason"], report["exception"]["message"]]).lower(), report
    assert next(c for c in b.children() if c["key"] == "small.0")["restarts"] == 0
