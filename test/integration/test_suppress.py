"""What does not ring, and what rings together: maintenance, parents, the own network, many at once."""

import datetime
import time

from belfry import LONG, wait_until

GROUP = {"name": "g", "interval": "500ms", "timeout": "300ms", "threshold": 2, "channels": ["webhook"]}


def config(hook, targets, **more):
    return {"channels": [hook.channel()], "groups": [{**GROUP, "targets": targets}], **more}


def rung(hook, status="firing"):
    return [n for _, s, n in hook.alerts() if s == status]


def at(seconds):
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_maintenance(belfry, hook, target):
    t, u = target("accept"), target("accept")
    b = belfry(config(hook, [{"name": "in", "url": t.tcp}, {"name": "out", "url": u.tcp}]))
    b.wait_status("in", "healthy")
    b.wait_status("out", "healthy")
    window = b.post("maintenances", {"title": "move", "target_ids": [b.target("in")["id"]], "starts_at": at(-5),
                                     "ends_at": at(600)})
    t.down()
    u.down()
    wait_until(lambda: rung(hook) == ["out"])
    wait_until(lambda: any(a["target_name"] == "in" for a in b.get("alerts")["items"]), what="it is recorded")
    time.sleep(1)
    assert rung(hook) == ["out"]
    alert = next(a for a in b.get("alerts")["items"] if a["target_name"] == "in")
    assert alert["suppressed"] == "maintenance" and alert["suppressed_by"] and not alert["notified"]
    assert b.target("in")["status"] == "maintenance"
    assert "move" in str(alert["suppressed_by"])
    b.api("DELETE", f"maintenances/{window['id']}")
    wait_until(lambda: sorted(rung(hook)) == ["in", "out"], what="still down after the window: now it rings")
    t.up()
    u.up()
    wait_until(lambda: sorted(rung(hook, "resolved")) == ["in", "out"])


def test_maintenance_that_ends_well_stays_silent(belfry, hook, target):
    t = target("accept")
    b = belfry(config(hook, [{"name": "in", "url": t.tcp}]))
    b.wait_status("in", "healthy")
    window = b.post("maintenances", {"title": "move", "groups": ["g"]})
    t.down()
    wait_until(lambda: b.get("alerts")["total"])
    t.up()
    wait_until(lambda: b.get("alerts")["items"][0]["status"] == "resolved")
    b.api("PATCH", f"maintenances/{window['id']}", {"ends_at": at(0)})
    time.sleep(1)
    assert not hook.alerts()
    t.down()
    wait_until(lambda: rung(hook) == ["in"], what="after the window it rings again")


def test_planned_maintenance_begins_and_ends_by_itself(belfry, hook, target):
    t = target("accept")
    b = belfry(config(hook, [{"name": "in", "url": t.tcp}]))
    b.wait_status("in", "healthy")
    b.post("maintenances", {"title": "soon", "groups": ["g"], "starts_at": at(1), "ends_at": at(5)})
    time.sleep(1.5)
    t.down()
    wait_until(lambda: b.get("alerts")["total"])
    assert not hook.alerts()
    wait_until(lambda: rung(hook) == ["in"], 10, what="the window ended")


def test_failing_parent_silences_its_children(belfry, hook, target):
    parent, child = target("accept"), target("accept")
    b = belfry(config(hook, [{"name": "router", "url": parent.tcp},
                             {"name": "behind", "url": child.tcp, "depends_on": ["router"]}]))
    b.wait_status("router", "healthy")
    b.wait_status("behind", "healthy")
    parent.down()
    wait_until(lambda: rung(hook) == ["router"])
    child.down()
    alert = wait_until(lambda: next((a for a in b.get("alerts")["items"] if a["target_name"] == "behind"), None))
    time.sleep(1)
    assert rung(hook) == ["router"] and "router" in alert["suppressed_by"] and alert["suppressed"]
    parent.up()
    wait_until(lambda: "behind" in rung(hook), what="the parent is back and the child still down")
    child.up()
    wait_until(lambda: sorted(rung(hook, "resolved")) == ["behind", "router"])


def test_both_fail_in_the_same_moment(belfry, hook, target):
    """The child's turn may come first: its alert waits until the parent was looked at."""
    t = target("accept")
    names = ["router"] + [f"behind{i}" for i in range(6)]
    b = belfry(config(hook, [{"name": n, "url": t.tcp, **({"depends_on": ["router"]} if n != "router" else {})}
                             for n in names]))
    for n in names:
        b.wait_status(n, "healthy")
    t.down()
    wait_until(lambda: b.get("alerts")["total"] == 7)
    time.sleep(1.5)
    assert rung(hook) == ["router"], rung(hook)
    t.up()
    wait_until(lambda: rung(hook, "resolved") == ["router"])


def test_own_network_gone(belfry, hook, target):
    ref, t = target("accept"), target("accept")
    shops = [{"name": f"shop{i}", "url": t.tcp} for i in range(8)]
    b = belfry(config(hook, [{"name": "ref1", "url": ref.tcp}, {"name": "ref2", "url": ref.tcp}] + shops,
                      own_network={"reference_targets": ["ref1", "g/ref2"]}))
    for n in ("ref1", "ref2", "shop0", "shop7"):
        b.wait_status(n, "healthy")
    ref.down()
    t.down()
    wait_until(lambda: any("own network" in str(a) for r in hook.of("webhook") for a in r.json["alerts"]),
               what="it says so")
    wait_until(lambda: b.get("alerts?limit=100")["total"] >= 8)
    time.sleep(1.5)
    assert not [n for n in rung(hook) if n and n.startswith("shop")], rung(hook)
    shop = next(a for a in b.get("alerts?limit=100")["items"] if a["target_name"] == "shop0")
    assert shop["suppressed"], shop
    ref.up()
    t.up()
    wait_until(lambda: any("own network" in str(a) and a["status"] == "resolved"
                           for r in hook.of("webhook") for a in r.json["alerts"]), what="its end is told")
    time.sleep(1)
    assert not [n for n in rung(hook) + rung(hook, "resolved") if n and n.startswith("shop")]


def test_many_at_once_are_few_messages(belfry, hook, target, capsys):
    t, n = target("accept"), 300 if LONG else 30
    robots = [hook.channel("wecom"), hook.channel("webhook")]
    b = belfry({"channels": robots, "groups": [{**GROUP, "channels": ["wecom", "webhook"], "targets": [
        {"name": f"t{i:03}", "url": t.tcp} for i in range(n)]}]})
    wait_until(lambda: b.get("targets?status=healthy&limit=1")["total"] == n)
    t.down()
    wait_until(lambda: len(set(rung(hook))) == n, 30)
    messages, chats = len(hook.of("webhook")), len(hook.of("wecom"))
    with capsys.disabled():
        print(f"\n{n} targets down at once: {messages} webhook messages, {chats} WeCom messages")
    assert messages <= 5 and chats <= 5 and len(rung(hook)) == n
    assert any("t00" in r.text() and r.text().count("t0") > 3 for r in hook.of("wecom")), "it lists them"
    t.up()
    wait_until(lambda: len(set(rung(hook, "resolved"))) == n, 40)
    assert len(hook.of("webhook")) <= 12


def test_flapping_does_not_flood(belfry, hook, target):
    t = target("accept")
    b = belfry({"channels": [hook.channel("wecom")], "groups": [{**GROUP, "channels": ["wecom"], "interval": "200ms",
                                                                  "timeout": "150ms", "threshold": 1, "targets": [
        {"name": f"t{i}", "url": t.tcp} for i in range(5)]}]})
    b.wait_status("t0", "healthy")
    end = time.monotonic() + 8
    while time.monotonic() < end:
        t.down()
        time.sleep(0.4)
        t.up()
        time.sleep(0.4)
    assert 2 <= len(hook.of("wecom")) <= 10, "10 flaps of 5 targets; robots take 20 messages a minute"
