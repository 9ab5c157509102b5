"""Belfry's processes under attack: kill -9 of each at random moments, SIGSTOP, an old kernel, a second instance.

What must hold (DESIGN.md, "What must always hold"): every result that a watcher published is in the store exactly once;
every alert reaches its channel; whatever is killed comes back.

BELFRY_SOAK_SECONDS lengthens the random killing (default 20).
"""

import json
import os
import random
import re
import signal
import socket
import sqlite3
import struct
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest

from belfry import enterable, free_port
from servers import Http, Service

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BELFRY_BUILD", os.path.join(ROOT, "build"))
BELFRY = os.environ.get("BELFRY", os.path.join(BUILD, "belfry"))
FORBID = os.path.join(BUILD, "test/helpers/forbid_syscalls")
SOAK = float(os.environ.get("BELFRY_SOAK_SECONDS", "20"))


def wait_for(what, seconds=15, step=0.01):
    """What what() returns as soon as it is true."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        assert time.monotonic() < end, "waited too long"
        time.sleep(step)


class Listener:
    """A TCP service that can be switched off and on."""

    def __init__(self):
        self.port = free_port()
        self.sock = None
        self.on()

    def on(self):
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind(("127.0.0.1", self.port))
        self.sock.listen(1024)
        threading.Thread(target=self.serve, args=(self.sock,), daemon=True).start()

    def serve(self, sock):
        try:
            while True:
                sock.accept()[0].close()
        except OSError:
            pass

    def off(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


class Hook(Service):
    """A webhook that remembers every alert it was told: (status, target)."""

    def __init__(self):
        self.heard = []
        super().__init__()

    class Handler(Http):
        def do_POST(self):
            self.server.heard.extend((a["status"], a["labels"].get("target", a["labels"].get("alertname")))
                                     for a in json.loads(self.body())["alerts"])
            self.answer(200)


STARTED = []


@pytest.fixture(autouse=True)
def nothing_is_left_running():
    """Also after a failed test."""
    yield
    while STARTED:
        STARTED.pop().stop()


class Belfry:
    def __init__(self, folder, targets, channels="[]", wrap=(), groups=("g",)):
        self.dir, self.wrap, self.port = str(folder), list(wrap), free_port()
        self.path = os.path.join(self.dir, "belfry.yaml")
        with open(self.path, "w", encoding="utf-8") as f:
            f.write(f"server: {{listen: '127.0.0.1:{self.port}', anonymous: admin}}\nchannels: {channels}\n"
                    "restart: {delay: 50ms, growth: 1, delay_max: 50ms, max_restarts: 0}\n"
                    "limits: {watcher: {hang_timeout: 1s}, core: {hang_timeout: 3s}}\n"
                    "groups:\n")
            for g in groups:
                f.write(f"  - name: {g}\n    interval: 200ms\n    timeout: 200ms\n    threshold: 3\n"
                        + ("    channels: [hook]\n" if channels != "[]" else "") + "    targets:\n")
                for name, url in targets:
                    f.write(f"      - {{name: {name}-{g}, url: '{url}'}}\n")

    def run(self, *args):
        return subprocess.run(self.wrap + [BELFRY, *args, "-c", self.path], capture_output=True,
                              text=True, timeout=120, check=False)

    def start(self):
        STARTED.append(self)
        done = self.run("start")
        assert done.returncode == 0, done.stderr
        return self

    def stop(self):
        return self.run("stop")

    def pid(self):
        with open(f"{self.dir}/data/run/belfry.pid", encoding="ascii") as f:
            return int(f.read())

    def children(self):
        with open(f"{self.dir}/data/run/warden.json", encoding="utf-8") as f:
            return {c["key"]: c for c in json.load(f)["children"]}

    def running(self, key, other_than=0):
        """The child's pid once it runs in another process than that."""
        def look():
            c = self.children().get(key, {})
            return c.get("state") == "running" and c["pid"] != other_than and c["pid"]
        return wait_for(look)

    def ready(self):
        try:
            url = f"http://127.0.0.1:{self.port}/health/ready"
            return urllib.request.urlopen(url, timeout=1).status == 200
        except OSError:
            return False

    def query(self, sql):
        with sqlite3.connect(f"file:{self.dir}/data/belfry.db?mode=ro", uri=True) as db:
            return db.execute(sql).fetchall()

    def published(self):
        """Results ever published, by the rings' own count: {ring id: last number}."""
        rings = {}
        for name in os.listdir(f"{self.dir}/data/run/rings"):
            with open(f"{self.dir}/data/run/rings/{name}", "rb") as f:
                head = f.read(144)
            ring_id, = struct.unpack_from("<q", head, 8)
            written, last = struct.unpack_from("<QQ", head, 64)
            freed, = struct.unpack_from("<Q", head, 128)
            rings[ring_id] = (last, written - freed)
        return rings


def crash_reports(b):
    reports = []
    for name in os.listdir(f"{b.dir}/data/crash"):
        if name.endswith(".json"):
            with open(f"{b.dir}/data/crash/{name}", encoding="utf-8") as f:
                reports.append(json.load(f))
    return reports


@pytest.fixture
def service():
    s = Listener()
    yield s
    s.off()


def url(s):
    return f"tcp://127.0.0.1:{s.port}"


def test_random_kills_lose_and_double_nothing(tmp_path, service):
    flapping, hook = Listener(), Hook()
    targets = [(f"t{i}", url(service)) for i in range(40)] + [("flap", url(flapping))]
    b = Belfry(tmp_path, targets, f"[{{name: hook, type: webhook, webhook_url: '{hook.url}'}}]",
               groups=("g", "h")).start()
    rng, kills, wardens = random.Random(os.getpid()), 0, 0
    up, next_flap, end = True, time.monotonic() + 3, time.monotonic() + SOAK
    while time.monotonic() < end:
        time.sleep(rng.uniform(0.02, 0.6))
        if time.monotonic() > next_flap:
            flapping.off() if up else flapping.on()
            up, next_flap = not up, time.monotonic() + 3
        if rng.random() < 0.08:
            os.kill(b.pid(), signal.SIGKILL)
            wardens += 1
            wait_for(lambda: b.run("start").returncode == 0)  # its death takes a moment
            continue
        child = rng.choice(list(b.children().values()))
        if child["pid"] > 0:
            try:
                os.kill(child["pid"], signal.SIGKILL)
                kills += 1
            except ProcessLookupError:
                pass
    if not up:
        flapping.on()
    wait_for(b.ready)
    for key in ("core", "g.0", "h.0"):
        b.running(key)
    wait_for(lambda: b.query("select count(*) from alert_records where status='firing'")[0][0] == 0)
    time.sleep(1)
    assert b.stop().returncode == 0
    published = b.published()
    cursors = dict(b.query("select ring_id, seq from ring_cursors"))
    assert all(unread == 0 for _, unread in published.values())
    assert {k: last for k, (last, _) in published.items()} == cursors
    stored, = b.query("select count(*) from probe_results")[0]
    assert stored == sum(cursors.values())
    assert stored > 100 * SOAK
    doubled = b.query("select count(*) from (select 1 from probe_results"
                      " group by target_id, checked_at having count(*) > 1)")[0][0]
    assert doubled == 0
    twice = b.query("select count(*) from (select 1 from alert_records"
                    " group by target_id, fired_at having count(*) > 1)")[0][0]
    assert twice == 0
    alerts = b.query("select id, target_name, status from alert_records")
    assert alerts and all(status == "resolved" for _, _, status in alerts)
    assert b.query("select count(*) from deliveries where state='pending'")[0][0] == 0
    told = sum(status == "firing" for status, _ in hook.heard)
    assert told >= len(alerts)
    print(f"{kills} children and {wardens} wardens killed in {SOAK:.0f} s; {stored} results, each once; "
          f"{len(alerts)} alerts, told {told} times")


def test_a_crash_report_names_the_death(tmp_path, service):
    b = Belfry(tmp_path, [("a", url(service))]).start()
    try:
        watcher = b.running("g.0")
        os.kill(watcher, signal.SIGABRT)
        b.running("g.0", watcher)
        report = wait_for(lambda: crash_reports(b))[0]
        assert report["process_id"] == watcher
        assert report["process_name"] == "belfry: watcher g/0"
        assert report["exception"]["type"] == "SIGABRT"
        # it slept, or was in a probe's fibre
        assert re.search(r"\b(role_watcher|fiber_main)\+0x", report["exception"]["traceback"])
        assert {"platform", "version", "cpu_percent", "memory_percent"} <= set(report["system_info"])
        assert report["log_tail"]
    finally:
        b.stop()


def test_a_stopped_watcher_is_replaced(tmp_path, service):
    b = Belfry(tmp_path, [("a", url(service))]).start()
    try:
        watcher = b.running("g.0")
        os.kill(watcher, signal.SIGSTOP)
        b.running("g.0", watcher)
        assert "hung" in wait_for(lambda: crash_reports(b))[0]["reason"]
    finally:
        b.stop()


def test_watchers_keep_probing_while_the_core_is_away(tmp_path, service):
    b = Belfry(tmp_path, [("a", url(service))]).start()
    try:
        core = b.running("core")
        wait_for(lambda: b.query("select count(*) from probe_results")[0][0] > 3)
        os.kill(core, signal.SIGSTOP)  # away, but not yet replaced
        before = sum(last for last, _ in b.published().values())
        time.sleep(1.5)
        assert sum(last for last, _ in b.published().values()) >= before + 5
        b.running("core", core)
        wait_for(b.ready)
        wait_for(lambda: all(unread == 0 for _, unread in b.published().values()))
    finally:
        b.stop()


def test_a_second_instance_is_refused(tmp_path, service):
    b = Belfry(tmp_path, [("a", url(service))]).start()
    try:
        for command in ("start", "run"):
            done = b.run(command)
            assert done.returncode == 1
            assert f"process {b.pid()}" in done.stderr
        assert b.run("status").returncode == 0
    finally:
        assert b.stop().returncode == 0
    assert b.run("status").returncode == 3
    assert b.stop().returncode == 0  # nothing to do is good


def test_a_broken_configuration_is_told_at_once(tmp_path, service):
    b = Belfry(tmp_path, [("a", url(service))])
    with open(b.path, "a", encoding="utf-8") as f:
        f.write("grups: []\n")
    done = b.run("start")
    assert done.returncode == 1
    assert "belfry.yaml:" in done.stderr and "grups" in done.stderr


def test_on_an_old_kernel(tmp_path, service):
    if not os.path.exists(FORBID):
        pytest.skip("forbid_syscalls is not built")
    b = Belfry(tmp_path, [("a", url(service)), ("icmp", "icmp://127.0.0.1")], wrap=[FORBID]).start()
    try:
        with open(f"{b.dir}/logs/watchdog/watchdog.log", encoding="utf-8") as f:
            assert '"deaths_by":"SIGCHLD"' in f.read()
        for key in ("g.0", "core"):
            old = b.running(key)
            os.kill(old, signal.SIGKILL)
            b.running(key, old)
        wait_for(b.ready)
        wait_for(lambda: (b.query("select min(n) from (select count(*) n from probe_results where success"
                                 " group by target_id)")[0][0] or 0) > 2)
    finally:
        assert b.stop().returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_runs_its_children_as_the_user(tmp_path, service):
    b = Belfry(tmp_path, [("a", url(service)), ("icmp", "icmp://127.0.0.1")])
    with open(b.path, encoding="utf-8") as f:
        text = f.read().replace("server: {", "server: {user: nobody, ")
    with open(b.path, "w", encoding="utf-8") as f:
        f.write(text)
    enterable(tmp_path)
    os.chmod(b.path, 0o644)
    b.start()
    try:
        watcher, core = b.running("g.0"), b.running("core")
        for pid, caps in ((watcher, 1 << 13), (core, 0)):
            with open(f"/proc/{pid}/status", encoding="ascii") as f:
                status = dict(line.split(":\t", 1) for line in f if ":\t" in line)
            assert status["Uid"].split()[1] == "65534"
            assert int(status["CapEff"], 16) == caps
            assert int(status["CapPrm"], 16) == caps
        os.kill(watcher, signal.SIGKILL)
        b.running("g.0", watcher)
        wait_for(lambda: b.query("select count(*) from probe_results where success")[0][0] > 5)
    finally:
        assert b.stop().returncode == 0


def test_a_damaged_ring_is_replaced(tmp_path, service):
    b = Belfry(tmp_path, [("a", url(service))]).start()
    try:
        watcher = b.running("g.0")
        wait_for(lambda: b.query("select count(*) from probe_results")[0][0] > 3)
        path = f"{b.dir}/data/run/rings/g.0"
        core = b.running("core")
        os.kill(core, signal.SIGSTOP)  # so that records wait
        wait_for(lambda: next(iter(b.published().values()))[1] > 300)
        with open(path, "r+b") as f:
            f.seek(64)
            head, = struct.unpack("<Q", f.read(8))
            f.seek(4096 + head - 40)  # inside the last record
            f.write(b"garbage")
        os.kill(core, signal.SIGCONT)
        wait_for(lambda: os.path.exists(path + ".damaged"))
        before = b.query("select count(*) from probe_results")[0][0]
        wait_for(lambda: b.query("select count(*) from probe_results")[0][0] > before + 5)
        assert b.running("g.0") == watcher
    finally:
        assert b.stop().returncode == 0
