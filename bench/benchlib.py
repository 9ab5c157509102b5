"""What the benches share: starting Belfry and servers, CPU and memory of a process tree, tables of figures.

CPU is utime+stime of /proc/PID/stat, which the kernel scales to the exact run time; it is the figure that other
work on the machine disturbs least, so aims are set on it and wall clock rates are only told.
"""
import json
import os
import platform
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
TICK = os.sysconf("SC_CLK_TCK")


# --- the machine ---

def machine():
    model = "?"
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return f"{os.cpu_count()} × {model}, Linux {platform.release()}, load {load()}"


def load():
    return "%.2f" % os.getloadavg()[0]


# --- processes ---

def read(path):
    try:
        with open(path) as f:
            return f.read()
    except OSError:
        return ""


def children(pid):
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        found += [int(c) for c in read(f"/proc/{pid}/task/{task}/children").split()]
    return found


def tree(pid):
    """The process and all below it."""
    out, todo = [], [pid]
    while todo:
        p = todo.pop()
        out.append(p)
        try:
            todo += children(p)
        except OSError:
            pass
    return out


def cpu_s(pids):
    total = 0.0
    for p in pids:
        fields = read(f"/proc/{p}/stat").rpartition(")")[2].split()
        if fields:
            total += (int(fields[11]) + int(fields[12])) / TICK
    return total


def cpu_exact_s(pids):
    """From the threads' schedstat, in ns; loses threads that ended meanwhile, so only for quiet processes."""
    total = 0
    for p in pids:
        for t in os.listdir(f"/proc/{p}/task"):
            total += int((read(f"/proc/{p}/task/{t}/schedstat").split() or ["0"])[0])
    return total / 1e9


def memory_mb(pids):
    """(PSS, RSS) summed over the processes."""
    pss = rss = 0
    for p in pids:
        for line in read(f"/proc/{p}/smaps_rollup").splitlines():
            if line.startswith("Pss:"):
                pss += int(line.split()[1])
            elif line.startswith("Rss:"):
                rss += int(line.split()[1])
    return pss / 1024, rss / 1024


def by_role(pids):
    """Names pids by what Belfry's process title says: warden, core, watchers."""
    roles = {"warden": [], "core": [], "watcher": [], "other": []}
    for p in pids:
        title = read(f"/proc/{p}/cmdline").replace("\0", " ")
        for role in ("warden", "core", "watcher", "other"):
            if role in title.split("belfry", 1)[-1] or role == "other":
                roles[role].append(p)
                break
    return roles


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_port(port, seconds=10):
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise RuntimeError(f"nothing listens on port {port}")
            time.sleep(0.05)


class Proc:
    """A server that ends with the `with` block."""

    def __init__(self, argv, port=None, **kw):
        kw.setdefault("stdout", subprocess.DEVNULL)
        kw.setdefault("stderr", subprocess.DEVNULL)
        self.p = subprocess.Popen(argv, **kw)
        if port:
            wait_port(port)

    pid = property(lambda self: self.p.pid)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.p.poll() is None:
            self.p.terminate()
            try:
                self.p.wait(15)
            except subprocess.TimeoutExpired:
                self.p.kill()
                self.p.wait()


def tool(name, libs=(), flags=()):
    """A small C program of bench/micro, compiled when needed."""
    src = os.path.join(HERE, "micro", name + ".c")
    exe = os.path.join(tempfile.gettempdir(), f"belfry-bench-{os.getuid()}-{name}")
    if not os.path.exists(exe) or os.path.getmtime(exe) < os.path.getmtime(src):
        subprocess.run(["cc", "-O2", "-Wall", *flags, "-o", exe, src, *["-l" + l for l in libs]], check=True)
    return exe


def raise_files(n=200000):
    import resource
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    n = n if hard == resource.RLIM_INFINITY else min(n, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (n, hard))


# --- Belfry ---

class Belfry:
    """Belfry in a directory of its own with the groups given (name → list of target texts, JSON is YAML)."""

    def __init__(self, groups, defaults=None, extra=None, keep=False):
        self.dir = tempfile.mkdtemp(prefix="belfry-bench-")
        self.keep = keep
        self.port = free_port()
        self.conf = os.path.join(self.dir, "belfry.yaml")
        self.defaults = defaults or {}
        self.extra = extra or {}
        self.write(groups)
        self.out = open(os.path.join(self.dir, "out"), "w")
        self.start()

    def start(self):
        self.p = subprocess.Popen([os.environ["BELFRY"], "run", "-c", self.conf], stdout=self.out,
                                  stderr=self.out, cwd=self.dir)
        self.pid = self.p.pid

    def write(self, groups):
        extra = dict(self.extra)
        server = {"listen": f"127.0.0.1:{self.port}", "anonymous": "admin", **extra.pop("server", {})}
        doc = {"server": server, "data_dir": "data", "defaults": self.defaults, **extra,
               "groups": [{"name": n, "targets": t} if isinstance(t, list) else {"name": n, **t}
                          for n, t in groups.items()]}
        with open(self.conf + ".new", "w") as f:
            json.dump(doc, f)
        os.rename(self.conf + ".new", self.conf)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.p.poll() is None:
            self.p.terminate()
            try:
                self.p.wait(30)
            except subprocess.TimeoutExpired:
                for p in tree(self.pid):
                    os.kill(p, signal.SIGKILL)
                self.p.wait()
        self.out.close()
        if not self.keep:
            shutil.rmtree(self.dir, ignore_errors=True)

    def pids(self):
        return tree(self.pid)

    def roles(self):
        return by_role(self.pids())

    def get(self, path, timeout=60):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=timeout) as r:
            return r.read().decode()

    def wait_ready(self, seconds=60):
        end = time.monotonic() + seconds
        while True:
            try:
                self.get("/-/ready", 2)
                return
            except OSError:
                if time.monotonic() > end or self.p.poll() is not None:
                    raise RuntimeError("Belfry does not get ready: " +
                                       read(os.path.join(self.dir, "out"))[-2000:])
                time.sleep(0.02)

    def beats(self):
        """The watchers' heartbeat pages, read as the core reads them: field → sum (or max of ages)."""
        names = ["loop_lag_ns", "targets", "in_flight", "probes", "missed_rounds", "late_max_ns",
                 "late_p99_ns", "ring_dropped", "assignment", "assignment_errors"]
        out = []
        base = os.path.join(self.dir, "data/run/beat")
        for f in sorted(os.listdir(base) if os.path.isdir(base) else []):
            if f == "core":
                continue
            with open(os.path.join(base, f), "rb") as b:
                raw = b.read(16 + 8 * len(names))
            values = [int.from_bytes(raw[16 + 8 * i:24 + 8 * i], "little", signed=True)
                      for i in range(len(names))]
            out.append({"watcher": f, "pid": int.from_bytes(raw[4:8], "little"),
                        "turned_ns": int.from_bytes(raw[8:16], "little"), **dict(zip(names, values))})
        return out

    def sum(self, field):
        return sum(b[field] for b in self.beats())

    def metric(self, name, text=None):
        for line in (text or self.get("/metrics")).splitlines():
            if line.startswith(name + " "):
                return float(line.split()[-1])
        raise KeyError(name)

    def wait_assigned(self, targets, seconds=120):
        end = time.monotonic() + seconds
        while self.sum("targets") < targets:
            if time.monotonic() > end:
                raise RuntimeError(f"watchers have {self.sum('targets')} of {targets} targets: " +
                                   read(os.path.join(self.dir, "out"))[-2000:])
            time.sleep(0.05)

    def stored(self, where=""):
        """Results in the store, and its success count."""
        db = sqlite3.connect(f"file:{self.dir}/data/belfry.db?mode=ro", uri=True, timeout=30)
        try:
            return db.execute("SELECT count(*), coalesce(sum(success), 0) FROM probe_results " +
                              where).fetchone()
        finally:
            db.close()


# --- servers to probe ---

NGINX = """
daemon off; worker_processes 2; pid {d}/pid; error_log {d}/err crit;
events {{ worker_connections 8192; }}
http {{ access_log off; keepalive_timeout 60;
  client_body_temp_path {d}/b; proxy_temp_path {d}/p; fastcgi_temp_path {d}/f; uwsgi_temp_path {d}/u;
  scgi_temp_path {d}/s;
  server {{ listen 127.0.0.1:{http} backlog=8192; location / {{ return 200 "ok\\n"; }} }}
  server {{ listen 127.0.0.1:{https} ssl backlog=8192; ssl_certificate {d}/cert; ssl_certificate_key {d}/key;
           ssl_session_cache off; location / {{ return 200 "ok\\n"; }} }} }}
"""


class Nginx(Proc):
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="belfry-bench-nginx-")
        self.http, self.https = free_port(), free_port()
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "365", "-subj",
                        "/CN=localhost", "-keyout", self.dir + "/key", "-out", self.dir + "/cert"],
                       check=True, stderr=subprocess.DEVNULL)
        with open(self.dir + "/conf", "w") as f:
            f.write(NGINX.format(d=self.dir, http=self.http, https=self.https))
        super().__init__(["nginx", "-p", self.dir, "-c", self.dir + "/conf"], self.http)

    def __exit__(self, *a):
        super().__exit__(*a)
        shutil.rmtree(self.dir, ignore_errors=True)


class Sink(Proc):
    """bench/micro/sink.c: answers 200; with sweep_ms it is never woken by a connection."""

    def __init__(self, sweep_ms=None):
        self.port = free_port()
        super().__init__([tool("sink"), str(self.port)] + ([str(sweep_ms)] if sweep_ms else []), self.port)


class Dnsmasq(Proc):
    def __init__(self):
        self.port = free_port()
        super().__init__(["dnsmasq", "-k", "-C", "/dev/null", "-p", str(self.port), "-h", "-R",
                          "--listen-address=127.0.0.1", "--bind-interfaces", "--user=root",
                          "--address=/bench.test/10.1.2.3"], self.port)


# --- figures ---

class Table:
    """Rows of: what, figure, aim, met or not. The return value of a bench is the number of misses."""

    def __init__(self):
        self.rows, self.misses = [], 0

    def add(self, what, figure, unit="", aim=None, note=""):
        met = "" if aim is None else ("yes" if figure <= aim else "NO")
        self.misses += met == "NO"
        text = f"{figure:.3g}" if isinstance(figure, float) and abs(figure) < 100 else f"{figure:,.0f}"
        row = (what, f"{text} {unit}".strip(), "" if aim is None else f"≤ {aim:g}", met, note)
        self.rows.append(row)
        print(f"  {row[0]:<46} {row[1]:>14}  {row[2]:>9} {row[3]:<4} {note}", flush=True)


def median(values):
    return statistics.median(values)
