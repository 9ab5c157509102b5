"""What an administrator relies on: the audit log, secrets that nowhere stand in plain text, a backup under load that comes back,
apply and export, the import of Uptime Kuma."""

import fcntl
import glob
import json
import os
import sqlite3
import subprocess
import time

import pytest

from belfry import Belfry, EXE, run, wait_until

SECRET = "hunter2-geheim-42"


@pytest.fixture
def belfry(tmp_path):
    made = []

    def make(config=None, folder=None, **kw):
        b = Belfry(folder or tmp_path / f"b{len(made)}", config, **kw)
        made.append(b)
        return b
    yield make
    for b in made:
        b.close()


def audit(b, **query):
    path = "/api/v1/audit?" + "&".join(f"{k}={v}" for k, v in query.items())
    return b.get(path)["items"]


def target(name="shop", **more):
    return {"name": name, "group": "web", "type": "http", "interval_seconds": 3600,
            "config": {"url": "http://127.0.0.1:9/", "username": "u", "password": SECRET}, **more}


def channel(name="ops", **more):
    return {"name": name, "type": "webhook", "webhook_url": f"http://127.0.0.1:9/{SECRET}", "enabled": False,
            "config": {"bearer": SECRET}, **more}


# --- the audit log -----------------------------------------------------------------------------


def test_each_change_is_told_with_before_and_after(belfry):
    b = belfry().start()
    t = b.post("/api/v1/targets", target())
    b.api("PATCH", f"/api/v1/targets/{t['id']}", {"interval_seconds": 60})
    b.api("PATCH", f"/api/v1/targets/{t['id']}", {"enabled": False})
    b.api("DELETE", f"/api/v1/targets/{t['id']}")
    c = b.post("/api/v1/channels", channel())
    assert c["id"]
    entries = audit(b, kind="target")
    assert [e["action"] for e in entries] == ["delete", "update", "update", "create"]
    assert {e["actor"] for e in entries} == {"anonymous"} and {e["address"] for e in entries} == {"127.0.0.1"}
    assert {e["object"] for e in entries} == {f"{t['id']} shop"}
    create, changed, gone = entries[3], entries[2], entries[0]
    assert create["before"] is None and create["after"]["interval_seconds"] == 3600
    assert create["after"]["config"]["password"] == "********"
    assert changed["before"]["interval_seconds"] == 3600 and changed["after"]["interval_seconds"] == 60
    assert "last_message" not in changed["after"] and gone["after"] is None
    assert SECRET not in json.dumps(audit(b, limit=1000))
    status, out, _ = run("audit", "--kind", "channel", "-c", b.path)
    assert status == 0 and "ops" in out and "create" in out
    status, head, body = b.call("GET", "/api/v1/audit?format=csv")[0:3]
    assert status == 200
    assert audit(b, q="no-such-text") == [] and len(audit(b, limit=1)) == 1
    older = b.get(f"/api/v1/audit?limit=2&cursor={entries[0]['id']}&kind=target")
    assert [e["id"] for e in older["items"]] == [entries[1]["id"], entries[2]["id"]]


def test_what_is_refused_is_not_told_and_the_cli_has_a_name(belfry):
    b = belfry().start()
    assert b.call("POST", "/api/v1/targets", {"name": "x", "type": "nonsense"})[0] == 422
    assert audit(b, kind="target") == []
    status, out, err = run("target", "add", "name=cli", "url=tcp://127.0.0.1:9", "-c", b.path)
    assert status == 0, out + err
    entry = audit(b, kind="target")[0]
    assert entry["address"] == "unix" and entry["actor"].startswith("unix")


def test_a_reload_is_one_entry(belfry):
    config = {"groups": [{"name": "g", "targets": [{"name": "a", "url": "tcp://127.0.0.1:9"}]}]}
    b = belfry(config).start()
    config["groups"][0]["targets"].append({"name": "b", "url": "tcp://127.0.0.1:9"})
    b.write(config)
    assert run("reload", "-c", b.path)[0] == 0
    entries = wait_until(lambda: [e for e in audit(b, action="reload") if "g/b" in json.dumps(e["after"])])
    assert entries[0]["after"]["targets"]["added"] == {"count": 1, "names": ["g/b"]}
    assert "settings" not in entries[0]["after"]


def test_a_reload_tells_of_every_setting(belfry):
    def config(more, secret):
        return {"results": {"keep": "9d"}, "access": {"oidc": {"issuer": "https://id.example", "client_id": "b", "client_secret": secret, "redirect_uri": "https://b.example/api/v1/oidc/callback"}},
                "processes": {"units": [{"id": "p", "command": ["/bin/sleep", "1000"], "enabled": False}]}, **more}
    b = belfry(config({}, "hidden-before")).start()
    b.write(config({"results": {"keep": "8d"}, "processes": {"units": [
        {"id": "p", "command": ["/bin/sleep", "2000"], "enabled": False}, {"id": "q", "command": ["/bin/true"], "enabled": False}]}},
        "hidden-after"))
    assert run("reload", "-c", b.path)[0] == 0
    entry = wait_until(lambda: [e for e in audit(b, action="reload") if "settings" in e["after"]], what="the entry")[0]
    changed = {s["path"]: s for s in entry["after"]["settings"]["changed"]}
    assert {"results.keep", "processes.p.command", "processes.q"} <= set(changed), changed
    assert changed["processes.p.command"]["after"] == ["/bin/sleep", "2000"] and changed["processes.q"]["before"] is None
    assert "hidden" not in json.dumps(entry)


# --- secrets -----------------------------------------------------------------------------------


def files_with(folder, text, but=()):
    found = []
    for path in glob.glob(folder + "/**", recursive=True):
        if not os.path.isfile(path) or any(part in path for part in but):
            continue
        with open(path, "rb") as f:
            if text.encode() in f.read():
                found.append(os.path.relpath(path, folder))
    return found


# Watchers and the warden need them in plain text; these files are 0600 and made anew at each start.
NEEDED = ("/run/assign/", "/run/programs")


def test_no_secret_stands_anywhere(belfry):
    b = belfry({"groups": [{"name": "f", "interval": "1s", "timeout": "500ms", "connect_timeout": "500ms", "targets": [
        {"name": "file", "type": "http", "config": {"url": "http://127.0.0.1:9/", "bearer": SECRET}}]}]}).start()
    t = b.post("/api/v1/targets", target(interval_seconds=1, timeout_seconds=0.5, connect_timeout_seconds=0.5))
    c = b.post("/api/v1/channels", channel(enabled=True, config={"bearer": SECRET, "password": SECRET}))
    b.api("PATCH", f"/api/v1/targets/{t['id']}", {"notify_channel_ids": [c["id"]], "threshold": 1})
    b.post("/api/v1/processes", {"id": "p", "command": ["/bin/sleep", "1000"], "environment": {"TOKEN": SECRET}})
    b.wait_status(t["id"], "unhealthy")
    b.call("POST", f"/api/v1/channels/{c['id']}/test")
    b.signal(b.pid_of("core"), 6)  # a crash report of the one that has them all
    wait_until(b.crashes, what="a crash report")
    b.wait_ready()
    for path in ("targets", "channels", "processes", "processes/p", "audit?limit=1000", "export", "alerts",
                 f"channels/{c['id']}/deliveries", f"targets/{t['id']}/results"):
        assert SECRET not in json.dumps(b.call("GET", "/api/v1/" + path)[1]), path
    assert SECRET not in json.dumps(b.call("GET", "/prometheus/api/v1/status/config")[1])
    assert SECRET not in run("export", "-c", b.path)[1] and SECRET not in run("config", "show", "-c", b.path)[1]
    assert b.stop() == 0
    assert files_with(b.data, SECRET, NEEDED) == []
    assert [p for p in files_with(b.folder, SECRET, NEEDED) if not p.startswith("belfry.yaml")] == []
    assert b"sealed:1:" in open(os.path.join(b.data, "belfry.db"), "rb").read()
    assert os.stat(os.path.join(b.data, "secret.key")).st_mode & 0o777 == 0o600


def plain_secrets(b):
    status, out, err = run("export", "--with-secrets", "-c", b.path)
    assert status == 0, err
    return out.count(SECRET)


def test_a_lost_key_keeps_what_it_sealed(belfry):
    b = belfry().start()
    t = b.post("/api/v1/targets", target())
    b.post("/api/v1/channels", channel())
    assert b.stop() == 0
    key = os.path.join(b.data, "secret.key")
    os.rename(key, key + ".kept")
    b.start()
    assert b.get("/api/v1/key")["sealed_with_another_key"] >= 2
    assert plain_secrets(b) == 0
    answer = b.call("POST", f"/api/v1/targets/{t['id']}/check")
    assert "sealed with another key" in json.dumps(answer[1])
    assert b.get(f"/api/v1/targets/{t['id']}")["config"]["password"] == "********"
    assert b.stop() == 0
    os.rename(key + ".kept", key)
    b.start()
    assert b.get("/api/v1/key")["sealed_with_another_key"] == 0
    assert plain_secrets(b) >= 2


def test_keys_change_and_a_kill_in_the_middle_loses_nothing(belfry):
    b = belfry().start()
    for i in range(30):
        b.post("/api/v1/targets", target(f"t{i}"))
    want = plain_secrets(b)
    first = b.get("/api/v1/key")["key_id"]
    status, out, err = run("key", "rotate", "-c", b.path)
    assert status == 0, out + err
    assert b.get("/api/v1/key")["key_id"] != first and plain_secrets(b) == want
    assert audit(b, kind="key")[0]["action"] == "rotate"
    for delay in (0.0, 0.004, 0.02):
        rotating = subprocess.Popen([EXE, "key", "rotate", "-c", b.path], stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL)
        time.sleep(0.02 + delay)
        b.kill_all()
        rotating.wait(60)
        b.start()
        assert b.get("/api/v1/key")["sealed_with_another_key"] == 0
        assert plain_secrets(b) == want
    key = os.path.join(b.data, "secret.key")
    wait_until(lambda: open(key).read().count("\n") == 1, what="the old key is forgotten")


# --- backup ------------------------------------------------------------------------------------


def test_a_backup_under_load_comes_back(belfry, tmp_path):
    b = belfry({"groups": [{"name": "f", "interval": "100ms", "timeout": "90ms", "connect_timeout": "90ms", "targets": [
        {"name": f"t{i}", "url": f"tcp://127.0.0.1:{9 + i}"} for i in range(30)]}]}).start()
    t = b.post("/api/v1/targets", target())
    wait_until(lambda: b.sql("SELECT count(*) FROM probe_results")[0][0] > 200)
    file = str(tmp_path / "backup.tar.zst")
    killed = subprocess.Popen([EXE, "backup", file, "-c", b.path], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    time.sleep(0.01)
    killed.kill()
    killed.wait(10)
    def backed_up():
        status, out, err = run("backup", file, "--with-key", "-c", b.path)
        assert status == 0 or "another backup" in err, out + err
        return status == 0
    wait_until(backed_up)
    assert not os.path.exists(file + ".partial") and os.stat(file).st_mode & 0o777 == 0o600
    wait_until(lambda: not os.path.exists(os.path.join(b.data, "backup.tmp")))
    listing = subprocess.run(["tar", "--zstd", "-tf", file], capture_output=True, text=True)
    if listing.returncode == 0:
        assert {"backup.json", "belfry.db", "secret.key"} <= set(listing.stdout.split())
    status, _, err = run("restore", file, "-c", b.path)
    assert status == 1 and "stop it first" in err
    b.post("/api/v1/targets", target("later"))
    assert b.stop() == 0
    status, out, err = run("restore", file, "-c", b.path)
    assert status == 0, out + err
    kept = glob.glob(b.data + ".before-*")
    assert len(kept) == 1 and os.path.exists(kept[0] + "/belfry.db")
    b.start()
    assert b.get(f"/api/v1/targets/{t['id']}")["name"] == "shop"
    assert b.get("/api/v1/targets?q=later")["total"] == 0
    assert plain_secrets(b) == 1 and b.get("/api/v1/key")["sealed_with_another_key"] == 0
    assert b.sql("SELECT count(*) FROM probe_results")[0][0] >= 200
    assert b.sql("PRAGMA integrity_check")[0][0] == "ok"
    answer = b.get("/prometheus/api/v1/query?query=count(last_over_time(probe_success[1h]))")
    assert int(answer["data"]["result"][0]["value"][1]) >= 30  # the series came back, too


def test_why_a_backup_is_refused_is_told(belfry, tmp_path):
    b = belfry().start()
    file = tmp_path / "backup.tar.zst"
    status, out, err = run("backup", str(file), "--with-key", "--server", f"http://127.0.0.1:{b.port}")
    assert status == 1 and "over its Unix socket only" in err, out + err
    with open(os.path.join(b.data, "run", "backup.lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        status, out, err = run("backup", str(file), "-c", b.path)
        assert status == 1 and "another backup is being made" in err, out + err
    assert not file.exists() and not glob.glob(str(file) + "*")


def test_a_backup_that_is_cut_or_changed_is_refused(belfry, tmp_path):
    b = belfry().start()
    b.post("/api/v1/targets", target())
    file = str(tmp_path / "backup.tar.zst")
    assert run("backup", file, "-c", b.path)[0] == 0
    assert b.stop() == 0
    whole = open(file, "rb").read()
    before = os.stat(os.path.join(b.data, "belfry.db")).st_ino
    for n in (0, 10, len(whole) // 2, len(whole) - 1):
        with open(file, "wb") as f:
            f.write(whole[:n])
        assert run("restore", file, "-c", b.path)[0] == 1
    broken = bytearray(whole)
    broken[len(whole) // 2] ^= 0x55
    with open(file, "wb") as f:
        f.write(broken)
    assert run("restore", file, "-c", b.path)[0] == 1
    assert os.stat(os.path.join(b.data, "belfry.db")).st_ino == before
    assert not os.path.exists(b.data + ".restore")
    with open(file, "wb") as f:
        f.write(whole)
    elsewhere = str(tmp_path / "new")
    assert run("restore", file, "--data-dir", elsewhere)[0] == 0
    assert sqlite3.connect(elsewhere + "/belfry.db").execute("SELECT count(*) FROM targets").fetchone()[0] == 1
    assert not os.path.exists(elsewhere + "/secret.key")


# --- apply and export --------------------------------------------------------------------------

DECLARED = {
    "channels": [{"name": "ops", "type": "webhook", "webhook_url": "http://127.0.0.1:9/x", "config": {"bearer": SECRET}}],
    "groups": [{"name": "web", "interval": "1m", "channels": ["ops"], "labels": {"env": "prod"}, "targets": [
        {"name": "all", "type": "group", "config": {"members": ["some"]}},  # members may come later
        {"name": "some", "type": "group", "config": {"members": ["shop", "web/db"], "require": "any"}},
        {"name": "shop", "type": "http", "depends_on": ["db"],
         "config": {"url": "http://127.0.0.1:9/$$x", "username": "u", "password": SECRET}},
        {"name": "db", "url": "tcp://127.0.0.1:9", "locations": ["local", "beijing"], "location_quorum": 1}]}]}


def test_apply_is_idempotent_and_export_writes_the_same(belfry, tmp_path):
    b = belfry().start()
    file = str(tmp_path / "declared.yaml")
    with open(file, "w", encoding="utf-8") as f:
        json.dump(DECLARED, f)
    status, out, err = run("apply", "-f", file, "--diff", "-c", b.path)
    assert status == 1 and "+ target web/shop" in out and SECRET not in out, out + err
    assert b.get("/api/v1/targets")["total"] == 0
    status, out, err = run("apply", "-f", file, "-c", b.path)
    assert status == 0 and "5 changed" in out, out + err
    shop = b.target("shop")
    assert shop["interval_seconds"] == 60 and shop["labels"] == {"env": "prod"} and shop["source"] == "api"
    assert shop["depends_on"] == [b.target("db")["id"]] and shop["config"]["url"].endswith("/$x")
    status, out, _ = run("apply", "-f", file, "--diff", "-c", b.path)
    assert status == 0 and "0 changes, 5 unchanged" in out, out
    for secrets in ([], ["--with-secrets"]):
        again = str(tmp_path / "exported.yaml")
        status, _, err = run("export", "-o", again, *secrets, "-c", b.path)
        assert status == 0, err
        assert (SECRET in open(again).read()) == bool(secrets)
        status, out, err = run("apply", "-f", again, "--diff", "--prune", "-c", b.path)
        assert status == 0 and "0 changes" in out, out + err
    assert plain_secrets(b) == 2
    assert b.target("db")["locations"] == ["local", "beijing"]
    assert [e["action"] for e in audit(b, kind="target")] == ["create"] * 4


def test_apply_shows_what_changes_and_prunes(belfry, tmp_path):
    b = belfry({"groups": [{"name": "own", "targets": [{"name": "f", "url": "tcp://127.0.0.1:9"}]}]}).start()
    file = str(tmp_path / "declared.yaml")

    def apply(doc, *flags):
        with open(file, "w", encoding="utf-8") as f:
            json.dump(doc, f)
        return run("apply", "-f", file, *flags, "-c", b.path)
    assert apply(DECLARED)[0] == 0
    doc = json.loads(json.dumps(DECLARED))
    doc["groups"][0]["targets"] = [t for t in doc["groups"][0]["targets"] if t.get("type") != "group"]
    doc["groups"][0]["targets"][0]["config"]["password"] = "other-secret"
    doc["groups"][0]["targets"][1]["threshold"] = 7
    status, out, _ = apply(doc, "--diff")
    assert status == 1 and "~ a secret" in out and "+ threshold: 7" in out and "other-secret" not in out, out
    del doc["groups"][0]["targets"][0]
    status, out, _ = apply(doc)
    assert status == 0 and b.get("/api/v1/targets?q=shop")["total"] == 1
    status, out, _ = apply(doc, "--prune")
    assert status == 0 and "- target web/shop" in out and b.get("/api/v1/targets?q=shop")["total"] == 0
    assert b.target("f")["source"] == "file"  # what the file has is left alone
    clash = {"groups": [{"name": "own", "targets": [{"name": "f", "url": "tcp://127.0.0.1:10"}]}]}
    status, _, err = apply(clash)
    assert status == 1 and "belongs to the configuration file" in err
    bad = {"groups": [{"name": "web", "targets": [{"name": "new", "url": "tcp://127.0.0.1:9"}, {"name": "x"}]}]}
    assert apply(bad)[0] == 1 and b.get("/api/v1/targets?q=new")["total"] == 0


def test_secrets_do_not_leave_over_tcp(belfry):
    b = belfry().start()
    assert b.call("GET", "/api/v1/export?with_secrets=true")[0] == 403
    assert b.call("GET", "/api/v1/backup?with_key=true")[0] == 403


# --- Uptime Kuma -------------------------------------------------------------------------------

MONITORS = [
    {"id": 1, "name": "Shop", "type": "keyword", "url": "https://shop.example.com/", "method": "GET", "interval": 60,
     "timeout": 48, "maxretries": 2, "resendInterval": 10, "keyword": "ok", "accepted_statuscodes": ["200-299", "301"],
     "basic_auth_user": "u", "basic_auth_pass": "p$w", "headers": "{\"X-A\": \"b\"}", "active": True, "ignoreTls": True,
     "maxredirects": 0, "notificationIDList": {"1": True, "2": True}, "tags": [{"name": "Env name", "value": "prod"}]},
    {"id": 2, "name": "Data", "type": "group", "active": True},
    {"id": 3, "name": "db", "type": "port", "hostname": "db.example.com", "port": 5432, "interval": 30, "active": False,
     "parent": 2, "notificationIDList": {}},
    {"id": 4, "name": "gw", "type": "ping", "hostname": "192.0.2.1", "interval": 20},
    {"id": 5, "name": "ns", "type": "dns", "hostname": "example.com", "dns_resolve_server": "192.0.2.53",
     "dns_resolve_type": "MX", "interval": 300},
    {"id": 6, "name": "api", "type": "json-query", "url": "https://api.example.com/", "jsonPath": "$.data.state",
     "jsonPathOperator": "==", "expectedValue": "up", "interval": 60},
    {"id": 7, "name": "box", "type": "docker", "interval": 60},
    {"id": 8, "name": "down", "type": "http", "url": "http://x/", "upsideDown": True, "interval": 60},
]
NOTIFICATIONS = [
    {"id": 1, "name": "chat", "config": json.dumps({"type": "slack", "slackwebhookURL": "https://hooks.slack.com/x"})},
    {"id": 2, "name": "post", "config": json.dumps({"type": "smtp", "smtpHost": "mail.example.com", "smtpPort": 465,
        "smtpSecure": True, "smtpFrom": "a@example.com", "smtpTo": "b@example.com, c@example.com"})},
    {"id": 3, "name": "tg", "config": json.dumps({"type": "telegram"})},
]
COLUMNS = {"accepted_statuscodes": "accepted_statuscodes_json", "resendInterval": "resend_interval", "ignoreTls": "ignore_tls",
           "upsideDown": "upside_down", "jsonPath": "json_path", "jsonPathOperator": "json_path_operator",
           "expectedValue": "expected_value"}


def kuma_json(path):
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"version": "1.23.16", "notificationList": NOTIFICATIONS, "monitorList": MONITORS}, f)


def kuma_db(path):
    db = sqlite3.connect(path)
    skip = ("notificationIDList", "tags")
    names = sorted({COLUMNS.get(k, k) for m in MONITORS for k in m if k not in skip})
    db.execute(f"CREATE TABLE monitor({','.join(names)})")
    db.execute("CREATE TABLE notification(id,name,config,active)")
    db.execute("CREATE TABLE monitor_notification(id INTEGER PRIMARY KEY,monitor_id,notification_id)")
    db.execute("CREATE TABLE tag(id,name,color)")
    db.execute("CREATE TABLE monitor_tag(id INTEGER PRIMARY KEY,monitor_id,tag_id,value)")
    db.execute("CREATE TABLE maintenance(id)")
    db.execute("CREATE TABLE status_page(id)")
    db.execute("INSERT INTO status_page VALUES(1)")
    for m in MONITORS:
        row = {COLUMNS.get(k, k): json.dumps(v) if isinstance(v, list) else v for k, v in m.items() if k not in skip}
        db.execute(f"INSERT INTO monitor({','.join(row)}) VALUES({','.join('?' * len(row))})", list(row.values()))
        for n in m.get("notificationIDList", {}):
            db.execute("INSERT INTO monitor_notification(monitor_id,notification_id) VALUES(?,?)", (m["id"], int(n)))
        for i, t in enumerate(m.get("tags", [])):
            db.execute("INSERT INTO tag VALUES(?,?,'')", (i, t["name"]))
            db.execute("INSERT INTO monitor_tag(monitor_id,tag_id,value) VALUES(?,?,?)", (m["id"], i, t["value"]))
    for n in NOTIFICATIONS:
        db.execute("INSERT INTO notification VALUES(?,?,?,1)", (n["id"], n["name"], n["config"]))
    db.commit()
    db.close()


@pytest.mark.parametrize("make,name", [(kuma_json, "backup.json"), (kuma_db, "kuma.db")])
def test_uptime_kuma_is_taken_over(belfry, tmp_path, make, name):
    b = belfry().start()
    source = str(tmp_path / name)
    make(source)
    status, out, err = run("import", "uptime-kuma", source)
    assert status == 0, err
    for left in ('"box" is not taken: config.container', '"tg" is not taken'):
        assert left in err
    assert ("1 status pages are not taken" in err) == (make is kuma_db)
    file = str(tmp_path / "kuma.yaml")
    with open(file, "w", encoding="utf-8") as f:
        f.write(out)
    status, said, err = run("apply", "-f", file, "-c", b.path)
    assert status == 0, said + err
    shop = b.target("Shop")
    assert shop["type"] == "http" and shop["group"] == "uptime-kuma" and shop["interval_seconds"] == 60
    assert shop["threshold"] == 3 and shop["resend_interval_seconds"] == 600 and shop["timeout_seconds"] == 48
    assert shop["labels"] == {"Env_name": "prod"} and len(shop["notify_channel_ids"]) == 2
    assert shop["config"]["expect"]["body_contains"] == ["ok"] and shop["config"]["tls"]["verify"] is False
    assert shop["config"]["headers"] == {"X-A": "b"} and shop["config"]["follow_redirects"] is False
    db = b.target("db")
    assert db["group"] == "Data" and db["enabled"] is False and db["config"]["port"] == 5432
    assert b.target("ns")["config"]["type"] == "MX" and b.target("gw")["type"] == "icmp"
    assert b.target("api")["config"]["expect"]["json"][0]["value"] == "up"
    assert b.target("down")["invert"] is True and b.target("Shop")["invert"] is False
    assert {c["type"] for c in b.get("/api/v1/channels")["items"]} == {"slack", "email"}
    status, said, _ = run("apply", "-f", file, "--diff", "-c", b.path)
    assert status == 0, said
