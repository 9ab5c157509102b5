"""What is asked of this machine: files, disks, load, memory; systemd and containers by what stands in for them."""

import hashlib
import json
import os
import ssl
import time

import pytest
from belfry import free_port
from harness import check
from servers import Service


# --- file ---

def expect(path, **what):
    return check("file", {"path": str(path), "expect": what})[1]


def test_file_is_there(tmp_path):
    f = tmp_path / "a file"
    assert expect(f)["message"] == f"there is no file {f}"
    assert expect(f, exists=False)["success"]
    f.write_text("hello\n")
    doc = expect(f)
    assert doc["success"] and doc["message"].startswith(f"{f}: 6 B, written ")
    assert doc["metrics"]["probe_file_size_bytes"] == 6 and doc["metrics"]["probe_file_exists"] == 1
    assert expect(f, exists=False)["message"] == f"{f} is there; want none"
    assert check(f"file://{f}".replace(" ", "%20") + "?min_size=1KiB")[1]["message"].startswith(f"{f} has 6")


def test_file_age_and_size(tmp_path):
    f = tmp_path / "f"
    f.write_bytes(b"x" * 5000)
    old = time.time() - 7200
    os.utime(f, (old, old))
    assert expect(f, max_age="1h")["message"].endswith(" ago; want at most 60 min")
    assert expect(f, max_age="3h", min_age="1h", min_size="4KiB", max_size="5KiB")["success"]
    assert "want at least" in expect(f, min_age="3h")["message"]
    assert "want at most" in expect(f, max_size="1KiB")["message"]


def test_the_newest_file_of_a_pattern(tmp_path):
    for i, name in enumerate(("db-1.gz", "db-3.gz", "db-2.gz")):
        (tmp_path / name).write_bytes(b"x" * (i + 1))
        os.utime(tmp_path / name, (1000 + i, 1000 + i))
    doc = expect(tmp_path / "db-*.gz")
    assert doc["message"].startswith(str(tmp_path / "db-2.gz")) and doc["metrics"]["probe_file_count"] == 3
    assert "want at most 2" in expect(tmp_path / "db-*.gz", max_files=2)["message"]
    assert not expect(tmp_path / "no-*.gz")["success"]


def test_lines_at_the_end(tmp_path):
    f = tmp_path / "log"
    f.write_text("ERROR long ago\n" + "fine\n" * 50000 + "ERROR disk\nfinished\n")
    assert expect(f, contains="^finished$")["success"]
    assert "0 lines match" in expect(f, contains="^begun$")["message"]
    doc = expect(f, not_contains="ERROR")
    assert "1 lines match" in doc["message"] and doc["message"].endswith("the last: ERROR disk")
    assert expect(f, not_contains="ERROR", max_matches=1)["success"]
    assert "2 lines" in expect(f, not_contains="ERROR", tail="1MiB")["message"]


def test_checksum(tmp_path):
    f = tmp_path / "f"
    f.write_bytes(b"content")
    good = hashlib.sha256(b"content").hexdigest()
    assert expect(f, sha256=good.upper())["success"]
    assert good in expect(f, sha256="0" * 64)["message"]


def test_file_that_is_none(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    assert expect(tmp_path / "fifo", contains="x")["success"] is False
    assert check("file", {"path": "relative"})[0] == 2
    assert check("file", {"path": "/x", "expect": {"contains": "("}})[0] == 2


# --- disk, load, memory ---

def test_disk(tmp_path):
    doc = check("disk", {"paths": ["/", str(tmp_path)], "warning": {"used": 0, "inodes": 0},
                         "critical": {"used": 0, "inodes": 0}, "read_only_ok": True})[1]
    assert doc["success"] and not doc["warnings"] and doc["message"].startswith("2 file systems, the fullest ")
    assert any(k.startswith("node_filesystem_avail_bytes{") for k in doc["metrics"])
    free = os.statvfs("/").f_bavail * os.statvfs("/").f_frsize
    doc = check("disk", {"paths": ["/"], "warning": {"used": 0, "inodes": 0, "min_free": f"{free * 4 // 2**20}MiB"},
                         "critical": {"used": 0, "inodes": 0}, "read_only_ok": True})[1]
    assert doc["success"] and "free; want" in doc["warnings"][0]
    doc = check("disk", {"paths": ["/"], "critical": {"used": 0.0001}, "read_only_ok": True})[1]
    assert not doc["success"] and "of the space in use; want at most" in doc["message"]
    assert "No such file" in check("disk:///no/such/place")[1]["message"]


def test_load():
    doc = check("load:")[1]
    assert doc["success"] and doc["message"].startswith("load ")
    with open("/proc/loadavg", encoding="utf-8") as f:
        assert abs(doc["metrics"]["node_load15"] - float(f.read().split()[2])) < 5
    doc = check("load", {"warning": {"load15": 1e-9}})[1]
    assert doc["warnings"] or doc["metrics"]["node_load15"] == 0
    doc = check("load", {"per_cpu": False, "critical": {"load15": 1e-9}})[1]
    assert not doc["success"] or doc["metrics"]["node_load15"] == 0


def test_memory():
    doc = check("memory", {"warning": {"used": 0, "pressure": 0}, "critical": {"used": 0}})[1]
    m = doc["metrics"]
    assert doc["success"] and 0 < m["node_memory_MemAvailable_bytes"] <= m["node_memory_MemTotal_bytes"]
    doc = check("memory", {"critical": {"used": 0.001}})[1]
    assert doc["message"].startswith("memory in use is ")


# --- systemd: no systemd runs here, a systemctl of ours answers ---

FAKE = """#!/bin/sh
[ "$1" = show ] || [ "$2" = show ] || exit 9
for last; do :; done
case $last in
good*) echo "LoadState=loaded
ActiveState=active
SubState=running
Result=success
NRestarts=4
ActiveEnterTimestampMonotonic=1000000
MainPID=77
MemoryCurrent=18446744073709551615
CPUUsageNSec=2500000000
ExecMainStatus=0";;
failed*) printf 'LoadState=loaded\\nActiveState=failed\\nSubState=failed\\nResult=exit-code\\nNRestarts=5\\nExecMainStatus=203\\n';;
hangs*) sleep 300;;
garbage*) printf '\\377\\000=\\n=\\nLoadState\\n';;
denied*) echo "Failed to connect to bus: No such file or directory" >&2; exit 1;;
*) printf 'LoadState=not-found\\nActiveState=inactive\\nSubState=dead\\n';;
esac
"""


@pytest.fixture
def systemctl(tmp_path, monkeypatch):
    (tmp_path / "systemctl").write_text(FAKE)
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")


def test_systemd_by_a_fake_systemctl(systemctl):
    doc = check("systemd:///good.service")[1]
    assert doc["success"] and doc["message"].startswith("good.service is active (running), for ")
    assert doc["metrics"]['node_systemd_unit_state{name="good.service",state="active"}'] == 1
    assert doc["metrics"]["probe_systemd_cpu_seconds_total"] == 2.5
    assert "probe_systemd_memory_bytes" not in doc["metrics"]
    assert check("systemd", {"unit": "good", "expect": {"max_restarts": 3}})[1]["warnings"] == [
        "systemd restarted good 4 times; want at most 3"]
    assert check("systemd", {"unit": "good", "expect": {"min_uptime": "100000h"}})[1]["warnings"]
    assert check("systemd", {"unit": "good", "user": True})[1]["success"]
    assert check("systemd:failed")[1]["message"] == "failed failed: exit-code, exit status 203"
    assert check("systemd:nobody")[1]["message"] == "there is no unit nobody"
    assert "Failed to connect to bus" in check("systemd:denied")[1]["message"]
    assert not check("systemd:garbage")[1]["success"]
    assert "did not end in time" in check("systemd:hangs", None, "500ms")[1]["message"]
    assert check("systemd", {"unit": "--help"})[0] == 2


# --- docker, podman: no engine runs here, its recorded answers stand in ---

INSPECT = {"Id": "4f1c", "RestartCount": 3, "Name": "/shop-db", "Config": {"Image": "postgres:15"},
           "State": {"Status": "running", "Running": True, "Paused": False, "Restarting": False, "OOMKilled": False,
                     "Dead": False, "Pid": 4242, "ExitCode": 0, "Error": "", "StartedAt": "2026-01-01T00:00:00.123456789Z",
                     "FinishedAt": "0001-01-01T00:00:00Z",
                     "Health": {"Status": "healthy", "FailingStreak": 0, "Log": [{"ExitCode": 0, "Output": "accepting"}]}}}
STATS = {"cpu_stats": {"cpu_usage": {"total_usage": 1500000000}},
         "memory_stats": {"usage": 900 << 20, "limit": 1 << 30, "stats": {"inactive_file": 100 << 20}}}


class Engine(Service):
    """Plays recorded answers of the Docker Engine API on a Unix socket; without a path on TCP, with TLS when there is a context."""

    def __init__(self, path=None, tls=None):
        self.path, self.answers, self.asked = path, {}, []
        self.raw = None
        super().__init__(at=path or ("127.0.0.1", 0), tls=tls)
        self.host = None if path else f"tcp://127.0.0.1:{self.port}"

    def says(self, inspect, stats=None, status=200):
        self.answers = {"json": (status, inspect), "stats": (200, stats if stats is not None else STATS)}

    def serve(self, c):
        request = c.recv(65536).decode()
        self.asked.append(request.split()[1])
        if self.raw is not None:
            c.sendall(self.raw)
            if not self.raw:
                time.sleep(30)
            return
        status, doc = self.answers["stats" if "/stats" in request.split()[1] else "json"]
        body = json.dumps(doc).encode()
        c.sendall(b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
                  % (status, len(body), body))


@pytest.fixture
def engine(tmp_path):
    e = Engine(str(tmp_path / "docker.sock"))
    e.says(INSPECT)
    yield e
    e.close()


def ask(engine, timeout="5s", kind="docker", **what):
    return check(kind, {"container": "shop-db", "socket": engine.path, "expect": what}, timeout)[1]


def state(**changes):
    doc = json.loads(json.dumps(INSPECT))
    doc["State"].update(changes)
    return doc


def test_container_by_recorded_answers(engine):
    doc = ask(engine)
    assert doc["success"] and doc["message"].startswith("shop-db is running, healthy, for ")
    assert doc["message"].endswith(" h, postgres:15") and not doc["warnings"]
    m = doc["metrics"]
    assert m["container_memory_working_set_bytes"] == 800 << 20 and m["probe_container_restarts"] == 3
    assert m["container_cpu_usage_seconds_total"] == 1.5 and m["probe_container_healthy"] == 1
    assert engine.asked == ["/containers/shop-db/json", "/containers/shop-db/stats?stream=false&one-shot=true"]
    assert ask(engine, kind="podman")["success"]
    assert check(f"docker:///shop-db?socket={engine.path}")[1]["success"]


def test_container_that_is_not_well_by_recorded_answers(engine):
    engine.says(state(Status="exited", Running=False, ExitCode=137, OOMKilled=True))
    assert ask(engine)["message"] == "shop-db is exited, exit code 137, killed for lack of memory"
    assert ask(engine, state="exited")["success"]
    engine.says(state(Health={"Status": "unhealthy", "Log": [{"Output": "old"}, {"Output": "connection refused"}]}))
    assert ask(engine)["message"] == "shop-db is unhealthy: connection refused"
    engine.says(state(Health={"Status": "starting"}))
    assert ask(engine)["warnings"] == ["the health check of shop-db is starting"]
    assert not ask(engine, healthy=True)["success"]
    engine.says(state(Health=None))
    assert ask(engine)["success"] and ask(engine, healthy=True)["message"] == "shop-db has no health check"
    engine.says(INSPECT)
    assert "restarted shop-db 3 times" in ask(engine, max_restarts=2)["warnings"][0]
    assert "uses 800 MiB of 1.0 GiB" in ask(engine, max_memory=50)["warnings"][0]
    engine.says({"message": "No such container: shop-db"}, status=404)
    assert ask(engine)["message"] == "there is no container shop-db"
    engine.says({"message": "server error"}, status=500)
    assert ask(engine)["message"] == "the engine answered 500: server error"


def test_engine_that_is_not_well_by_recorded_answers(engine, tmp_path):
    for raw in (b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"):
        engine.raw = raw
        doc = ask(engine, "2s")
        assert not doc["success"], raw
    engine.raw = b""
    assert not ask(engine, "500ms")["success"]
    doc = check("docker", {"container": "x", "socket": str(tmp_path / "nowhere")})[1]
    assert str(tmp_path / "nowhere") in doc["message"]
    assert check("docker", {"container": "../x"})[0] == 2


# --- docker over TCP ---

@pytest.fixture
def far():
    made = []

    def make(tls=None):
        made.append(Engine(tls=tls))
        made[-1].says(INSPECT)
        return made[-1]
    yield make
    for e in made:
        e.close()


def test_container_of_another_machine_by_recorded_answers(far):
    e = far()
    doc = check("docker", {"container": "shop-db", "host": e.host})[1]
    assert doc["success"] and doc["message"].startswith("shop-db is running, healthy, for "), doc
    assert doc["target"] == f"shop-db@{e.host[6:]}"
    assert e.asked == ["/containers/shop-db/json", "/containers/shop-db/stats?stream=false&one-shot=true"]
    assert check(f"docker:///shop-db?host={e.host}")[1]["success"]
    e.says({"message": "No such container: shop-db"}, status=404)
    assert check("docker", {"container": "shop-db", "host": e.host})[1]["message"] == "there is no container shop-db"
    e.raw = b""
    assert not check("docker", {"container": "shop-db", "host": e.host}, "500ms")[1]["success"]
    nobody = f"tcp://127.0.0.1:{free_port()}"
    doc = check("docker", {"container": "x", "host": nobody})[1]
    assert doc["message"].startswith(f"the engine at {nobody}: ") and not doc["success"]
    for bad in ({"host": "10.0.0.9"}, {"host": "unix:///run/docker.sock"}, {"host": "tcp://h:1/x"}, {"tls": True}):
        assert check("docker", {"container": "x", **bad})[0] == 2, bad


def test_container_behind_tls_by_recorded_answers(far, certs):
    context = certs.context("good")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certs.ca)
    e = far(context)
    own = {"ca_file": certs.ca, "cert_file": f"{certs.folder}/other.pem", "key_file": f"{certs.folder}/other.key"}

    def asked(options, host=e.host):
        return check("docker", {"container": "shop-db", "host": host, "tls": True, "tls_options": options})[1]
    doc = asked(own)
    assert doc["success"] and doc["metrics"]["probe_ssl_earliest_cert_expiry"] > time.time(), doc
    https = {"container": "shop-db", "host": e.host.replace("tcp", "https"), "tls_options": own}
    assert check("docker", https)[1]["success"]
    assert not asked({"ca_file": certs.ca})["success"]  # it wants to know who asks
    assert "is not accepted" in asked({k: v for k, v in own.items() if k != "ca_file"})["message"]
    expired = far(certs.context("expired"))
    assert "expired" in asked(own, expired.host)["message"]
