"""What the tests of probers share: real servers on loopback, a relay that spoils what they say, and the cases that every
prober must get right (ServiceCases). Standard library only."""

import glob
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest
from belfry import alive, free_port, run, wait_until
from servers import Service

FROZEN_MS = 1000  # how long a probe may take in the cases with silent servers
LATE_MS = 5000  # so far beyond its deadline is no noise of a busy machine any more
LATE = {}  # type → how far beyond its deadline a probe of a frozen or silent server ended at worst, ms; told at the end


def check(what, config=None, timeout="5s", *argv):
    """`belfry check`: (exit status, document, what it said on stderr)."""
    more = ["--config", json.dumps(config)] if config is not None else []
    status, out, err = run("check", what, *more, "--timeout", timeout, "--connect-timeout", timeout, *argv, timeout=60)
    return status, json.loads(out) if out.strip() else {}, err


def note_late(kind, doc, limit_ms=FROZEN_MS):
    """Remembers when the probe ended, for `late_text`; no assertion on time but for one that held nothing."""
    late = doc["metrics"]["probe_duration_seconds"] * 1000 - limit_ms
    LATE[kind] = max(late, LATE.get(kind, late))
    assert late < LATE_MS, f"{kind}: ended {late:.0f} ms after its deadline: {doc}"


def late_text():
    """Worst first: "mysql +31, kafka +12, …"."""
    worst = sorted(LATE.items(), key=lambda one: -one[1])
    return "frozen servers, ms beyond the deadline at worst: " + ", ".join(f"{kind} {late:+.0f}" for kind, late in worst)


def program(name, package):
    """The path of a server's program; the test is skipped, by the package's name, where there is none."""
    places = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin:/sbin"
    path = shutil.which(name, path=places)
    if not path:
        pytest.skip(f"no {name} here (Debian package {package})")
    return path


def listens(port, host="127.0.0.1"):
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex((host, port)) == 0


def stopped(group):
    """Whether each thread of a process group has obeyed SIGSTOP: on a busy machine some answer for a while yet."""
    for path in glob.glob("/proc/[0-9]*/task/[0-9]*/stat"):
        try:
            with open(path, encoding="utf-8", errors="replace") as f:
                state, _, its_group = f.read().rsplit(") ", 1)[1].split()[:3]
        except OSError:  # it has ended
            continue
        if int(its_group) == group and state not in "TtZX":
            return False
    return True


class Server:
    """A real server: its process group, its log, its port. ready: a predicate, else its port must answer."""

    def __init__(self, argv, port, log, ready=None, env=None, cwd=None, user=None, timeout=60):
        self.argv, self.port, self.log, self.env, self.cwd, self.user = argv, port, str(log), env, cwd, user
        self.ready, self.timeout, self.child = ready or (lambda: listens(port)), timeout, None
        self.start()

    def start(self):
        with open(self.log, "ab") as out:
            self.child = subprocess.Popen([str(a) for a in self.argv], stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                                          env=dict(os.environ, **(self.env or {})), cwd=self.cwd, user=self.user,
                                          group=self.user, extra_groups=[] if self.user else None,
                                          start_new_session=True)

        def there():
            if self.child.poll() is not None:
                raise AssertionError(f"{self.argv[0]} ended with {self.child.returncode}:\n{self.said()}")
            return self.ready()
        try:
            wait_until(there, self.timeout, step=0.05, what=f"{self.argv[0]} is ready\n{self.said()}")
        except BaseException:
            self.stop()
            raise
        return self

    def said(self, n=4000):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()[-n:]

    def signal(self, number):
        try:
            os.killpg(self.child.pid, number)
        except ProcessLookupError:
            pass

    def freeze(self):
        """SIGSTOP: its port still takes connections, and nobody answers."""
        self.signal(signal.SIGSTOP)
        wait_until(lambda: stopped(self.child.pid), step=0.002, what=f"{self.argv[0]} is frozen")

    def thaw(self):
        self.signal(signal.SIGCONT)

    def stop(self):
        if self.child and self.child.poll() is None:
            self.signal(signal.SIGKILL)
            self.child.wait(20)
        wait_until(lambda: not alive(self.child.pid), 20)
    close = stop


class Relay(Service):
    """Between a prober and a real server. Modes: pass; cut (the answer ends after `after` bytes); trickle (the answer comes one
    byte at a time); garbage (noise instead of the server); silent (takes connections, says nothing). tls: the server's
    side of TLS, with which a server that has none gets one."""

    def __init__(self, port, mode="pass", after=5, tls=None):
        self.target, self.mode, self.after, self.tls = port, mode, after, tls
        self.stopping = threading.Event()
        super().__init__()

    def close(self):
        self.stopping.set()
        super().close()

    def serve(self, conn):
        try:
            conn.settimeout(30)
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                conn = self.tls.wrap_socket(conn, server_side=True)
            if self.mode == "silent":
                self.stopping.wait(30)
            elif self.mode == "garbage":
                conn.sendall(bytes((i * 73 + 41) % 256 for i in range(4096)))
                time.sleep(0.2)
            else:
                self.carry(conn)
        finally:
            self.hang_up(conn)
            conn.close()

    @staticmethod
    def hang_up(conn):
        """At once, also for a thread that still reads."""
        try:
            conn.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def carry(self, conn):
        with socket.create_connection(("127.0.0.1", self.target), 10) as server:
            server.settimeout(30)
            asking = threading.Thread(target=self.ask, args=(conn, server), daemon=True)
            asking.start()
            try:
                self.answer(conn, server)
            finally:
                for s in (conn, server):
                    self.hang_up(s)
                asking.join()  # or it reads from the next connection that gets the descriptor

    def answer(self, conn, server):
        left = self.after
        while data := server.recv(65536):
            if self.mode == "cut":
                data = data[:left]
                left -= len(data)
            if self.mode == "trickle":
                for i in range(len(data)):
                    conn.sendall(data[i:i + 1])
            else:
                conn.sendall(data)
            if left <= 0:
                return

    @staticmethod
    def ask(conn, server):
        try:
            while data := conn.recv(65536):
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)
        except (OSError, ssl.SSLError):
            pass


class ServiceCases:
    """The cases that every prober of a TCP service must get right. A test module has a fixture `server` of scope
    "module" (with port, freeze, thaw, stop, start) and a class that inherits this one, names the type and says what a
    healthy configuration is:

        class TestRedis(ServiceCases):
            TYPE = "redis"

            def config(self, port): return {"host": "127.0.0.1", "port": port, "password": "geheim"}

    Cases that a protocol cannot have are switched off by name: trickle = None, say why beside it."""

    TYPE = ""
    CUT_AFTER = 5  # bytes of the server's answer that come before the connection is cut
    TLS = False  # the prober speaks TLS at once when `tls` is on: the relay is the server's TLS

    def __init_subclass__(cls, **kw):
        """A case that a class cannot have is not there: it would pass for nothing."""
        super().__init_subclass__(**kw)
        if not cls.TLS and "test_tls" not in vars(cls):
            cls.test_tls = None

    def config(self, port):
        return {"host": "127.0.0.1", "port": port}

    def bad(self, config, timeout=f"{FROZEN_MS}ms"):
        status, doc, err = check(self.TYPE, config, timeout)
        assert status == 1 and doc["success"] is False, (doc, err)
        assert doc["message"], doc
        return doc["message"]

    def good(self, config, timeout="10s"):
        status, doc, err = check(self.TYPE, config, timeout)
        assert status == 0 and doc["success"] is True, (doc, err)
        return doc

    @pytest.fixture
    def relay(self, server):
        made = []

        def make(mode, **kw):
            made.append(Relay(server.port, mode, **kw))
            return made[-1]
        yield make
        for r in made:
            r.close()

    def test_healthy(self, server):
        doc = self.good(self.config(server.port))
        assert doc["warnings"] == [] and doc["metrics"]["probe_success"] == 1, doc

    def test_nobody_there(self):
        assert "refused" in self.bad(self.config(free_port()))

    def test_silent(self, server, relay):
        status, doc, _ = check(self.TYPE, self.config(relay("silent").port), f"{FROZEN_MS}ms")
        assert status == 1 and doc["latency_ms"] >= FROZEN_MS - 50, doc
        assert "timeout" in doc["message"] or "timed out" in doc["message"] or "within" in doc["message"], doc
        note_late(self.TYPE, doc)

    def test_frozen(self, server):
        server.freeze()
        try:
            status, doc, _ = check(self.TYPE, self.config(server.port), f"{FROZEN_MS}ms")
        finally:
            server.thaw()
        assert status == 1 and doc["latency_ms"] >= FROZEN_MS - 50, doc
        note_late(self.TYPE, doc)

    def test_cut_mid_answer(self, server, relay):
        self.bad(self.config(relay("cut", after=self.CUT_AFTER).port))

    def test_garbage(self, server, relay):
        self.bad(self.config(relay("garbage").port))

    def test_trickle(self, server, relay):
        self.good(self.config(relay("trickle").port))

    def test_tls(self, server, relay, certs):
        for kind, words in (("expired", "expired"), ("selfsigned", "self-signed"), ("other", "name")):
            config = dict(self.config(relay("pass", tls=certs.context(kind)).port), tls=True,
                          tls_options={"ca_file": certs.ca})
            message = self.bad(config)
            assert words in message or words.replace("-", " ") in message, (kind, message)
        config = dict(self.config(relay("pass", tls=certs.context("good")).port), tls=True,
                      tls_options={"ca_file": certs.ca})
        assert "probe_ssl_earliest_cert_expiry" in self.good(config)["metrics"]
