"""Targets that name locations: judged place by place, told once by quorum. The agents are voices (agent_voice.py) that say what the
test wants; the place `local` is a real probe of a real port."""

import time
import urllib.parse

import pytest

from agent_voice import Voice, result
from belfry import Refused, wait_until

TOKENS = {name: f"a-token-for-{name}-alone" for name in ("beijing", "paris")}


def config(hook, *targets, **more):
    return {"channels": [hook.channel()],
            "locations": [{"name": n, "token": t} for n, t in TOKENS.items()],
            "groups": [{"name": "g", "interval": "300ms", "timeout": "200ms", "threshold": 2, "channels": ["webhook"],
                        "targets": list(targets), **more}]}


def shop(target, *locations, name="shop", **more):
    return {"name": name, "url": target.tcp, **({"locations": list(locations)} if locations else {}), **more}


THREE = ("local", "beijing", "paris")


@pytest.fixture
def bed(belfry, target, hook):
    """One target at three locations, all up, and who speaks for two of them."""
    class Bed:
        service, bell = target(), hook

        def __init__(self):
            self.b = belfry(config(self.bell, shop(self.service, *THREE)))
            self.id = self.b.target("shop")["id"]
            self.voices = {n: Voice(self.b, t) for n, t in TOKENS.items()}

        def say(self, name, success, message=None, times=2, **more):
            return self.voices[name].say(self.id, success, message, times, **more)

        def seen(self):
            return self.b.get(f"targets/{self.id}")

        def places(self):
            return {p["location"]: p for p in self.seen()["places"]}

        def becomes(self, status, degraded=None):
            wait_until(lambda: self.seen()["status"] == status and degraded in (None, self.seen()["degraded"]), 20,
                       what=f"{status}: {self.seen()}")
            return self.seen()

        def all_up(self):
            self.say("beijing", True)
            self.say("paris", True)
            wait_until(lambda: self.places()["local"]["status"] == "healthy", 10, what="local")
            return self.becomes("healthy", False)

        def told(self):
            return [status for _, status, name in self.bell.alerts() if name == "shop"]
    return Bed()


def count(b, selector, minutes=120):
    """Samples of that in the last minutes, by location ('': none)."""
    query = urllib.parse.quote(f"count_over_time({selector}[{minutes}m])")
    found = b.api("GET", f"/prometheus/api/v1/query?query={query}")["data"]["result"]
    return {r["metric"].get("location", ""): int(r["value"][1]) for r in found}


def test_down_when_two_of_three_say_so(bed):
    assert bed.all_up()["last_message"] == "up at 3 of 3 locations"
    bed.say("beijing", False, times=1)
    assert bed.places()["beijing"]["status"] == "healthy"  # its threshold is 2
    bed.say("beijing", False, "refused by 10.0.0.1:443", times=1)
    t = bed.becomes("healthy", True)
    assert t["last_message"] == "down at 1 of 3 locations, fewer than 2: beijing: refused by 10.0.0.1:443"
    assert bed.told() == []
    bed.say("paris", False, "timeout")
    t = bed.becomes("unhealthy")
    assert t["last_message"] == "down at 2 of 3 locations: beijing: refused by 10.0.0.1:443; paris: timeout"
    wait_until(lambda: bed.told() == ["firing"], 15, what="the bell")
    assert "beijing: refused by 10.0.0.1:443" in bed.bell.of("webhook")[0].text()
    places = bed.places()
    assert list(places) == list(THREE)
    assert (places["local"]["status"], places["beijing"]["status"], places["paris"]["status"]) == (
        "healthy", "unhealthy", "unhealthy")
    paris = places["paris"]
    assert paris["heard"] and paris["message"] == "timeout" and paris["fail_count"] == 2 and paris["latency_ms"] == 1.5
    assert paris["since"] and paris["last_checked_at"]
    bed.say("paris", True)
    assert bed.becomes("healthy", True)["last_message"].startswith("down at 1 of 3")
    wait_until(lambda: bed.told() == ["firing", "resolved"], 15, what="the end")
    bed.say("beijing", True)
    bed.becomes("healthy", False)
    assert bed.told() == ["firing", "resolved"]
    assert len(bed.b.get("alerts?status=resolved")["items"]) == 1


def test_its_own_place_is_one_of_them(bed):
    bed.all_up()
    bed.service.down()
    wait_until(lambda: bed.places()["local"]["status"] == "unhealthy", 15, what="local is down")
    bed.becomes("healthy", True)
    bed.say("paris", False)
    assert bed.becomes("unhealthy")["last_message"].startswith("down at 2 of 3 locations: local: ")
    bed.service.up()
    bed.becomes("healthy", True)


def test_one_that_flaps_does_not_ring(bed):
    bed.all_up()
    for _ in range(5):
        bed.say("paris", False)
        bed.becomes("healthy", True)
        bed.say("paris", True)
        bed.becomes("healthy", False)
    assert bed.told() == [] and bed.b.get("alerts?status=firing")["items"] == []


def test_one_is_enough(belfry, target, hook):
    bell, service = hook, target()
    b = belfry(config(bell, shop(service, "local", "paris", location_quorum=1)))
    t, paris = b.target("shop")["id"], Voice(b, TOKENS["paris"])
    paris.say(t, False, times=2)
    b.wait_status("shop", "unhealthy")
    assert b.get(f"targets/{t}")["location_quorum"] == 1
    paris.say(t, True)
    b.wait_status("shop", "healthy")


def test_agents_alone(belfry, target, hook):
    """A target that does not name local is not probed by this server."""
    bell, service = hook, target()
    b = belfry(config(bell, shop(service, "beijing", "paris"), shop(service, "local", name="as ever")))
    t, voices = b.target("shop")["id"], [Voice(b, token) for token in TOKENS.values()]
    b.wait_status("as ever", "healthy")
    assert "places" not in b.get(f"targets/{b.target('as ever')['id']}")
    assert b.target("shop")["status"] == "unknown"
    for v in voices:
        v.say(t, False, times=2)
    b.wait_status("shop", "unhealthy")
    assert [p["location"] for p in b.get(f"targets/{t}")["places"]] == ["beijing", "paris"]
    assert count(b, 'probe_success{target="shop"}').keys() == {"beijing", "paris", ""}


def test_a_death_of_the_core_fires_and_resolves_nothing(bed):
    bed.all_up()
    bed.say("beijing", False)
    bed.say("paris", False, times=1)  # one of two
    bed.b.signal(bed.b.pid_of("core"), 9)
    bed.b.wait_ready()
    assert bed.places()["paris"]["fail_count"] == 1 and bed.places()["beijing"]["status"] == "unhealthy"
    assert bed.seen()["status"] == "healthy"
    bed.say("paris", False, times=1)
    bed.becomes("unhealthy")
    wait_until(lambda: bed.told() == ["firing"], 15, what="the bell")
    wait_until(lambda: bed.b.sql("SELECT count(*) FROM deliveries WHERE state='sent'") == [(1,)], 10,
               what="that it rang is stored: else it may ring once more")
    for _ in range(2):
        bed.b.signal(bed.b.pid_of("core"), 9)
        bed.b.wait_ready()
        seen = bed.seen()
        assert seen["status"] == "unhealthy" and seen["alert_id"]
    # what was acknowledged is not taken twice, whoever died
    assert bed.voices["paris"].post(bed.voices["paris"].last)[0] == 200
    wait_until(bed.voices["paris"].is_stored, 10, what="the series have them")
    assert bed.places()["paris"]["fail_count"] == 2
    bed.say("beijing", True)
    bed.becomes("healthy", True)
    wait_until(lambda: bed.told() == ["firing", "resolved"], 15, what="the end")
    assert len(bed.b.get("alerts")["items"]) == 1


def test_a_whole_restart(bed):
    bed.all_up()
    bed.say("beijing", False)
    bed.say("paris", False)
    bed.becomes("unhealthy")
    wait_until(lambda: bed.told() == ["firing"], 15, what="the bell")
    assert bed.b.stop() == 0
    bed.b.start()
    assert bed.seen()["status"] == "unhealthy"
    bed.say("paris", True)
    bed.becomes("healthy", True)
    wait_until(lambda: bed.told() == ["firing", "resolved"], 15, what="the end")


def test_a_silent_place(bed):
    """30 s: silence fires nothing and resolves nothing, and is told."""
    bed.all_up()
    bed.say("paris", False)
    bed.becomes("healthy", True)
    wait_until(lambda: not bed.places()["beijing"]["heard"], 60, 0.5, what="beijing is silent")
    p = bed.places()
    assert p["beijing"]["status"] == "unknown" and "has said nothing for 30s" in p["beijing"]["message"]
    assert p["local"]["status"] == "healthy" and bed.seen()["status"] == "healthy"
    assert bed.told() == []

    def told():
        r = bed.seen()["last_result"]
        return any("beijing has said nothing for" in w for w in r["warnings"]) and r
    assert wait_until(told, 20, what="the next result says so")["metrics"]["probe_locations_unknown"] >= 1


def test_results_of_a_buffer_land_in_the_past(bed):
    """An agent that was cut off for half an hour while others went on: series at their own times, no verdict on the present."""
    bed.say("beijing", True)
    bed.becomes("healthy", False)
    paris, now = bed.voices["paris"], int(time.time() * 1000)
    kept = [paris.record(result(bed.id, not 60 <= i < 120, "kept", now - 1_800_000 + i * 10_000)) for i in range(180)]
    for part in (kept[:100], kept[100:]):  # the first ends in the middle of a failure of 20 minutes ago
        assert paris.post(part)[0] == 200
        assert bed.seen()["status"] == "healthy"
    wait_until(lambda: count(bed.b, 'probe_success{target="shop"}').get("paris") == 180, 10, what="they landed")
    query = urllib.parse.quote('probe_success{target="shop",location="paris"}')
    for ago, value in ((1500, "1"), (900, "0"), (300, "1")):
        r = bed.b.api("GET", f"/prometheus/api/v1/query?query={query}&time={now / 1000 - ago}")["data"]["result"]
        assert [x["value"][1] for x in r] == [value], ago
    graph = bed.b.get(f"targets/{bed.id}/graph?location=paris&points=60&since={now // 1000 - 1800}&until={now // 1000}")
    assert 0 in graph["success"] and 1 in graph["success"]
    assert bed.places()["paris"]["status"] == "healthy" and bed.told() == []
    assert paris.post(kept)[0] == 200  # the answer was lost: once more
    wait_until(paris.is_stored, 10, what="the series have them")
    assert count(bed.b, 'probe_success{target="shop"}')["paris"] == 180


def test_maintenance_and_silences_hold_it_as_any(bed):
    bed.all_up()
    w = bed.b.post("maintenances", {"title": "works", "target_ids": [bed.id], "starts_at": "2020-01-01T00:00:00Z"})
    bed.say("beijing", False)
    bed.say("paris", False)
    wait_until(lambda: bed.seen()["status"] == "maintenance", 15, what="held")
    assert [p["status"] for p in bed.places().values()] == ["healthy", "unhealthy", "unhealthy"]
    bed.b.api("DELETE", f"maintenances/{w['id']}")
    bed.say("paris", False, times=1)
    wait_until(lambda: bed.told() == ["firing"], 20, what="the bell, after the window")
    bed.say("paris", True)
    wait_until(lambda: bed.told() == ["firing", "resolved"], 15, what="the end")


def test_fields_of_the_api(bed):
    b = bed.b
    made = b.post("targets", {"name": "far", "type": "tcp", "config": {"host": "127.0.0.1", "port": bed.service.port},
                              "threshold": 1, "interval_seconds": 1, "timeout_seconds": 1,
                              "locations": ["beijing", "paris"], "location_quorum": 1})
    assert made["locations"] == ["beijing", "paris"] and made["location_quorum"] == 1
    assert [p["message"] for p in made["places"]] == ["has not been heard yet"] * 2
    t, voice = made["id"], bed.voices["beijing"]
    voice.say(t, False)
    b.wait_status("far", "unhealthy")
    rows = len(b.get(f"targets/{t}/results")["items"])
    alert = b.target("far")["alert_id"]
    # another list: history, state and alert stay
    changed = b.api("PATCH", f"targets/{t}", {"locations": ["paris", "beijing", "local"], "location_quorum": None})
    assert changed["locations"] == ["paris", "beijing", "local"] and "location_quorum" not in changed
    assert changed["alert_id"] == alert
    assert len(b.get(f"targets/{t}/results")["items"]) >= rows
    assert {p["location"]: p["status"] for p in changed["places"]}["beijing"] == "unhealthy"
    items = {p["location"]: p for p in b.get(f"targets/{t}/places")["items"]}
    assert items["beijing"]["last_result"]["message"] == "connection refused" and items["paris"]["last_result"] is None
    plain = b.api("PATCH", f"targets/{t}", {"locations": []})
    assert "locations" not in plain and "places" not in plain
    b.wait_status("far", "healthy")
    for doc, field in (({"locations": ["a/b"]}, "locations"), ({"locations": ["paris", "paris"]}, "locations"),
                       ({"locations": [f"l{i}" for i in range(17)]}, "locations"),
                       ({"locations": ["paris"], "location_quorum": 2}, "location_quorum"),
                       ({"location_quorum": 1}, "location_quorum")):
        with pytest.raises(Refused) as e:
            b.api("PATCH", f"targets/{t}", doc)
        assert field in str(e.value), doc
    with pytest.raises(Refused) as e:
        b.post("targets", {"name": "all", "type": "group", "config": {"members": ["far"]}, "locations": ["paris"]})
    assert "Belfry itself judges targets of type group" in str(e.value)


def test_a_check_now_asks_all_and_waits_for_nobody_beyond_its_deadline(bed):
    """The voices were heard just now, and say nothing to it."""
    bed.all_up()
    r = bed.b.post(f"targets/{bed.id}/check")
    places = {p["location"]: p for p in r["places"]}
    assert list(places) == list(THREE) and r["success"] and places["local"]["result"]["message"] == r["message"]
    for name in TOKENS:
        assert not places[name]["answered"] and "no answer within" in places[name]["message"], places[name]


def test_metrics_say_how_each_location_found_it(bed):
    bed.all_up()
    bed.say("paris", False)
    bed.becomes("healthy", True)

    def lines(name):
        found = {k: v for k, v in bed.b.metrics().items() if k.startswith(name + "{") and 'target="shop"' in k}
        return {next((n for n in THREE if f'location="{n}"' in k), ""): v for k, v in found.items()}
    assert lines("probe_success") == {"": 1, "local": 1, "beijing": 1, "paris": 0}
    assert lines("belfry_target_up") == {"": 1, "local": 1, "beijing": 1, "paris": 0}
    assert lines("belfry_target_fail_count")["paris"] == 2 and lines("probe_locations_down") == {"": 1}
    samples = [x.rpartition(" ")[0] for x in bed.b.api("GET", "/metrics").splitlines() if not x.startswith("#")]
    assert len(samples) == len(set(samples))


def test_the_file(belfry, target, hook):
    """Defaults, groups and targets; names that the file does not know are warned of; what is exported can be applied."""
    bell, service = hook, target()
    doc = config(bell, shop(service), shop(service, "local", name="here"), shop(service, "local", "tokyo", name="far"),
                 {"name": "both", "type": "group", "config": {"members": ["shop", "here"]}},
                 locations=["local", "paris"], location_quorum=2)
    b = belfry(doc)
    t = {x["name"]: x for x in b.get("targets")["items"]}
    assert t["shop"]["locations"] == ["local", "paris"] and t["shop"]["location_quorum"] == 2
    assert t["here"]["locations"] == ["local"] and "locations" not in t["both"]
    code, out, err = b.cli("config", "check")
    assert code == 0
    assert "no row of the file's `locations` is called \"tokyo\"" in out + err
    for wrong, said in (({"locations": ["paris"], "location_quorum": 2}, "want 1 to 1"),
                        ({"locations": ["a\\b"]}, "want no slash"), ({"locations": ["x", "x"]}, "named twice")):
        bad = config(bell, {**shop(service), **wrong})
        b.write(bad)
        code, out, err = b.cli("config", "check")
        assert code != 0 and said in out + err, out + err
