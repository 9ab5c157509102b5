"""belfry agent: probing from elsewhere. Server and agent are the real executables; between them stands a relay that can cut,
hold and count. A target that answers its n-th probe with a body of n bytes tells which probe each stored result is, so that
"every result exactly once" can be counted in the series; one that fails each second time with threshold 2 is down as soon as one
is lost or taken twice."""

import collections
import json
import os
import random
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse
import urllib.request

import pytest

from belfry import EXE, OWNER, Belfry, Refused, alive, free_port, run, wait_until
from certs import Certs
from servers import Http, Service, Webhook

TOKEN = "a-token-of-sixteen-and-more"


class Agent(Belfry):
    """An agent in a folder of its own; what Belfry has of processes and waits goes for it, too."""

    def __init__(self, folder, server, *args, token=TOKEN, env=None):
        self.server, self.args, self.token = server, args, token
        super().__init__(folder, {})
        self.env.update(env or {})

    def start(self, wait=True, timeout=20):
        out = open(self.log, "ab")
        argv = [EXE, "agent", "--server", self.server, "--data", self.data, *self.args]
        if self.token:
            argv += ["--token", self.token]
        self.child = subprocess.Popen(argv, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                                      env=dict(os.environ, **self.env))
        out.close()
        self.seen.add(self.child.pid)
        if wait:
            wait_until(lambda: self.pid_of("agent/0"), timeout, what="its watcher\n" + self.output())
            self.note_children()
        return self

    def log_of(self, role="uplink"):
        name = "monitor" if role == "agent" else role
        try:
            with open(os.path.join(self.data, "logs", role, name + ".log"), encoding="utf-8") as f:
                return [json.loads(line) for line in f if line.strip()]
        except OSError:
            return []

    def said(self, text, role="uplink"):
        return [line for line in self.log_of(role) if text in json.dumps(line)]


@pytest.fixture
def agent(tmp_path, request):
    made = []

    def make(server, *args, start=True, **kw):
        a = Agent(tmp_path / f"agent{len(made)}", server, *args, **kw)
        made.append(a)
        getattr(request.node, "belfrys", []).append(a)
        return a.start() if start else a
    yield make
    for a in made:
        a.close()


class Counting(Service):
    """An HTTP server whose n-th answer at an address has n bytes. alternating: every second one is a 500."""

    def __init__(self, alternating=False):
        self.alternating, self.at, self.lock = alternating, collections.Counter(), threading.Lock()
        super().__init__()
        self.url += "/"

    class Handler(Http):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            with self.server.lock:
                self.server.at[self.path] += 1
                n = self.server.at[self.path]
            self.answer(500 if self.server.alternating and n % 2 == 0 else 200, b"x" * n)

    @property
    def n(self):
        return sum(self.at.values())


@pytest.fixture
def counting():
    made = []

    def make(*args):
        made.append(Counting(*args))
        return made[-1]
    yield make
    for c in made:
        c.close()


class Cutter:
    """Between agent and server. cut_after: a connection is reset after so many bytes of the agent's (up) or the server's
    (down) words; refuse: nobody gets in."""

    def __init__(self, port):
        self.target, self.refuse, self.up, self.down, self.cuts = port, False, None, None, 0
        self.taken, self.pairs = 0, set()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.listener.close()
        self.cut_all()

    def cut_all(self):
        for s in list(self.pairs):
            self.reset(s)

    @staticmethod
    def reset(s):
        try:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def accept(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            if self.refuse:
                conn.close()
                continue
            self.taken += 1
            try:
                server = socket.create_connection(("127.0.0.1", self.target), 5)
            except OSError:
                conn.close()
                continue
            self.pairs |= {conn, server}
            for a, b, way in ((conn, server, "up"), (server, conn, "down")):
                threading.Thread(target=self.carry, args=(a, b, way), daemon=True).start()

    def carry(self, a, b, way):
        seen = 0
        try:
            while data := a.recv(16384):
                limit = getattr(self, way)
                seen += len(data)
                if limit is not None and seen >= limit:
                    b.sendall(data[:max(0, len(data) - (seen - limit))])
                    self.cuts += 1
                    break
                b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            self.reset(s)
            self.pairs.discard(s)
            s.close()


@pytest.fixture
def cutter():
    made = []

    def make(port):
        made.append(Cutter(port))
        return made[-1]
    yield make
    for c in made:
        c.close()


def config(*targets, locations=("beijing",), **more):
    return {"locations": [{"name": n, "token": TOKEN if i == 0 else f"{TOKEN}-{n}"} for i, n in enumerate(locations)],
            "groups": [{"name": "far", "interval": "1s", "timeout": "1s", "threshold": 1, "targets": list(targets)}],
            **more}


def shop(url, name="shop", **more):
    return {"name": name, "url": url, "locations": ["beijing"], **more}


def shops(far, n=8, **more):
    """So many targets, each with an address of its own: a probe a second each, with a second's patience."""
    return [shop(f"{far.url}{i}", f"shop{i}", **more) for i in range(n)]


def location(b, name="beijing"):
    return next(x for x in b.get("locations")["items"] if x["name"] == name)


def connected(b, name="beijing"):
    return wait_until(lambda: location(b, name)["connected"] and location(b, name), what=f"{name} is connected")


def samples(b, where='location="beijing"', metric="probe_http_content_length"):
    """{target: values of its series, oldest first}; none while the store of metrics is still being opened."""
    query = urllib.parse.quote(f"{metric}{{{where}}}[1h]")
    try:
        r = b.api("GET", f"/prometheus/api/v1/query?query={query}")
    except Refused as e:
        if e.status != 503:
            raise
        return {}
    return {s["metric"]["target"]: [int(v) for _, v in s["values"] if int(v) > 0] for s in r["data"]["result"]}


def complete(b, counting, timeout=30):
    """Stops nothing: waits until every probe up to now is in the series, once, in order. How many that are."""
    asked = {("shop" + path[1:]): n for path, n in counting.at.items()}

    def there():
        got = samples(b)
        return all(n in got.get(name, []) for name, n in asked.items()) and got
    got = wait_until(there, timeout, 0.2, what=f"{asked}; there are {samples(b)}")
    for name, n in asked.items():
        assert [x for x in got[name] if x <= n] == list(range(1, n + 1)), name
    return sum(asked.values())


@pytest.fixture(scope="module", autouse=True)
def unheard(tmp_path_factory):
    """A server whose location nobody speaks for. It says so after half a minute, hence it begins before all tests of this file."""
    bell = Webhook()
    b = Belfry(tmp_path_factory.mktemp("unheard"), config(shop("http://127.0.0.1:9/"), channels=[bell.channel()])).start()
    yield b
    b.close()
    bell.close()


# --- the ordinary ------------------------------------------------------------------------------


def test_an_agent_probes_what_the_server_names_and_changes_reach_it(belfry, agent, counting):
    far, near = counting(), counting()
    b = belfry(config(shop(far.url), {"name": "near", "url": near.url}))
    a = agent(f"http://127.0.0.1:{b.port}")
    connected(b)
    b.wait_status("shop", "healthy")
    assert b.target("shop")["last_message"]
    complete(b, far)
    assert samples(b, 'target="near",location=~".+"') == {}
    assert location(b)["source"] == "file" and location(b)["targets"] == 1
    other = counting()
    b.write(config(shop(other.url)))
    b.post("/-/reload")
    wait_until(lambda: other.n >= 2, what="the new address is probed")
    before = far.n
    time.sleep(2)
    assert far.n <= before + 1
    b.write(config({"name": "near", "url": near.url}))
    b.post("/-/reload")
    wait_until(lambda: location(b)["targets"] == 0 and location(b)["assigned"])
    before = other.n
    time.sleep(2)
    assert other.n <= before + 1
    assert a.stop() == 0


def test_the_token_is_not_seen_and_its_settings_are_the_owners_alone(belfry, agent, counting):
    b = belfry(config(shop(counting().url)))
    a = agent(f"http://127.0.0.1:{b.port}")
    connected(b)
    for c in a.children():
        for what in ("cmdline", "environ"):
            with open(f"/proc/{c['pid']}/{what}", "rb") as f:
                assert TOKEN.encode() not in f.read()
    with open(f"/proc/{a.child.pid}/cmdline", "rb") as f:
        assert TOKEN.encode() not in f.read()
    assert os.stat(os.path.join(a.data, "agent.json")).st_mode & 0o777 == 0o600


def test_a_token_of_scope_agent_is_good_for_its_two_routes_alone(belfry, agent, counting):
    far = counting()
    b = belfry({**config(shop(far.url)), "locations": []})
    assert b.call("POST", "/api/v1/tokens", {"name": "local", "scope": "agent"})[0] == 422
    made = b.post("tokens", {"name": "beijing", "scope": "agent"})
    secret = {"Authorization": "Bearer " + made["token"]}
    for method, path in (("GET", "targets"), ("GET", "tokens"), ("POST", "tokens"), ("GET", "locations"),
                         ("GET", "audit"), ("POST", "targets")):
        assert b.call(method, "/api/v1/" + path, headers=secret)[0] == 403, path
    assert b.call("GET", "/api/v1/agent/assignment", headers=secret)[0] == 200
    assert b.call("GET", "/api/v1/agent/assignment")[0] == 401  # even where anonymous is an administrator
    env = {"BELFRY_AGENT_TOKEN": made["token"]}
    a = agent(f"http://127.0.0.1:{b.port}", token=None, env=env)
    connected(b)
    b.wait_status("shop", "healthy")
    assert location(b)["source"] == "token"
    b.api("DELETE", f"tokens/{made['id']}")
    wait_until(lambda: a.said("refuses the token"), what="it says that the token is refused")
    before = far.n
    wait_until(lambda: far.n > before + 2, what="it goes on probing")


def test_a_token_file_is_read_again(belfry, agent, counting, tmp_path):
    far = counting()
    b = belfry(config(shop(far.url)))
    path = tmp_path / "token"
    path.write_text("wrong-wrong-wrong-wrong\n")
    a = agent(f"http://127.0.0.1:{b.port}", "--token-file", str(path), token=None)
    wait_until(lambda: a.said("refuses the token"), what="refused")
    assert len(a.said("refuses the token")) == 1
    path.write_text(TOKEN + "\n")
    os.kill(a.child.pid, signal.SIGHUP)
    wait_until(lambda: location(b)["connected"], 40, what="connected with the new token")


def test_check_now_at_a_location(belfry, agent, counting):
    far = counting()
    c = config(shop(far.url, interval="1h"))
    b = belfry(c)
    target = b.target("shop")["id"]
    status, doc, _ = b.call("POST", f"/api/v1/targets/{target}/check")
    assert status == 503 and "no agent" in doc["detail"]
    agent(f"http://127.0.0.1:{b.port}")
    wait_until(lambda: location(b)["assigned"], what="assigned")
    before = far.n
    r = b.post(f"targets/{target}/check")
    assert r["success"] and far.n > before


def test_programs_are_run_only_where_the_agent_allows_it(belfry, agent, tmp_path):
    plugin = {"name": "plugin", "type": "exec", "config": {"command": ["/bin/true"]}, "locations": ["beijing"]}
    b = belfry(config(plugin))
    a = agent(f"http://127.0.0.1:{b.port}")
    b.wait_status("plugin", "unhealthy")
    assert "--allow-exec" in json.dumps(b.get(f"targets/{b.target('plugin')['id']}"))
    assert a.stop() == 0
    a.args = ("--allow-exec",)
    a.start()
    b.wait_status("plugin", "healthy")


# --- TLS ---------------------------------------------------------------------------------------


def tls(certs, kind):
    return {"tls": {"cert_file": os.path.join(certs.folder, kind + ".pem"),
                    "key_file": os.path.join(certs.folder, kind + ".key")}}


def over_tls(b, path, certs):
    """GET with the authority's certificate."""
    context = ssl.create_default_context(cafile=certs.ca)
    with urllib.request.urlopen(f"https://127.0.0.1:{b.port}{path}", context=context, timeout=10) as r:
        return json.load(r)


def test_tls_is_verified(belfry, agent, counting, certs):
    far = counting()
    b = belfry({**config(shop(far.url)), "server": tls(certs, "good")}, start=False).start(wait=False)
    wait_until(lambda: os.path.exists(os.path.join(b.data, "run", "belfry.sock")))
    a = agent(f"https://127.0.0.1:{b.port}")  # the system's certificates: unknown authority
    wait_until(lambda: a.said("certificate"), what="it says that the certificate is not trusted")
    assert a.stop() == 0
    a.args = ("--ca-file", certs.ca)
    a.start()

    def heard():
        try:
            return over_tls(b, "/api/v1/locations", certs)["items"][0]["connected"]
        except OSError:
            return False
    wait_until(heard, what="connected over TLS")
    wait_until(lambda: far.n > 2, what="probes")


@pytest.mark.parametrize("kind", ["other", "expired"])
def test_a_wrong_certificate_gets_nothing(agent, certs, tmp_path, kind):
    heard = []

    class Handler(Http):
        def do_POST(self):
            heard.append(self.headers.get("Authorization"))
            self.answer(404)
    server = Service(Handler, tls=certs.context(kind))
    a = agent(server.url, "--ca-file", certs.ca)
    wait_until(lambda: a.said("certificate"), what="it says what is wrong with the certificate")
    server.close()
    assert heard == []


# --- cut off -----------------------------------------------------------------------------------


def test_cut_off_it_goes_on_probing_also_after_a_restart_and_all_comes_later(belfry, agent, counting, cutter):
    far = counting()
    b = belfry(config(*shops(far)))
    way = cutter(b.port)
    a = agent(f"http://127.0.0.1:{way.port}")
    connected(b)
    complete(b, far)
    way.refuse = True
    way.cut_all()
    n = far.n
    wait_until(lambda: far.n > n + 20, what="it goes on probing")
    assert a.stop() == 0
    a.start()
    n = far.n
    wait_until(lambda: far.n > n + 20, what="it probes after a restart, with what it knew")
    assert len(a.said("cannot be reached")) <= 2  # once in each life
    way.refuse = False
    n = complete(b, far)
    assert n > 16 and location(b)["dropped"] == 0


def test_the_server_is_away_for_a_while(belfry, agent, counting):
    far = counting(True)
    b = belfry(config(*shops(far, threshold=2)))
    agent(f"http://127.0.0.1:{b.port}")
    connected(b)
    wait_until(lambda: far.n > 30)
    assert b.stop() == 0
    n = far.n
    wait_until(lambda: far.n > n + 30)
    b.start()
    complete(b, far)
    assert b.sql("select count(*) from alert_records where target_id > 0") == [(0,)]


def test_posts_and_answers_that_are_cut_anywhere_lose_and_double_nothing(belfry, agent, counting, cutter):
    far = counting(True)
    b = belfry(config(*shops(far, threshold=2)))
    way = cutter(b.port)
    a = agent(f"http://127.0.0.1:{way.port}")
    connected(b)
    rng, end = random.Random(7), time.monotonic() + 12
    while time.monotonic() < end:
        way.up, way.down = rng.choice([(rng.randrange(1, 3000), None), (None, rng.randrange(1, 2000))])
        time.sleep(rng.uniform(0.1, 0.7))
        if rng.random() < 0.3:
            way.cut_all()
    way.up = way.down = None
    n = complete(b, far)
    wait_until(lambda: location(b)["results"] >= n)
    assert way.cuts > 5 and n > 80
    assert b.metrics()['belfry_location_results_total{location="beijing"}'] <= far.n
    assert b.sql("select count(*) from alert_records where target_id > 0") == [(0,)]
    assert a.stop() == 0
    wait_until(lambda: location(b)["results"] == far.n, what="at its end it sends what it has")


def test_each_process_killed_at_random_loses_nothing_that_was_published(belfry, agent, counting):
    far = counting(True)
    b = belfry(config(*shops(far, threshold=2), restart={"delay": "50ms", "delay_max": "200ms"}))
    a = agent(f"http://127.0.0.1:{b.port}")
    connected(b)
    rng = random.Random(11)
    for i in range(6):
        time.sleep(rng.uniform(0.3, 1.2))
        who = b if i % 2 else a
        pid = who.pid_of("core" if i % 2 else "uplink")
        if pid:
            os.kill(pid, signal.SIGKILL)
        who.note_children()
    b.wait_ready()
    wait_until(lambda: a.pid_of("uplink"), what="the uplink is back")
    complete(b, far, 60)
    assert b.sql("select count(*) from alert_records where target_id > 0") == [(0,)]


def test_the_watcher_and_the_warden_are_killed(belfry, agent, counting):
    """A probe under way dies with its watcher; what was published is there once."""
    far = counting()
    b = belfry(config(*shops(far)))
    a = agent(f"http://127.0.0.1:{b.port}")
    connected(b)
    lost = 0
    for _ in range(2):
        wait_until(lambda: a.pid_of("agent/0"))
        time.sleep(1.5)
        os.kill(a.pid_of("agent/0"), signal.SIGKILL)
        lost += 1
        n = far.n
        wait_until(lambda: far.n > n + 16, what="another watcher probes")
    a.kill_all()
    lost += 1
    a.start()
    n = far.n
    wait_until(lambda: far.n > n + 16, what="probes after all were killed")
    newest = dict(far.at)
    wait_until(lambda: all(n in samples(b).get("shop" + p[1:], []) for p, n in newest.items()), what="the newest are there")
    for path, n in newest.items():
        got = [x for x in samples(b)["shop" + path[1:]] if x <= n]
        assert got == sorted(set(got)) and len(got) >= n - lost, path


def test_a_full_ring_drops_and_says_how_many(belfry, agent, cutter):
    port = free_port()
    names = [shop(f"tcp://127.0.0.1:{port}", f"t{i}", interval="100ms", timeout="100ms") for i in range(150)]
    b = belfry(config(*names))
    way = cutter(b.port)
    a = agent(f"http://127.0.0.1:{way.port}", "--buffer", "1MiB")
    connected(b)
    wait_until(lambda: location(b)["assigned"])
    way.refuse = True
    way.cut_all()

    def dropped():
        w = os.path.join(a.data, "run", "rings", "agent.0")
        with open(w, "rb") as f:
            f.seek(80)
            return int.from_bytes(f.read(8), "little")
    wait_until(dropped, 60, what="the ring is full")
    way.refuse = False
    wait_until(lambda: location(b)["dropped"] > 0, what="the server is told")
    assert b.metrics()['belfry_location_dropped_total{location="beijing"}'] > 0
    wait_until(lambda: location(b)["buffered"] < 2000, what="it drains")


# --- who may -----------------------------------------------------------------------------------


def test_a_second_agent_is_refused_while_the_first_is_heard(belfry, agent, counting):
    far = counting()
    b = belfry(config(shop(far.url)))
    first = agent(f"http://127.0.0.1:{b.port}")
    connected(b)
    second = agent(f"http://127.0.0.1:{b.port}")
    wait_until(lambda: second.said("another agent"), what="it says that there is another agent")
    assert location(b)["refused"] >= 1 and location(b)["connected"]
    assert len(second.said("another agent")) == 1
    assert first.stop() == 0
    results = location(b)["results"]
    wait_until(lambda: location(b)["results"] > results, 40, what="after some seconds the second speaks for it")


def parcel(version=1, ring=7, records=()):
    """As ipc/parcel.c has it."""
    def u(n, v):
        return v.to_bytes(n, "little")
    rest = u(8, ring) + u(8, 0) + u(8, 0) + u(8, 0) + u(8, int(time.time() * 1000)) + u(4, 3) + b"0.0"
    rest += u(4, len(records)) + b"".join(u(8, s) + u(4, len(r)) + r for s, r in records)
    return b"BPCL" + u(4, version) + u(4, crc32c(rest)) + rest


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 & -(crc & 1))
    return crc ^ 0xffffffff


def post(b, body, kind="application/x-belfry-results", token=TOKEN):
    return b.call("POST", "/api/v1/agent/results", body, {"Content-Type": kind, "Authorization": "Bearer " + token})


def test_what_is_no_parcel_is_refused_in_words(belfry, counting):
    b = belfry(config(shop(counting().url)))
    assert post(b, parcel())[0] == 200
    status, doc, _ = post(b, parcel(version=2))
    assert status == 409 and "the server is older" in doc["detail"]
    status, doc, _ = post(b, parcel(version=0))
    assert status == 409 and "the agent is older" in doc["detail"]
    assert post(b, b"{}")[0] == 400
    assert post(b, parcel()[:-1])[0] == 400
    assert post(b, parcel(), kind="application/json")[0] == 415
    assert post(b, bytes(2 << 20))[0] == 413
    assert post(b, parcel(), token="wrong-wrong-wrong-wrong")[0] == 401
    status, doc, _ = post(b, parcel(ring=8))
    assert status == 409 and "another agent" in doc["detail"]
    # a record of nonsense is counted as taken, and never asked for again
    assert post(b, parcel(records=[(5, b"nonsense")]))[0] == 200
    wait_until(lambda: post(b, parcel())[1]["stored"] == 5, what="stored")


def test_a_silent_agent_is_an_alert(unheard):
    b = unheard

    def open_ones():
        return [x for x in b.get("alerts?status=firing")["items"] if "location beijing" in x["target_name"]]
    wait_until(open_ones, 45, 0.5, what="nobody is heard of beijing")
    post(b, parcel())
    wait_until(lambda: not open_ones(), what="it is heard again")


def test_wrong_usage_is_told(tmp_path):
    status, _, err = run("agent", "--server", "http://x", cwd=tmp_path)
    assert status == 2 and "token" in err
    status, _, err = run("agent", "--token", "t", cwd=tmp_path, env={"BELFRY_SERVER": ""})
    assert status == 2 and "server" in err
    status, out, _ = run("agent", "--help", cwd=tmp_path)
    assert status == 0 and "--buffer" in out
