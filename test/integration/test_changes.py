"""What people change while it runs: targets and channels that come, go, pause and move while something is down."""

import time

from belfry import wait_until

FAST = {"interval_seconds": 0.3, "timeout_seconds": 0.2, "threshold": 1}


def channel(b, hook, kind="webhook", name=None):
    return b.post("channels", hook.channel(kind, name))["id"]


def down(b, hook, t, **more):
    """A firing target of the API: its id."""
    made = b.post("targets", {"name": "shop", "url": t.tcp, **FAST, **more})
    b.wait_status(made["id"], "healthy")
    t.down()
    wait_until(lambda: ("firing", "shop") in [a[1:] for a in hook.alerts()])
    return made["id"]


def alert(b):
    return b.get("alerts")["items"][0]


def test_what_was_made_by_api_survives_restarts(belfry, hook, target):
    t, b = target("accept"), belfry({})
    ch = channel(b, hook)
    t1 = b.post("targets", {"name": "one", "url": t.tcp, **FAST, "notify_channel_ids": [ch], "labels": {"a": "b"}})
    t2 = b.post("targets", {"name": "two", "url": t.tcp, **FAST, "depends_on": [t1["id"]]})
    m = b.post("maintenances", {"title": "w", "target_ids": [t2["id"]]})
    for end in (b.stop, b.kill_all):
        end()
        b.start()
        got = b.get(f"targets/{t1['id']}")
        assert got["notify_channel_ids"] == [ch] and got["labels"] == {"a": "b"} and got["created_at"] == t1["created_at"]
        assert b.get(f"targets/{t2['id']}")["depends_on"] == [t1["id"]]
        assert b.get(f"maintenances/{m['id']}")["title"] == "w"
    b.api("DELETE", f"targets/{t2['id']}")
    b.kill_all()
    b.start()
    new = b.post("targets", {"name": "three", "url": t.tcp, **FAST})
    assert new["id"] > t2["id"], "an id is not given twice"


def test_pausing_a_failing_target_ends_its_alert(belfry, hook, target):
    t, b = target("accept"), belfry({})
    i = down(b, hook, t, notify_channel_ids=[channel(b, hook)])
    b.api("PATCH", f"targets/{i}", {"enabled": False})
    assert b.target(i)["status"] == "disabled"
    wait_until(lambda: alert(b)["status"] == "resolved")
    served = t.up().served
    time.sleep(0.8)
    assert t.served == served, "it is not probed"
    t.down()
    b.api("PATCH", f"targets/{i}", {"enabled": True})
    wait_until(lambda: alert(b)["status"] == "firing" and b.get("alerts")["total"] == 2)


def test_removing_a_failing_target_ends_its_alert(belfry, hook, target):
    t, b = target("accept"), belfry({})
    i = down(b, hook, t, notify_channel_ids=[channel(b, hook)])
    b.api("DELETE", f"targets/{i}")
    wait_until(lambda: alert(b)["status"] == "resolved")
    assert b.call("GET", f"/api/v1/targets/{i}")[0] == 404
    b.kill_all()
    b.start()
    assert b.get("alerts?status=firing")["total"] == 0 and b.get("targets")["total"] == 0


def test_removing_a_channel_with_waiting_messages(belfry, hook, target):
    t, b = target("accept"), belfry({})
    dead, well = channel(b, hook, "slack"), channel(b, hook)
    hook.modes["slack"] = "500"
    i = down(b, hook, t, notify_channel_ids=[dead, well])
    wait_until(lambda: any(k == "slack" for _, k in hook.attempts))
    b.api("DELETE", f"channels/{dead}")
    assert b.target(i)["notify_channel_ids"] == [well]
    t.up()
    wait_until(lambda: ("resolved", "shop") in [a[1:] for a in hook.alerts()])
    hook.modes["slack"] = "ok"
    time.sleep(1)
    assert not hook.of("slack") and not b.sql("SELECT * FROM deliveries WHERE state='pending'")


def test_moving_a_target_to_another_group(belfry, hook, target):
    t, b = target("accept"), belfry({})
    made = b.post("targets", {"name": "shop", "url": t.tcp, **FAST})
    b.post("targets", {"name": "stays", "url": t.tcp, **FAST})
    b.wait_status(made["id"], "healthy")
    b.api("PATCH", f"targets/{made['id']}", {"group": "elsewhere"})
    wait_until(lambda: b.pid_of("elsewhere"))
    n = len(b.get(f"targets/{made['id']}/results?limit=100")["items"])
    wait_until(lambda: len(b.get(f"targets/{made['id']}/results?limit=100")["items"]) > n + 2)
    assert b.target(made["id"])["group"] == "elsewhere"
    time.sleep(0.5)
    assert b.stop() == 0
    twice = b.sql("SELECT target_id, checked_at, count(*) FROM probe_results GROUP BY 1, 2 HAVING count(*) > 1")
    assert not twice


def test_changing_the_address_of_a_failing_target(belfry, hook, target):
    t, u, b = target("accept"), target("accept"), belfry({})
    i = down(b, hook, t, notify_channel_ids=[channel(b, hook)])
    b.api("PATCH", f"targets/{i}", {"url": u.tcp})
    wait_until(lambda: [a[1:] for a in hook.alerts()] == [("firing", "shop"), ("resolved", "shop")])
    b.wait_status(i, "healthy")


def test_interval_change_takes_effect_at_once(belfry, target):
    t, b = target("accept"), belfry({})
    made = b.post("targets", {"name": "shop", "url": t.tcp, "interval_seconds": 3600})
    b.wait_status(made["id"], "healthy")
    served = t.served
    b.api("PATCH", f"targets/{made['id']}", {"interval_seconds": 0.2, "timeout_seconds": 0.1})
    wait_until(lambda: t.served >= served + 5, 5)


def test_many_targets_added_and_removed_at_once(belfry, target):
    t, b = target("accept"), belfry({})
    ids = [b.post("targets", {"name": f"t{i}", "url": t.tcp, **FAST, "group": f"g{i % 4}"})["id"] for i in range(60)]
    wait_until(lambda: b.get("targets?status=healthy")["total"] == 60)
    assert len(b.children("watcher")) >= 4
    for i in ids:
        b.api("DELETE", f"targets/{i}")
    assert b.get("targets")["total"] == 0
    time.sleep(0.7)
    served = t.served
    time.sleep(0.7)
    assert t.served == served and not b.crashes()
    wait_until(lambda: sum(1 for c in b.children("watcher") if c["pid"]) <= 1, 10, what="their watchers end")


def test_preview_and_templates(belfry, hook, target):
    t, b = target("accept"), belfry({})
    made = b.post("channels", hook.channel("webhook", "own", config={
        "template": "{{ .Symbol }} {{ .Name }} custom", "title": "T {{ .Name }}", "content_type": "text/plain"}))
    assert "custom" in b.get(f"channels/{made['id']}/preview")["payload"]
    b.post("targets", {"name": "shop", "url": t.tcp, **FAST, "notify_channel_ids": [made["id"]]})
    b.wait_status("shop", "healthy")
    t.down()
    wait_until(lambda: hook.of("webhook"))
    assert "shop custom" in hook.of("webhook")[0].text()
    status, doc, _ = b.call("POST", "/api/v1/channels", hook.channel("webhook", "bad", config={"template": "{{ .Nam"}))
    assert status == 422 and any("template" in e["field"] for e in doc["errors"]), doc


def test_logs_are_written(belfry, hook, target):
    t = target("accept")
    b = belfry({"groups": [{"name": "g", "interval": "300ms", "timeout": "200ms", "threshold": 1,
                            "targets": [{"name": "shop", "url": t.tcp}]}]})
    b.wait_status("shop", "healthy")
    t.down()
    b.wait_status("shop", "unhealthy")
    wait_until(lambda: "shop" in read(b, "g/alert.log"))
    assert "shop" in read(b, "g/health.log") and read(b, "watchdog/watchdog.log")
    b.get("targets")


def read(b, name):
    try:
        with open(f"{b.folder}/logs/{name}", encoding="utf-8") as f:
            return f.read()
    except OSError:
        return ""
