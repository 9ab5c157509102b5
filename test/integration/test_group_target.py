"""Targets of type group: judged by their members when one of them changes, and each interval."""

import socket

import pytest
from belfry import free_port, wait_until


class Port:
    """A port that takes connections, or does not."""

    def __init__(self):
        self.port, self.socket = free_port(), None
        self.open()

    def open(self):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", self.port))
        self.socket.listen(64)

    def shut(self):
        if self.socket:
            self.socket.close()
        self.socket = None


@pytest.fixture
def ports():
    made = [Port() for _ in range(3)]
    yield made
    for p in made:
        p.shut()


@pytest.fixture
def b(belfry, ports):
    return belfry({"groups": [{"name": "web", "interval": "300ms", "timeout": "200ms", "threshold": 1, "targets": [
        {"name": f"t{i}", "url": f"tcp://127.0.0.1:{p.port}", "labels": {"tier": "front" if i < 2 else "back"}}
        for i, p in enumerate(ports)]}]})


def group(b, name="all of them", interval=1, **config):
    return b.api("POST", "/api/v1/targets", {"name": name, "type": "group", "group": "web", "interval_seconds": interval,
                                             "timeout_seconds": min(1, interval), "config": config})["id"]


def seen(b, t):
    return b.api("GET", f"/api/v1/targets/{t}")


def becomes(b, t, status, degraded=None):
    wait_until(lambda: seen(b, t)["status"] == status and degraded in (None, seen(b, t)["degraded"]), 20,
               what=f"{status}: {seen(b, t)}")
    return seen(b, t)


def test_all(b, ports):
    t = group(b, members=["t0", "web/t1", str(b.target("t2")["id"])])
    assert becomes(b, t, "healthy", False)["last_message"] == "3 of 3 members are healthy"
    assert {m["name"] for m in seen(b, t)["members"]} == {"t0", "t1", "t2"}
    ports[1].shut()
    down = becomes(b, t, "unhealthy")
    assert down["last_message"] == "2 of 3 members are healthy, want 3: down: t1" and down["alert_id"]
    assert {m["name"]: m["status"] for m in down["members"]}["t1"] == "unhealthy"
    ports[1].open()
    becomes(b, t, "healthy", False)


def test_any_is_degraded_while_one_is_left(b, ports):
    t = group(b, members=["t0", "t1"], require="any")
    becomes(b, t, "healthy", False)
    ports[0].shut()
    message = becomes(b, t, "healthy", True)["last_message"]
    assert message == "1 of 2 members are healthy, enough for 1: down: t0"
    ports[1].shut()
    becomes(b, t, "unhealthy")


def test_a_quorum_by_labels(b, ports):
    t = group(b, match='{tier=~"front|back",group="web"}', require="quorum", quorum="60%")
    becomes(b, t, "healthy", False)
    ports[2].shut()
    becomes(b, t, "healthy", True)
    ports[0].shut()
    assert becomes(b, t, "unhealthy")["last_message"].startswith("1 of 3 members are healthy, want 2: down: t0, t2")
    b.api("POST", "/api/v1/targets", {"name": "more", "group": "web", "url": f"tcp://127.0.0.1:{ports[1].port}",
                                      "labels": {"tier": "front"}, "interval_seconds": 1, "timeout_seconds": 1})
    wait_until(lambda: len(seen(b, t)["members"]) == 4, what="the newcomer matches")


def test_it_does_not_wait_for_its_interval(b, ports):
    t = group(b, members=["t0"], interval=3600)
    becomes(b, t, "healthy")
    ports[0].shut()
    becomes(b, t, "unhealthy")


def test_groups_of_groups_but_no_circles(b, ports):
    inner = group(b, "inner", members=["t0", "t1"])
    outer = group(b, "outer", members=["inner", "t2"])
    becomes(b, outer, "healthy")
    ports[0].shut()
    assert becomes(b, outer, "unhealthy")["last_message"].endswith("down: inner")
    status, doc, _ = b.call("PATCH", f"/api/v1/targets/{inner}", {"config": {"members": ["t0", "outer"]}})
    assert status == 422 and "member of itself" in doc["errors"][0]["message"]
    status, doc, _ = b.call("PATCH", f"/api/v1/targets/{inner}", {"config": {"members": ["t0", "inner"]}})
    assert status == 422


def test_members_that_there_are_not(b):
    status, doc, _ = b.call("POST", "/api/v1/targets", {"name": "x", "type": "group", "config": {"members": ["nobody"]}})
    assert status == 422 and "nobody" in doc["errors"][0]["message"]
    assert b.call("POST", "/api/v1/targets", {"name": "x", "type": "group", "config": {}})[0] == 422
    assert b.call("POST", "/api/v1/targets", {"name": "x", "type": "group", "config": {
        "members": ["t0"], "require": "quorum"}})[0] == 422
    t = group(b, members=["t0", "t1"], require="any")
    victim = b.api("POST", "/api/v1/targets", {"name": "victim", "group": "web", "url": "tcp://127.0.0.1:1"})["id"]
    b.api("PATCH", f"/api/v1/targets/{t}", {"config": {"members": ["t0", str(victim)]}})
    b.api("DELETE", f"/api/v1/targets/{victim}")
    assert becomes(b, t, "healthy", True)["members_missing"] == [str(victim)]


def test_paused_members_do_not_count(b, ports):
    t = group(b, members=["t0", "t1"])
    becomes(b, t, "healthy")
    ports[1].shut()
    becomes(b, t, "unhealthy")
    b.api("PATCH", f"/api/v1/targets/{b.target('t1')['id']}", {"enabled": False})
    assert becomes(b, t, "healthy", False)["last_message"] == "1 of 1 members are healthy"


def test_trying_and_checking(b):
    wait_until(lambda: b.target("t0")["status"] == "healthy" and b.target("t1")["status"] == "healthy", what="members")
    r = b.api("POST", "/api/v1/targets/try", {"type": "group", "config": {"match": '{tier="front"}'}})
    assert r["success"] and r["message"] == "2 of 2 members are healthy"
    t = group(b, members=["t0"])
    assert b.api("POST", f"/api/v1/targets/{t}/check")["success"]


def test_it_outlives_a_restart(b, ports):
    t = group(b, members=["t0"])
    becomes(b, t, "healthy")
    b.stop()
    b.start()
    ports[0].shut()
    becomes(b, t, "unhealthy")
