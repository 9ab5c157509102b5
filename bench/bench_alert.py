"""From a target's failure to the message: what passes after the probe that reaches the threshold was due.

A listener is closed; the first message about it must come within threshold × interval + 100 ms. Each round has a
group, a target and a channel of its own, because a second message on a channel soon after the first is held back on
purpose (robots allow few a minute).
"""
import argparse
import http.server
import json
import socket
import sqlite3
import threading
import time

from benchlib import Belfry, Table, free_port, load, machine, median


class Hook(http.server.ThreadingHTTPServer):
    def __init__(self):
        self.got = []
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        at = time.time()
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.got.append((at, body["status"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def listener(port):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", port))
    s.listen(64)
    return s


def wait_for(hook, status, n, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if len(hook.got) > n and hook.got[-1][1] == status:
            return hook.got[-1][0]
        time.sleep(0.001)
    raise RuntimeError(f"no {status} message within {seconds} s")


def one(b, hook, listening, threshold, interval, seen):
    """(delay after closing, delay after the start of the deciding probe as the store has it), ms."""
    n = len(hook.got)
    closed = time.time()
    listening.close()
    got = wait_for(hook, "firing", n, threshold * interval + 10)
    time.sleep(0.3)
    db = sqlite3.connect(f"file:{b.dir}/data/belfry.db?mode=ro", uri=True)
    rows = db.execute("SELECT target_id, checked_at FROM probe_results WHERE success = 0 AND "
                      "checked_at >= ? ORDER BY checked_at", (int(closed * 1000) - 5,)).fetchall()
    db.close()
    it = next(r[0] for r in rows if r[0] not in seen)
    seen.add(it)
    rows = [r[1] for r in rows if r[0] == it]
    return (got - closed) * 1000, got * 1000 - rows[threshold - 1]


def main(argv):
    p = argparse.ArgumentParser(prog="bench alert", description=__doc__)
    p.add_argument("--rounds", type=int, default=10)
    a = p.parse_args(argv)
    print("  " + machine())
    table, hook = Table(), Hook()
    threshold, interval = 3, 1
    ports = [free_port() for _ in range(a.rounds)]
    listening = [listener(p) for p in ports]
    url = f"http://127.0.0.1:{hook.server_port}/"
    channels = [{"name": f"hook{i}", "type": "webhook", "webhook_url": url} for i in range(a.rounds)]
    groups = {f"g{i}": {"interval": interval, "timeout": 1, "threshold": threshold, "channels": [f"hook{i}"],
                        "targets": [{"name": "it", "url": f"tcp://127.0.0.1:{p}"}]}
              for i, p in enumerate(ports)}
    with Belfry(groups, extra={"channels": channels, "defaults": {"connect_timeout": 1}}) as b:
        b.wait_ready()
        b.wait_assigned(a.rounds)
        time.sleep(2.5)
        seen = set()
        both = [one(b, hook, s, threshold, interval, seen) for s in listening]
    whole, after = sorted(x[0] for x in both), sorted(x[1] for x in both)
    table.add("failure to message, most", whole[-1], "ms", threshold * interval * 1000 + 100,
              f"threshold {threshold} × {interval} s; median {median(whole):.0f}, load {load()}")
    table.add("deciding probe to message: median", median(after), "ms", None, f"max {after[-1]:.0f}")
    return table.misses
