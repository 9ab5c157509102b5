"""Who may enter: set-up, accounts, sessions, second factor, tokens, roles, limits, against the real executable."""

import base64
import hashlib
import hmac
import http.client
import json
import os
import re
import struct
import subprocess
import threading
import time

import pytest

from belfry import EXE, wait_until

PASSWORD = "correct horse battery"
NONE = {"server": {"anonymous": "none"}}
TARGET = {"name": "t", "url": "tcp://127.0.0.1:1", "group": "web", "enabled": False}


@pytest.fixture
def b(belfry):
    return belfry(NONE)


class Browser:
    """Keeps a cookie, as a browser does, and says where its requests come from."""

    def __init__(self, b, headers=None):
        self.b, self.cookie, self.headers = b, None, headers or {}

    def __call__(self, method, path, body=None, headers=None):
        headers = {**self.headers, "Sec-Fetch-Site": "same-origin", **(headers or {})}
        if self.cookie:
            headers["Cookie"] = "theme=dark; belfry_session=" + self.cookie
        status, doc, got = self.b.call(method, "/api/v1/" + path, body, headers)
        for value in got.get_all("Set-Cookie") or []:
            found = re.match(r"belfry_session=([^;]*); ", value)
            if found:
                self.cookie = found[1] or None
                self.flags = value
        return status, doc

    def login(self, name, password=PASSWORD, **more):
        return self("POST", "session", {"name": name, "password": password, **more})


def setup_code(b):
    return wait_until(lambda: re.findall(r'setup_code"?[:=]\s*"?([0-9a-z]{4}-[0-9a-z]{4}-[0-9a-z]{4})', logs(b)), what="a set-up code")[-1]


def logs(b):
    text = b.output(1000)
    for folder, _, files in os.walk(os.path.join(b.folder, "logs")):
        for name in files:
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as f:
                text += f.read()
    return text


def belfry_user(b, *words, password=None):
    done = subprocess.run([EXE, "user", *words, "-c", b.path], input=password, capture_output=True, text=True,
                          timeout=30)
    return done.returncode, done.stdout, done.stderr


def add(b, name, role="viewer", **groups):
    words = [w for g, r in groups.items() for w in ("--group", f"{g}={r}")]
    status, _, err = belfry_user(b, "add", name, "--role", role, *words, "--password-stdin", password=PASSWORD + "\n")
    assert status == 0, err


def signed_in(b, name, role="viewer", **groups):
    add(b, name, role, **groups)
    browser = Browser(b)
    status, doc = browser.login(name)
    assert status == 200, doc
    return browser


def bearer(token):
    return {"Authorization": "Bearer " + token}


def token(b, *words):
    status, out, err = b.cli("token", "add", *words)
    assert status == 0, err
    return out.strip()


def totp(secret, at=None):
    mac = hmac.new(base64.b32decode(secret), struct.pack(">Q", int((at or time.time()) // 30)), hashlib.sha1).digest()
    return "%06d" % ((struct.unpack_from(">I", mac, mac[19] & 15)[0] & 0x7FFFFFFF) % 1000000)


def test_first_start(b):
    you = Browser(b)
    status, doc = you("GET", "session")
    assert status == 200 and doc["setup"] and doc["kind"] == "anonymous" and doc["role"] == "none"
    body = {"code": "2222-2222-2222", "name": "alice", "password": PASSWORD}
    assert you("POST", "setup", body)[0] == 403
    body["code"] = setup_code(b).upper().replace("-", " ")
    assert you("POST", "setup", {**body, "password": "password123"})[0] == 422
    status, doc = you("POST", "setup", body)
    assert status == 201 and doc["role"] == "admin" and doc["name"] == "alice" and not doc["setup"]
    assert "HttpOnly" in you.flags and "SameSite=Lax" in you.flags and "Secure" not in you.flags
    assert you("GET", "users")[1]["items"][0]["name"] == "alice"
    assert Browser(b)("POST", "setup", {**body, "name": "mallory"})[0] == 409
    assert PASSWORD not in logs(b) and you.cookie not in logs(b)
    b.stop()
    b.start()
    assert you("GET", "session")[1]["name"] == "alice"  # a session outlives a restart


def test_nothing_without_credentials(b):
    for path in ("/api/v1/targets", "/api/v1/targets/1", "/api/v1/events", "/metrics", "/federate", "/api/v1/users",
                 "/prometheus/api/v1/query?query=up", "/api/v1/sessions"):
        status, doc, headers = b.call("GET", path)
        assert status == 401 and headers["WWW-Authenticate"].startswith("Bearer"), path
        assert set(doc) == {"type", "title", "status", "detail"}
    assert b.call("POST", "/-/reload")[0] == 401
    for path in ("/", "/health", "/health/ready", "/-/healthy", "/-/ready", "/api/v1/session"):
        assert b.call("GET", path)[0] == 200, path
    status, _, headers = b.call("GET", "/api/v1/targets", headers=bearer("blf_" + "x" * 40))
    assert status == 401 and "invalid_token" in headers["WWW-Authenticate"]


def test_any_host_may_be_signed_in_to_but_no_rights_are_lent(belfry):
    b = belfry(NONE)
    t = token(b, "ci")
    assert b.call("GET", "/api/v1/targets", headers={**bearer(t), "Host": "monitor.other.example"})[0] == 200
    b.write({"server": {"anonymous": "viewer"}})
    b.cli("reload")
    assert b.call("GET", "/api/v1/targets")[0] == 200
    assert b.call("GET", "/api/v1/targets", headers={"Host": "rebound.example"})[0] == 403
    assert b.call("POST", "/api/v1/targets", TARGET)[0] == 401


def test_sign_in_and_out(b):
    add(b, "alice", "admin")
    you = Browser(b)
    wrong, unknown = you.login("alice", "not the password"), you.login("nobody", PASSWORD)
    assert wrong[0] == unknown[0] == 401 and wrong[1]["detail"] == unknown[1]["detail"] and not you.cookie
    assert you.login("ALICE")[0] == 200
    first = you.cookie
    assert you.login("alice")[0] == 200 and you.cookie != first  # another at each sign-in, the old one is gone
    assert b.call("GET", "/api/v1/targets", headers={"Cookie": "belfry_session=" + first})[0] == 401
    status, doc = you("GET", "session")
    assert doc["kind"] == "user" and doc["session_id"] and doc["expires_at"] > doc["idle_expires_at"]
    last = you.cookie
    assert you("DELETE", "session")[0] == 204 and you.cookie is None
    assert b.call("GET", "/api/v1/targets", headers={"Cookie": "belfry_session=" + last})[0] == 401
    stored = json.dumps(b.sql("SELECT * FROM documents"), default=str)
    assert last not in stored and PASSWORD not in stored and "$argon2id$" in stored


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}])
def test_across_sites(b, headers):
    you = signed_in(b, "alice", "admin")
    assert you("POST", "targets", TARGET, headers)[0] == 403
    assert you("POST", "session", {"name": "alice", "password": PASSWORD}, headers)[0] == 403  # login CSRF
    assert you("DELETE", "session", None, headers)[0] == 403
    assert b.call("POST", "/api/v1/targets", TARGET, {"Cookie": "belfry_session=" + you.cookie,
                                                      "Origin": "http://evil.example"})[0] == 403
    assert you("POST", "targets", TARGET)[0] == 201


def test_guessing_is_slowed_down(b):
    add(b, "alice", "admin")
    you, statuses = Browser(b), []
    while 429 not in statuses and len(statuses) < 15:  # the delay doubles: soon it is longer than a busy machine takes for a hash
        statuses.append(you.login("alice", "guess " * 3)[0])
    assert statuses[:5] == [401] * 5 and 429 in statuses[5:]
    status, doc, headers = b.call("POST", "/api/v1/session", {"name": "alice", "password": PASSWORD})
    if status == 429:
        assert int(headers["Retry-After"]) >= 1 and "try again" in doc["detail"]
    wait_until(lambda: you.login("alice")[0] == 200, 30, 0.5, "the delay passes")
    assert you.login("alice")[0] == 200


def test_second_factor(b):
    you = signed_in(b, "alice", "admin")
    assert you("POST", "session/totp", {"password": "wrong wrong wrong"})[0] == 422
    status, doc = you("POST", "session/totp", {"password": PASSWORD})
    assert status == 200 and doc["uri"].startswith("otpauth://totp/Belfry:alice?secret=" + doc["secret"])
    secret = doc["secret"]
    assert Browser(b).login("alice")[0] == 200  # not on before it is confirmed
    assert you("POST", "session/totp/confirm", {"code": "000000"})[0] == 422
    used = totp(secret)
    status, doc = you("POST", "session/totp/confirm", {"code": used})
    codes = doc["recovery_codes"]
    assert status == 200 and len(set(codes)) == 10
    other = Browser(b)
    status, doc = other.login("alice")
    assert status == 401 and doc["errors"][0]["field"] == "otp" and not other.cookie
    assert other.login("alice", otp=used)[0] == 401  # a code is good once
    assert other.login("alice", otp=totp(secret, time.time() + 30))[0] == 200
    assert other.login("alice", otp=codes[3])[0] == 200
    assert other.login("alice", otp=codes[3])[0] == 401
    assert other("GET", "session")[1]["totp"]
    stored = json.dumps(b.sql("SELECT * FROM documents"), default=str)
    assert secret not in stored and codes[5] not in stored and secret not in logs(b)
    assert you("POST", "session/totp/disable", {"password": PASSWORD})[0] == 204
    assert other.login("alice")[0] == 200


def test_sessions_are_listed_and_revoked(b):
    one, two = signed_in(b, "alice", "admin"), Browser(b, {"User-Agent": "Phone/1.0"})
    assert two.login("alice")[0] == 200
    bob = signed_in(b, "bob")
    items = one("GET", "sessions")[1]["items"]
    assert len(items) == 2 and [s["current"] for s in items].count(True) == 1
    phone = next(s for s in items if s["user_agent"] == "Phone/1.0")
    assert phone["address"] == "127.0.0.1" and len(one("GET", "sessions?all=true")[1]["items"]) == 3
    assert len(bob("GET", "sessions?all=true")[1]["items"]) == 1
    assert bob("DELETE", f"sessions/{phone['id']}")[0] == 404  # not his
    assert one("DELETE", f"sessions/{phone['id']}")[0] == 204
    assert two("GET", "targets")[0] == 401
    assert two.login("alice")[0] == 200
    assert one("POST", "session/password", {"old": PASSWORD, "new": "another horse entirely"})[0] == 204
    assert one("GET", "targets")[0] == 200 and two("GET", "targets")[0] == 401
    assert two.login("alice")[0] == 401 and two.login("alice", "another horse entirely")[0] == 200
    assert one("POST", "sessions/revoke", {})[0] == 204
    assert two("GET", "targets")[0] == 401 and one("GET", "targets")[0] == 200


def test_accounts(b):
    root = signed_in(b, "root", "admin")
    assert root("POST", "users", {"name": "ROOT", "password": PASSWORD})[0] == 409
    assert root("POST", "users", {"name": "a\nb", "password": PASSWORD})[0] == 422
    assert root("POST", "users", {"name": "x", "password": "short"})[1]["errors"][0]["field"] == "password"
    me = root("GET", "session")[1]["user_id"]
    for change in ({"role": "viewer"}, {"enabled": False}):
        assert root("PATCH", f"users/{me}", change)[0] == 409  # the last administrator
    assert root("DELETE", f"users/{me}")[0] == 409
    eve = signed_in(b, "eve", "editor")
    assert eve("GET", "users")[0] == 403 and eve("GET", "audit")[0] == 403
    its = eve("POST", "tokens", {"name": "mine", "scope": "write"})[1]["token"]
    assert b.call("GET", "/api/v1/targets", headers=bearer(its))[0] == 200
    who = eve("GET", "session")[1]["user_id"]
    listed = root("GET", f"users/{who}")[1]
    assert listed["tokens"] == listed["sessions"] == 1 and "password" not in json.dumps(listed).replace('"source": "password"', "")
    assert root("DELETE", f"users/{who}")[0] == 204
    assert eve("GET", "targets")[0] == 401  # at once
    assert b.call("GET", "/api/v1/targets", headers=bearer(its))[0] == 401
    assert root("GET", "tokens")[1]["total"] == 0


def test_command_line(b):
    assert belfry_user(b, "add", "x", "--password-stdin", password="short\n")[0] == 1
    add(b, "alice", "editor", web="admin")
    status, out, _ = b.cli("user", "ls", "--json")
    assert status == 0 and json.loads(out.splitlines()[0])["groups"] == {"web": "admin"}
    assert belfry_user(b, "passwd", "alice", "--password-stdin", password="another horse entirely\n")[0] == 0
    assert Browser(b).login("alice", "another horse entirely")[0] == 200
    t = token(b, "ci", "--scope", "write", "--group", "web", "--expires", "90d")
    assert re.fullmatch(r"blf_[0-9A-Za-z]{40}", t)
    assert t not in json.dumps(b.sql("SELECT * FROM documents"), default=str)
    status, out, _ = b.cli("token", "ls")
    assert "ci" in out and "write" in out and "web" in out and t not in out
    assert b.cli("token", "rm", "ci")[0] == 0
    assert b.call("GET", "/api/v1/session", headers=bearer(t))[1]["kind"] == "anonymous"
    status, out, err = b.cli("user", "add", "y")
    assert status == 2 and "terminal" in err


class Stream:
    """An open event stream: the events that came, and whether it has ended."""

    def __init__(self, b, headers, kinds=""):
        self.c = http.client.HTTPConnection("127.0.0.1", b.port, timeout=30)
        self.c.request("GET", "/api/v1/events?kinds=" + kinds, headers={"Host": "localhost", **headers})
        self.r = self.c.getresponse()
        assert self.r.status == 200, self.r.status
        self.events, self.ended = [], False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            for line in self.r:
                if line.startswith(b"data: "):
                    self.events.append(json.loads(line[6:]))
        except (OSError, http.client.HTTPException, ValueError):
            pass
        self.ended = True

    def names(self):
        return {e.get("name") or e.get("target_name") for e in self.events}

    def ends(self):
        wait_until(lambda: self.ended, 10, what="the stream ends")


def test_streams_end_with_the_right_to_them(b):
    """What ends at once at the next request ends within seconds for what is open, too."""
    root, ann, bob = signed_in(b, "root", "admin"), signed_in(b, "ann"), signed_in(b, "bob", "none", web="viewer")
    ids = {u["name"]: u["id"] for u in root("GET", "users")[1]["items"]}

    def of(browser):
        return Stream(b, {"Cookie": "belfry_session=" + browser.cookie})
    stays, first = of(root), of(ann)
    assert ann("DELETE", "session")[0] == 204
    first.ends()
    assert ann.login("ann")[0] == 200
    steps = [("its session is revoked", lambda: root("DELETE", f"sessions/{ann('GET', 'session')[1]['session_id']}")),
             ("it is switched off", lambda: root("PATCH", f"users/{ids['ann']}", {"enabled": False}))]
    for what, step in steps:
        stream = of(ann)
        assert step()[0] in (200, 204), what
        stream.ends()
        if "revoked" in what:
            assert ann.login("ann")[0] == 200
    for change in ({"groups": {"web": "viewer", "db": "viewer"}}, {"groups": {"db": "viewer"}}, {"role": "viewer", "groups": {}}):
        stream = of(bob)
        assert root("PATCH", f"users/{ids['bob']}", change)[0] == 200
        stream.ends()
    short = Stream(b, bearer(token(b, "short", "--expires", "2s")))
    revoked = Stream(b, bearer(token(b, "ci")))
    short.ends()
    assert not revoked.ended
    assert b.cli("token", "rm", "ci")[0] == 0
    revoked.ends()
    assert not stays.ended
    assert root("DELETE", f"users/{ids['bob']}")[0] == 204
    stays.c.sock and stays.c.sock.close()


def test_whoever_is_limited_to_a_group_meets_no_other(belfry):
    """A token and an account for the group web: in each list, each stream and each change."""
    groups = [{"name": g, "interval": "1s", "attempts": 1, "threshold": 1, "targets": [{"name": "t-" + g, "url": "tcp://127.0.0.1:1"}]} for g in ("web", "db")]
    b = belfry({**NONE, "groups": groups})
    root, eve = signed_in(b, "root", "admin"), signed_in(b, "eve", "none", web="editor")
    tok = bearer(token(b, "ci", "--scope", "write", "--group", "web"))

    def by_token(method, path, body=None):
        return b.call(method, "/api/v1/" + path, body, tok)[:2]
    ids = {t["name"]: t["id"] for t in root("GET", "targets")[1]["items"]}
    alerts = wait_until(lambda: (lambda a: a if len(a) == 2 else None)({x["group"]: x["id"] for x in root("GET", "alerts")[1]["items"]}),
                        what="both alerts")
    streams = [Stream(b, tok), Stream(b, {"Cookie": "belfry_session=" + eve.cookie}), Stream(b, {"Cookie": "belfry_session=" + root.cookie})]
    about = {g: {"groups": [g], "title": "move " + g} for g in ("web", "db")}
    hush = {g: {"matchers": [f'group="{g}"'], "duration": "1h", "comment": "hush " + g} for g in ("web", "db")}
    kept = {"m": root("POST", "maintenances", {**about["db"], "starts_at": "2030-01-01T00:00:00Z"})[1]["id"], "s": root("POST", "silences", hush["db"])[1]["id"]}
    for n, ask in enumerate((by_token, eve)):
        # lists
        assert {t["name"] for t in ask("GET", "targets?facets=1")[1]["items"]} - {"new0"} == {"t-web"}
        assert {g["name"] for g in ask("GET", "groups")[1]["items"]} == {"web"}
        assert {a["group"] for a in ask("GET", "alerts")[1]["items"]} == {"web"}
        assert {r["name"] for r in ask("GET", "reports/uptime")[1]["items"]} - {"new0"} == {"t-web"}
        for path in ("targets?facets=1", "targets/facets", "groups", "alerts", "alerts/export?format=json", "reports/uptime", "maintenances",
                     "maintenances/calendar?since=2029-12-31T00:00:00Z&until=2030-01-31T00:00:00Z", "silences", f"targets/recent?ids={ids['t-db']}"):
            status, doc = ask("GET", path)
            assert status == 200 and "t-db" not in json.dumps(doc) and '"db"' not in json.dumps(doc).replace('\\"', '"'), path
        # one of the other group
        for path in (f"targets/{ids['t-db']}", f"targets/{ids['t-db']}/results", f"targets/{ids['t-db']}/graph", f"targets/{ids['t-db']}/uptime",
                     f"alerts/{alerts['db']}", f"maintenances/{kept['m']}", f"silences/{kept['s']}"):
            assert ask("GET", path)[0] in (403, 404), path
        for path in ("channels", "processes", "users", "audit", "status-pages", "nodes"):
            assert ask("GET", path)[0] == 403, path
        # changes
        for method, path, body in [("POST", "targets", {**TARGET, "group": "db"}), ("PATCH", f"targets/{ids['t-db']}", {"enabled": False}),
                                   ("DELETE", f"targets/{ids['t-db']}", None), ("POST", f"targets/{ids['t-db']}/check", {}),
                                   ("POST", f"alerts/{alerts['db']}/ack", {}), ("POST", f"alerts/{alerts['db']}/silence", {"duration": "1h"}),
                                   ("POST", "maintenances", about["db"]), ("POST", "maintenances", {"title": "x", "target_ids": [ids["t-db"]]}),
                                   ("POST", "maintenances", {"title": "x", "matchers": ['type="tcp"']}), ("PATCH", f"maintenances/{kept['m']}", {"title": "y"}),
                                   ("DELETE", f"maintenances/{kept['m']}", None), ("POST", "silences", hush["db"]), ("POST", "silences", {"matchers": ['type="tcp"'], "duration": "1h"}),
                                   ("PATCH", f"silences/{kept['s']}", {"comment": "y"}), ("DELETE", f"silences/{kept['s']}", None)]:
            status, doc = ask(method, path, body)
            assert status in (403, 404), (method, path, status, doc)
        status, made = ask("POST", "maintenances", about["web"])
        assert status == 201, made
        assert ask("PATCH", f"maintenances/{made['id']}", {"groups": ["web", "db"]})[0] == 403
        assert ask("PATCH", f"maintenances/{made['id']}", {"title": "moved"})[1]["title"] == "moved"
        assert [m["title"] for m in ask("GET", "maintenances")[1]["items"]] == ["moved"]
        assert ask("DELETE", f"maintenances/{made['id']}")[0] == 204
        status, made = ask("POST", "silences", hush["web"])
        assert status == 201 and made["alert_ids"] == [alerts["web"]], made
        assert ask("DELETE", f"silences/{made['id']}")[0] == 204
        assert ask("POST", "targets", {**TARGET, "name": f"new{n}"})[0] == 201
    # streams
    limited, everything = streams[:2], streams[2]
    wait_until(lambda: "t-db" in json.dumps(everything.events) and "new1" in json.dumps(everything.events), what="events of both groups")
    for stream in limited:
        wait_until(lambda s=stream: "new1" in json.dumps(s.events), what="events of its group")
        assert "t-db" not in json.dumps(stream.events) and '"db"' not in json.dumps(stream.events)


ROLES = {"none": 0, "viewer": 1, "editor": 2, "admin": 3}


def test_roles(b):
    who = {"viewer": signed_in(b, "v", "viewer"), "editor": signed_in(b, "e", "editor"), "admin": signed_in(b, "a", "admin")}
    cases = [("GET", "targets", None, 1), ("GET", "channels", None, 1), ("POST", "targets", TARGET, 2),
             ("POST", "processes", {"id": "p", "command": ["/bin/true"]}, 3), ("GET", "users", None, 3),
             ("POST", "channels", {"name": "c", "type": "webhook", "webhook_url": "http://127.0.0.1:1/"}, 2),
             ("POST", "channels", {"name": "x", "type": "exec", "config": {"command": ["/bin/true"]}}, 3),
             ("GET", "audit", None, 3), ("GET", "tokens", None, 0)]
    for method, path, body, least in cases:
        for role, browser in who.items():
            if isinstance(body, dict) and "name" in body:
                body = {**body, "name": body["name"] + role}
            status, doc = browser(method, path, body)
            assert (status == 403) == (ROLES[role] < least), (method, path, role, status, doc)
            assert status != 401
    for scope, least in (("read", 1), ("write", 2), ("admin", 3)):
        t = bearer(token(b, scope, "--scope", scope))
        assert b.call("GET", "/api/v1/targets", headers=t)[0] == 200
        assert (b.call("POST", "/api/v1/targets", {**TARGET, "name": scope}, t)[0] == 201) == (least >= 2)
        assert (b.call("GET", "/api/v1/users", headers=t)[0] == 200) == (least == 3)
    assert who["viewer"]("POST", "tokens", {"name": "more", "scope": "write"})[0] == 403
    assert who["editor"]("POST", "tokens", {"name": "more", "scope": "admin"})[0] == 403


def test_changes_are_written_down(b):
    root = signed_in(b, "root", "admin")
    Browser(b).login("root", "wrong wrong wrong")
    t = root("POST", "tokens", {"name": "ci", "scope": "read"})[1]["token"]
    root("DELETE", "session")
    text = b.cli("audit", "--json")[1]
    for word in ("login", "login_failed", "logout", '"token"', '"user"', "root"):
        assert word in text, word
    assert PASSWORD not in text and t not in text and "wrong wrong" not in text and "argon2" not in text


def test_proxy(belfry):
    config = {"server": {"anonymous": "none"}, "access": {"proxy": {
        "from": ["127.0.0.1/32"], "header": "X-Forwarded-User", "role": "viewer", "roles_header": "X-Groups",
        "roles": {"ops": "admin"}}}}
    b = belfry(config)
    alice = {"X-Forwarded-User": "alice"}
    assert b.call("GET", "/api/v1/targets")[0] == 401
    doc = b.call("GET", "/api/v1/session", headers=alice)[1]
    assert doc["kind"] == "proxy" and doc["name"] == "alice" and doc["role"] == "viewer"
    assert b.call("POST", "/api/v1/targets", TARGET, alice)[0] == 403
    assert b.call("POST", "/api/v1/targets", TARGET, {**alice, "X-Groups": "staff, ops"})[0] == 201
    assert b.call("GET", "/api/v1/targets", headers={**alice, "Host": "rebound.example"})[0] == 403
    config["access"]["proxy"]["from"] = ["10.0.0.0/8"]
    b.write(config)
    assert b.cli("reload")[0] == 0
    assert b.call("GET", "/api/v1/targets", headers=alice)[0] == 401


def test_addresses_of_a_proxy(belfry):
    b = belfry({"server": {"anonymous": "none"}, "access": {"proxy": {"from": ["127.0.0.1", "10.0.0.0/8"]}}})
    add(b, "alice", "admin")
    you = Browser(b, {"X-Forwarded-For": "1.2.3.4, 192.0.2.7, 10.1.1.1"})
    assert you.login("alice")[0] == 200
    assert you("GET", "sessions")[1]["items"][0]["address"] == "192.0.2.7"


def test_other_addresses_than_loopback(belfry):
    b = belfry(start=False)
    b.write({"server": {"listen": f"0.0.0.0:{b.port}", "anonymous": "admin"}})
    b.start()
    wait_until(lambda: "whoever reaches this address" in logs(b), what="a warning")
