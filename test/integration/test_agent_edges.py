"""belfry agent, its seldom moments: a probe asked for at several locations, a ring that was damaged or gets another size, the way through a
proxy. Agents, their servers and the relay between them: test_agent.py."""

import base64
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import threading

import pytest

from belfry import EXE, run, wait_until
from servers import Service
from test_agent import TOKEN, agent, config, connected, counting, cutter, location, over_tls, shop, shops, complete, tls  # noqa: F401

RING_HEAD, RING_SIZE, RING_TAIL = 4096, 16, 128  # ipc/ring.c


# --- probing now -------------------------------------------------------------------------------


def test_check_now_asks_every_location_and_says_who_is_away(belfry, agent, counting):
    far = counting()
    target = shop(far.url, interval="1h", locations=["beijing", "local", "paris"])
    b = belfry(config(target, locations=("beijing", "paris")))
    agent(f"http://127.0.0.1:{b.port}")
    wait_until(lambda: location(b)["assigned"], what="assigned")
    b.wait_status("shop", "healthy")
    path, before = f"targets/{b.target('shop')['id']}/check", far.n
    r = b.post(path)
    assert far.n == before + 2 and r["success"] and r["checked_at"]
    places = {p["location"]: p for p in r["places"]}
    assert list(places) == ["beijing", "local", "paris"]
    for name in ("beijing", "local"):
        assert places[name]["answered"] and places[name]["result"]["success"], places[name]
        assert places[name]["message"] == places[name]["result"]["message"]
    assert not places["paris"]["answered"] and places["paris"]["result"] is None
    assert places["paris"]["message"] == 'no agent of the location "paris" is connected'
    assert r["metrics"] == places["local"]["result"]["metrics"]  # the answer is the server's own, as ever
    schema = b.get("openapi.json")["components"]["schemas"]["Check"]["properties"]
    assert set(r) <= set(schema) | {"detail"} and set(schema["places"]["items"]["properties"]) == set(places["paris"])


def test_check_now_of_one_location_and_of_nobody(belfry, agent, counting):
    far = counting()
    b = belfry(config(shop(far.url, interval="1h"), shop(far.url, "away", locations=["paris"]), locations=("beijing", "paris")))
    agent(f"http://127.0.0.1:{b.port}")
    wait_until(lambda: location(b)["assigned"], what="assigned")
    r = b.post(f"targets/{b.target('shop')['id']}/check")
    assert r["success"] and [p["location"] for p in r["places"]] == ["beijing"]
    status, doc, _ = b.call("POST", f"/api/v1/targets/{b.target('away')['id']}/check")
    assert status == 503 and doc["detail"] == 'no agent of the location "paris" is connected'


def test_what_must_not_answer_at_any_location(belfry, agent, target):
    t = target("accept").down()
    b = belfry(config(shop(t.tcp, "closed", locations=["beijing", "local"], location_quorum=2, invert=True)))
    agent(f"http://127.0.0.1:{b.port}")

    def seen():
        return {p["location"]: p["status"] for p in b.get(f"targets/{b.target('closed')['id']}")["places"]}
    wait_until(lambda: set(seen().values()) == {"healthy"} and len(seen()) == 2, what=f"both: {seen()}")
    b.wait_status("closed", "healthy")
    t.up()
    b.wait_status("closed", "unhealthy")
    wait_until(lambda: set(seen().values()) == {"unhealthy"}, what=f"both: {seen()}")
    assert "up, and must not be" in b.target("closed")["last_message"]


# --- its ring ----------------------------------------------------------------------------------


def ring(a, name="agent.0"):
    return os.path.join(a.data, "run", "rings", name)


def word(path, at):
    with open(path, "rb") as f:
        f.seek(at)
        return struct.unpack("<Q", f.read(8))[0]


def damage(path):
    """The oldest record that waits gets a length that cannot be."""
    with open(path, "r+b") as f:
        f.seek(RING_HEAD + word(path, RING_TAIL) % word(path, RING_SIZE))
        f.write(b"\xff\xff\xff\x7f")


@pytest.mark.parametrize("sizes", [("1MiB", "3MiB"), ("4MiB", "1MiB")])
def test_another_buffer_loses_and_doubles_nothing(belfry, agent, counting, cutter, sizes):
    far = counting()
    b = belfry(config(*shops(far)))
    way = cutter(b.port)
    a = agent(f"http://127.0.0.1:{way.port}", "--buffer", sizes[0])
    connected(b)
    complete(b, far)
    way.refuse = True
    way.cut_all()
    n = far.n
    wait_until(lambda: far.n > n + 12, what="results wait in the ring")
    before = word(ring(a), RING_SIZE)
    assert a.stop() == 0
    a.args = ("--buffer", sizes[1])
    a.start()
    assert word(ring(a), RING_SIZE) != before and word(ring(a, "agent.0.former"), RING_SIZE) == before
    n = far.n
    wait_until(lambda: far.n > n + 12, what="and in the new one")
    assert a.stop() == 0
    a.start()  # nothing was sent yet: the former one stays
    assert os.path.exists(ring(a, "agent.0.former"))
    way.refuse = False
    complete(b, far)
    wait_until(lambda: not os.path.exists(ring(a, "agent.0.former")), what="the former ring is sent")
    assert location(b)["refused"] == 0 and location(b)["dropped"] == 0


def test_a_buffer_that_is_changed_twice_waits_for_the_first_change(belfry, agent, counting, cutter):
    far = counting()
    b = belfry(config(*shops(far)))
    way = cutter(b.port)
    a = agent(f"http://127.0.0.1:{way.port}", "--buffer", "1MiB")
    connected(b)
    complete(b, far)
    way.refuse = True
    way.cut_all()
    for size in ("2MiB", "4MiB"):
        n = far.n
        wait_until(lambda: far.n > n + 8, what="results wait")
        assert a.stop() == 0
        a.args = ("--buffer", size)
        a.start()
    assert a.said("keeps its size for now") and word(ring(a), RING_SIZE) == 2 << 20
    way.refuse = False
    complete(b, far)
    wait_until(lambda: not os.path.exists(ring(a, "agent.0.former")), what="the former ring is sent")
    assert a.stop() == 0
    a.start()
    wait_until(lambda: word(ring(a), RING_SIZE) == 4 << 20, what="now it has the size")
    complete(b, far)
    assert location(b)["refused"] == 0


def test_after_a_damaged_ring_its_agent_is_let_in_at_once(belfry, agent, counting, cutter):
    far = counting()
    b = belfry(config(*shops(far)))
    way = cutter(b.port)
    a = agent(f"http://127.0.0.1:{way.port}")
    connected(b)
    complete(b, far)
    way.refuse = True
    way.cut_all()
    n = far.n
    wait_until(lambda: far.n > n + 12, what="results wait in the ring")
    damage(ring(a))
    wait_until(lambda: a.said("is damaged"), what="it sees the damage")
    way.refuse = False
    results = location(b)["results"]
    wait_until(lambda: location(b)["results"] > results + 16, what="results of the new ring are taken")
    assert location(b)["refused"] == 0 and not a.said("another agent")


# --- by a proxy --------------------------------------------------------------------------------


class Proxy(Service):
    """CONNECT alone. context: it speaks TLS itself. asked: (authority, Proxy-Authorization) of each."""

    def __init__(self, context=None):
        self.asked = []
        super().__init__(tls=context)

    def serve(self, conn):
        conn.settimeout(30)
        head = b""
        while b"\r\n\r\n" not in head:
            part = conn.recv(4096)
            if not part:
                return
            head += part
        lines = head.decode().split("\r\n")
        account = [x.split(": ", 1)[1] for x in lines if x.lower().startswith("proxy-authorization: ")]
        method, authority, _ = lines[0].split()
        assert method == "CONNECT"
        self.asked.append((authority, account[0] if account else None))
        host, port = authority.rsplit(":", 1)
        server = socket.create_connection((host, int(port)), 5)
        conn.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        threading.Thread(target=self.carry, args=(server, conn), daemon=True).start()
        self.carry(conn, server)

    @staticmethod
    def carry(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


@pytest.fixture
def proxy():
    made = []

    def make(context=None):
        made.append(Proxy(context))
        return made[-1]
    yield make
    for p in made:
        p.close()


@pytest.fixture
def over_https(belfry, counting, certs):
    """A server that speaks TLS: (it, whether its agent is connected)."""
    far = counting()
    b = belfry({**config(shop(far.url)), "server": tls(certs, "good")}, start=False).start(wait=False)
    wait_until(lambda: os.path.exists(os.path.join(b.data, "run", "belfry.sock")))

    def heard():
        try:
            return over_tls(b, "/api/v1/locations", certs)["items"][0]["connected"]
        except OSError:
            return False
    return b, heard


@pytest.mark.parametrize("way", ["HTTPS_PROXY", "option", "tls"])
def test_an_agent_goes_through_a_proxy(over_https, agent, certs, proxy, way):
    b, heard = over_https
    p = proxy(certs.context("good") if way == "tls" else None)
    args, env = ["--ca-file", certs.ca], {}
    if way == "HTTPS_PROXY":
        env = {"HTTPS_PROXY": f"127.0.0.1:{p.port}"}  # http is meant
    else:
        args += ["--proxy", f"{'https' if way == 'tls' else 'http'}://me:s%20cret@127.0.0.1:{p.port}"]
    agent(f"https://127.0.0.1:{b.port}", *args, env=env)
    wait_until(heard, what="connected through the proxy")
    account = None if env else "Basic " + base64.b64encode(b"me:s cret").decode()
    assert set(p.asked) == {(f"127.0.0.1:{b.port}", account)}


def test_no_proxy_goes_past_it(over_https, agent, certs, proxy):
    b, heard = over_https
    p = proxy()
    agent(f"https://127.0.0.1:{b.port}", "--ca-file", certs.ca,
          env={"HTTPS_PROXY": f"http://127.0.0.1:{p.port}", "NO_PROXY": "127.0.0.1"})
    wait_until(heard, what="connected")
    assert p.asked == []


@pytest.mark.parametrize("kind", ["other", "expired", "selfsigned"])
def test_a_proxy_with_a_wrong_certificate_hears_nothing(over_https, agent, certs, proxy, kind):
    b, _ = over_https
    p = proxy(certs.context(kind))
    a = agent(f"https://127.0.0.1:{b.port}", "--ca-file", certs.ca, "--proxy", f"https://127.0.0.1:{p.port}")
    wait_until(lambda: a.said("cannot be reached"), what="it says that it cannot connect")
    assert p.asked == []


def test_a_proxy_that_cannot_be_is_refused_in_words(tmp_path):
    status, _, err = run("agent", "--server", "https://x", "--token", "t", "--proxy", "ftp://me:secret@p", cwd=tmp_path)
    assert status == 2 and 'got the scheme "ftp"; want http, https, socks' in err and "secret" not in err
    status, _, err = run("agent", "--server", "https://x", "--token", "t", cwd=tmp_path, env={"HTTPS_PROXY": "gopher://p"})
    assert status == 2 and "gopher" in err


# --- its unit ----------------------------------------------------------------------------------


@pytest.fixture
def place():
    """A folder that everybody may enter: pytest's are root's alone."""
    folder = tempfile.mkdtemp(prefix="belfry-unit-")
    os.chmod(folder, 0o755)
    yield folder
    shutil.rmtree(folder)


def unit_of(place):
    """The unit as `make install` leaves it, its program being a copy in the folder."""
    source = os.path.join(os.path.dirname(__file__), "..", "..", "packaging", "belfry-agent.service.in")
    with open(source, encoding="utf-8") as f:
        text = f.read().replace("@bindir@", place)
    shutil.copy(EXE, os.path.join(place, "belfry"))
    path = os.path.join(place, "belfry-agent.service")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path, text


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd")
def test_its_unit_is_one(place):
    path, _ = unit_of(place)
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", path], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 0 and "belfry-agent" not in done.stderr, done.stderr


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="only root can give rights up")
def test_what_its_unit_says_runs_with_its_rights(belfry, counting, place):
    """The line of the unit, with its environment alone, as a user with the one capability that it names."""
    far = counting()
    b = belfry(config(shop(far.url)))
    _, text = unit_of(place)
    line = next(x.split("=", 1)[1] for x in text.splitlines() if x.startswith("ExecStart="))
    assert "CapabilityBoundingSet=CAP_NET_RAW" in text and "AmbientCapabilities=CAP_NET_RAW" in text
    state = os.path.join(place, "state")
    os.mkdir(state, 0o700)
    os.chown(state, 65534, 65534)
    caps = ["--bounding-set=-all,+net_raw", "--inh-caps=-all,+net_raw", "--ambient-caps=-all,+net_raw", "--no-new-privs"]
    with open(os.path.join(place, "out"), "wb") as out:
        child = subprocess.Popen(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *caps, "sh", "-c",
                                  "umask 077; exec " + line.replace("/var/lib/belfry-agent", state)], cwd=state, stdout=out, stderr=out,
                                 env={"BELFRY_AGENT_SERVER": f"http://127.0.0.1:{b.port}", "BELFRY_AGENT_TOKEN": TOKEN})
    try:
        connected(b)
        b.wait_status("shop", "healthy")
        assert os.stat(os.path.join(state, "agent.json")).st_uid == 65534
    finally:
        child.terminate()
        assert child.wait(60) == 0
