"""Supervised programs under faults: kill -9 of programs and of every process of Belfry, floods, fork bombs, full disks,
upgrades. What must hold: each unit ends in the state that its rules say, in exactly one instance, nothing is left over."""

import json
import os
import random
import shutil
import signal
import struct
import subprocess
import time

import pytest

from belfry import EXE, LONG, alive, enterable, run, wait_until
from test_programs import ROOT_ONLY, UP, config, history, kill, lines, python, shell, sleeper, wait_line

SEED = 20261121


def instances(b):
    """unit → pids of its processes that run."""
    found = {}
    for pid in b.programs():
        try:
            with open(f"/proc/{pid}/environ", "rb") as f:
                text = f.read()
            unit = text.split(b"BELFRY_UNIT=", 1)[1].split(b"\0", 1)[0].decode()
            found.setdefault(unit, []).append(pid)
        except (OSError, IndexError):
            pass
    return found


def zombies(pid):
    """Children of the process that nobody took off."""
    dead = []
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            for child in f.read().split():
                if not alive(int(child)):
                    dead.append(int(child))
    except OSError:
        pass
    return dead


def kill_warden(b, wait=True):
    """wait: until its core is gone, which answers for a moment longer."""
    b.note_children()
    own = [c["pid"] for c in b.children() if c["pid"]]
    b.child.kill()
    b.child.wait(10)
    if wait:
        wait_until(lambda: not any(map(alive, own)), 20, what="Belfry's own processes end with the warden")


def settled(b, units):
    """Everything runs once, as the warden says."""
    def is_good(unit, pids):
        if len(pids) != 1:
            return False
        told = b.program(unit)
        return told["status"] in UP and told["pid"] == pids[0]

    def good():
        found = instances(b)
        try:
            return all(is_good(u, found.get(u, [])) for u in units)
        except OSError:  # a killed warden's core answered just now, its successor's does not yet
            return False
    wait_until(good, 30, what=f"one instance of each: {instances(b)}")
    wait_until(lambda: not zombies(b.child.pid), what="no zombies")


def test_programs_survive_their_warden(belfry):
    b = belfry(config(sleeper("a"), shell("b", "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.1; done")))
    pids = {u: b.wait_program(u, "running")["pid"] for u in "ab"}
    wait_line(b, "b", "line 3")
    kill(b, "a")
    pids["a"] = b.wait_program("a", "running", but=pids["a"])["pid"]
    kill_warden(b)
    time.sleep(0.7)
    assert all(map(alive, pids.values())), "they run on without Belfry"
    b.start()
    for u in "ab":
        p = b.wait_program(u, "running")
        assert p["pid"] == pids[u], "taken over, not restarted"
    assert b.program("a")["restarts"] == 1, "what was known of it is still known"
    wait_line(b, "b", f"line {int(lines(b, 'b')[-1].split()[1]) + 3}")
    numbers = [int(x.split()[1]) for x in lines(b, "b", lines=10000)]
    assert numbers == list(range(1, len(numbers) + 1)), "no line was lost meanwhile"
    os.kill(pids["a"], signal.SIGKILL)
    b.wait_program("a", "running", but=pids["a"])
    os.kill(pids["b"], signal.SIGTERM)
    b.wait_program("b", "running", but=pids["b"])
    assert b.stop() == 0
    assert not b.programs()


def test_died_while_nobody_watched(belfry):
    b = belfry(config(sleeper(), sleeper("stopped")))
    pid = b.wait_program("s", "running")["pid"]
    b.post("processes/stopped/stop?wait=10s")
    kill_warden(b)
    os.kill(pid, signal.SIGKILL)
    b.start()
    assert b.wait_program("s", "running", but=pid)["restarts"] == 1
    assert b.program("stopped")["status"] == "stopped", "what was stopped stays so"


def test_everything_killed_at_once(belfry):
    b = belfry(config(sleeper("w-%i", replicas=5)))
    pids = [b.wait_program(f"w-{i}", "running")["pid"] for i in range(1, 6)]
    b.kill_all()
    assert all(map(alive, pids))
    b.start()
    assert [b.wait_program(f"w-{i}", "running")["pid"] for i in range(1, 6)] == pids


@pytest.mark.parametrize("victim", ["core", "output"])
def test_own_processes_killed(belfry, victim):
    b = belfry(config(sleeper(), shell("b", "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.05; done")))
    pid = b.wait_program("s", "running")["pid"]
    old = wait_until(lambda: b.pid_of(victim))
    os.kill(old, signal.SIGKILL)
    wait_until(lambda: b.pid_of(victim) not in (0, old))
    b.wait_ready()
    assert b.wait_program("s", "running")["pid"] == pid
    os.kill(pid, signal.SIGKILL)
    b.wait_program("s", "running", but=pid)
    wait_until(lambda: len(history(b, "s")) == 1)
    before = len(lines(b, "b", lines=10000))
    wait_until(lambda: len(lines(b, "b", lines=10000)) > before)


def test_death_while_the_core_is_away(belfry):
    """The warden answers it at once; the core learns of it from the ring."""
    b = belfry(config(sleeper()))
    pid = b.wait_program("s", "running")["pid"]
    core = b.pid_of("core")
    os.kill(core, signal.SIGSTOP)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: instances(b).get("s", [pid]) != [pid] and instances(b).get("s"), what="a successor without the core")
    os.kill(core, signal.SIGKILL)
    wait_until(lambda: b.pid_of("core") not in (0, core))
    b.wait_ready()
    b.wait_program("s", "running", but=pid)
    wait_until(lambda: [h["pid"] for h in history(b, "s")] == [pid])


def test_random_kills(belfry):
    """Of units and of everything else. Each unit's restarts are as many as its deaths; the history has each death once."""
    rng = random.Random(SEED)
    print("seed", SEED)
    units = [f"w-{i}" for i in range(1, 7)]
    b = belfry({"restart": {"delay": "0s", "max_restarts": 100000}, **config(sleeper("w-%i", replicas=6, restart_delay={"delay": 0}))})
    settled(b, units)
    killed = dict.fromkeys(units, 0)
    end = time.monotonic() + (240 if LONG else 15)
    while time.monotonic() < end:
        time.sleep(rng.uniform(0.02, 0.5))
        what = rng.choice(["unit"] * 6 + ["core", "output", "watcher", "warden"])
        if what == "unit":
            unit = rng.choice(units)
            for pid in instances(b).get(unit, [])[:1]:
                os.kill(pid, signal.SIGKILL)
                killed[unit] += 1
                wait_until(lambda: not alive(pid))
        elif what == "warden":
            kill_warden(b, rng.random() < 0.5)
            b.start(wait=rng.random() < 0.5)
        else:
            pid = b.pid_of({"watcher": "default"}.get(what, what))
            if pid:
                b.seen.add(pid)
                b.signal(pid, signal.SIGKILL)
    b.wait_ready(30)
    settled(b, units)
    assert {u: b.program(u)["restarts"] for u in units} == killed
    wait_until(lambda: sum(len(history(b, u)) for u in units) >= min(sum(killed.values()), 20))
    assert b.stop() == 0
    assert not b.programs()
    seen = b.sql("SELECT unit, count(*) FROM process_events WHERE kind='death' AND failure=1 GROUP BY 1")
    assert dict(seen) == {u: n for u, n in killed.items() if n}


def test_start_stop_cycles_leave_nothing(belfry):
    b = belfry(config(sleeper(autostart=False)))
    warden = b.child.pid

    def cycle(n):
        for _ in range(n):
            b.post("processes/s/start?wait=10s")
            b.post("processes/s/stop?wait=10s")

    def cost():
        with open(f"/proc/{warden}/statm", encoding="ascii") as f:
            return len(os.listdir(f"/proc/{warden}/fd")), int(f.read().split()[1])
    cycle(30)
    fds, pages = cost()
    cycle(10000 if LONG else 200)
    after = cost()
    assert after[0] <= fds + 1 and after[1] <= pages + 64, (fds, pages, after)


@ROOT_ONLY
def test_fork_bomb_under_a_limit(belfry):
    bomb = "import os, time\nwhile True:\n    try: os.fork()\n    except OSError: time.sleep(0.05)"
    b = belfry(config(python("bomb", bomb, user="nobody", limits={"processes": 150}, autostart=False, restart="never"), sleeper("calm")))
    b.wait_program("calm", "running")
    b.post("processes/bomb/start")
    wait_until(lambda: len(instances(b).get("bomb", [])) > 50, 20)
    old = kill(b, "calm")
    b.wait_program("calm", "running", but=old)
    b.post("processes/bomb/stop?wait=30s")
    wait_until(lambda: not instances(b).get("bomb"), 30, what="all of the bomb is gone")


def test_flood_slows_only_itself(belfry):
    b = belfry(config(shell("flood", "exec yes 'a line of a program that does not stop talking'", output={"max_size": "8MiB", "keep": 3}),
                      shell("quiet", "i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done")))
    wait_line(b, "quiet", "20", 20)
    numbers = [int(x) for x in lines(b, "quiet")]
    assert numbers == list(range(1, len(numbers) + 1))
    folder = os.path.join(b.folder, "logs", "processes", "flood")
    wait_until(lambda: len(os.listdir(folder)) >= 3, 20)
    b.post("processes/flood/stop?wait=20s")
    assert sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder)) < 80 << 20


@ROOT_ONLY
def test_full_disk_for_output(belfry, tmp_path):
    folder = tmp_path / "b0" / "logs" / "processes"
    folder.mkdir(parents=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], stderr=subprocess.DEVNULL).returncode:
        pytest.skip("cannot mount a small file system here")
    try:
        b = belfry(config(shell("s", "i=0; while :; do i=$((i+1)); echo line $i with some more text so that it fills; done"),
                          sleeper("calm")))
        wait_until(lambda: any(v > 0 for k, v in b.metrics().items() if k.startswith("belfry_process_output_dropped_bytes_total")), 30)
        assert b.program("s")["status"] in UP and b.call("GET", "/health/ready")[0] == 200
        old = kill(b, "calm")
        b.wait_program("calm", "running", but=old)
        assert b.stop() == 0
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def test_upgrade_keeps_everything(belfry, tmp_path):
    exe = str(tmp_path / "belfry")
    shutil.copy(EXE, exe)
    b = belfry(config(sleeper("w-%i", replicas=3), shell("talk", "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.05; done")), start=False)
    out = open(b.log, "ab")
    b.child = subprocess.Popen([exe, "run", "-c", b.path], stdout=out, stderr=out, env=dict(os.environ, **b.env))
    b.wait_ready()
    units = ["w-1", "w-2", "w-3", "talk"]
    pids = {u: b.wait_program(u, "running")["pid"] for u in units}
    core = b.pid_of("core")
    os.rename(exe, exe + ".old")
    shutil.copy(EXE, exe)
    status, text, err = run("upgrade", "-c", b.path, exe=exe, timeout=60)
    assert status == 0, text + err
    assert b.child.poll() is None and b.pid_of("core") not in (0, core), "the same warden, a new core"
    assert os.readlink(f"/proc/{b.child.pid}/exe") == exe, "the new file is executed"
    assert {u: b.wait_program(u, "running")["pid"] for u in units} == pids
    os.kill(pids["w-1"], signal.SIGTERM)
    p = b.wait_program("w-1", "running", but=pids["w-1"])
    assert p["exit"]["signal"] == "SIGTERM", "still children: their end is known"
    numbers = [int(x.split()[1]) for x in lines(b, "talk", lines=10000)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert b.stop() == 0
    assert not b.programs()


def test_killed_while_stopping(belfry):
    """The successor goes on where the dead one was."""
    b = belfry(config(shell("s", "trap '' TERM; echo deaf; while :; do sleep 0.1; done", stop_timeout="4s")))
    wait_line(b, "s", "deaf")
    pid = b.program("s")["pid"]
    b.post("processes/s/stop?wait=0")
    b.wait_program("s", "stopping")
    kill_warden(b)
    assert alive(pid)
    b.start()
    b.wait_program("s", "stopped", timeout=20)
    assert not alive(pid)


# --- a core that somebody took over ------------------------------------------------------------------

def under_nobody(belfry, tmp_path, *units, **section):
    """Belfry of root, whose core is nobody."""
    enterable(tmp_path)
    return belfry({"server": {"user": "nobody"}, **config(*units, **section)})


def set_spawned(b, unit, pid):
    """Writes another process into a unit's record, everywhere in the table (record: see supervisor.h)."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        start_time = int(f.read().rsplit(")", 1)[1].split()[19])
    old = b.program(unit)["pid"]
    with open(f"/proc/{old}/stat", encoding="ascii") as f:
        old_start = int(f.read().rsplit(")", 1)[1].split()[19])
    path = os.path.join(b.data, "run", "table")
    was, now = (struct.pack("=i4xQ", *x) for x in ((old, old_start), (pid, start_time)))
    with open(path, "r+b") as f:
        text = f.read()
        assert was in text
        at = text.find(was)
        while at >= 0:
            f.seek(at)
            f.write(now)
            at = text.find(was, at + 1)


@ROOT_ONLY
def test_a_forged_record_harms_nobody(belfry, tmp_path):
    b = under_nobody(belfry, tmp_path, sleeper())
    victim = subprocess.Popen(["/bin/sleep", "1000"], start_new_session=True)
    try:
        own = b.wait_program("s", "running")["pid"]
        set_spawned(b, "s", victim.pid)
        b.post("processes/s/signal", {"signal": "KILL"})
        wait_until(lambda: not alive(own), what="its own process is hit")
        wait_until(lambda: b.program("s")["status"] == "running" and b.program("s")["pid"] not in (None, own, victim.pid))
        successor = b.program("s")["pid"]
        assert victim.poll() is None
        set_spawned(b, "s", victim.pid)
        kill_warden(b)
        b.start()
        b.wait_program("s", *UP, but=victim.pid)
        b.post("processes/s/stop?wait=20s")
        assert victim.poll() is None
        os.kill(successor, signal.SIGKILL)  # nobody knows it any more
    finally:
        victim.kill()
        victim.wait()


@ROOT_ONLY
def test_users_of_a_lowered_belfry(belfry, tmp_path):
    b = under_nobody(belfry, tmp_path, shell("own", "id -un; sleep 1000"), shell("other", "id -un; sleep 1000", user="daemon"))
    wait_line(b, "own", "nobody")
    wait_line(b, "other", "daemon")
    b.post("processes", {"id": "named", "command": ["/bin/sleep", "1000"], "user": "daemon", "start_seconds": 0})
    b.wait_program("named", "running")
    for user in ("root", "bin"):  # the core itself says no
        assert b.call("POST", "/api/v1/processes", {"id": "refused", "command": ["/bin/sleep", "1000"], "user": user})[0] == 422
    for unit, more in {"g": {"group": "root"}, "gs": {"groups": ["root"]}}.items():  # the warden does
        b.post("processes", {"id": unit, "command": ["/bin/sleep", "1000"], **more})
        wait_until(lambda u=unit: b.program(u).get("refused"), what=f"{unit} is refused")
        assert b.program(unit)["pid"] is None
    pids = {u: b.program(u)["pid"] for u in ("own", "other", "named")}
    kill_warden(b)
    b.start()
    for unit, pid in pids.items():
        assert b.wait_program(unit, *UP)["pid"] == pid, "taken over, of whatever user"
    assert b.stop() == 0
    assert not any(map(alive, pids.values()))


def test_pipes_in_place_of_files_keep_nobody(belfry, tmp_path):
    fifo = str(tmp_path / "fifo")
    os.mkfifo(fifo)
    b = belfry(config(sleeper("calm"), sleeper("env", environment_file=fifo, autostart=False), sleeper("pid", adopt={"pid_file": fifo}, autostart=False)))
    b.post("processes/env/start")
    b.post("processes/pid/start")
    old = kill(b, "calm")
    b.wait_program("calm", "running", but=old)
    wait_until(lambda: "regular file" in json.dumps(history(b, "env")), what="the refused environment file in the history")
