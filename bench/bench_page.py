"""What the page takes with many targets: first rows painted, a keystroke of the filter, a click on a target, memory of the tab; and
Uptime Kuma 2 (npm's package uptime-kuma, installed into a temporary folder) beside it with as many monitors as it bears.

Both watch the same sink on loopback by TCP, each target once a minute, and both are looked at by the same steps in the same Chromium
(bench/page.mjs). Kuma's monitors are written into its SQLite while it is stopped, and its log-in is switched off.
"""
import argparse
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import urllib.request

from benchlib import HERE, Belfry, Sink, Table, free_port, load, machine, read

PACKAGE = "uptime-kuma"


def look(kind, url, count):
    """What page.mjs says of one page; None when it did not come to an end."""
    how = {"belfry": {"rows": "a.row", "search": "#search", "word": "t12345", "opened": ".uptime"},
           "kuma": {"rows": ".monitor-list .item", "search": ".search-input", "word": "t12345",
                    "opened": ".functions"}}[kind]
    asked = json.dumps({"url": url, "count": count, **how})
    try:
        p = subprocess.run(["node", os.path.join(HERE, "page.mjs"), asked], capture_output=True, text=True, timeout=900)
    except subprocess.TimeoutExpired:
        return {"failed": "no answer in 15 minutes"}
    lines = p.stdout.strip().splitlines()
    return json.loads(lines[-1]) if p.returncode == 0 and lines else {"failed": (p.stderr or p.stdout).strip()[:500]}


def tell(table, who, count, found, aims):
    """Aims hold for Belfry with 10,000 and more."""
    if not ({"failed", "skipped"} & set(found)):
        for key, what, unit in FIGURES:
            table.add(f"{who}, {count:,}: {what}", float(found[key]), unit, aims.get(key), f"load {load()}")
        return True
    print(f"  {who}, {count:,}: not measured: {found.get('failed') or found.get('skipped')}")
    return False


FIGURES = [("paint", "first rows", "ms"), ("paintCpu", "first rows, CPU", "ms"),
           ("keystroke", "keystroke of the filter", "ms"), ("keystrokeCpu", "keystroke, CPU", "ms"),
           ("click", "click on a target", "ms"),
           ("heap", "heap of the tab", "MB"), ("tab", "memory of the tab", "MB"), ("elements", "elements", "")]
AIMS = {"paint": 1000, "keystroke": 50, "tab": 150}


def belfry(sink, count, warm):
    targets = [{"name": f"t{i}", "url": f"tcp://127.0.0.1:{sink.port}"} for i in range(count)]
    groups = {f"g{k:02d}": {"interval": 60, "targets": targets[k::20]} for k in range(20)}
    with Belfry(groups) as b:
        b.wait_ready(120)
        b.wait_assigned(count, 240)
        time.sleep(warm)
        return look("belfry", f"http://127.0.0.1:{b.port}/", count)


# --- Uptime Kuma ---

def install(folder):
    """Its folder, or the reason why there is none."""
    if not shutil.which("npm"):
        return None, "npm is not installed"
    subprocess.run(["npm", "init", "-y"], cwd=folder, capture_output=True, check=True)
    p = subprocess.run(["npm", "install", PACKAGE, "--no-audit", "--no-fund"], cwd=folder, capture_output=True, text=True)
    home = os.path.join(folder, "node_modules", PACKAGE)
    return (home, "") if p.returncode == 0 else (None, (p.stderr or p.stdout)[-600:])


def mend(home):
    """2.0.0-dev.0 was published with some of its migrations one folder too high, and does not start."""
    old = os.path.join(home, "db/old_migrations")
    for name in os.listdir(os.path.join(home, "db")):
        if name.endswith(".sql") and os.path.isdir(old) and not os.path.exists(os.path.join(old, name)):
            shutil.copy(os.path.join(home, "db", name), old)


class Kuma:
    """A server in a data folder of its own."""

    def __init__(self, home, data):
        self.home, self.data, self.port, self.p = home, data, free_port(), None
        os.makedirs(data, exist_ok=True)
        with open(os.path.join(data, "db-config.json"), "w") as f:
            json.dump({"type": "sqlite"}, f)
        self.log = open(os.path.join(data, "log"), "ab")

    def start(self, seconds=240):
        self.p = subprocess.Popen(["node", "server/server.js", f"--port={self.port}", "--host=127.0.0.1", f"--data-dir={self.data}/"],
                                  cwd=self.home, stdout=self.log, stderr=self.log, start_new_session=True)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.p.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/dashboard", timeout=5):
                    return
            except OSError:
                time.sleep(0.5)
        raise RuntimeError("Uptime Kuma does not start: " + read(os.path.join(self.data, "log"))[-1500:])

    def stop(self):
        if self.p and self.p.poll() is None:
            os.killpg(self.p.pid, signal.SIGTERM)
            try:
                self.p.wait(40)
            except subprocess.TimeoutExpired:
                os.killpg(self.p.pid, signal.SIGKILL)
                self.p.wait()
        self.p = None

    def fill(self, count, port):
        """Only while it is stopped."""
        db = sqlite3.connect(os.path.join(self.data, "kuma.db"))
        db.execute("INSERT OR IGNORE INTO user (id, username, password, active) VALUES (1, 'bench', 'x', 1)")
        db.execute("DELETE FROM setting WHERE key = 'disableAuth'")
        db.execute("INSERT INTO setting (key, value, type) VALUES ('disableAuth', 'true', 'general')")
        have = db.execute("SELECT count(*) FROM monitor").fetchone()[0]
        rows = [(f"t{i}", port) for i in range(have, count)]
        db.executemany("INSERT INTO monitor (name, active, user_id, interval, type, hostname, port, weight, maxretries)"
                       " VALUES (?, 1, 1, 60, 'port', '127.0.0.1', ?, 2000, 0)", rows)
        db.commit()
        db.close()


def kuma(sink, table, a, best):
    with tempfile.TemporaryDirectory(prefix="belfry-kuma-") as folder:
        home, why = (a.kuma, "") if a.kuma else install(folder)
        if not home:
            print(f"  Uptime Kuma cannot be had here: {why}")
            return
        mend(home)
        version = json.loads(read(os.path.join(home, "package.json")))["version"]
        server = Kuma(home, os.path.join(folder, "data"))
        try:
            server.start()
            server.stop()
            for count in a.monitors:
                server.fill(count, sink.port)
                server.start()
                time.sleep(a.warm)
                found = look("kuma", f"http://127.0.0.1:{server.port}/dashboard", count)
                server.stop()
                if tell(table, f"Uptime Kuma {version}", count, found, {}):
                    ratios(count, found, best)
        except (RuntimeError, sqlite3.Error, OSError) as e:
            print(f"  Uptime Kuma {version} was not measured: {e}")
        finally:
            server.stop()


def ratios(count, found, best):
    for targets, own in best.items():
        parts = [f"{what} {found[key] / own[key]:.1f}×" for key, what, _ in FIGURES if own.get(key)]
        print(f"  Uptime Kuma with {count:,} : Belfry with {targets:,} = {', '.join(parts)}")


def main(argv):
    p = argparse.ArgumentParser(prog="bench page", description=__doc__)
    p.add_argument("--targets", type=int, nargs="*", default=[2000, 10000])
    p.add_argument("--monitors", type=int, nargs="*", default=[700, 2000])
    p.add_argument("--warm", type=float, default=70, help="seconds before looking: each target was checked once")
    p.add_argument("--kuma", help="a folder where npm has installed uptime-kuma already")
    a = p.parse_args(argv)
    print("  " + machine())
    table, best = Table(), {}
    with Sink() as sink:
        for count in a.targets:
            found = belfry(sink, count, a.warm)
            if tell(table, "Belfry", count, found, AIMS if count >= 10000 else {}):
                best[count] = found
        if a.monitors:
            kuma(sink, table, a, best)
    return table.misses
