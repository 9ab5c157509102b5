"""Drives the real executable: a Belfry with a data directory and a port of its own, its API, its processes, its
store. Used by every test of this folder; standard library only."""

import http.client
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXE = os.path.abspath(os.environ.get("BELFRY") or os.path.join(ROOT, "build", "belfry"))
OWNER = "OWNER_OF_THIS_TEST"
LONG = os.environ.get("BELFRY_LONG", "") not in ("", "0")


class Ports:
    """Free ports that stay free until a server of this process takes them: below those that the kernel gives to connections and
    to port 0, and in a slice that no other process of tests has. A slice is held by a name that ends with the process."""

    FIRST, SIZE, SLICES = 10000, 400, 55

    def __init__(self):
        self.holder = socket.socket(socket.AF_UNIX)
        self.first = next(self.FIRST + n * self.SIZE for n in range(self.SLICES) if self.hold(n))
        self.turn, self.lock = random.randrange(self.SIZE), threading.Lock()

    def hold(self, n):
        try:
            self.holder.bind(f"\0belfry-test-ports-{n}")
        except OSError:
            return False
        return True

    def next(self):
        with self.lock:
            self.turn = (self.turn + 1) % self.SIZE
            return self.first + self.turn


PORTS = Ports()


def is_free(port, kind, host):
    with socket.socket(socket.AF_INET, kind) as s:
        try:
            s.bind((host, port))
        except OSError:
            return False
        return True


def free_port(kind=socket.SOCK_STREAM, host="127.0.0.1"):
    return next(p for p in (PORTS.next() for _ in range(PORTS.SIZE)) if is_free(p, kind, host))


def enterable(folder):
    """The same folder, into which a server that gave up root's rights may look: others get past pytest's folders around it."""
    folder.chmod(0o755)
    for around in folder.parents:
        if around.stat().st_mode & 0o001:
            return folder
        around.chmod(0o711)
    return folder


def wait_until(predicate, timeout=30, step=0.02, what=""):
    """The first true value of predicate(); AssertionError after timeout."""
    end = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= end:
            raise AssertionError(f"not within {timeout} s: {what or predicate}")
        time.sleep(step)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="latin1") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def run(*argv, timeout=30, env=None, cwd=None, exe=None):
    """A command of the executable: (exit status, stdout, stderr)."""
    done = subprocess.run([exe or EXE, *map(str, argv)], capture_output=True, text=True, timeout=timeout,
                          env=dict(os.environ, **(env or {})), cwd=cwd, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


class Refused(AssertionError):
    def __init__(self, method, path, status, body):
        super().__init__(f"{method} {path}: {status} {body}")
        self.status, self.body = status, body


class Belfry:
    def __init__(self, folder, config=None, wrapper=(), env=None):
        self.folder = str(folder)
        os.makedirs(self.folder, exist_ok=True)
        self.port = free_port()
        self.path = os.path.join(self.folder, "belfry.yaml")
        self.data = os.path.join(self.folder, "data")
        self.log = os.path.join(self.folder, "out.log")
        # Programs under supervision outlive a killed Belfry and inherit this: it tells whose they are.
        self.wrapper, self.env = list(wrapper), {OWNER: self.folder, **(env or {})}
        self.child = None
        self.seen = set()  # every process it ever had: the end of the test looks after them
        self.write(config or {})

    # --- configuration -------------------------------------------------------------------------

    def write(self, config):
        """A dictionary (JSON is YAML; server.listen and server.anonymous are filled in) or a text."""
        if not isinstance(config, str):
            config = dict(config)
            config["server"] = {"listen": f"127.0.0.1:{self.port}", "anonymous": "admin", **config.get("server", {})}
            config = json.dumps(config, indent=2, ensure_ascii=False)
        with open(self.path + ".new", "w", encoding="utf-8") as f:
            f.write(config)
        os.rename(self.path + ".new", self.path)

    # --- life ----------------------------------------------------------------------------------

    def start(self, wait=True, timeout=20):
        out = open(self.log, "ab")
        self.child = subprocess.Popen([*self.wrapper, EXE, "run", "-c", self.path], stdout=out, stderr=out,
                                      stdin=subprocess.DEVNULL, env=dict(os.environ, **self.env))
        out.close()
        self.seen.add(self.child.pid)
        if wait:
            self.wait_ready(timeout)
        return self

    def wait_ready(self, timeout=20):
        def ready():
            if self.child and self.child.poll() is not None:
                raise AssertionError(f"belfry ended with {self.child.returncode}:\n{self.output()}")
            try:
                return self.call("GET", "/health/ready")[0] == 200
            except OSError:
                return False
        wait_until(ready, timeout, what="ready\n" + self.output())
        self.note_children()
        return self

    def stop(self, timeout=30):
        """SIGTERM; its exit status."""
        self.note_children()
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(timeout)

    def kill_all(self):
        """kill -9 of everything at once, the warden first."""
        pids = [self.child.pid] + [c["pid"] for c in self.children() if c["pid"]]
        self.seen.update(pids)
        for pid in pids:
            self.signal(pid, signal.SIGKILL)
        self.child.wait(10)
        wait_until(lambda: not any(map(alive, pids)), 10, what="the killed are gone")

    def close(self):
        """The end of a test, however it went."""
        if self.child and self.child.poll() is None:
            try:
                self.stop(20)
            except (subprocess.TimeoutExpired, OSError):
                self.child.kill()
                self.child.wait()
        for pid in self.seen | {c["pid"] for c in self.children() if c["pid"]}:
            if alive(pid) and self.is_ours(pid):
                self.signal(pid, signal.SIGKILL)
        for pid in self.programs():
            self.signal(pid, signal.SIGKILL)

    def programs(self):
        """Pids of what runs under supervision, children of children included: by the environment."""
        mark, found = f"{OWNER}={self.folder}\0".encode(), []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/environ", "rb") as f:
                    text = f.read()
                if mark in text and b"BELFRY_UNIT=" in text and alive(int(pid)):
                    found.append(int(pid))
            except OSError:
                pass
        return found

    def is_ours(self, pid):
        try:
            exe = os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")
            with open(f"/proc/{pid}/stat", "rb") as f:
                group_ok = b"belfry" in f.read()
            with open(f"/proc/{pid}/maps", encoding="latin1") as f:
                maps = f.read()
            return exe == os.path.realpath(EXE) and group_ok and (self.folder in maps or pid == self.child.pid)
        except OSError:
            return False

    @staticmethod
    def signal(pid, signo):
        try:
            os.kill(pid, signo)
        except ProcessLookupError:
            pass

    # --- processes -----------------------------------------------------------------------------

    def warden(self):
        try:
            with open(os.path.join(self.data, "run", "warden.json"), encoding="utf-8") as f:
                return json.load(f)
        except (OSError, ValueError):
            return {"children": [], "pid": 0}

    def children(self, role=None):
        return [c for c in self.warden()["children"] if role in (None, c["role"])]

    def note_children(self):
        self.seen.update(c["pid"] for c in self.children() if c["pid"])

    def pid_of(self, name):
        """Of "core" or a watcher's group; 0 when it does not run."""
        for c in self.children():
            if c["name"] == name or c["key"] == name or c["key"] == name + ".0":
                return c["pid"] if c["pid"] and alive(c["pid"]) else 0
        return 0

    def crashes(self):
        folder = os.path.join(self.data, "crash")
        reports = []
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            if name.endswith(".json") and not name.startswith("."):
                with open(os.path.join(folder, name), encoding="utf-8") as f:
                    reports.append(json.load(f))
        return reports

    def output(self, lines=40):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as f:
                return "\n".join(f.read().splitlines()[-lines:])
        except OSError:
            return ""

    # --- API -----------------------------------------------------------------------------------

    def call(self, method, path, body=None, headers=None, timeout=15):
        """(status, document or text, headers). body: a document, or bytes as they are."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            c.request(method, path, body, headers)
            r = c.getresponse()
            text = r.read().decode("utf-8", "replace")
            kind = r.headers.get("Content-Type", "")
            return r.status, json.loads(text) if "json" in kind and text else text, r.headers
        except http.client.HTTPException as e:
            raise OSError(str(e)) from e
        finally:
            c.close()

    def api(self, method, path, body=None, **kw):
        """The document of a successful answer."""
        path = path if path.startswith("/") else "/api/v1/" + path
        status, doc, _ = self.call(method, path, body, **kw)
        if not 200 <= status < 300:
            raise Refused(method, path, status, doc)
        return doc

    def get(self, path):
        return self.api("GET", path)

    def post(self, path, body=None):
        return self.api("POST", path, body)

    def target(self, name_or_id):
        if isinstance(name_or_id, int):
            return self.get(f"targets/{name_or_id}")
        for t in self.get("targets?limit=1000")["items"]:
            if t["name"] == name_or_id:
                return t
        raise KeyError(name_or_id)

    def program(self, unit):
        return self.get(f"processes/{unit}")

    def wait_program(self, unit, *states, timeout=15, but=None):
        """The program in one of these states, with another pid than `but`."""
        def there():
            p = self.program(unit)
            return p if p["status"] in states and (but is None or p["pid"] != but) else None
        return wait_until(there, timeout, what=f"{unit} {states}: {self.program(unit)}")

    def wait_status(self, target, status, timeout=15):
        wait_until(lambda: self.target(target)["status"] == status, timeout,
                   what=f"{target} {status}: {self.target(target)}")

    def cli(self, *argv, **kw):
        return run(*argv, "-c", self.path, **kw)

    def metrics(self):
        """{"name{labels}": value}"""
        out = {}
        for line in self.api("GET", "/metrics").splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                out[name] = float(value)
        return out

    # --- store ---------------------------------------------------------------------------------

    def sql(self, query, *args):
        db = sqlite3.connect(f"file:{self.data}/belfry.db?mode=ro", uri=True, timeout=10)
        try:
            return db.execute(query, args).fetchall()
        finally:
            db.close()

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)
