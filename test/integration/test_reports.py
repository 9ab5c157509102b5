"""Uptime by window, why it failed, and reports against an SLO: out of what a target really did."""

import csv
import datetime
import io

import pytest
from belfry import Refused, wait_until

GROUP = {"name": "g", "interval": "500ms", "timeout": "300ms", "threshold": 2}


def at(seconds):
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def outage(b, t, name):
    """Up, down until it rings, up again."""
    b.wait_status(name, "healthy")
    t.down()
    b.wait_status(name, "unhealthy")
    t.up()
    b.wait_status(name, "healthy")


def test_uptime_and_reports(belfry, target):
    t, u = target("accept"), target("accept")
    b = belfry({"groups": [{**GROUP, "targets": [{"name": "shaky", "url": t.tcp}]},
                           {**GROUP, "name": "h", "targets": [{"name": "calm", "url": u.tcp}]}]})
    outage(b, t, "shaky")
    shaky, calm = b.target("shaky")["id"], b.target("calm")["id"]

    def counted():
        up = b.get(f"targets/{shaky}/uptime")
        return up if up["windows"][0]["uptime"] not in (None, 1) else None
    up = wait_until(counted, what="the series have it")
    assert [w["window"] for w in up["windows"]] == ["24h", "7d", "30d", "90d", "1y"]
    for w in up["windows"]:
        assert w["incidents"] == 1 and w["down_seconds"] < 60
    assert 0 < up["windows"][0]["uptime"] < 1
    failures = up["failures"]
    assert failures and failures[0]["count"] >= 2 and failures[0]["example"]
    assert not any(ch.isdigit() for ch in failures[0]["reason"])
    quiet = wait_until(lambda: (lambda v: v if v["windows"][0]["uptime"] == 1 else None)(
        b.get(f"targets/{calm}/uptime")))
    assert quiet["failures"] == [] and quiet["windows"][0]["incidents"] == 0

    report = b.get(f"reports/uptime?since={at(-3600)}&slo=99.9")
    by_name = {row["name"]: row for row in report["items"]}
    assert set(by_name) == {"shaky", "calm"} and report["total"] == 2 and report["by"] == "target"
    row = by_name["shaky"]
    assert row["incidents"] == 1 and 0 < row["uptime"] < 1 and row["slo"]["met"] is False
    watched = row["watched_seconds"]  # seconds of that hour: the budget is of these alone
    assert 0 < watched < 300 and abs(row["slo"]["budget_seconds"] - watched / 1000) < 0.01 and row["slo"]["left"] < 0
    assert row["slo"]["used_seconds"] <= watched and abs(row["slo"]["used_seconds"] - watched * (1 - row["uptime"])) < 0.1
    assert row["latency_mean_ms"] > 0 and row["latency_p95_ms"] > 0
    assert by_name["calm"]["uptime"] == 1 and by_name["calm"]["slo"]["left"] == 1
    assert abs(report["summary"]["watched_seconds"] - sum(r["watched_seconds"] for r in report["items"])) < 0.01
    assert report["summary"]["targets"] == 2 and report["summary"]["incidents"] == 1

    groups = b.get("reports/uptime?by=group")["items"]
    assert [(g["name"], g["targets"], g["incidents"]) for g in groups] == [("g", 1, 1), ("h", 1, 0)]
    page = b.get("reports/uptime?limit=1")
    assert len(page["items"]) == 1 and page["next"]
    rest = b.get(f"reports/uptime?limit=1&cursor={page['next']}")
    assert {page["items"][0]["name"], rest["items"][0]["name"]} == {"shaky", "calm"}
    assert [r["name"] for r in b.get("reports/uptime?q=SHAK")["items"]] == ["shaky"]

    status, text, headers = b.call("GET", "/api/v1/reports/uptime?format=csv&group=g")
    assert status == 200 and headers["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(text.lstrip("\ufeff"))))
    assert [r["name"] for r in rows] == ["shaky"] and rows[0]["slo_met"] == "no"

    month = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m")
    assert b.get(f"reports/uptime?month={month}&time_zone=UTC")["since"].startswith(month + "-01T00:00:00")
    for wrong in ("month=2026-13", "slo=0", "slo=101", "by=x", "month=2999-01", "time_zone=Mars",
                  "maintenance=maybe", f"since={at(10)}"):
        with pytest.raises(Refused) as refused:
            b.get("reports/uptime?" + wrong)
        assert refused.value.status == 400, wrong
    with pytest.raises(Refused) as gone:
        b.get("targets/99999/uptime")
    assert gone.value.status == 404


def test_planned_time_can_be_left_out(belfry, target):
    t = target("accept")
    b = belfry({"groups": [{**GROUP, "targets": [{"name": "in", "url": t.tcp}]}]})
    b.wait_status("in", "healthy")
    window = b.post("maintenances", {"title": "move", "groups": ["g"]})
    t.down()
    b.wait_status("in", "maintenance")
    t.up()
    b.wait_status("in", "healthy")
    b.api("PATCH", f"maintenances/{window['id']}", {"ends_at": at(0)})

    def row(how):
        return b.get(f"reports/uptime?since={at(-600)}&maintenance={how}")["items"][0]
    wait_until(lambda: row("include")["uptime"] not in (None, 1), what="the series have it")
    with_it, without = row("include"), row("exclude")
    assert with_it["incidents"] == 1 and with_it["maintenance_seconds"] > 0
    assert without["incidents"] == 0 and without["down_seconds"] == 0
    assert without["uptime"] in (None, 1)
