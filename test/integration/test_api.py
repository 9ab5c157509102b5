"""The HTTP API: routes, problems, lists, events, the OpenAPI document, who is refused, and what noise does to it."""

import http.client
import json
import os
import random
import re
import socket
import threading
import time

import pytest

from belfry import LONG, free_port, wait_until

TARGET = {"name": "t", "url": "tcp://127.0.0.1:1", "interval_seconds": 1, "timeout_seconds": 0.5}
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


@pytest.fixture(scope="module")
def b(tmp_path_factory):
    from belfry import Belfry
    made = Belfry(tmp_path_factory.mktemp("api"), {"groups": [{"name": "file", "interval": "1s", "timeout": "500ms",
                                                               "targets": [{"name": "owned",
                                                                            "url": "tcp://127.0.0.1:1"}]}],
                                                   "channels": [{"name": "fch", "type": "webhook",
                                                                 "webhook_url": "http://127.0.0.1:1/x"}]}).start()
    yield made
    made.close()


def problem(b, status, method, path, body=None, headers=None):
    got, doc, h = b.call(method, path, body, headers)
    assert got == status, (method, path, got, doc)
    assert h["Content-Type"] == "application/problem+json"
    assert doc["status"] == status and doc["title"] and doc["detail"], doc
    return doc


def test_target_fields(b):
    t = b.post("targets", {**TARGET, "name": "fields", "labels": {"env": "prod"}})
    try:
        for key in ("id", "name", "type", "group", "config", "interval_seconds", "timeout_seconds", "enabled", "threshold",
                    "labels", "notify_channel_ids", "source", "status", "last_message", "last_checked_at", "fail_count",
                    "created_at", "updated_at"):
            assert key in t, key
        assert t["source"] == "api" and t["type"] == "tcp" and TIME.match(t["created_at"])
        wait_until(lambda: b.target(t["id"])["last_checked_at"])
        assert "last_latency_ms" in b.target(t["id"])
        r = wait_until(lambda: b.get(f"targets/{t['id']}/results")["items"])[0]
        assert {"id", "target_id", "success", "latency_ms", "message", "metrics", "warnings", "checked_at"} <= set(r)
        assert TIME.match(r["checked_at"]) and r["target_id"] == t["id"] and r["success"] is False
    finally:
        b.api("DELETE", f"targets/{t['id']}")


def test_create_read_change_remove(b):
    status, t, _ = b.call("POST", "/api/v1/targets", {**TARGET, "name": "crud"})
    assert status == 201
    path = f"/api/v1/targets/{t['id']}"
    assert b.api("GET", path)["name"] == "crud"
    assert b.api("PATCH", path, {"threshold": 5})["threshold"] == 5
    assert b.api("PUT", path, {**TARGET, "name": "crud2", "threshold": 2})["name"] == "crud2"
    assert b.api("PUT", path, b.api("GET", path))["threshold"] == 2, "what was read may be sent back"
    assert b.call("DELETE", path)[0] == 204
    problem(b, 404, "GET", path)
    problem(b, 404, "DELETE", path)


def test_check_now_and_try(b, target):
    t = target()
    made = b.post("targets", {**TARGET, "name": "now", "url": t.tcp, "interval_seconds": 3600})
    r = b.post(f"targets/{made['id']}/check")
    assert r["success"] is True and r["target_id"] == made["id"]
    r = b.post("targets/try", {"url": t.http, "timeout_seconds": 2})
    assert r["success"] is True and r["metrics"]["probe_http_status_code"] == 200
    r = b.post("targets/try", {"url": f"tcp://127.0.0.1:{free_port()}"})
    assert r["success"] is False and "refused" in r["message"]
    assert b.get("targets?q=now")["total"] == 1, "a trial leaves nothing behind"
    b.api("DELETE", f"targets/{made['id']}")


def test_try_without_any_target(belfry, target):
    """The first thing a new user does in the form."""
    t = target()
    assert belfry({}).post("targets/try", {"url": t.http})["success"] is True


def test_id_0_is_nothing(b):
    for kind in ("targets", "channels", "maintenances", "alerts"):
        problem(b, 404, "GET", f"/api/v1/{kind}/0")
    problem(b, 404, "PUT", "/api/v1/channels/0", {"name": "z", "type": "slack", "webhook_url": "http://127.0.0.1:1/"})
    problem(b, 404, "PATCH", "/api/v1/targets/0", {**TARGET, "name": "zero"})
    problem(b, 404, "POST", "/api/v1/channels/0/test", {})


@pytest.mark.parametrize("path, body", [
    ("targets", {**TARGET, "name": "placed"}), ("channels", {"name": "placed", "type": "webhook", "webhook_url": "http://127.0.0.1:1/x"}),
    ("processes", {"id": "placed-1", "command": ["/bin/true"], "enabled": False}), ("silences", {"matchers": ['type="ssh"'], "duration": "1h"}),
    ("maintenances", {"title": "placed", "groups": ["none"], "starts_at": "2030-01-01T00:00:00Z", "ends_at": "2030-01-01T01:00:00Z"}),
    ("status-pages", {"slug": "placed", "title": "Placed"}), ("incidents", {"title": "placed", "markdown": "It burns."}),
    ("users", {"name": "placed", "password": "correct horse battery"})])
def test_what_is_created_has_a_place(b, path, body):
    status, made, headers = b.call("POST", "/api/v1/" + path, body)
    assert status == 201, made
    place = headers["Location"]
    assert place.startswith(f"/api/v1/{path}/"), place
    status, found, _ = b.call("GET", place)
    assert status == 200 and found["id"] == made["id"]
    assert b.call("DELETE", place)[0] in (200, 204)



@pytest.mark.parametrize("status,method,path,body,field", [
    (400, "POST", "targets", b"{", None),
    (400, "POST", "targets", b"[1]", None),
    (400, "POST", "targets", b'{"name":"a","name":"b"}', None),
    (400, "GET", "targets?limit=many", None, "limit"),
    (400, "GET", "alerts?since=yesterday", None, "since"),
    (404, "GET", "targets/999999", None, None),
    (404, "GET", "targets/99999999999999999999999", None, None),
    (404, "GET", "targets/x", None, None),
    (404, "GET", "nothing", None, None),
    (404, "POST", "channels/999/test", {}, None),
    (404, "GET", "alerts/999999", None, None),
    (404, "GET", "maintenances/999999", None, None),
    (405, "DELETE", "targets", None, None),
    (405, "PATCH", "nodes", {}, None),
    (405, "POST", "openapi.json", {}, None),
    (409, "POST", "targets", {**TARGET, "name": "owned", "group": "file"}, None),
    (409, "POST", "channels", {"name": "fch", "type": "webhook", "webhook_url": "http://127.0.0.1:1/"}, None),
    (422, "POST", "targets", {"name": "x"}, None),
    (422, "POST", "targets", {**TARGET, "timeout_seconds": 3}, "timeout_seconds"),
    (422, "POST", "targets", {**TARGET, "url": "foo://x"}, None),
    (422, "POST", "targets", {"name": "x", "type": "tcp", "config": {"host": "h", "port": 99999}}, "config.port"),
    (422, "POST", "targets", {**TARGET, "threshold": 0}, "threshold"),
    (422, "POST", "targets", {**TARGET, "threshold": "three"}, "threshold"),
    (422, "POST", "targets", {**TARGET, "notify_channel_ids": [12345]}, "notify_channel_ids"),
    (422, "POST", "targets", {**TARGET, "depends_on": [12345]}, "depends_on"),
    (422, "POST", "channels", {"name": "x", "type": "pigeon"}, None),
    (422, "POST", "channels", {"name": "x", "type": "wecom"}, None),
    (422, "POST", "maintenances", {}, "title"),
])
def test_problems(b, status, method, path, body, field):
    doc = problem(b, status, method, "/api/v1/" + path, body,
                  {"Content-Type": "application/json"} if isinstance(body, bytes) else None)
    if field:
        assert field in [e["field"] for e in doc["errors"]], doc


def test_what_the_file_owns_is_refused(b):
    owned = next(t for t in b.get("targets")["items"] if t["name"] == "owned")
    assert owned["source"] == "file"
    for method, body in (("DELETE", None), ("PUT", TARGET), ("PATCH", {"threshold": 9})):
        doc = problem(b, 409, method, f"/api/v1/targets/{owned['id']}", body)
        assert "file" in doc["detail"]


def test_405_names_what_is_allowed(b):
    status, _, h = b.call("DELETE", "/api/v1/targets")
    assert status == 405 and {"GET", "POST"} <= set(h["Allow"].replace(" ", "").split(","))


def test_415_and_413(b):
    problem(b, 415, "POST", "/api/v1/targets", b"name=x", {"Content-Type": "application/x-www-form-urlencoded"})
    s = socket.create_connection(("127.0.0.1", b.port), timeout=10)
    s.sendall(b"POST /api/v1/targets HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
              b"Content-Length: 99999999\r\n\r\n")
    r = http.client.HTTPResponse(s)
    r.begin()
    assert r.status == 413 and r.headers["Content-Type"] == "application/problem+json"
    assert json.loads(r.read())["status"] == 413
    s.close()


def test_large_body_in_chunks_is_413(b):
    s = socket.create_connection(("127.0.0.1", b.port), timeout=10)
    s.sendall(b"POST /api/v1/targets HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
              b"Transfer-Encoding: chunked\r\n\r\n")
    try:
        for _ in range(200):
            s.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        s.sendall(b"0\r\n\r\n")
    except OSError:
        pass
    r = http.client.HTTPResponse(s)
    try:
        r.begin()
        assert r.status == 413
    except (OSError, http.client.HTTPException):
        pass  # closed while we were still sending: refused all the same
    s.close()
    assert b.call("GET", "/health/live")[0] == 200


def test_cursors_walk_a_list_without_gaps_or_doubles(b):
    made = [b.post("targets", {**TARGET, "name": f"walk{i:02}", "group": "walk", "enabled": False})["id"]
            for i in range(23)]
    seen, cursor = [], None
    while True:
        page = b.get("targets?group=walk&limit=5" + (f"&cursor={cursor}" if cursor else ""))
        assert page["total"] == 23 and len(page["items"]) <= 5
        seen += [t["id"] for t in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert sorted(seen) == sorted(made) and len(seen) == 23
    assert b.get("targets?q=walk07")["total"] == 1
    assert b.get("targets?group=walk&status=disabled")["total"] == 23
    for i in made:
        b.api("DELETE", f"targets/{i}")
    assert b.get("targets?group=walk")["total"] == 0


def test_cursor_of_results(b, target):
    t = target("accept")
    made = b.post("targets", {**TARGET, "name": "many", "url": t.tcp, "interval_seconds": 0.1, "timeout_seconds": 0.1})
    path = f"targets/{made['id']}/results"
    wait_until(lambda: len(b.get(path + "?limit=100")["items"]) >= 15)
    b.api("PATCH", f"targets/{made['id']}", {"enabled": False})
    time.sleep(0.5)
    everything = [r["id"] for r in b.get(path + "?limit=1000")["items"]]
    for none in (path, "audit", "alerts", "processes", "targets"):
        page = b.get(none + "?limit=0")
        assert page["items"] == [] and page["next"] is None, none
    seen, page = [], b.get(path + "?limit=4")
    while page:
        seen += [r["id"] for r in page["items"]]
        page = b.get(f"{path}?limit=4&cursor={page['next']}") if page["next"] else None
    assert seen == everything
    assert b.get(path + "?failures=true")["items"] == [] or all(
        not r["success"] for r in b.get(path + "?failures=true")["items"])
    graph = b.get(f"targets/{made['id']}/graph?points=50")
    assert graph
    b.api("DELETE", f"targets/{made['id']}")


def test_secrets_are_write_only(b):
    made = b.post("channels", {"name": "secret", "type": "dingtalk", "webhook_url": "http://127.0.0.1:1/?access_token=tok",
                               "config": {"secret": "SECabc"}})
    path = f"channels/{made['id']}"
    for doc in (made, b.get(path), b.get("channels")):
        assert "SECabc" not in json.dumps(doc) and "access_token=tok" not in json.dumps(doc)
    assert b.get(path)["config"]["secret"] == "********" and b.get(path)["webhook_url"] == "********"
    sent_back = {k: v for k, v in b.get(path).items()}
    sent_back["name"] = "secret2"
    b.api("PUT", path, sent_back)
    row = b.sql("SELECT name, webhook_url, config FROM notify_channels WHERE id=?", made["id"])[0]
    assert row[0] == "secret2" and row[1].startswith("sealed:") and "SECabc" not in row[2], "sealed in the store"
    t = b.post("targets", {"name": "pw", "type": "http", "config": {"url": "http://127.0.0.1:1/", "username": "u",
                                                                    "password": "hunter2"}, "enabled": False})
    assert "hunter2" not in json.dumps(b.get(f"targets/{t['id']}"))
    b.api("PATCH", f"targets/{t['id']}", {"config": {**b.get(f"targets/{t['id']}")["config"], "username": "v"}})
    assert "hunter2" not in b.sql("SELECT config FROM targets WHERE id=?", t["id"])[0][0]
    status, out, err = b.cli("export", "--with-secrets")
    kept = [secret in out for secret in ("access_token=tok", "SECabc", "hunter2")]
    assert status == 0 and all(kept), f"masked means unchanged: {out}{err}"
    assert oct(os.stat(os.path.join(b.data, "belfry.db")).st_mode)[-3:] == "600"
    b.api("DELETE", path)
    b.api("DELETE", f"targets/{t['id']}")


class Events(threading.Thread):
    def __init__(self, b):
        super().__init__(daemon=True)
        self.c = http.client.HTTPConnection("127.0.0.1", b.port, timeout=30)
        self.c.request("GET", "/api/v1/events")
        self.r = self.c.getresponse()
        self.events, self.name = [], None
        self.start()

    def run(self):
        try:
            while line := self.r.readline().decode():
                key, _, value = line.rstrip("\n").partition(":")
                if key == "event":
                    self.name = value.strip()
                elif key == "data":
                    self.events.append((self.name, json.loads(value)))
        except (OSError, ValueError, AttributeError):
            pass


def test_events_tell_every_change(b, target):
    t = target("accept")
    streams = [Events(b) for _ in range(3)]
    e = streams[0]
    assert e.r.status == 200 and e.r.headers["Content-Type"].startswith("text/event-stream")
    made = b.post("targets", {**TARGET, "name": "live", "url": t.tcp, "interval_seconds": 0.3, "timeout_seconds": 0.2,
                              "threshold": 1})
    mine = lambda kind, key: [d for n, d in e.events if n == kind and d.get(key) == made["id"]]  # noqa: E731
    wait_until(lambda: mine("result", "target_id"))
    t.down()
    wait_until(lambda: any(d["status"] == "firing" for d in mine("alert", "target_id")))
    wait_until(lambda: any(d.get("status") == "unhealthy" for d in mine("target", "id")))
    t.up()
    wait_until(lambda: any(d["status"] == "resolved" for d in mine("alert", "target_id")))
    b.api("DELETE", f"targets/{made['id']}")
    wait_until(lambda: any(d.get("deleted") for d in mine("target", "id")))
    wait_until(lambda: all(len(s.events) > 3 for s in streams))
    for s in streams:
        s.c.close()


def test_dead_listeners_are_let_go(b):
    for _ in range(20):
        s = socket.create_connection(("127.0.0.1", b.port))
        s.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        s.recv(100)
        s.close()
    wait_until(lambda: b.metrics()["belfry_event_streams"] <= 3, 40)


@pytest.mark.parametrize("host", ["evil.example.com", "localhost.evil.example", "", "127.0.0.1.nip.io"])
def test_foreign_host_names_are_refused(b, host):
    status, doc, _ = b.call("GET", "/api/v1/targets", headers={"Host": host})
    assert status in (400, 403), "DNS rebinding"


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"},
                                     {"Origin": "null"}, {"Sec-Fetch-Site": "same-site"},
                                     {"Origin": "http://localhost:1"}])
def test_changes_across_sites_are_refused(b, headers):
    problem(b, 403, "POST", "/api/v1/targets", {**TARGET, "name": "csrf"}, {**headers})
    problem(b, 403, "POST", "/-/reload", None, {**headers})
    assert b.get("targets?q=csrf")["total"] == 0


def test_only_loopback_is_listened_on(b):
    with open("/proc/net/tcp", encoding="ascii") as f:
        mine = [line.split()[1] for line in f if f":{b.port:04X} " in line.split()[1] + " " and line.split()[3] == "0A"]
    assert mine == [f"0100007F:{b.port:04X}"]


def test_over_the_unix_socket(b):
    path = os.path.join(b.data, "run", "belfry.sock")
    assert oct(os.stat(path).st_mode)[-3:] in ("600", "660", "700")
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(10)
    s.connect(path)
    s.sendall(b"GET /api/v1/targets HTTP/1.1\r\nHost: belfry\r\nConnection: close\r\n\r\n")
    r = http.client.HTTPResponse(s)
    r.begin()
    assert r.status == 200 and "items" in json.loads(r.read())


def test_health_and_metrics(b):
    doc = b.api("GET", "/health")
    assert doc["status"] == "healthy" and TIME.match(doc["timestamp"]) and {"system", "store"} <= set(doc["checks"])
    assert b.api("GET", "/health/ready") == {"status": "ready"} and b.api("GET", "/health/live") == {"status": "alive"}
    assert b.call("GET", "/-/healthy")[0] == 200 and b.call("GET", "/-/ready")[0] == 200
    owned = next(t for t in b.get("targets")["items"] if t["name"] == "owned")
    wait_until(lambda: b.target(owned["id"])["last_checked_at"])
    m = b.metrics()
    probe = [k for k in m if k.startswith("probe_success{") and 'target="owned"' in k]
    assert probe and m[probe[0]] == 0 and 'group="file"' in probe[0] and 'type="tcp"' in probe[0]
    text = b.api("GET", "/metrics")
    assert "# TYPE probe_success gauge" in text and "belfry_" in text
    status, text, h = b.call("GET", "/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert status == 200 and h["Content-Type"].startswith("application/openmetrics-text") and text.endswith("# EOF\n")


def test_page_is_served_and_loads_nothing_from_elsewhere(b):
    status, text, h = b.call("GET", "/")
    assert status == 200 and h["Content-Type"].startswith("text/html") and "default-src 'self'" in h["Content-Security-Policy"]
    assert not re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", text)
    for path in set(re.findall(r"""(?:src|href)=["']?([^"'> ]+)""", text)):
        if not path.startswith(("data:", "#")):
            assert b.call("GET", path if path.startswith("/") else "/" + path)[0] == 200, path
    assert b.call("HEAD", "/")[0] == 200


def refs(doc):
    if isinstance(doc, dict):
        for k, v in doc.items():
            if k == "$ref":
                yield v
            yield from refs(v)
    elif isinstance(doc, list):
        for v in doc:
            yield from refs(v)


def test_openapi_document(b):
    doc = b.get("openapi.json")
    assert doc["openapi"].startswith("3.1") and doc["info"]["title"] and doc["info"]["version"]
    ids = []
    for path, item in doc["paths"].items():
        assert path.startswith("/")
        wanted = set(re.findall(r"{(\w+)}", path))
        for method, op in item.items():
            if method == "parameters":
                continue
            assert method in ("get", "put", "post", "delete", "patch"), method
            ids.append(op["operationId"])
            params = op.get("parameters", []) + item.get("parameters", [])
            assert {p["name"] for p in params if p["in"] == "path"} == wanted, (path, method)
            assert all(p["in"] != "path" or p["required"] for p in params)
            assert all("schema" in p for p in params)
            assert op["responses"] and all(re.fullmatch(r"[1-5](\d\d|XX)|default", k) for k in op["responses"])
            assert all(r.get("description") is not None or "$ref" in r for r in op["responses"].values())
            if "requestBody" in op:
                assert "schema" in op["requestBody"]["content"]["application/json"]
    assert len(ids) == len(set(ids))
    for ref in refs(doc):
        at = doc
        assert ref.startswith("#/")
        for part in ref[2:].split("/"):
            at = at[part.replace("~1", "/").replace("~0", "~")]
    for name in ("targets", "targets/{id}", "targets/{id}/results", "targets/{id}/check", "groups", "probers", "channels",
                 "channels/{id}/test", "alerts", "alerts/{id}", "maintenances", "nodes", "events"):
        assert "/api/v1/" + name in doc["paths"], name


def test_every_documented_get_answers(b, hook):
    t = b.post("targets", {**TARGET, "name": "each", "threshold": 1})
    ch = b.post("channels", hook.channel("webhook", "each"))
    m = b.post("maintenances", {"title": "each", "target_ids": [t["id"]]})
    alert = wait_until(lambda: b.get(f"alerts?target_id={t['id']}")["items"])[0]
    silence = b.post("silences", {"matchers": ["env=none"], "duration": "1h"})
    user = b.post("users", {"name": "each", "password": "correct horse staple", "role": "viewer"})
    b.post("status-pages", {"slug": "each", "title": "each", "targets": [t["id"]]})
    incident = b.post("incidents", {"title": "each", "status_pages": ["each"]})
    ids = {"targets": t["id"], "channels": ch["id"], "maintenances": m["id"], "alerts": alert["id"], "silences": silence["id"],
           "users": user["id"], "incidents": incident["id"]}
    for path, item in b.get("openapi.json")["paths"].items():
        path = path.replace("{page}", "each")
        if "get" in item and not path.endswith("/events") and "{unit}" not in path and "/oidc/" not in path:
            real = path.replace("{id}", str(ids.get(path.split("/")[3], 1)))
            status, doc, h = b.call("GET", real)
            assert status == 200, (real, status, doc)
            if isinstance(doc, dict) and "items" in doc:
                assert {"total", "next"} <= set(doc) or path.count("/") > 3, real
    for kind in ("maintenances", "channels", "targets"):
        b.api("DELETE", f"{kind}/{ids[kind]}")


def test_probers_and_channel_types_describe_their_fields(b):
    kinds = {p["type"]: p for p in b.get("probers")["items"]}
    assert {"http", "tcp", "icmp", "dns"} <= set(kinds)
    assert {"name", "type", "required", "secret", "help"} <= set(kinds["http"]["options"][0])
    kinds = {c["type"] for c in b.get("channels/types")["items"]}
    assert {"wecom", "dingtalk", "feishu", "slack", "email", "webhook", "exec"} <= kinds


def noise(rng, depth=0):
    kind = rng.randrange(12 if depth < 4 else 9)
    if kind == 0:
        return rng.choice([0, -1, 1, 2 ** 63, -2 ** 63, 2 ** 64, 1e308, -0.0, 0.1, 1e-9])
    if kind == 1:
        return rng.choice([True, False, None])
    if kind < 9:
        return rng.choice(["", "x", "x" * 3000, "\x00", "é漢字🔔", "../../etc/passwd", "'; DROP TABLE targets;--", "%n%s",
                           "tcp://127.0.0.1:1", "http://[::1]:1/", "icmp://", "dns://127.0.0.1:1/x?type=A", "exec:/bin/true",
                           "-1", "30s", "********", "webhook", "wecom", "tcp", "http", "\u202e", "[unclosed(regex"])
    if kind < 11:
        return {rng.choice(FIELDS): noise(rng, depth + 1) for _ in range(rng.randrange(6))}
    return [noise(rng, depth + 1) for _ in range(rng.randrange(5))]


FIELDS = ["name", "type", "url", "group", "config", "interval_seconds", "timeout_seconds", "threshold", "enabled", "labels",
          "notify_channel_ids", "depends_on", "burst", "host", "port", "expect", "status", "webhook_url", "mention_all",
          "title", "target_ids", "groups", "starts_at", "ends_at", "secret", "times", "json", "path", "attempts", "bogus"]


def document(rng):
    doc = rng.choice([{}, dict(TARGET), {"name": "c", "type": "webhook", "webhook_url": "http://127.0.0.1:1/"},
                      {"title": "m", "groups": ["default"]}])
    doc["timeout_seconds"] = 0.05
    for _ in range(rng.randrange(5)):
        doc[rng.choice(FIELDS)] = noise(rng)
    body = json.dumps(doc).encode()
    if rng.random() < 0.15:
        at = rng.randrange(len(body))
        body = body[:at] + bytes(rng.randrange(256) for _ in range(rng.randrange(4))) + body[at + rng.randrange(4):]
    if rng.random() < 0.03:
        body = b"[" * rng.choice([10, 63, 65, 100000])
    return body


def test_noise_is_answered_and_harms_nothing(belfry):
    """Seeded: what fails once fails again."""
    rng, b = random.Random(7), belfry({})
    paths = b.get("openapi.json")["paths"]
    paths = [(p, m) for p, item in paths.items() for m in item if not p.endswith(("/events", "/upgrade"))]
    queries = ["limit=-1", "limit=99999999999", "cursor=%00", "cursor=x", "q=%F0%9F%94%94", "status=bogus", "since=0",
               "points=0", "points=99999999", "since=9999999999999999999", "until=-1", "enabled=maybe", "label=a:b", "%"]
    pid = b.pid_of("core")
    for i in range(6000 if LONG else 700):
        path, method = rng.choice(paths)
        path = path.replace("{id}", str(rng.choice([0, 1, 2, 3, rng.randrange(40), 2 ** 64 - 1, 2 ** 63])))
        if rng.random() < 0.4:
            path += "?" + "&".join(rng.choice(queries) for _ in range(rng.randrange(1, 4)))
        body = document(rng) if method != "get" else None
        status, doc, _ = b.call(method.upper(), path, body, {"Content-Type": "application/json"}, timeout=30)
        assert status < 500 or status in (502, 503, 504), (i, method, path, body[:500] if body else "", status, doc)
        if status >= 400:
            assert isinstance(doc, dict) and doc["status"] == status, (method, path, status, doc)
    assert b.pid_of("core") == pid and not b.crashes()
    assert b.stop() == 0
    b.start()
    assert b.get("targets")["total"] >= 0


def test_broken_http_harms_nothing(b):
    rng = random.Random(11)
    for i in range(60):
        s = socket.create_connection(("127.0.0.1", b.port), timeout=5)
        try:
            s.sendall(rng.choice([
                b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"\r\n" * 50,
                b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
                b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
                b"POST /api/v1/targets HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
                b"POST /api/v1/targets HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                b"GET /%00%2e%2e/%ff HTTP/1.1\r\nHost: localhost\r\n\r\n", bytes(rng.randrange(256) for _ in range(500)),
                b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n"]))
            if i % 2:
                s.settimeout(0.3)
                s.recv(1000)
        except OSError:
            pass
        s.close()
    assert b.call("GET", "/health/live")[0] == 200


def test_slow_clients_do_not_hinder_others(b):
    held = []
    for _ in range(100):
        s = socket.create_connection(("127.0.0.1", b.port))
        s.sendall(b"GET /api/v1/targets HTTP/1.1\r\nHost: loc")
        held.append(s)
    began = time.monotonic()
    assert b.call("GET", "/api/v1/targets")[0] == 200 and time.monotonic() - began < 3
    for s in held:
        s.close()
