"""Supervised programs: started, watched, restarted, ordered, stopped, told of; by file, API and command line."""

import json
import os
import re
import signal
import socket
import sys
import time

import pytest

from belfry import alive, wait_until

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
FAST = {"enable": True, "check_interval": 1, "restart_cooldown": 0, "max_restarts": 0, "health_timeout": 1}
UP = ("running", "ready")


def config(*units, monitor=None, **section):
    return {"processes": {"monitor": {**FAST, **(monitor or {})}, "units": list(units), **section}}


def sleeper(unit="s", **more):
    return {"id": unit, "command": ["/bin/sleep", "1000"], "start_seconds": 0, **more}


def shell(unit, text, **more):
    return {"id": unit, "shell": True, "command": text, "start_seconds": 0, **more}


def python(unit, text, **more):
    return {"id": unit, "command": [sys.executable, "-u", "-c", text], "start_seconds": 0, **more}


def lines(b, unit, **query):
    text = "&".join(f"{k}={v}" for k, v in query.items())
    return [i["text"] for i in b.get(f"processes/{unit}/log?{text}")["items"]]


def wait_line(b, unit, text, timeout=10):
    def there():
        try:
            return any(text in line for line in lines(b, unit))
        except AssertionError:
            return False
    wait_until(there, timeout, what=f"{unit} prints {text!r}")


def kill(b, unit, signo=signal.SIGKILL):
    pid = b.wait_program(unit, *UP)["pid"]
    os.kill(pid, signo)
    return pid


def history(b, unit, kind="death"):
    return b.get(f"processes/{unit}/restarts?kind={kind}")["items"]


def events(b):
    """The lines of logs/processes/monitor.log."""
    path = os.path.join(b.folder, "logs", "processes", "monitor.log")
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


# --- one program --------------------------------------------------------------------------------

def test_runs_and_is_shown(belfry):
    b = belfry(config(sleeper("ss-001", type="shadowsocks", labels={"team": "net"})))
    p = b.wait_program("ss-001", "running")
    assert alive(p["pid"]) and p["type"] == "shadowsocks" and p["enabled"] is True and p["restarts"] == 0
    assert p["uptime_seconds"] >= 0 and p["started_at"].endswith("Z") and p["exit"] is None
    assert b.get("processes")["total"] == 1
    assert b.call("GET", "/api/v1/processes/ss-002")[0] == 404
    wait_until(lambda: b.program("ss-001")["rss_bytes"] > 0)
    m = b.metrics()
    up = [k for k in m if k.startswith("belfry_process_up{")]
    assert len(up) == 1 and m[up[0]] == 1 and 'unit="ss-001"' in up[0] and 'type="shadowsocks"' in up[0] and 'team="net"' in up[0]
    assert b.stop() == 0
    assert not alive(p["pid"])


def test_killed_and_replaced(belfry):
    b = belfry(config(sleeper()))
    old = kill(b, "s")
    p = b.wait_program("s", "running", but=old)
    assert p["restarts"] == 1 and p["exit"]["signal"] == "SIGKILL"
    wait_until(lambda: history(b, "s"))
    h = history(b, "s")[0]
    assert h["pid"] == old and h["failure"] is True and h["exit"]["signal"] == "SIGKILL"
    states = [(e["from"], e["to"]) for e in reversed(history(b, "s", "state"))]
    at = states.index(("running", "crashed"))
    assert states[at:at + 2] == [("running", "crashed"), ("crashed", "restarting")] and states[-1][1] == "running"
    status = b.get("proxy/monitor/status")
    assert status["total_restarts"] == 1 and status["success_restarts"] == 1 and status["failed_restarts"] == 0
    assert status["status_count"]["running"] == 1 and status["total_proxies"] == status["enabled_proxies"] == 1
    wait_until(lambda: b.get("proxy/monitor/status")["total_checks"] > 0)
    assert b.get("proxy/monitor/status")["last_check_time"].endswith("Z")


def test_exit_status_and_last_words_are_kept(belfry):
    b = belfry(config(shell("s", "echo first; echo why >&2; sleep 0.3; exit 3", restart="never")))
    p = b.wait_program("s", "crashed")
    assert p["exit"]["status"] == 3 and p["pid"] is None
    wait_until(lambda: history(b, "s") and "why" in history(b, "s")[0]["output"], what=str(history(b, "s")))


@pytest.mark.parametrize("restart,status,state", [("on-failure", 0, "stopped"), ("never", 0, "stopped"), ("never", 1, "crashed")])
def test_restart_policies_that_leave_it(belfry, restart, status, state):
    b = belfry(config(shell("s", f"sleep 0.2; exit {status}", restart=restart)))
    b.wait_program("s", state)
    time.sleep(0.5)
    p = b.program("s")
    assert p["status"] == state and p["restarts"] == 0


def test_accepted_exit_statuses(belfry):
    b = belfry(config(shell("s", "sleep 0.2; exit 7", restart="on-failure", success_statuses=[0, 7])))
    b.wait_program("s", "stopped")


def test_program_that_does_not_exist(belfry):
    b = belfry(config({"id": "s", "command": ["/no/such/program"]}, monitor={"max_restarts": 2}))
    p = b.wait_program("s", "fatal")
    assert "/no/such/program" in p["message"] + str(p["exit"])


def test_budget_then_fatal_then_reset(belfry, hook):
    b = belfry({"channels": [hook.channel()], **config(shell("s", "exit 1"), monitor={"max_restarts": 3}, channels=["webhook"])})
    p = b.wait_program("s", "fatal")
    assert p["restarts"] == 3
    wait_until(lambda: ("firing", "s") in [a[1:] for a in hook.alerts()])
    time.sleep(0.5)
    assert b.program("s")["restarts"] == 3, "nothing is tried any more"
    b.post("processes/s/reset")
    wait_until(lambda: b.program("s")["restarts"] > 3)
    b.wait_program("s", "fatal")


def test_cooldown(belfry):
    b = belfry(config(sleeper(), monitor={"restart_cooldown": 3}))
    old = kill(b, "s")
    p = b.wait_program("s", "running", but=old)
    old = kill(b, "s")
    q = b.wait_program("s", "restarting", "backoff", but=old)
    assert q["next_start_at"] > p["started_at"]
    q = b.wait_program("s", "running", but=old)
    assert q["started_at"] >= p["started_at"]
    begun, again = (time.mktime(time.strptime(t[:19], "%Y-%m-%dT%H:%M:%S")) for t in (p["started_at"], q["started_at"]))
    assert again - begun >= 2, "not sooner than the cooldown"


def test_growing_delay(belfry):
    b = belfry(config(shell("s", "exit 1", restart_delay={"delay": "200ms", "growth": 2, "delay_max": "1h"})))
    p = wait_until(lambda: (lambda p: p["status"] == "backoff" and p["restarts"] >= 3 and p)(b.program("s")))
    assert p["next_start_at"]


def test_monitor_off_and_on(belfry):
    b = belfry(config(sleeper()))
    pid = b.wait_program("s", "running")["pid"]
    assert b.post("processes/s/disable")["enabled"] is False
    assert b.program("s")["pid"] == pid, "it runs on"
    kill(b, "s")
    b.wait_program("s", "crashed")
    assert b.get("proxy/monitor/status")["enabled_proxies"] == 0
    assert b.stop() == 0
    b.start()
    b.wait_program("s", "running")
    assert b.program("s")["enabled"] is False, "it outlives a restart of Belfry"
    kill(b, "s")
    b.wait_program("s", "crashed")
    b.post("processes/s/enable")
    b.wait_program("s", "running")


def test_seed_defaults_do_not_restart(belfry):
    b = belfry({"processes": {"units": [sleeper()]}})
    kill(b, "s")
    assert b.wait_program("s", "crashed")["enabled"] is False


def test_start_stop_restart(belfry):
    b = belfry(config(sleeper(), sleeper("idle", autostart=False)))
    pid = b.wait_program("s", "running")["pid"]
    assert b.program("idle")["status"] == "stopped"
    p = b.post("processes/s/restart?wait=10s")
    assert p["status"] == "running" and p["pid"] != pid and p["restarts"] == 0, "not by itself"
    assert b.post("processes/s/stop?wait=10s")["status"] == "stopped" and not alive(p["pid"])
    assert b.post("processes/idle/start?wait=10s")["status"] == "running"
    time.sleep(0.3)
    assert b.program("s")["status"] == "stopped"


# --- how it runs ----------------------------------------------------------------------------------

def test_environment_directory_umask_limits(belfry, tmp_path):
    (tmp_path / "env").write_text("# a comment\nFROM_FILE='a b'\nBOTH=file\n")
    text = "echo $WORD $BOTH \"$FROM_FILE\"; pwd; umask; ulimit -n; nice; cat /proc/self/oom_score_adj; readlink /proc/self/fd/0; sleep 1000"
    b = belfry(config(shell("s", text, directory=str(tmp_path), umask="0027", environment={"WORD": "hello", "BOTH": "unit"},
                            environment_file=str(tmp_path / "env"), limits={"open_files": 77}, priority={"nice": 5, "oom_score": 300})))
    wait_line(b, "s", "/dev/null")
    assert lines(b, "s") == ["hello unit a b", str(tmp_path), "0027", "77", "5", "300", "/dev/null"]


def test_nothing_is_inherited(belfry):
    b = belfry(config(shell("s", "ls -l /proc/self/fd; sleep 1000")))
    wait_line(b, "s", "0 -> /dev/null")
    time.sleep(0.2)
    open_files = [line.split()[-3] for line in lines(b, "s") if "->" in line]
    assert set(open_files) <= {"0", "1", "2", "3"}, lines(b, "s")


@ROOT_ONLY
def test_user(belfry, tmp_path):
    os.chmod(tmp_path, 0o755)
    text = "id -un; id -Gn; grep -E '^(Cap(Eff|Prm|Amb)|NoNewPrivs)' /proc/self/status; echo $HOME; sleep 1000"
    b = belfry(config(shell("s", text, user="nobody")))
    wait_line(b, "s", "nonexistent")
    seen = lines(b, "s")
    assert seen[0] == "nobody" and seen[1] == "nogroup"
    assert [x.split()[1] for x in seen[2:6]] == ["0" * 16, "0" * 16, "0" * 16, "1"], seen


def test_unknown_user_is_told(belfry):
    b = belfry(config(sleeper(user="nosuchuser")))
    wait_until(lambda: "nosuchuser" in json.dumps(b.program("s")))
    assert b.program("s")["status"] not in UP


def test_pre_start_and_post_stop(belfry, tmp_path):
    mark = tmp_path / "mark"
    b = belfry(config(sleeper(pre_start=["/bin/sh", "-c", f"echo pre >> {mark}"], post_stop=["/bin/sh", "-c", f"echo post >> {mark}"])))
    b.wait_program("s", "running")
    assert mark.read_text() == "pre\n"
    b.post("processes/s/stop?wait=10s")
    wait_until(lambda: mark.read_text() == "pre\npost\n")


def test_failing_pre_start_is_a_failed_start(belfry):
    b = belfry(config(sleeper(pre_start=["/bin/false"]), monitor={"max_restarts": 1}))
    b.wait_program("s", "fatal")


# --- ready, health, watchdog -------------------------------------------------------------------------

NOTIFY = """
import os, socket, time
def say(text):
    a = os.environ["NOTIFY_SOCKET"]
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.connect("\\0" + a[1:] if a[0] == "@" else a)
    s.send(text.encode())
"""


def test_ready_by_notify(belfry):
    b = belfry(config(python("s", NOTIFY + "time.sleep(0.5); say('STATUS=loading 载入'); time.sleep(0.5); say('READY=1'); time.sleep(1000)",
                             ready="notify"),
                      sleeper("after", after=["s"])))
    wait_until(lambda: "载入" in (b.program("s")["message"] or ""))
    assert b.program("s")["status"] == "starting" and b.program("after")["status"] == "starting"
    assert not b.program("after")["pid"]
    b.wait_program("s", "ready")
    b.wait_program("after", "running")


def test_lost_watchdog_ping(belfry):
    b = belfry(config(python("s", NOTIFY + "say('READY=1')\nfor _ in range(4): say('WATCHDOG=1'); time.sleep(0.3)\ntime.sleep(1000)",
                             ready="notify", watchdog="1s")))
    pid = b.wait_program("s", "ready")["pid"]
    b.wait_program("s", "starting", "ready", but=pid)
    wait_until(lambda: history(b, "s"))
    assert history(b, "s")[0]["cause"] == "hung"


SERVER = "import http.server; http.server.test(http.server.SimpleHTTPRequestHandler, port=%d, bind='127.0.0.1')"


def test_health_probe_replaces_what_hangs(belfry):
    from belfry import free_port
    port = free_port()
    b = belfry(config(python("web", SERVER % port, ready="health", health={"url": f"http://127.0.0.1:{port}/"}),
                      monitor={"health_failures": 2}))
    p = b.wait_program("web", "ready")
    wait_until(lambda: b.program("web")["health"]["status"] == "good")
    os.kill(p["pid"], signal.SIGSTOP)
    q = b.wait_program("web", "ready", but=p["pid"], timeout=30)
    assert q["restarts"] == 1
    wait_until(lambda: history(b, "web"))
    assert history(b, "web")[0]["cause"] == "health"


def test_memory_bound(belfry):
    b = belfry(config(python("s", "import time; time.sleep(1.5); x = bytearray(120 << 20); time.sleep(1000)", limits={"watch_memory": "80MiB"})))
    pid = b.wait_program("s", "running")["pid"]
    b.wait_program("s", "running", but=pid, timeout=20)
    wait_until(lambda: history(b, "s"))
    assert history(b, "s")[0]["cause"] == "memory"


# --- order ---------------------------------------------------------------------------------------------

def test_requires_and_stop_order(belfry, tmp_path):
    mark = tmp_path / "mark"

    def unit(name, **more):
        return shell(name, f"trap 'echo stop {name} >> {mark}; exit 0' TERM; echo start {name} >> {mark}; while :; do sleep 0.05; done",
                     start_seconds="300ms", **more)
    b = belfry(config(unit("app", requires=["db"]), unit("web", requires=["app"]), unit("db")))
    b.wait_program("web", "running")
    assert mark.read_text().split("\n")[:3] == ["start db", "start app", "start web"]
    assert b.stop() == 0
    assert mark.read_text().split("\n")[3:6] == ["stop web", "stop app", "stop db"]


def test_circle_is_refused(belfry):
    b = belfry({}, start=False)
    b.write({"processes": {"units": [sleeper("a", requires=["b"]), sleeper("b", after=["a"])]}})
    status, out, err = b.cli("config", "check")
    assert status == 1 and "a" in err and "circle" in err, err


def test_replicas_and_rolling_restart(belfry):
    b = belfry(config(shell("worker-%i", "echo I am %i; sleep 1000", replicas=3, start_seconds="200ms")))
    pids = {}
    for i in (1, 2, 3):
        pids[i] = b.wait_program(f"worker-{i}", "running")["pid"]
        assert lines(b, f"worker-{i}") == [f"I am {i}"]
    answer = b.post("processes/restart?wait=20s", {"match": "worker-*", "rolling": True})
    assert not answer["failed"], answer
    for i in (1, 2, 3):
        assert b.wait_program(f"worker-{i}", "running")["pid"] != pids[i]


# --- ends ----------------------------------------------------------------------------------------------

def test_ignores_term(belfry):
    b = belfry(config(shell("s", "trap '' TERM; echo deaf; while :; do sleep 0.1; done", stop_timeout="500ms")))
    wait_line(b, "s", "deaf")
    pid = b.program("s")["pid"]
    assert b.post("processes/s/stop?wait=10s")["status"] == "stopped" and not alive(pid)


def test_whole_tree_ends(belfry):
    b = belfry(config(shell("s", "setsid sh -c 'sleep 1000 & sleep 1001' & sleep 1002 & echo up; wait")))
    wait_line(b, "s", "up")
    wait_until(lambda: len(b.programs()) >= 4)
    b.post("processes/s/stop?wait=10s")
    wait_until(lambda: not b.programs(), what="children of children are gone")


def test_stop_signal(belfry):
    b = belfry(config(shell("s", "trap 'echo got usr1; exit 0' USR1; echo up; while :; do sleep 0.05; done", stop_signal="USR1")))
    wait_line(b, "s", "up")
    b.post("processes/s/stop?wait=10s")
    wait_line(b, "s", "got usr1")


# --- jobs ----------------------------------------------------------------------------------------------

def test_oneshot(belfry):
    b = belfry(config(shell("good", "echo done", kind="oneshot"), shell("bad", "exit 4", kind="oneshot", restart="never")))
    p = b.wait_program("good", "stopped")
    assert p["exit"]["status"] == 0
    assert b.wait_program("bad", "crashed")["exit"]["status"] == 4


def test_cron_job(belfry):
    b = belfry(config(shell("job", "echo ran", schedule="*/1 * * * * *")))
    wait_until(lambda: b.program("job")["next_run_at"])
    wait_until(lambda: len(lines(b, "job")) >= 3)
    assert b.program("job")["restarts"] == 0


def test_job_does_not_overlap(belfry):
    b = belfry(config(shell("job", "echo ran; sleep 1000", schedule="*/1 * * * * *", overlap="skip")))
    wait_line(b, "job", "ran")
    time.sleep(2.5)
    assert lines(b, "job") == ["ran"]


# --- adopted -----------------------------------------------------------------------------------------------

def test_adopt_by_pid_file(belfry, tmp_path):
    pid_file = tmp_path / "pid"
    start = ["/bin/sh", "-c", f"setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo $! > {pid_file}"]
    b = belfry(config({"id": "s", "command": start, "adopt": {"pid_file": str(pid_file)}, "start_seconds": 0, "autostart": True}))
    p = b.wait_program("s", *UP)
    assert p["pid"] == int(pid_file.read_text())
    os.kill(p["pid"], signal.SIGKILL)
    q = b.wait_program("s", *UP, but=p["pid"])
    assert q["pid"] == int(pid_file.read_text()) != p["pid"]


# --- configuration -------------------------------------------------------------------------------------------

def test_reload(belfry):
    units = [sleeper("same"), sleeper("gone"), sleeper("changed"), sleeper("policy")]
    b = belfry(config(*units))
    pids = {u["id"]: b.wait_program(u["id"], "running")["pid"] for u in units}
    b.write(config(sleeper("same"), sleeper("changed", environment={"NEW": "1"}), sleeper("policy", stop_timeout="3s"), sleeper("fresh")))
    assert b.cli("reload")[0] == 0
    b.wait_program("fresh", "running")
    wait_until(lambda: not alive(pids["gone"]), what="a unit removed from the file is stopped")
    b.wait_program("changed", "running", but=pids["changed"])
    assert b.program("same")["pid"] == pids["same"] and b.program("policy")["pid"] == pids["policy"]
    assert b.call("GET", "/api/v1/processes/gone")[0] == 404


def test_bad_units_change_nothing(belfry):
    b = belfry(config(sleeper()))
    pid = b.wait_program("s", "running")["pid"]
    b.write(config(sleeper(), {"id": "x y", "command": []}, sleeper("z", stop_signal="NOPE", comand="x"),
                   sleeper("lonely", requires=["nobody-there"])))
    status, out, err = b.cli("reload")
    assert status == 1
    for word in ("id", "nobody-there", "NOPE", "comand"):
        assert word in out + err, (word, out, err)
    assert b.program("s")["pid"] == pid and b.get("processes")["total"] == 1


def test_secrets_are_masked(belfry):
    b = belfry(config(sleeper(environment={"DB_PASSWORD": "hunter2-s3cret", "PLAIN": "p1ain-value"})))
    b.wait_program("s", "running")
    kill(b, "s")
    b.wait_program("s", "running")
    texts = [json.dumps(b.get("processes")), json.dumps(b.program("s")), b.cli("process", "show", "s")[1], b.cli("config", "show")[1],
             json.dumps(history(b, "s")), b.output(1000)]
    for folder, _, files in os.walk(os.path.join(b.folder, "logs")):
        texts += [open(os.path.join(folder, f), errors="replace").read() for f in files]
    assert not any("hunter2-s3cret" in t for t in texts)
    assert os.stat(os.path.join(b.data, "run", "programs")).st_mode & 0o077 == 0


# --- API and command line -------------------------------------------------------------------------------------

def test_units_of_the_api(belfry):
    b = belfry(config())
    made = b.post("processes", {"id": "api-1", "command": ["/bin/sleep", "1000"], "environment": {"KEY": "s3cret"}, "start_seconds": 0,
                                "monitor": {"enable": True, "restart_cooldown": 0}})
    assert made["source"] == "api"
    pid = b.wait_program("api-1", "running")["pid"]
    assert b.call("POST", "/api/v1/processes", {"id": "api-1", "command": ["/bin/true"]})[0] == 409
    status, doc, _ = b.call("POST", "/api/v1/processes", {"id": "api-2", "command": ["/bin/true"], "stop_signal": "NOPE"})
    assert status == 422 and any("stop_signal" in e["field"] for e in doc["errors"])
    b.api("PATCH", "processes/api-1", {"stop_timeout": "3s"})
    time.sleep(0.3)
    assert b.program("api-1")["pid"] == pid
    assert b.stop() == 0
    b.start()
    b.wait_program("api-1", "running")
    assert "s3cret" not in json.dumps(b.program("api-1"))
    b.api("DELETE", "processes/api-1")
    wait_until(lambda: not b.programs())
    assert b.get("processes")["total"] == 0


def test_file_owned_units_are_refused(belfry):
    b = belfry(config(sleeper()))
    assert b.call("DELETE", "/api/v1/processes/s")[0] == 409


def test_command_line(belfry):
    b = belfry(config(sleeper("web"), shell("w-%i", "echo hello %i; sleep 1000", replicas=2), sleeper("off", autostart=False)))
    b.wait_program("w-2", "running")
    status, out, _ = b.cli("process", "ls")
    assert status in (0, 1) and all(n in out for n in ("web", "w-1", "w-2", "off", "running", "stopped"))
    assert {json.loads(line)["id"] for line in b.cli("process", "ls", "--json")[1].splitlines()} == {"web", "w-1", "w-2", "off"}
    assert b.cli("process", "stop", "w-*")[0] == 0
    assert b.program("w-1")["status"] == b.program("w-2")["status"] == "stopped"
    status, out, err = b.cli("process", "start", "w-1", "off")
    assert status == 0 and "running" in out, out + err
    assert b.cli("process", "restart", "web")[0] == 0
    status, out, _ = b.cli("process", "log", "w-1")
    assert "hello 1" in out
    assert b.cli("process", "disable", "web")[0] == 0 and b.program("web")["enabled"] is False
    assert b.cli("process", "show", "nope")[0] == 1
    assert b.cli("process", "explode", "web")[0] == 2


def test_start_that_fails_tells_why(belfry):
    b = belfry(config(shell("s", "echo broken pipe dream; exit 9", autostart=False, restart="never", start_seconds=1)))
    status, out, err = b.cli("process", "start", "s")
    assert status == 1 and "9" in out + err and "broken pipe dream" in out + err, (out, err)


# --- what is told -----------------------------------------------------------------------------------------------

def test_log_events_in_chinese(belfry):
    b = belfry(config(sleeper("ss-001", type="shadowsocks"), language="zh"))
    kill(b, "ss-001")
    wait_until(lambda: any(e["message"] == "代理重启成功" for e in events(b)), what=str(events(b)))
    by = {}
    for e in events(b):
        by.setdefault(e["message"], e)
    started = by["组件启动"]
    assert started["component"] == "proxy-monitor" and started["level"] == "info"
    crash = by["检测到代理进程异常退出"]
    assert crash["level"] == "warn" and crash["component"] == "proxy" and crash["proxy_id"] == "ss-001" and crash["proxy_type"] == "shadowsocks"
    again = by["代理重启成功"]
    assert again["duration_ms"] >= 0 and again["reason"] == "进程崩溃检测" and again["proxy_id"] == "ss-001"
    audit = by["审计日志"]
    assert audit["audit"] is True and audit["action"] == "proxy_auto_restart" and audit["user"] == "system"
    change = next(e for e in events(b) if e["message"] == "状态变更" and e["state_to"] == "crashed")
    assert change["state_from"] == "running" and change["state_change"] is True and change["component"] == "shadowsocks"
    wait_until(lambda: any(e.get("operation") == "proxy_health_check" and e["performance"] is True for e in events(b)))


def test_log_events_in_english(belfry):
    b = belfry(config(sleeper()))
    kill(b, "s")
    wait_until(lambda: any(e.get("proxy_id") == "s" and "duration_ms" in e for e in events(b)))
    assert not any(re.search("[一-鿿]", e["message"]) for e in events(b))


def test_crash_rings_and_recovery_too(belfry, hook):
    b = belfry({"channels": [hook.channel()], **config(sleeper(), channels=["webhook"], monitor={"restart_cooldown": 2})})
    kill(b, "s")
    wait_until(lambda: ("firing", "s") in [a[1:] for a in hook.alerts()] or hook.alerts())
    kill(b, "s")
    wait_until(lambda: [a[1] for a in hook.alerts()].count("resolved") >= 1, 20, what=str(hook.alerts()))


def test_flapping_rings_once(belfry, hook):
    b = belfry({"channels": [hook.channel()], **config(sleeper(restart_delay={"delay": 0}), channels=["webhook"])})
    for _ in range(12):
        kill(b, "s")
        time.sleep(0.15)
    time.sleep(1)
    assert len(hook.alerts()) <= 8, hook.alerts()
    assert any("flapping" in json.dumps(a) for a in b.get("alerts")["items"])


# --- output -------------------------------------------------------------------------------------------------------

def test_output_file(belfry):
    b = belfry(config(shell("s", "echo out; sleep 0.1; echo err >&2; printf 'no newline'; sleep 1000")))
    wait_line(b, "s", "err")
    path = os.path.join(b.folder, "logs", "processes", "s", "output.log")
    text = open(path, encoding="utf-8").read()
    assert re.search(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|[+-]\d\d:\d\d) stdout F out$", text, re.M), text
    assert re.search(r" stderr F err$", text, re.M)
    assert lines(b, "s", stream="stderr") == ["err"]


def test_rotation_keeps_lines_whole(belfry):
    count = 60000
    b = belfry(config(python("s", f"for i in range({count}): print('%08d' % i + 'x' * 90)\nimport time; time.sleep(1000)",
                             output={"max_size": "256KiB", "keep": 0})))
    wait_line(b, "s", "%08d" % (count - 1), 40)
    folder = os.path.join(b.folder, "logs", "processes", "s")
    wait_until(lambda: all(f.endswith(".zst") or f == "output.log" for f in os.listdir(folder)), 30, what=str(os.listdir(folder)))
    assert len(os.listdir(folder)) > 10
    numbers = []
    cursor = ""
    first = b.get("processes/s/log?lines=10000")
    numbers = [int(i["text"][:8]) for i in first["items"]]
    assert numbers == list(range(count - 10000, count)) and all(len(i["text"]) == 98 for i in first["items"]), cursor


def test_follow(belfry):
    b = belfry(config(shell("s", "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.05; done")))
    wait_line(b, "s", "line 2")
    doc = b.get("processes/s/log?lines=1")
    seen = [i["text"] for i in doc["items"]]
    while len(seen) < 30:
        doc = b.get(f"processes/s/log?cursor={doc['next']}")
        seen += [i["text"] for i in doc["items"]]
        time.sleep(0.05)
    numbers = [int(x.split()[1]) for x in seen]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "each line once"


def test_events_stream(belfry):
    b = belfry(config(sleeper()))
    b.wait_program("s", "running")
    s = socket.create_connection(("127.0.0.1", b.port), 5)
    s.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n")
    s.settimeout(5)
    s.recv(100)
    old = kill(b, "s")
    pid = b.wait_program("s", "running", but=old)["pid"]
    got = b""
    while b"event: process" not in got or b'"pid":%d,' % pid not in got:
        got += s.recv(65536)
    s.close()
