"""Lists of targets as the page asks for them: filters, orders, facets, groups, cursors; what rows in sight show; and event
streams that bring only what is looked at."""

import json
import socket
import urllib.parse

import pytest

from belfry import Belfry, free_port, wait_until


@pytest.fixture(scope="module")
def b(tmp_path_factory):
    closed = free_port()
    with socket.socket() as good:
        good.bind(("127.0.0.1", 0))
        good.listen(100)
        up, down = f"tcp://127.0.0.1:{good.getsockname()[1]}", f"tcp://127.0.0.1:{closed}"
        made = Belfry(tmp_path_factory.mktemp("lists"), {"server": {"anonymous": "admin"}, "groups": [
            {"name": "alpha", "interval": "1s", "timeout": "500ms", "threshold": 1, "labels": {"env": "prod"},
             "targets": [{"name": "a10", "url": up}, {"name": "a2", "url": up}, {"name": "off", "url": up, "enabled": False}]},
            {"name": "beta", "interval": "1s", "timeout": "500ms", "threshold": 1, "labels": {"env": "test"},
             "targets": [{"name": "b1", "url": up}, {"name": "broken", "url": down}]}]}).start()
        wait_until(lambda: made.get("targets/facets")["facets"]["all"]["down"] == 1)
        wait_until(lambda: made.get("targets/facets")["facets"]["all"]["up"] == 3)
        yield made
        made.close()


def names(b, **query):
    return [t["name"] for t in b.get("targets?" + urllib.parse.urlencode(query))["items"]]


def test_orders(b):
    assert names(b, sort="name") == ["a2", "a10", "b1", "broken", "off"]
    assert names(b, sort="worst") == ["broken", "a2", "a10", "b1", "off"]
    assert names(b, sort="worst", layout="groups") == ["broken", "b1", "a2", "a10", "off"]
    assert names(b, sort="group") == ["a2", "a10", "off", "b1", "broken"]
    assert names(b, sort="name", offset=1, limit=2) == ["a10", "b1"]
    for bad in ("sort=colour", "layout=spiral", "state=sad", "status=sad", "ids=x", "limit=x", "sort=name&cursor=x"):
        assert b.call("GET", "/api/v1/targets?" + bad)[0] == 400, bad


def test_filters(b):
    assert names(b, state="down") == ["broken"]
    assert sorted(names(b, state="down,paused")) == ["broken", "off"]
    assert names(b, status="unhealthy") == ["broken"]
    assert names(b, status="disabled") == ["off"] == names(b, enabled="false")
    assert names(b, q="REFUSED") == ["broken"]
    assert names(b, q="alpha a1") == ["a10"]
    assert names(b, label="env=test", sort="name") == ["b1", "broken"]
    assert names(b, type="http") == []
    ids = [t["id"] for t in b.get("targets?group=beta")["items"]]
    assert sorted(names(b, ids=f"{ids[0]},{ids[1]},999999")) == ["b1", "broken"]


@pytest.mark.parametrize("sort", ["id", "name", "group", "worst", "latency", "since"])
def test_cursors(b, sort):
    seen, cursor = [], ""
    while cursor is not None:
        page = b.get(f"targets?limit=2&sort={sort}&" + urllib.parse.urlencode({"cursor": cursor}))
        assert page["total"] == 5
        seen += [t["name"] for t in page["items"]]
        cursor = page["next"]
    if sort in ("latency", "since"):  # move while they are read
        assert len(seen) >= 4
    else:
        assert sorted(seen) == ["a10", "a2", "b1", "broken", "off"]


def test_facets_and_groups(b):
    page = b.get("targets?limit=1&layout=groups&facets=1&state=up")
    assert page["total"] == 3 and len(page["items"]) == 1
    f = page["facets"]
    assert f["all"]["total"] == 5 and f["all"]["paused"] == 1
    assert f["states"]["down"] == 1, "a kind's own filter does not count"
    assert {g["name"]: g["targets"] for g in f["groups"]} == {"alpha": 2, "beta": 1}
    assert {x["name"] for x in f["labels"]} == {"env=prod", "env=test"}
    assert [(g["name"], g["up"]) for g in page["groups"]] == [("alpha", 2), ("beta", 1)]
    groups = b.get("groups")["items"]
    assert [g["name"] for g in groups] == ["beta", "alpha"], "trouble comes first"
    assert groups[0]["worst"]["name"] == "broken" and groups[0]["worst"]["state"] == "down"
    assert groups[1]["worst"] is None and groups[1]["targets"] == 3


def test_recent(b):
    t = b.target("broken")

    def there():
        item = b.get(f"targets/recent?ids={t['id']}&recent=3")["items"][0]
        return item if len(item["recent"]) == 3 else None
    item = wait_until(there)
    assert item["id"] == t["id"]
    assert all(r["success"] is False and r["message"] and r["checked_at"] for r in item["recent"])


def test_last_result(b):
    last = wait_until(lambda: b.target("b1").get("last_result") or b.get(f"targets/{b.target('b1')['id']}").get("last_result"))
    assert last["success"] is True and "metrics" in last


class Stream:
    def __init__(self, b, query):
        self.s = socket.create_connection(("127.0.0.1", b.port), 15)
        self.s.sendall(f"GET /api/v1/events?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        self.s.settimeout(0.2)
        self.text = ""

    def events(self):
        try:
            self.text += self.s.recv(1 << 16).decode(errors="replace")
        except TimeoutError:
            pass
        out = []
        for block in self.text.replace("\r\n", "\n").split("\n\n"):
            lines = [line for line in block.split("\n") if ": " in line]
            kind = [line[7:] for line in lines if line.startswith("event: ")]
            data = [line[6:] for line in lines if line.startswith("data: ")]
            if kind and data:
                try:
                    out.append((kind[0], json.loads(data[0])))
                except ValueError:
                    pass  # cut by a chunk's border
        return out


def test_streams(b):
    mine = b.target("b1")["id"]
    one, none, all_, kinds = Stream(b, f"targets={mine}"), Stream(b, "targets="), Stream(b, ""), Stream(b, "kinds=target")
    of = {id(s): [] for s in (one, none, all_, kinds)}

    def results(s):
        of[id(s)] = s.events()
        return {d["target_id"] for k, d in of[id(s)] if k == "result"}
    wait_until(lambda: results(one) == {mine})
    wait_until(lambda: len(results(all_)) >= 3)
    b.api("PATCH", f"targets/{b.target('off')['id']}", {"enabled": True})

    def told(s):
        results(s)
        return any(k == "target" and d["name"] == "off" for k, d in of[id(s)])
    for s in (one, none, all_, kinds):
        wait_until(lambda s=s: told(s))
    assert results(one) == {mine} and results(none) == set() and results(kinds) == set()
    b.api("PATCH", f"targets/{b.target('off')['id']}", {"enabled": False})
    assert b.call("GET", "/api/v1/events?targets=x")[0] == 400
