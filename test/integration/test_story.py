"""The main story: a target is added, its service stops, the message arrives everywhere; it starts again, and the
recovery arrives. Loopback endpoints stand in for the vendors."""

import base64
import email
import email.policy
import hashlib
import hmac
import json
import stat
import time
import urllib.parse

import pytest

from belfry import wait_until
from servers import ROBOTS

FAST = {"interval_seconds": 0.3, "timeout_seconds": 0.2, "threshold": 2}


def ids(b):
    return {c["name"]: c["id"] for c in b.get("channels?limit=100")["items"]}


def add(b, name, url, channels=None, **more):
    return b.post("targets", {"name": name, "url": url, "notify_channel_ids": list(channels or []), **FAST, **more})


def both(b, t, arrived):
    """Down until arrived(1), up until arrived(2)."""
    b.wait_status("shop", "healthy")
    t.down()
    wait_until(lambda: arrived(1), what="the message\n" + b.output())
    b.wait_status("shop", "unhealthy")
    t.up()
    wait_until(lambda: arrived(2), what="the recovery")
    b.wait_status("shop", "healthy")


@pytest.mark.parametrize("kind", list(ROBOTS))
def test_message_and_recovery_by_robot(belfry, hook, target, kind):
    secret = {"dingtalk": {"secret": "SECabc"}, "feishu": {"secret": "fs-key"}}.get(kind, {})
    b, t = belfry({"channels": [hook.channel(kind, **secret)]}), target()
    made = add(b, "shop", t.tcp, ids(b).values())
    both(b, t, lambda n: len(hook.of(kind)) >= n)
    down, up = hook.of(kind)[:2]
    check_shape(kind, down, up)
    assert "shop" in down.text() and "connection refused" in down.text() and str(t.port) in down.text()

    def alert():
        return b.get(f"alerts?target_id={made['id']}")["items"][0]
    assert alert()["status"] == "resolved" and alert()["fired_at"] < alert()["resolved_at"]
    wait_until(lambda: [(n["kind"], n["status"], n["channel"]) for n in alert()["notified"]] ==
               [("fired", "sent", kind), ("resolved", "sent", kind)])
    assert len(hook.of(kind)) == 2, "nothing is told twice"


def check_shape(kind, down, up):
    assert down.headers["Content-Type"].startswith("application/json")
    d, u = (down.json, up.json) if kind != "slack" else (json.loads(down.body), json.loads(up.body))
    if kind == "wecom":
        assert d["msgtype"] == "markdown" and "故障" in d["markdown"]["content"]
        assert "恢复" in u["markdown"]["content"]
        assert len(d["markdown"]["content"].encode()) <= 4096
    elif kind == "dingtalk":
        assert d["msgtype"] == "markdown" and "故障" in d["markdown"]["title"] and "恢复" in u["markdown"]["title"]
        q = urllib.parse.parse_qs(urllib.parse.urlsplit(down.path).query)
        stamp = q["timestamp"][0]
        want = hmac.new(b"SECabc", f"{stamp}\nSECabc".encode(), hashlib.sha256).digest()
        assert base64.b64decode(q["sign"][0]) == want and abs(int(stamp) / 1000 - down.at) < 10
    elif kind == "feishu":
        assert d["msg_type"] == "interactive" and d["card"]["header"]["template"] == "red"
        assert u["card"]["header"]["template"] == "green"
        want = hmac.new(f"{d['timestamp']}\nfs-key".encode(), b"", hashlib.sha256).digest()
        assert base64.b64decode(d["sign"]) == want and abs(int(d["timestamp"]) - down.at) < 10
    elif kind == "slack":
        assert "DOWN" in d["text"] and "UP" in u["text"] and d["attachments"][0]["blocks"]
    else:
        assert d["version"] == "4" and d["status"] == "firing" and u["status"] == "resolved"
        a = d["alerts"][0]
        assert a["labels"]["target"] == "shop" and a["endsAt"].startswith("0001-") and a["annotations"]["summary"]
        assert u["alerts"][0]["startsAt"] == a["startsAt"] and u["alerts"][0]["fingerprint"] == a["fingerprint"]


def test_message_and_recovery_by_mail(belfry, smtp, target, certs):
    s, t = smtp(certs.context("good")), target()
    mail = {"name": "mail", "type": "email", "config": {
        "host": "localhost", "port": s.port, "security": "starttls", "username": "mon", "password": "pa:ss",
        "from": "Belfry <belfry@example.com>", "to": ["ops@example.com", "値班 <night@example.com>"],
        "ca_file": certs.ca}}
    b = belfry({"channels": [mail]})
    add(b, "shop", t.tcp, ids(b).values())
    both(b, t, lambda n: len(s.mails) >= n)
    down = s.mails[0]
    assert down["tls"] and down["auth"] == ("mon", "pa:ss")
    assert len(down["to"]) == 2 and "belfry@example.com" in down["from"]
    m = email.message_from_bytes(down["data"], policy=email.policy.default)
    assert "shop" in m["Subject"] and m["Date"] and m["Message-ID"]
    kinds = {p.get_content_type(): p.get_content() for p in m.walk() if not p.is_multipart()}
    assert "connection refused" in kinds["text/plain"] and "connection refused" in kinds["text/html"]
    assert len(s.mails) == 2


def test_message_and_recovery_by_program(belfry, target, tmp_path):
    script, out = tmp_path / "page-me", tmp_path / "paged"
    script.write_text(f"#!/bin/sh\n{{ echo \"$BELFRY_STATUS $1\"; cat; echo; }} >> {out}\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    t = target()
    b = belfry({"channels": [{"name": "page", "type": "exec", "config": {"command": [str(script), "--urgent"]}}]})
    add(b, "shop", t.tcp, ids(b).values())

    def lines():
        return out.read_text().splitlines() if out.exists() else []
    both(b, t, lambda n: sum(line.startswith("{") for line in lines()) >= n)
    assert lines()[0] == "firing --urgent" and lines()[2] == "resolved --urgent"
    assert json.loads(lines()[1])["alerts"][0]["labels"]["target"] == "shop"


def test_latency_of_the_first_message(belfry, hook, target, capsys):
    """The figure of the issue: threshold × interval + 100 ms at most. Printed, not asserted: the machine is shared."""
    b, took = belfry({"channels": [hook.channel()]}), []
    for i in range(3):
        t = target("accept")
        add(b, f"t{i}", t.tcp, ids(b).values(), interval_seconds=1, timeout_seconds=0.5, threshold=2)
        b.wait_status(f"t{i}", "healthy")
        before = len(hook.of("webhook"))
        t.down()
        began = time.time()
        wait_until(lambda: len(hook.of("webhook")) > before)
        took.append(hook.of("webhook")[-1].at - began)
    with capsys.disabled():
        print(f"\nfirst message after {', '.join(f'{s * 1000:.0f} ms' for s in took)} "
              f"(threshold 2 × 1 s + 100 ms = 2100 ms aimed)")
    assert max(took) < 10


def test_channel_test_shows_the_vendors_answer(belfry, hook):
    b = belfry({"channels": [hook.channel(k) for k in ROBOTS]})
    for name, i in ids(b).items():
        answer = b.post(f"channels/{i}/test")
        assert answer["success"], (name, answer)
        wait_until(lambda: hook.of(name))
        hook.modes[name] = "refuse"
        answer = b.post(f"channels/{i}/test")
        assert not answer["success"] and answer["answer"], (name, answer)
    answer = b.post(f"channels/{ids(b)['wecom']}/test")["answer"]
    assert "93000" in answer and "webhook_url" in answer
    status, out, _ = b.cli("channel", "test", "wecom")
    assert status == 1 and "93000" in out
    hook.modes["wecom"] = "ok"
    status, out, _ = b.cli("channel", "test", "wecom")
    assert status == 0 and "errcode" in out


def test_channel_off_and_on_while_running(belfry, hook, target):
    b, t = belfry({"channels": [hook.channel("webhook", "one"), hook.channel("slack", "two")]}), target()
    add(b, "shop", t.tcp, ids(b).values())
    b.wait_status("shop", "healthy")
    assert b.cli("channel", "disable", "one")[0] == 0
    assert not b.get(f"channels/{ids(b)['one']}")["enabled"]
    t.down()
    wait_until(lambda: hook.of("slack"))
    time.sleep(0.3)
    assert not hook.of("webhook"), "a channel that is off sends nothing"
    b.api("PATCH", f"channels/{ids(b)['one']}", {"enabled": True})
    t.up()
    wait_until(lambda: len(hook.of("slack")) == 2)
    b.wait_status("shop", "healthy")
    t.down()
    wait_until(lambda: hook.of("webhook") and hook.of("webhook")[-1].json["status"] == "firing")


def test_switched_off_channel_stays_off_over_restart_and_reload(belfry, hook):
    b = belfry({"channels": [hook.channel()]})
    b.api("PATCH", f"channels/{ids(b)['webhook']}", {"enabled": False})
    assert b.api("POST", "/-/reload") is not None
    assert not b.get("channels")["items"][0]["enabled"]
    assert b.stop() == 0
    b.start()
    assert not b.get("channels")["items"][0]["enabled"]


@pytest.mark.parametrize("mode", ["500", "busy", "reset", "hang", "garbage"])
def test_dead_channel_is_retried_and_delays_no_other(belfry, hook, target, mode):
    b, t = belfry({"channels": [hook.channel("wecom", timeout="500ms"), hook.channel("webhook")]}), target()
    hook.modes["wecom"] = mode
    made = add(b, "shop", t.tcp, ids(b).values())
    b.wait_status("shop", "healthy")
    t.down()
    wait_until(lambda: hook.of("webhook"), 5, what="the other channel's message")
    wait_until(lambda: any(k == "wecom" for _, k in hook.attempts))

    def state():
        notified = b.get(f"alerts?target_id={made['id']}")["items"][0]["notified"]
        return next(n for n in notified if n["channel"] == "wecom")
    wait_until(lambda: state()["answer"], what="what went wrong is told")
    assert state()["status"] != "sent"
    if mode == "busy":
        return  # asked to wait long
    hook.modes["wecom"] = "ok"
    wait_until(lambda: hook.of("wecom"), 30, what=f"retried: {state()}")
    wait_until(lambda: state()["status"] == "sent")
    assert len(hook.of("wecom")) == 1


def test_degraded_is_not_down(belfry, hook, target):
    b, t = belfry({"channels": [hook.channel()]}), target("late")
    made = b.post("targets", {"name": "slow", "url": t.http, **FAST, "notify_channel_ids": list(ids(b).values()),
                              "config": {"expect": {"max_latency": "10ms"}}})
    wait_until(lambda: b.target(made["id"])["degraded"])
    time.sleep(0.7)
    assert b.target(made["id"])["status"] == "healthy" and not hook.of("webhook")
    t.mode = "ok"
    b.api("PATCH", f"targets/{made['id']}", {"config": {"expect": {"max_latency": "2s"}}})
    wait_until(lambda: not b.target(made["id"])["degraded"])
    b.api("PATCH", f"targets/{made['id']}", {"config": {"expect": {"max_latency": "10ms",
                                                                   "max_latency_action": "fail"}}})
    t.mode = "late"
    wait_until(lambda: hook.of("webhook"))


def test_resend(belfry, hook, target):
    b, t = belfry({"channels": [hook.channel()]}), target()
    add(b, "shop", t.tcp, ids(b).values(), resend_interval_seconds=1)
    b.wait_status("shop", "healthy")
    t.down()
    wait_until(lambda: len(hook.of("webhook")) >= 3, 15)
    gaps = [y.at - x.at for x, y in zip(hook.of("webhook"), hook.of("webhook")[1:])]
    assert all(g > 0.8 for g in gaps), gaps
