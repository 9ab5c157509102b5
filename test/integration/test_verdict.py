"""What a result means for a target: those that must not answer (invert), and how often one must be good to be up again
(success_threshold)."""

from belfry import free_port, run, wait_until

GROUP = {"name": "g", "interval": "500ms", "timeout": "500ms", "threshold": 2, "channels": ["webhook"]}


def config(hook, targets, **more):
    return {"channels": [hook.channel()], "groups": [{**GROUP, **more, "targets": targets}]}


def history(b, name):
    """Verdicts and messages, the oldest first."""
    items = b.get(f"targets/{b.target(name)['id']}/results?limit=500")["items"]
    return [(r["success"], r["message"]) for r in sorted(items, key=lambda r: r["checked_at"])]


def told(hook, name, status):
    return [n for _, s, n in hook.alerts() if s == status and n == name]


def series(b, name):
    found = [v for k, v in b.metrics().items() if k.startswith("probe_success{") and f'target="{name}"' in k]
    return found[0] if found else None


def test_what_must_not_answer(belfry, hook, target):
    t = target("accept").down()
    b = belfry(config(hook, [{"name": "closed", "url": t.tcp, "invert": True}, {"name": "plain", "url": t.tcp}]))
    b.wait_status("closed", "healthy")
    b.wait_status("plain", "unhealthy")
    doc = b.target("closed")
    assert doc["invert"] is True and doc["last_message"].startswith("down, as it must be: "), doc
    assert not doc["degraded"] and b.target("plain")["invert"] is False
    wait_until(lambda: series(b, "closed") == 1 and series(b, "plain") == 0, what="the series follow the verdict")
    t.up()
    b.wait_status("closed", "unhealthy")
    b.wait_status("plain", "healthy")
    alert = wait_until(lambda: next((a for a in b.get("alerts")["items"] if a["target_name"] == "closed"), None))
    assert alert["message"] == f"up, and must not be: connected to 127.0.0.1 port {t.port}"
    wait_until(lambda: told(hook, "closed", "firing"), what="it rings")
    assert not any(ok and "must not be" in m or not ok and "as it must be" in m for ok, m in history(b, "closed"))
    t.down()
    b.wait_status("closed", "healthy")
    wait_until(lambda: told(hook, "closed", "resolved"))


def test_bursts_groups_and_the_api(belfry, hook, target):
    t, gone = target("accept"), free_port()
    b = belfry(config(hook, [
        {"name": "burst", "url": f"tcp://127.0.0.1:{gone}", "invert": True,
         "burst": {"times": 3, "delta": "10ms", "max_mean": "1ms"}},
        {"name": "up", "url": t.tcp},
        {"name": "nobody up", "type": "group", "config": {"members": ["g/up"]}, "invert": True}]))
    b.wait_status("burst", "healthy")
    assert b.target("burst")["last_message"] == "3 of 3 requests failed, as they must"
    b.wait_status("nobody up", "unhealthy")
    assert b.target("nobody up")["last_message"] == "up, and must not be: 1 of 1 members are healthy"
    # made and changed through the API; what is exported is taken back unchanged
    made = b.post("targets", {"name": "fresh", "url": t.tcp, "interval_seconds": 0.3, "timeout_seconds": 0.2,
                              "threshold": 1, "invert": True, "success_threshold": 2})
    assert made["invert"] is True and made["success_threshold"] == 2
    b.wait_status("fresh", "unhealthy")
    assert b.api("PATCH", f"targets/{made['id']}", {"invert": False})["success_threshold"] == 2
    b.wait_status("fresh", "healthy")
    b.api("PATCH", f"targets/{made['id']}", {"invert": True})
    b.wait_status("fresh", "unhealthy")
    tried = b.post("targets/try", {"url": t.tcp, "invert": True})
    assert not tried["success"] and tried["message"].startswith("up, and must not be: "), tried
    exported = str(b.get("export"))
    assert "invert: true" in exported and "success_threshold: 2" in exported, exported
    status, body, _ = b.call("POST", "/api/v1/targets", {"name": "bad", "url": t.tcp, "success_threshold": 0})
    assert status == 422 and "success_threshold" in str(body)


def test_check_inverts(target):
    t = target("accept")
    status, out, err = run("check", t.tcp, "--invert")
    assert status == 1 and "up, and must not be: connected" in out and "up, and must not be" in err
    t.down()
    status, out, _ = run("check", t.tcp, "--invert")
    assert status == 0 and '"probe_success":1' in out and "down, as it must be" in out
    status, out, _ = run("check", t.tcp, "--invert", "--times", "3", "--delta", "1ms", "--max-mean", "1ms")
    assert status == 0 and '"requestSuccessPerc":1' in out


def how_it_came_up(b, name):
    """The last five verdicts until it was up again."""
    since, results = b.target(name)["since"], b.get(f"targets/{b.target(name)['id']}/results?limit=500")["items"]
    before = sorted((r for r in results if r["checked_at"] <= since), key=lambda r: r["checked_at"])
    return [r["success"] for r in before[-5:]]


def test_it_must_be_good_several_times(belfry, hook, target):
    t = target("accept")
    b = belfry(config(hook, [{"name": "web", "url": t.tcp}], success_threshold=4))
    b.wait_status("web", "healthy")
    assert b.target("web")["success_threshold"] == 4  # the group's
    t.down()
    b.wait_status("web", "unhealthy")
    t.up()
    wait_until(lambda: b.target("web")["last_message"].startswith("good again, ") or b.target("web")["status"] == "healthy")
    b.wait_status("web", "healthy")
    wait_until(lambda: [n for _, s, n in hook.alerts() if s == "resolved"])
    assert how_it_came_up(b, "web") == [False, True, True, True, True]
    assert [s for _, s, _ in hook.alerts()] == ["firing", "resolved"]


def test_a_restart_keeps_how_often_it_was_good(belfry, hook, target):
    t = target("accept")
    b = belfry(config(hook, [{"name": "web", "url": t.tcp}], success_threshold=4))
    b.wait_status("web", "healthy")
    t.down()
    b.wait_status("web", "unhealthy")
    t.up()
    wait_until(lambda: b.target("web")["last_message"].startswith("good again, 2 of 4"))
    assert b.stop() == 0
    b.start()
    b.wait_status("web", "healthy")
    assert how_it_came_up(b, "web") == [False, True, True, True, True]
