"""Where Belfry runs: a kernel without pidfd and memfd, root with a user for the children."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile

import pytest

from belfry import ROOT, run, wait_until

HELPERS = os.path.join(ROOT, "test", "helpers")


@pytest.fixture(scope="module")
def old_kernel(tmp_path_factory):
    """A program that forbids what Linux 3.10 lacks, then runs its arguments."""
    cc = shutil.which("cc") or shutil.which("gcc")
    if not cc:
        pytest.skip("no C compiler for test/helpers/forbid_syscalls.c")
    exe = str(tmp_path_factory.mktemp("forbid") / "forbid_syscalls")
    subprocess.run([cc, "-o", exe, "-I", HELPERS, os.path.join(HELPERS, "forbid.c"),
                    os.path.join(HELPERS, "forbid_syscalls.c")], check=True)
    if subprocess.run([exe, "true"], timeout=10).returncode == 77:
        pytest.skip("seccomp filters are not allowed here")
    return exe


def story(b, hook, t):
    def told():
        return [a[1:] for a in hook.alerts() if a[2] != "ping"]
    b.wait_status("shop", "healthy")
    b.wait_status("web", "healthy")
    t.down()
    wait_until(lambda: {("firing", "shop"), ("firing", "web")} == set(told()))
    t.up()
    wait_until(lambda: {("resolved", "shop"), ("resolved", "web")} <= set(told()))
    assert len(told()) == 4


def config(hook, t, **more):
    return {"channels": [hook.channel()], **more, "groups": [
        {"name": "g", "interval": "300ms", "timeout": "200ms", "threshold": 2, "channels": ["webhook"], "targets": [
            {"name": "shop", "url": t.tcp}, {"name": "web", "url": t.http},
            {"name": "ping", "url": "icmp://127.0.0.1"}]}]}


def test_main_story_on_an_old_kernel(belfry, hook, target, old_kernel):
    t = target()
    b = belfry(config(hook, t), wrapper=[old_kernel])
    story(b, hook, t)
    for name in ("g", "core"):
        pid = wait_until(lambda: b.pid_of(name))
        b.signal(pid, signal.SIGKILL)
        wait_until(lambda: b.pid_of(name) not in (0, pid), 10, what=f"a successor of {name}")
    b.wait_ready()
    pid = wait_until(lambda: b.pid_of("g"))
    b.wait_status("shop", "healthy")
    assert b.cli("reload")[0] == 0
    assert b.stop() == 0
    assert not [r for r in b.crashes() if r["exception"]["type"] != "SIGKILL"]


def test_check_on_an_old_kernel(target, old_kernel):
    t = target()
    for url in (t.http, t.tcp, "icmp://127.0.0.1"):
        done = subprocess.run([old_kernel, os.environ.get("BELFRY") or os.path.join(ROOT, "build", "belfry"), "check", url],
                              capture_output=True, text=True, timeout=20)
        assert done.returncode == 0, (url, done.stdout, done.stderr)


CAP_NET_RAW = 1 << 13


@pytest.fixture
def open_folder():
    """Others may enter it; pytest's own folders are its user's alone."""
    folder = tempfile.mkdtemp(prefix="belfry-test-")
    os.chmod(folder, 0o755)
    yield os.path.join(folder, "b")
    shutil.rmtree(folder, ignore_errors=True)


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
        return {k: v.split() for k, _, v in (line.partition(":") for line in f)}


@pytest.mark.skipif(os.geteuid() != 0, reason="not started as root")
def test_root_runs_its_children_as_the_user(open_folder, belfry, hook, target):
    t = target()
    b = belfry(config(hook, t, server={"user": "nobody"}), open_folder)
    wait_until(lambda: b.pid_of("g"))
    story(b, hook, t)
    uid = pwd.getpwnam("nobody").pw_uid
    for name, caps in (("g", CAP_NET_RAW), ("core", 0)):
        s = status_of(b.pid_of(name))
        assert {int(u) for u in s["Uid"]} == {uid} and pwd.getpwnam("nobody").pw_gid in {int(g) for g in s["Gid"]}
        assert int(s["CapEff"][0], 16) | int(s["CapPrm"][0], 16) <= caps, (name, s["CapEff"], s["CapPrm"])
        assert not {int(g) for g in s["Groups"]} & {0}, "no group of root's is left"
    b.wait_status("ping", "healthy")
    b.write(config(hook, t, server={"user": "nobody"}, defaults={"threshold": 4}))
    assert b.cli("reload")[0] == 0
    assert b.stop() == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="not started as root")
def test_unknown_user_is_told(belfry):
    b = belfry({"server": {"user": "no-such-user-here"}}, start=False)
    status, out, err = run("start", "-c", b.path)
    assert status == 1 and "no-such-user-here" in out + err


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv to become another user")
def test_without_root(open_folder, belfry, hook, target):
    """An ordinary user, without any capability: everything but perhaps ICMP."""
    t = target()
    wrap = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--bounding-set=-all", "--no-new-privs"]
    b = belfry(config(hook, t), open_folder, start=False, wrapper=wrap)
    os.chown(b.folder, pwd.getpwnam("nobody").pw_uid, pwd.getpwnam("nobody").pw_gid)
    b.start()
    story(b, hook, t)
    b.wait_status("web", "healthy")
    ping = b.target("ping")
    assert ping["status"] == "healthy" or "may not" in ping["last_message"], ping
    assert b.stop() == 0
