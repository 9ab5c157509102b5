"""Supervision beside runit, s6, supervisord and Monit, in one run: kill -9 until the successor's main(); the cost of doing
nothing with 100 children; starting 1,000; a program that prints as fast as it can.

The successor tells the moment itself (bench/micro/unit.c, first thing in main), so all are measured with one clock. Peers
run with the settings that restart fastest. A peer that is not installed is named and left out.
"""
import argparse
import glob
import os
import shutil
import signal
import subprocess
import tempfile
import time

from benchlib import (Belfry, Proc, Table, cpu_exact_s, cpu_s, load, machine, median, memory_mb, read, tool, tree)

MB = 1 << 20
LINE = 279  # bytes; of unit.c's flood


def wait(what, seconds=60, pause=0.001):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        got = what()
        if got:
            return got
        time.sleep(pause)
    raise RuntimeError("waited %d s in vain" % seconds)


# --- supervisors: start(commands: name → argv) in a directory of their own ---

class Peer:
    """One of Debian's supervisors over the commands."""

    def __init__(self, commands):
        self.dir = tempfile.mkdtemp(prefix="belfry-bench-" + self.name + "-")
        self.proc = Proc(self.prepare(commands), cwd=self.dir)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pids = tree(self.proc.pid)
        self.proc.__exit__()
        for p in pids:
            try:
                os.kill(p, signal.SIGKILL)
            except ProcessLookupError:
                pass
        shutil.rmtree(self.dir, ignore_errors=True)

    def write(self, path, text, mode=0o644):
        path = os.path.join(self.dir, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def own(self, children):
        """Its own processes: the tree without the programs."""
        return [p for p in tree(self.proc.pid) if p not in children]


class Runit(Peer):
    name, needs = "runit", "runsvdir"

    def prepare(self, commands):
        for name, argv in commands.items():
            self.write(f"sv/{name}/run", "#!/bin/sh\nexec " + " ".join(argv) + "\n", 0o755)
        return ["runsvdir", os.path.join(self.dir, "sv")]


class S6(Peer):
    name, needs = "s6", "s6-svscan"

    def prepare(self, commands):
        for name, argv in commands.items():
            self.write(f"sv/{name}/run", "#!/bin/sh\nexec " + " ".join(argv) + "\n", 0o755)
        return ["s6-svscan", "-c", str(len(commands) + 10), os.path.join(self.dir, "sv")]


class Supervisord(Peer):
    name, needs = "supervisord", "supervisord"
    extra = ""

    def prepare(self, commands):
        text = (f"[supervisord]\nlogfile={self.dir}/log\npidfile={self.dir}/pid\nminfds=8192\n"
                f"childlogdir={self.dir}\nnodaemon=true\nuser=root\n")
        for name, argv in commands.items():
            text += (f"[program:{name}]\ncommand={' '.join(argv)}\nstartsecs=0\nautorestart=true\n"
                     f"stdout_logfile={self.dir}/{name}.out\nstdout_logfile_maxbytes=0\nstderr_logfile=NONE\n")
        return ["supervisord", "-n", "-c", self.write("conf", text)]


class Monit(Peer):
    name, needs = "monit", "monit"

    def prepare(self, commands):
        text = f"set daemon 1\nset pidfile {self.dir}/pid\nset statefile {self.dir}/state\nset idfile {self.dir}/id\n"
        for name, argv in commands.items():
            script = self.write(f"{name}.sh", f"#!/bin/sh\n{' '.join(argv)} >/dev/null 2>&1 &\n"
                                              f"echo $! > {self.dir}/{name}.pid\n", 0o755)
            text += f"check process {name} with pidfile {self.dir}/{name}.pid\n  start program = \"{script}\"\n"
        return ["monit", "-I", "-c", self.write("conf", text, 0o600)]


PEERS = [Runit, S6, Supervisord, Monit]


def installed():
    for peer in PEERS:
        if shutil.which(peer.needs):
            yield peer
        else:
            print(f"  {peer.name} is not installed; left out")


def belfry(commands, **unit):
    delay = {"delay": 0}
    units = [{"id": n, "command": argv, "restart_delay": delay, **unit} for n, argv in commands.items()]
    monitor = {"enable": True, "restart_cooldown": 0, "max_restarts": 0}
    return Belfry({}, extra={"processes": {"monitor": monitor, "units": units}})


# --- restart ---

def beacons(path):
    """(pid, ns) of each start so far."""
    return [tuple(map(int, line.split())) for line in read(path).splitlines() if line.count(" ") == 1]


def kill_once(path):
    seen = beacons(path)
    killed = time.monotonic_ns()
    os.kill(seen[-1][0], signal.SIGKILL)
    wait(lambda: len(beacons(path)) > len(seen), pause=0.02)  # the moment stands in the file: no polling beside it
    return (beacons(path)[len(seen)][1] - killed) / 1e6


def restarts(path, n, pause):
    wait(lambda: beacons(path))
    time.sleep(2)
    out = []
    for _ in range(n):
        out.append(kill_once(path))
        time.sleep(pause)
    return sorted(out)


def note(ms):
    return f"n {len(ms)}, min {ms[0]:.2f}, p90 {ms[int(len(ms) * .9)]:.2f}, load {load()}"


def bench_restart(a, table):
    unit = tool("unit", flags=["-static"])  # main() is then where exec ends, not where the dynamic linker does
    with tempfile.TemporaryDirectory() as d:
        path = d + "/belfry"
        os.chmod(d, 0o777)
        with belfry({"beacon": [unit, "beacon", path]}):
            ms = restarts(path, a.kills, 0.05)
        table.add("kill -9 → successor executed: median", median(ms), "ms", 1.5, note(ms))
        table.add("kill -9 → successor executed: max", ms[-1], "ms", 10)
        own = median(ms)
        for peer in installed():
            path = d + "/" + peer.name
            # Each alive for over a second before, or runit and s6 wait one on purpose.
            with peer({"beacon": [unit, "beacon", path]}):
                ms = restarts(path, a.peer_kills, 1.6)
            table.add(f"  {peer.name}", median(ms), "ms", None, f"{median(ms) / own:.1f} × Belfry's; max {ms[-1]:.1f}; {note(ms)}")


# --- idle ---

def sleepers(n):
    return {f"sleep{i:03}": ["/bin/sleep", "100000"] for i in range(n)}


def sleeping():
    return [int(p) for p in os.listdir("/proc") if p.isdigit() and read(f"/proc/{p}/cmdline").startswith("/bin/sleep\x00100000")]


def idle_cost(pids, seconds):
    t, c = time.monotonic(), cpu_exact_s(pids)
    time.sleep(seconds)
    return 100 * (cpu_exact_s(pids) - c) / (time.monotonic() - t)


def bench_idle(a, table):
    with belfry(sleepers(100)) as b:
        b.wait_ready()
        children = wait(lambda: len(sleeping()) == 100 and sleeping())
        time.sleep(8)
        warden = [b.pid]
        rest = [p for p in tree(b.pid) if p not in children and p != b.pid]
        t, c = time.monotonic(), cpu_exact_s(rest)
        table.add("idle, 100 children: CPU of the warden", idle_cost(warden, a.seconds), "%", 0.01, f"load {load()}")
        table.add("  core, watcher and output beside it", 100 * (cpu_exact_s(rest) - c) / (time.monotonic() - t), "%")
        table.add("idle, 100 children: PSS of the warden", memory_mb(warden)[0], "MB", 3)
        table.add("  core, watcher and output beside it", memory_mb(rest)[0], "MB")
    for peer in installed():
        with peer(sleepers(100)) as p:
            children = wait(lambda: len(sleeping()) == 100 and sleeping(), 120, 0.1)
            time.sleep(5)
            own = p.own(children)
            cost = idle_cost(own, a.seconds)
            table.add(f"  {peer.name}: CPU", cost, "%", None, f"{len(own)} processes, PSS {memory_mb(own)[0]:.1f} MB")


# --- start ---

def bench_start(a, table):
    for name, start in [("Belfry", lambda c: belfry(c)), ("supervisord", Supervisord)]:
        if name != "Belfry" and not shutil.which("supervisord"):
            continue
        t = time.monotonic()
        with start(sleepers(a.units)) as b:
            wait(lambda: len(sleeping()) == a.units, 120, 0.02)
            took = time.monotonic() - t
            table.add(f"start of {a.units} units: {name}", took, "s", 3 if name == "Belfry" else None, f"load {load()}")
            if name == "Belfry":
                b.wait_ready()
                events(b, a.units, table)


def events(b, units, table):
    """Every unit's way to running must be in the history."""
    import json
    wait(lambda: json.loads(b.get("/api/v1/processes/status"))["status_count"]["running"] == units, 30, 0.1)
    dropped = b.metric("belfry_process_events_dropped_total")
    table.add("  states missed", dropped, "", 0)


# --- output ---

def flooded(path):
    return sum(os.path.getsize(f) for f in glob.glob(path))


def bench_output(a, table):
    unit, size = tool("unit", flags=["-static"]), a.megabytes * MB
    with tempfile.TemporaryDirectory() as d:
        base = cat_cost(unit, size, d)
        table.add(f"{a.megabytes} MB through a pipe: cat into a file", base[0], "CPU s/GB", None, f"{base[1]:.0f} MB/s")
        cost, rate, lost, late = belfry_output(unit, size)
        table.add("  Belfry, each line with its time", cost, "CPU s/GB", 3 * base[0], f"{rate:.0f} MB/s, {cost / base[0]:.2f} × cat")
        table.add("  lines lost", lost, "", 0)
        table.add("  another program's line, longest delay", late, "ms")
        if shutil.which("svlogd"):
            cost = svlogd_cost(unit, size, d)
            table.add("  svlogd -tt", cost[0], "CPU s/GB", None, f"{cost[1]:.0f} MB/s")
        if shutil.which("supervisord"):
            cost = supervisord_cost(unit, min(size, 500 * MB))
            table.add("  supervisord", cost[0], "CPU s/GB", None, f"{cost[1]:.0f} MB/s")


def piped(argv, unit, size, done):
    """CPU s/GB and MB/s of a reader on stdin; the flood's own CPU is not in it."""
    r, w = os.pipe()
    t = time.monotonic()
    reader = subprocess.Popen(argv, stdin=r, stdout=subprocess.DEVNULL)
    os.close(r)
    flood = subprocess.Popen([unit, "flood", str(size)], stdout=w, stderr=subprocess.PIPE)
    os.close(w)
    flood.stderr.read(5)
    wait(done, 120)
    took, cpu = time.monotonic() - t, cpu_exact_s([reader.pid])
    flood.kill()
    flood.wait()
    reader.wait()
    return cpu / (size / 1e9), size / MB / took


def cat_cost(unit, size, d):
    path = d + "/cat"
    cost = piped(["sh", "-c", f"exec cat > {path}"], unit, size, lambda: flooded(path) >= size)
    os.unlink(path)
    return cost


def svlogd_cost(unit, size, d):
    os.makedirs(d + "/sv")
    with open(d + "/sv/config", "w") as f:
        f.write("s0\nn0\n")
    return piped(["svlogd", "-tt", d + "/sv"], unit, size, lambda: flooded(d + "/sv/current") >= size)


def supervisord_cost(unit, size):
    t = time.monotonic()
    with Supervisord({"flood": [unit, "flood", str(size)]}) as p:
        c = cpu_exact_s([p.proc.pid])
        wait(lambda: flooded(p.dir + "/flood.out") >= size, 300, 0.01)
        return (cpu_exact_s([p.proc.pid]) - c) / (size / 1e9), size / MB / (time.monotonic() - t)


def output_pid(b):
    for p in tree(b.pid):
        if "belfry: output" in read(f"/proc/{p}/cmdline"):
            return p
    return None


def belfry_output(unit, size):
    commands = {"flood": [unit, "flood", str(size)], "quiet": [unit, "tick", "50"]}
    with belfry(commands, output={"max_size": 0, "compress": False}) as b:
        log = b.dir + "/logs/processes/flood/output.log"
        t = time.monotonic()
        pid = wait(lambda: output_pid(b))
        wait(lambda: read(b.dir + "/logs/processes/flood/output.log")[:1], 60)
        wait(lambda: last_number(log) == lines_of(size) - 1, 120, 0.01)
        took, cpu = time.monotonic() - t, cpu_exact_s([pid])
        lost = missing_lines(log, size)
        return cpu / (size / 1e9), size / MB / took, lost, longest_delay(b.dir + "/logs/processes/quiet/output.log")


def lines_of(size):
    """How many lines unit.c's flood prints: whole blocks of 256."""
    return -(-size // (LINE * 256)) * 256


def last_number(path):
    with open(path, "rb") as f:
        f.seek(0, 2)
        f.seek(max(0, f.tell() - 1000))
        lines = [line.split(b" ", 4) for line in f.read().split(b"\n")[1:-1] if b" stdout " in line]
    return int(lines[-1][3]) if lines else -1


def missing_lines(log, size):
    """Numbered lines that are not there, or not in their place."""
    want = missing = 0
    with open(log, "rb") as f:
        for line in f:
            parts = line.split(b" ", 4)
            if parts[1] != b"stdout":
                continue
            missing += int(parts[3]) != want
            want = int(parts[3]) + 1
    return missing + max(0, lines_of(size) - want)


def longest_delay(log):
    """Of lines that carry their own time, against the next tick that was due: gaps beyond the period, in ms."""
    times = [int(line.split()[3]) for line in read(log).splitlines()]
    stamps = [line.split()[0] for line in read(log).splitlines()]
    from datetime import datetime
    walls = [datetime.fromisoformat(s[:26]).timestamp() * 1e3 + 0 for s in stamps]
    late = [w - t / 1e6 for w, t in zip(walls, times)]
    return max(late) - min(late)


BENCHES = {"restart": bench_restart, "idle": bench_idle, "start": bench_start, "output": bench_output}


def main(argv):
    p = argparse.ArgumentParser(prog="bench supervise", description=__doc__)
    p.add_argument("--kills", type=int, default=200)
    p.add_argument("--peer-kills", type=int, default=10)
    p.add_argument("--seconds", type=int, default=60, help="of idling")
    p.add_argument("--units", type=int, default=1000)
    p.add_argument("--megabytes", type=int, default=2000)
    p.add_argument("--only", choices=list(BENCHES), action="append")
    a = p.parse_args(argv)
    print("  " + machine())
    table = Table()
    for name, bench in BENCHES.items():
        if not a.only or name in a.only:
            bench(a, table)
    return table.misses
