"""exec: programs by the convention of Nagios' plugins, and what must hold of any program: bounded time, bounded output, no leftovers."""

import os
import time

import pytest
from belfry import wait_until
from harness import check

PLUGIN = """#!/bin/sh
printf '%b' "$OUT"
printf '%b' "$ERR" >&2
exit "${CODE:-0}"
"""


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "check_thing"
    path.write_text(PLUGIN)
    path.chmod(0o755)
    return str(path)


def run(plugin, out="", code=0, err="", **config):
    return check("exec", {"command": [plugin], "environment": {"OUT": out, "CODE": str(code), "ERR": err}, **config})


@pytest.mark.parametrize("code,success,degraded,message", [
    (0, True, False, "THING OK - all is well"),
    (1, True, True, "THING OK - all is well"),
    (2, False, False, "THING OK - all is well"),
    (3, False, False, "unknown: THING OK - all is well"),
    (9, False, False, "exit status 9, which no plugin has: THING OK - all is well")])
def test_exit_status(plugin, code, success, degraded, message):
    status, doc, _ = run(plugin, "THING OK - all is well | x=1\\nmore\\n", code)
    assert (doc["success"], bool(doc["warnings"]), doc["message"]) == (success, degraded, message)
    assert doc["metrics"]["probe_exec_exit_code"] == code
    assert (status == 0) == success


def test_performance_data(plugin):
    _, doc, _ = run(plugin, "OK | time=250ms;1000;2000;0 'free space'=2GB;~:10;@5: load1=0.5;5.0;10\\nlong text\\n"
                            "more text | 'it''s'=12%;80;90;0;100\\nrta=1,5s used=U bad= =3 c=7c")
    m = doc["metrics"]
    assert m['probe_exec_value{label="time",unit="seconds"}'] == 0.25
    assert m['probe_exec_warning{label="time",unit="seconds",bound="end"}'] == 1
    assert m['probe_exec_critical{label="time",unit="seconds",bound="end"}'] == 2
    assert m['probe_exec_value{label="free space",unit="bytes"}'] == 2 << 30
    assert m['probe_exec_warning{label="free space",unit="bytes",bound="end"}'] == 10 << 30
    assert m['probe_exec_critical{label="free space",unit="bytes",bound="start"}'] == 5 << 30
    assert m['probe_exec_value{label="load1",unit=""}'] == 0.5
    assert m['probe_exec_value{label="it\'s",unit="ratio"}'] == 0.12
    assert m['probe_exec_value{label="rta",unit="seconds"}'] == 1.5
    assert m['probe_exec_value{label="c",unit="count"}'] == 7
    assert not any("used" in k or "bad" in k for k in m)


def test_what_it_says_on_stderr_counts_when_it_says_nothing_else(plugin):
    assert run(plugin, "", 2, "cannot open the thing\\n")[1]["message"] == "cannot open the thing"
    assert run(plugin, "", 2)[1]["message"] == "critical"
    assert run(plugin, "good", 0, "noise")[1]["message"] == "good"


def test_no_shell_and_no_environment_of_ours(monkeypatch):
    monkeypatch.setenv("SECRET_OF_BELFRY", "1")
    _, doc, _ = check("exec", {"command": ["/usr/bin/env"], "environment": {"MINE": "$HOME `id`"}})
    text = doc["detail"]["output"]
    assert "SECRET_OF_BELFRY" not in text and "MINE=$HOME `id`" in text
    assert check("exec", {"command": ["/bin/echo", "$HOME;ls"]})[1]["message"] == "$HOME;ls"


def test_directory_and_user(tmp_path):
    assert check("exec", {"command": ["/bin/pwd"], "directory": str(tmp_path)})[1]["message"] == str(tmp_path)
    assert check("exec", {"command": ["/bin/pwd"], "directory": "/nowhere"})[1]["success"] is False
    if os.geteuid() == 0:
        assert check("exec", {"command": ["/usr/bin/id", "-un"], "user": "nobody"})[1]["message"] == "nobody"
    _, doc, _ = check("exec", {"command": ["/bin/true"], "user": "no-such-user"})
    assert not doc["success"] and "no-such-user" in doc["message"]


def test_programs_that_there_are_not(tmp_path):
    assert "no such program in PATH" in check("exec", {"command": ["no-such-plugin"]})[1]["message"]
    assert "No such file" in check("exec", {"command": [str(tmp_path / "gone")]})[1]["message"]
    (tmp_path / "text").write_text("no program")
    assert not check("exec", {"command": [str(tmp_path / "text")]})[1]["success"]


def test_one_that_does_not_end_is_killed_with_its_children(tmp_path):
    pids = tmp_path / "pids"
    script = tmp_path / "slow"
    script.write_text(f"#!/bin/sh\necho $$ > {pids}\nsleep 300 & echo $! >> {pids}\ntrap '' TERM\nwait\nsleep 300\n")
    script.chmod(0o755)
    begun = time.monotonic()
    _, doc, _ = check("exec", {"command": [str(script)]}, "700ms")
    assert time.monotonic() - begun >= 0.7 and "did not end in time" in doc["message"]

    def gone():
        for pid in pids.read_text().split():
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
                    if f.read().rsplit(")", 1)[1].split()[0] not in "ZX":
                        return False
            except OSError:
                pass
        return True
    wait_until(gone, 10, what="its process group is killed")


def test_one_whose_child_keeps_the_output_open():
    """The program's end counts, not its output's."""
    _, doc, _ = check("exec", {"command": ["/bin/sh", "-c", "sleep 300 & echo done"]}, "20s")
    assert doc["success"] and doc["message"] == "done" and doc["latency_ms"] < 15000


def test_output_is_bounded():
    _, doc, _ = check("exec", {"command": ["/bin/sh", "-c", "yes 'OK | a=1' | head -c 20000000; exit 1"]}, "30s")
    assert doc["success"] and doc["warnings"] == ["OK"] and len(str(doc)) < 100000
    _, doc, _ = check("exec", {"command": ["/bin/sh", "-c", "yes >&2"]}, "500ms")
    assert "did not end in time" in doc["message"]


def test_bytes_that_are_no_text(tmp_path):
    _, doc, _ = check("exec", {"command": ["/bin/sh", "-c", "printf '\\377\\376 | \\377=1 \\001'"]})
    assert doc["success"]


def test_killed_by_a_signal():
    assert "SIGSEGV" in check("exec", {"command": ["/bin/sh", "-c", "echo half; kill -SEGV $$"]})[1]["message"]


def test_url_form(plugin):
    _, doc, _ = check('exec:/bin/echo "two  words" \'and three\'')
    assert doc["message"] == "two  words and three"
    status, _, err = check('exec:/bin/echo "open')
    assert status == 2 and "a quote does not end" in err


@pytest.mark.skipif(not os.path.exists("/usr/lib/nagios/plugins/check_load"), reason="no monitoring-plugins-basic here")
def test_real_plugins():
    plugins = "/usr/lib/nagios/plugins/"
    _, doc, _ = check("exec", {"command": [plugins + "check_load", "-w", "900,900,900", "-c", "999,999,999"]})
    assert doc["success"] and 'probe_exec_value{label="load1",unit=""}' in doc["metrics"]
    _, doc, _ = check("exec", {"command": [plugins + "check_disk", "-w", "100%", "-c", "0%", "-p", "/"]})
    assert doc["success"] and doc["warnings"]
    _, doc, _ = check("exec", {"command": [plugins + "check_tcp", "-H", "127.0.0.1", "-p", "1"]})
    assert not doc["success"] and "refused" in doc["message"].lower()


def test_who_may_define_one(belfry, plugin):
    """The file; the API only when the file says so."""
    target = {"name": "x", "type": "exec", "config": {"command": [plugin]}, "interval_seconds": 1, "timeout_seconds": 1}
    of_file = {"groups": [{"name": "g", "interval": "1s", "timeout": "900ms", "targets": [
        {"name": "file's", "type": "exec", "config": {"command": [plugin], "environment": {"OUT": "from the file"}}}]}]}
    b = belfry(of_file)
    b.wait_status("file's", "healthy", 20)
    status, doc, _ = b.call("POST", "/api/v1/targets", target)
    assert status == 422 and "server.allow_exec" in doc["errors"][0]["message"]
    status, doc, _ = b.call("POST", "/api/v1/targets/try", {"type": "exec", "config": {"command": [plugin]}})
    assert status == 422 and "server.allow_exec" in doc["errors"][0]["message"]
    b.write({**of_file, "server": {"allow_exec": True}})
    b.call("POST", "/-/reload")
    wait_until(lambda: b.call("POST", "/api/v1/targets/try", {"type": "exec", "config": {"command": [plugin]}})[0] == 200,
               20, what="allowed now")
    t = b.api("POST", "/api/v1/targets", target)["id"]
    wait_until(lambda: b.target(t)["status"] == "healthy", 20, what="it runs")
