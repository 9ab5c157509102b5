"""Who keeps an alert quiet: silences, acknowledgements, maintenances that come again; and that it says so."""

import csv
import datetime
import io
import json
import time

import pytest
from belfry import Refused, wait_until

GROUP = {"name": "g", "interval": "500ms", "timeout": "300ms", "threshold": 2, "channels": ["webhook"]}


def config(hook, targets, **more):
    return {"channels": [hook.channel()], "groups": [{**GROUP, **more, "targets": targets}]}


def rung(hook, status="firing"):
    return [n for _, s, n in hook.alerts() if s == status]


def at(seconds):
    """As Belfry writes it: texts of one length compare as times do."""
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return now.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def firing(b, name):
    found = [a for a in b.get("alerts?status=firing")["items"] if a["target_name"] == name]
    return found[0] if found else None


def reasons(alert):
    return [h["reason"] for h in alert["holds"]]


def test_a_silence_holds_and_its_end_rings(belfry, hook, target):
    t, u = target("accept"), target("accept")
    b = belfry(config(hook, [{"name": "in", "url": t.tcp, "labels": {"env": "prod"}}, {"name": "out", "url": u.tcp}]))
    b.wait_status("in", "healthy")
    b.wait_status("out", "healthy")
    seen = b.post("silences/preview", {"matchers": ['env=~"pr.*"']})
    assert seen == {"alert_ids": [], "targets": 1}
    s = b.post("silences", {"matchers": [{"name": "env", "op": "=~", "value": "pr.*"}], "duration": "1h",
                            "comment": "部署", "created_by": "alice"})
    assert s["status"] == "active" and s["created_by"] == "alice" and s["matchers"][0]["op"] == "=~"
    t.down()
    u.down()
    wait_until(lambda: rung(hook) == ["out"])
    alert = wait_until(lambda: firing(b, "in"), what="it is recorded")
    assert alert["suppressed"] == "silence" and alert["suppressed_by"] == "部署"
    assert alert["suppressed_by_id"] == s["id"] and not alert["notified"]
    assert reasons(alert) == ["silence"] and alert["holds"][0]["id"] == s["id"]
    assert b.get(f"silences/{s['id']}")["alert_ids"] == [alert["id"]]
    assert [x["target_name"] for x in b.get("alerts?suppressed=silence")["items"]] == ["in"]
    assert rung(hook) == ["out"]
    b.stop()  # it outlives a restart
    b.start()
    assert b.get(f"silences/{s['id']}")["status"] == "active"
    b.api("DELETE", f"silences/{s['id']}")
    wait_until(lambda: sorted(rung(hook)) == ["in", "out"], what="still down behind the silence: now it rings")
    assert b.get(f"silences/{s['id']}")["status"] == "expired"
    assert b.get("silences?status=active")["total"] == 0
    t.up()
    wait_until(lambda: "in" in rung(hook, "resolved"))
    b.api("DELETE", f"silences/{s['id']}")
    with pytest.raises(Refused) as gone:
        b.get(f"silences/{s['id']}")
    assert gone.value.status == 404


def test_what_rang_before_rings_again_behind_a_silence(belfry, hook, target):
    t = target("accept")
    b = belfry(config(hook, [{"name": "in", "url": t.tcp}]))
    b.wait_status("in", "healthy")
    t.down()
    wait_until(lambda: rung(hook) == ["in"])
    alert = wait_until(lambda: firing(b, "in"))
    s = b.post(f"alerts/{alert['id']}/silence", {"duration": "3s", "comment": "later"})
    assert {(m["name"], m["value"]) for m in s["matchers"]} == {("target", "in"), ("group", "g")}
    assert s["alert_ids"] == [alert["id"]]
    assert reasons(b.get(f"alerts/{alert['id']}")) == ["silence"]
    wait_until(lambda: len(hook.alerts()) == 2, what="a reminder behind its end")
    assert firing(b, "in")["notified"][-1]["kind"] == "reminder"
    time.sleep(1.5)
    assert len(hook.alerts()) == 2  # once


def test_acknowledged_alerts_do_not_remind(belfry, hook, target):
    t = target("accept")
    b = belfry(config(hook, [{"name": "in", "url": t.tcp}], resend_interval="1s"))
    b.wait_status("in", "healthy")
    t.down()
    wait_until(lambda: len(hook.alerts()) >= 2, what="reminders")
    alert = wait_until(lambda: firing(b, "in"))
    assert alert["acknowledged"] is None
    done = b.post(f"alerts/{alert['id']}/ack", {"by": "王", "note": "on it"})
    assert done["acknowledged"]["by"] == "王" and done["acknowledged"]["note"] == "on it"
    assert "acknowledged" in reasons(done)
    time.sleep(1)  # what was under way
    n = len(hook.alerts())
    time.sleep(3)
    assert len(hook.alerts()) == n
    assert b.get("alerts?acknowledged=yes")["total"] == 1 and b.get("alerts?acknowledged=no")["total"] == 0
    b.stop()
    b.start()
    assert b.get(f"alerts/{alert['id']}")["acknowledged"]["by"] == "王"
    assert b.api("DELETE", f"alerts/{alert['id']}/ack")["acknowledged"] is None
    wait_until(lambda: len(hook.alerts()) > n, what="they remind again")
    t.up()
    wait_until(lambda: b.get(f"alerts/{alert['id']}")["status"] == "resolved")
    for path in (f"alerts/{alert['id']}/ack", "alerts/99999/ack"):
        with pytest.raises(Refused) as refused:
            b.post(path, {})
        assert refused.value.status == (404 if "99999" in path else 409)
    actions = {(e["action"], e["kind"]) for e in b.get("audit?limit=100")["items"]}
    assert {("acknowledge", "alert"), ("unacknowledge", "alert")} <= actions


def test_why_no_bell(belfry, hook, target):
    t = target("accept")
    b = belfry(config(hook, [{"name": "mute", "url": t.tcp, "channels": []}, {"name": "off", "url": t.tcp}]))
    b.wait_status("off", "healthy")
    b.api("PATCH", f"channels/{b.get('channels')['items'][0]['id']}", {"enabled": False})
    t.down()
    off = wait_until(lambda: firing(b, "off"))
    assert reasons(off) == ["channel_disabled"]
    assert off["notified"][0]["status"] == "pending" and not off["notified"][0]["channel_enabled"]
    mute = firing(b, "mute")
    if mute:  # no channels of its own may mean the group's
        assert reasons(mute) in (["no_channel"], ["channel_disabled"])


def test_maintenance_every_week_and_by_label(belfry, hook, target):
    t = target("accept")
    b = belfry(config(hook, [{"name": "in", "url": t.tcp, "labels": {"team": "a"}}]))
    b.wait_status("in", "healthy")
    now = datetime.datetime.now(datetime.timezone.utc)
    day = now.strftime("%a").lower()
    whole = {"title": "night", "matchers": ["team=a"],
             "schedule": {"kind": "weekly", "days": [day], "from": "00:00", "to": "24:00", "time_zone": "UTC"}}
    seen = b.post("maintenances/preview", whole)
    assert seen["targets"] == 1 and seen["active"] and seen["next"][0]["starts_at"] <= at(0)
    m = b.post("maintenances", {**whole, "starts_at": at(-5)})
    assert m["active"] and m["schedule"]["days"] == [day] and m["schedule"]["to"] == "24:00"
    assert len(m["next"]) == 5 and m["next_ends_at"] == m["next"][0]["ends_at"]
    t.down()
    alert = wait_until(lambda: firing(b, "in"))
    assert alert["suppressed"] == "maintenance" and alert["suppressed_by_id"] == m["id"]
    assert alert["holds"][0]["until"] == m["next_ends_at"]
    days = b.get("maintenances/calendar")["items"]
    assert 4 <= len(days) <= 6 and all(o["maintenance_id"] == m["id"] for o in days)
    assert not rung(hook)
    b.api("PATCH", f"maintenances/{m['id']}",
          {"schedule": {"kind": "cron", "cron": "0 3 1 1 *", "duration": "1h", "time_zone": "Europe/Berlin"}})
    wait_until(lambda: rung(hook) == ["in"], what="it is not now any more")
    got = b.get(f"maintenances/{m['id']}")
    assert got["next_starts_at"].endswith("-01-01T02:00:00.000Z") and not got["active"]
    for wrong, field in [({"kind": "weekly", "from": "25:00", "to": "1:00"}, "schedule.from"),
                         ({"kind": "cron", "cron": "x", "duration": "1h"}, "schedule.cron"),
                         ({"kind": "cron", "cron": "@daily"}, "schedule.duration"),
                         ({"kind": "weekly", "from": "1:00", "to": "2:00", "time_zone": "Mars"}, "schedule.time_zone")]:
        with pytest.raises(Refused) as refused:
            b.post("maintenances", {"title": "x", "groups": ["g"], "schedule": wrong})
        assert refused.value.status == 422
        assert field in [e["field"] for e in refused.value.body["errors"]]


def test_history_as_a_file(belfry, hook, target):
    t = target("accept")
    b = belfry(config(hook, [{"name": "in", "url": t.tcp}]))
    b.wait_status("in", "healthy")
    t.down()
    wait_until(lambda: firing(b, "in"))
    wait_until(lambda: firing(b, "in")["notified"][0]["status"] == "sent")
    status, text, headers = b.call("GET", "/api/v1/alerts/export")
    assert status == 200 and headers["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(text.lstrip("\ufeff"))))
    assert len(rows) == 1 and rows[0]["target"] == "in" and rows[0]["status"] == "firing"
    assert "sent" in rows[0]["notified"]
    status, doc, _ = b.call("GET", "/api/v1/alerts/export?format=json&status=firing")
    assert status == 200 and [a["target_name"] for a in doc] == ["in"]
    assert b.call("GET", "/api/v1/alerts/export?format=json&status=resolved")[1] == []
    assert b.call("GET", "/api/v1/alerts/export?format=xml")[0] == 400


def test_commands(belfry, hook, target):
    t = target("accept")
    b = belfry(config(hook, [{"name": "in", "url": t.tcp}]))
    b.wait_status("in", "healthy")
    t.down()
    alert = wait_until(lambda: firing(b, "in"))
    code, out, err = b.cli("alert", "ack", str(alert["id"]), "on", "it")
    assert code == 0, err
    assert b.get(f"alerts/{alert['id']}")["acknowledged"]["note"] == "on it"
    code, out, err = b.cli("silence", "add", "target=in", "--duration", "1h", "--comment", "deploy")
    assert code == 0, err
    code, out, err = b.cli("silence", "ls", "--json")
    assert code == 0, err
    items = [json.loads(line) for line in out.splitlines()]
    assert items[0]["comment"] == "deploy" and items[0]["status"] == "active"
    assert b.cli("silence", "expire", str(items[0]["id"]))[0] == 0
    assert b.cli("alert", "history", "--json")[0] == 0
    code, out, err = b.cli("report", "--json")
    assert code == 0, err
