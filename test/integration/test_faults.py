"""Targets that misbehave: each fault gives a clear failing result within the timeout, and the watcher stays well."""

import json
import os
import socket
import time

import pytest

from belfry import free_port, run, wait_until

TIMEOUT = 0.7
LATE_MS = TIMEOUT * 1000 + 400


def add(b, name, **doc):
    return b.post("targets", {"name": name, "interval_seconds": 1, "timeout_seconds": TIMEOUT, "threshold": 1, **doc})["id"]


def result(b, i, n=1):
    """The n-th result at least; the newest."""
    wait_until(lambda: len(b.get(f"targets/{i}/results?limit=50")["items"]) >= n, 15)
    return b.get(f"targets/{i}/results?limit=1")["items"][0]


def ends_in_time(b, i):
    """Some round keeps its deadline: a busy machine spoils one, a probe without deadline spoils all."""
    def some():
        return any(r["latency_ms"] <= LATE_MS for r in b.get(f"targets/{i}/results?limit=50")["items"] if not r["success"])
    return wait_until(some, 15, what=f"no failed round of {i} ended within {LATE_MS} ms")


HTTP_FAULTS = {  # mode: words of which the message must have one
    "hang": ("time", "no answer"), "reset": ("reset", "closed"), "garbage": ("HTTP", "answer"),
    "endless_header": ("header",), "drip": ("time", "no answer"), "accept": ("closed", "reset", "empty", "ended"),
}


@pytest.mark.parametrize("mode", sorted(HTTP_FAULTS))
def test_http_fault_is_a_clear_failure(belfry, target, mode):
    t, well = target(mode), target("accept")
    b = belfry({})
    bad = add(b, "bad", url=t.http)
    good = add(b, "good", url=well.tcp)
    r = result(b, bad, 2)
    assert not r["success"] and ends_in_time(b, bad), r
    assert any(w.lower() in r["message"].lower() for w in HTTP_FAULTS[mode]), r["message"]
    assert b.target(bad)["status"] == "unhealthy" and result(b, good)["success"]
    assert not b.crashes() and all(c["restarts"] == 0 for c in b.children())
    t.mode = "ok"
    b.wait_status(bad, "healthy")


@pytest.mark.parametrize("mode", ["endless_body", "bomb"])
def test_body_without_end_costs_little(belfry, target, mode):
    """What is over max_body is left; judged is what was read. Memory stays small."""
    t = target(mode)
    b = belfry({})
    i = add(b, "big", type="http", config={"url": t.http, "compression": True, "expect": {"body_contains": "never there"}})
    r = result(b, i, 3)
    assert not r["success"], r
    watcher = next(n for n in b.get("nodes")["items"] if n["role"] == "watcher")
    assert watcher["rss_bytes"] < 100 << 20 and not b.crashes(), watcher


@pytest.mark.parametrize("mode", ["hang", "reset", "garbage", "drip"])
def test_tcp_dialogue_with_something_odd(belfry, target, mode):
    t = target(mode)
    b = belfry({})
    i = add(b, "odd", type="tcp", config={"host": "127.0.0.1", "port": t.port,
                                          "steps": [{"send": "HELO\\r\\n\\r\\n", "expect": "^250 "}]})
    r = result(b, i, 2)
    assert not r["success"] and r["message"] and ends_in_time(b, i), r
    assert not b.crashes()


def test_nothing_listens(belfry):
    b, port = belfry({}), free_port()
    r = result(b, add(b, "none", url=f"tcp://127.0.0.1:{port}"))
    assert r["message"] == f"connection refused by 127.0.0.1:{port}"


def test_address_that_swallows_packets(belfry):
    """A listener whose queue is full drops what asks further."""
    b = belfry({})
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    held = []
    for _ in range(4):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(full.getsockname())
        held.append(s)
    i = add(b, "hole", url=f"tcp://127.0.0.1:{full.getsockname()[1]}", connect_timeout_seconds=0.3)
    r = result(b, i)
    assert not r["success"] and 250 < r["latency_ms"] and ends_in_time(b, i), r
    assert "300" in r["message"] or "0.3" in r["message"] or "time" in r["message"], r
    for s in [*held, full]:
        s.close()


CERT_FAULTS = {"expired": "expired", "selfsigned": "self", "other": "127.0.0.1"}


@pytest.mark.parametrize("kind", sorted(CERT_FAULTS))
def test_bad_certificate(belfry, target, certs, kind):
    t = target(tls=certs.context(kind))
    b = belfry({})
    strict = add(b, "strict", type="http", config={"url": t.http, "tls": {"ca_file": certs.ca}})
    lax = add(b, "lax", type="http", config={"url": t.http, "tls": {"verify": False}})
    tcp = add(b, "tcp", type="tcp", config={"host": "127.0.0.1", "port": t.port, "tls": True,
                                            "tls_options": {"ca_file": certs.ca}})
    for i in (strict, tcp):
        r = result(b, i)
        assert not r["success"] and CERT_FAULTS[kind] in r["message"] and "certificate" in r["message"].lower(), r
    assert result(b, lax)["success"]


def test_certificate_that_ends_soon_is_degraded(belfry, target, certs):
    t = target(tls=certs.context("soon"))
    b = belfry({})
    i = add(b, "soon", type="http", config={"url": t.http, "tls": {"ca_file": certs.ca, "expiry_warning": "14d"}})
    r = result(b, i)
    assert r["success"] and any("certificate" in w for w in r["warnings"]), r
    doc = b.target(i)
    assert doc["status"] == "healthy" and doc["degraded"]
    m = b.metrics()
    expiry = next(v for k, v in m.items() if k.startswith("probe_ssl_earliest_cert_expiry") and "soon" in k)
    assert 4 * 86400 < expiry - time.time() < 6 * 86400


def test_tls_on_a_plain_port_and_plain_on_tls(belfry, target, certs):
    plain, tls = target("garbage"), target(tls=certs.context("good"))
    b = belfry({})
    r = result(b, add(b, "p", type="tcp", config={"host": "127.0.0.1", "port": plain.port, "tls": True}))
    assert not r["success"] and ("TLS" in r["message"] or "tls" in r["message"]), r
    r = result(b, add(b, "q", url=f"http://127.0.0.1:{tls.port}/"))
    assert not r["success"], r


def test_redirects(belfry, target):
    t = target("status")
    t.status, t.headers = 302, f"Location: {t.http}\r\n"
    b = belfry({})
    r = result(b, add(b, "loop", url=t.http))
    assert not r["success"] and "redirect" in r["message"], r
    i = add(b, "ends", type="http", config={"url": t.http, "follow_redirects": False, "expect": {"status": [302]}})
    assert result(b, i)["success"]


@pytest.mark.parametrize("mode", ["never", "servfail", "nxdomain", "garbage", "refused"])
def test_name_server_faults(belfry, dns, mode):
    d = dns({"shop.test": ["10.1.2.3"]})
    b = belfry({})
    i = add(b, "dns", url=f"dns://127.0.0.1:{d.port}/shop.test?type=A")
    assert result(b, i)["success"]
    d.mode = mode
    b.wait_status(i, "unhealthy")
    wait_until(lambda: not result(b, i)["success"])
    r = result(b, i)
    assert r["message"] and ends_in_time(b, i), r
    if mode in ("servfail", "nxdomain", "refused"):
        assert mode.upper() in r["message"], r
    d.mode = "ok"
    b.wait_status(i, "healthy")


def test_wrong_answer_of_a_name_server(belfry, dns):
    d = dns({"shop.test": ["10.1.2.3", "10.1.2.4"]})
    b = belfry({})
    conf = {"server": [f"127.0.0.1:{d.port}"], "name": "shop.test", "type": "A"}
    assert result(b, add(b, "r", type="dns", config={**conf, "expect": {"records": ["10.1.2.4"]}}))["success"]
    r = result(b, add(b, "w", type="dns", config={**conf, "expect": {"records": ["10.9.9.9"]}}))
    assert not r["success"] and "10.9.9.9" in r["message"], r
    assert result(b, add(b, "t", type="dns", config={**conf, "transport": "tcp"}))["success"]
    r = result(b, add(b, "m", type="dns", config={**conf, "expect": {"min_answers": 3}}))
    assert not r["success"]
    dead = add(b, "two", type="dns", config={**conf, "server": [f"127.0.0.1:{d.port}", f"127.0.0.1:{free_port()}"]})
    assert not result(b, dead)["success"], "one of two servers is gone"


@pytest.mark.skipif(os.geteuid() != 0 or not os.path.exists("/proc/self/ns/mnt"), reason="needs root: its own resolv.conf")
def test_resolver_that_never_answers(belfry, target, dns, tmp_path):
    """The machine's name server is silent: names fail in time, addresses go on being probed."""
    d, t = dns(), target("accept")
    d.mode = "never"
    if d.port != 53:
        conf = tmp_path / "resolv.conf"
        conf.write_text("nameserver 198.51.100.53\noptions timeout:5 attempts:3\n")
    wrap = ["unshare", "-m", "sh", "-c", f'mount --bind {conf} /etc/resolv.conf || exit 77; exec "$@"', "sh"]
    b = belfry({}, wrapper=wrap, start=False)
    b.start(wait=False)
    try:
        b.wait_ready()
    except AssertionError:
        if b.child.poll() == 77 or "unshare" in b.output():
            pytest.skip("no mount namespace here: " + b.output(3))
        raise
    named = add(b, "named", url="http://shop.example.com/")
    plain = add(b, "plain", url=t.tcp)
    r = result(b, named, 2)
    assert not r["success"] and ends_in_time(b, named), r
    assert "shop.example.com" in r["message"] or "name" in r["message"] or "resolv" in r["message"], r
    before = len(b.get(f"targets/{plain}/results?limit=50")["items"])
    wait_until(lambda: len(b.get(f"targets/{plain}/results?limit=50")["items"]) > before + 2)


def test_icmp(belfry):
    b = belfry({})
    r = result(b, add(b, "ping", url="icmp://127.0.0.1"))
    if not r["success"] and "ermi" in r["message"]:
        pytest.skip("no ICMP socket is allowed here: " + r["message"])
    assert r["success"], r
    r = result(b, add(b, "six", url="icmp://[::1]"))
    assert r["success"] or "unreachable" in r["message"] or "assign" in r["message"], r
    r = result(b, add(b, "many", type="icmp", config={"host": "127.0.0.1", "count": 5, "spacing": "20ms"}))
    assert r["success"] and r["metrics"].get("probe_icmp_packet_loss_ratio", 0) == 0
    assert not result(b, add(b, "hole", url="icmp://198.51.100.1"))["success"]


def test_burst(belfry, target):
    t = target()
    b = belfry({})
    i = add(b, "burst", url=t.http, interval_seconds=3, timeout_seconds=0.5,
            burst={"times": 5, "delta_seconds": 0.1, "min_success": 0.7})
    r = result(b, i)
    assert r["success"] and "5 of 5" in r["message"], r
    t.down()
    wait_until(lambda: "0 of 5" in b.target(i)["last_message"], 10)
    assert b.target(i)["status"] == "unhealthy"


def test_all_faults_at_once_do_not_disturb_the_good(belfry, target):
    """Forty bad targets and a good one every 300 ms in one watcher."""
    modes = ["hang", "reset", "garbage", "endless_header", "drip", "endless_body", "accept", "status"]
    bad, well = {m: target(m) for m in modes}, target("accept")
    targets = [{"name": f"{m}{i}", "url": t.http} for m, t in bad.items() for i in range(5)]
    b = belfry({"groups": [{"name": "g", "interval": "1s", "timeout": "700ms", "targets": targets + [
        {"name": "good", "url": well.tcp, "interval": "300ms", "timeout": "250ms"}]}]})
    wait_until(lambda: b.target("good")["last_checked_at"])
    good = b.target("good")["id"]
    time.sleep(5)
    items = b.get(f"targets/{good}/results?limit=100")["items"]
    assert all(r["success"] for r in items) and len(items) >= 12, (len(items), [r["message"] for r in items])
    assert not b.crashes()
    states = {t["name"]: t["status"] for t in b.get("targets?limit=100")["items"]}
    assert all(states[f"{m}0"] == "unhealthy" for m in modes if m != "endless_body"), states


def test_check_command_has_the_same_messages(target):
    t = target("reset")
    status, out, err = run("check", t.http, "--timeout", "1s")
    assert status == 1 and json.loads(out)["message"] in err
