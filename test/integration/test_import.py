"""belfry import gatus and uptime-kuma: what is written passes `belfry config check`, can be applied, and a few of the targets
really probe. The samples are those of the unit tests: test/import/."""

import json
import os
import sqlite3

import pytest

from belfry import ROOT, free_port, run, wait_until
from servers import Http, Service

SAMPLES = os.path.join(ROOT, "test", "import")
ENV = {"SLACK_URL": "https://hooks.slack.com/services/x", "MAIL_PASSWORD": "s", "GATUS_HOST": "www.example.com",
       "GATUS_SECRET": "s"}


@pytest.fixture(scope="module")
def server():
    """Answers JSON at every path, and remembers what it was asked."""
    class Handler(Http):
        def do_GET(self):
            self.server.asked.append((self.command, self.path, self.headers.get("Authorization"), self.body().decode()))
            body = json.dumps({"status": "UP", "token": "t0k", "items": [1, 2], "data": {"state": "up and well"}}).encode()
            self.answer(404 if self.path == "/missing" else 200, body)

        do_POST = do_GET

    s = Service(Handler)
    s.asked = []
    yield s
    s.close()


def imported(tmp_path, kind, *paths, env=None):
    """The file that the import wrote, and what it said."""
    status, out, err = run("import", kind, *paths, env=env)
    assert status == 0, err
    file = str(tmp_path / "imported.yaml")
    with open(file, "w", encoding="utf-8") as f:
        f.write(out)
    return file, err


def checked(file, env=None):
    status, out, err = run("config", "check", "-c", file, env=env)
    assert status == 0, out + err
    return out


# --- Gatus ------------------------------------------------------------------------------------------


def test_gatus_sample(tmp_path):
    file, err = imported(tmp_path, "gatus", os.path.join(SAMPLES, "gatus"))
    assert "14 targets in 3 groups, 9 channels" not in err
    assert "targets in 3 groups, 9 channels" in checked(file, env=ENV)
    assert 'config.yaml:70:5: endpoint "old": is not carried over: Belfry does not speak SCTP' in err
    # references to the environment are kept: without it the file does not load, and says what is missing
    status, out, err = run("config", "check", "-c", file)
    assert status == 1 and "SLACK_URL is not set" in out + err


def test_gatus_takes_several_files(tmp_path):
    for name in ("a", "b"):
        with open(tmp_path / (name + ".yaml"), "w", encoding="utf-8") as f:
            f.write(f"endpoints: [{{name: {name}, url: 'https://{name}.example.com/', conditions: ['[STATUS] == 200']}}]\n")
    file, _ = imported(tmp_path, "gatus", tmp_path / "a.yaml", tmp_path / "b.yaml")
    assert "2 targets in 1 groups" in checked(file)
    status, _, err = run("import", "gatus", tmp_path / "none.yaml")
    assert status == 1 and "none.yaml" in err


def test_gatus_endpoints_probe(belfry, tmp_path, server):
    base = f"http://127.0.0.1:{server.port}"
    source = tmp_path / "config.yaml"
    with open(source, "w", encoding="utf-8") as f:
        f.write(f"""
alerting: {{custom: {{url: "{base}/hook", method: POST, body: '{{"text": "[ENDPOINT_NAME]: [ALERT_DESCRIPTION]"}}'}}}}
endpoints:
  - {{name: good, url: "{base}/", interval: 1s, conditions: ["[STATUS] == 200", "[BODY].status == UP", "len([BODY].items) == 2"]}}
  - {{name: missing, url: "{base}/missing", interval: 1s, conditions: ["[STATUS] == 404"]}}
  - {{name: any status, url: "{base}/missing", interval: 1s, conditions: ["[CONNECTED] == true"]}}
  - {{name: bad, url: "{base}/", interval: 1s, conditions: ["[BODY].status == DOWN"], alerts: [{{type: custom, failure-threshold: 1}}]}}
  - {{name: port, url: "tcp://127.0.0.1:{server.port}", interval: 1s, conditions: ["[CONNECTED] == true"]}}
external-endpoints:
  - {{name: job, token: potato-potato-potato-potato, heartbeat: {{interval: 1h}}}}
suites:
  - name: buy
    interval: 1s
    endpoints:
      - {{name: in, url: "{base}/login", conditions: ["[STATUS] == 200"], store: {{token: "[BODY].token"}}}}
      - {{name: use, url: "{base}/cart/[CONTEXT].token", headers: {{Authorization: "Bearer [CONTEXT].token"}}, conditions: ["[STATUS] == 200"]}}
""")
    file, _ = imported(tmp_path, "gatus", source)
    checked(file)
    b = belfry().start()
    status, said, err = run("apply", "-f", file, "-c", b.path)
    assert status == 0, said + err
    for name in ("good", "missing", "any status", "port", "buy"):
        b.wait_status(name, "healthy", timeout=30)
    b.wait_status("bad", "unhealthy", timeout=30)
    assert ("GET", "/cart/t0k", "Bearer t0k", "") in server.asked
    said = wait_until(lambda: [body for _, path, _, body in list(server.asked) if path == "/hook"], what="the hook")
    assert json.loads(said[0])["text"].startswith("bad: ")
    assert b.call("POST", "/push/potato-potato-potato-potato?status=up&msg=OK")[0] == 200
    b.wait_status("job", "healthy")


# --- Uptime Kuma ------------------------------------------------------------------------------------


def column(name):
    """jsonPath is json_path in the database."""
    special = {"accepted_statuscodes": "accepted_statuscodes_json"}
    return special.get(name) or "".join("_" + c.lower() if c.isupper() else c for c in name)


def database(path, monitors, notifications):
    """kuma.db of version 2, as far as it is read."""
    db = sqlite3.connect(path)
    skip = ("notificationIDList", "tags")
    names = sorted({column(k) for m in monitors for k in m if k not in skip})
    db.execute(f"CREATE TABLE monitor({','.join(names)})")
    db.execute("CREATE TABLE notification(id,name,config,active)")
    db.execute("CREATE TABLE monitor_notification(id INTEGER PRIMARY KEY,monitor_id,notification_id)")
    db.execute("CREATE TABLE tag(id,name,color)")
    db.execute("CREATE TABLE monitor_tag(id INTEGER PRIMARY KEY,monitor_id,tag_id,value)")
    db.execute("CREATE TABLE proxy(id,protocol,host,port,auth,username,password,active)")
    db.execute("CREATE TABLE docker_host(id,docker_daemon,docker_type,name)")
    db.execute("INSERT INTO proxy VALUES(1,'socks5','proxy.example.com',1080,1,'a b','c:d',1)")
    db.execute("INSERT INTO docker_host VALUES(1,'/run/docker.sock','socket','here'),(2,'tcp://10.0.0.9:2375','tcp','there')")
    for m in monitors:
        row = {column(k): json.dumps(v) if isinstance(v, (list, dict)) else v for k, v in m.items() if k not in skip}
        db.execute(f"INSERT INTO monitor({','.join(row)}) VALUES({','.join('?' * len(row))})", list(row.values()))
        for n in m.get("notificationIDList", {}):
            db.execute("INSERT INTO monitor_notification(monitor_id,notification_id) VALUES(?,?)", (m["id"], int(n)))
        for t in m.get("tags", []):
            db.execute("INSERT INTO tag VALUES(?,?,'')", (m["id"], t["name"]))
            db.execute("INSERT INTO monitor_tag(monitor_id,tag_id,value) VALUES(?,?,?)", (m["id"], m["id"], t["value"]))
    for n in notifications:
        db.execute("INSERT INTO notification VALUES(?,?,?,1)", (n["id"], n["name"], n["config"]))
    db.commit()
    db.close()


def sample():
    with open(os.path.join(SAMPLES, "kuma", "backup.json"), encoding="utf-8") as f:
        return json.load(f)


def targets_of(belfry, file):
    b = belfry().start()
    status, said, err = run("apply", "-f", file, "-c", b.path)
    assert status == 0, said + err
    status, said, err = run("apply", "-f", file, "--diff", "-c", b.path)
    assert status == 0, "a second time changes something: " + said + err
    return b


def test_uptime_kuma_2_has_every_type(belfry, tmp_path):
    doc = sample()
    database(str(tmp_path / "kuma.db"), doc["monitorList"], doc["notificationList"])
    file, err = imported(tmp_path, "uptime-kuma", tmp_path)
    checked(file)
    b = targets_of(belfry, file)
    want = {"mysql": "mysql", "postgres": "postgresql", "redis": "redis", "mongo": "mongodb", "mqtt": "mqtt", "docker": "docker",
            "backup job": "push", "grpc": "grpc", "rabbit": "http", "snmp": "snmp", "smtp": "smtp", "radius": "radius",
            "sip": "sip", "ntp": "ntp", "ws": "websocket", "kafka": "kafka", "api": "http", "tail": "icmp", "ping": "icmp",
            "unit": "systemd", "ns": "dns", "port": "tcp", "Data": "group", "Inner/group": "group", "Shop (domain)": "domain"}
    types = {t["name"]: t["type"] for t in b.get("/api/v1/targets?limit=1000")["items"]}
    assert {name: types.get(name) for name in want} == want
    assert b.target("docker")["config"]["socket"] == "/run/docker.sock"
    assert b.target("docker far")["config"]["host"] == "tcp://10.0.0.9:2375"
    assert b.target("down")["invert"] is True
    assert b.target("intranet")["config"]["proxy"] == "socks5://a%20b:c%3Ad@proxy.example.com:1080"
    assert b.target("mysql")["config"]["expect"] == {"op": ">", "value": "5"}


def test_uptime_kuma_1_says_the_same(tmp_path):
    status, old, err = run("import", "uptime-kuma", os.path.join(SAMPLES, "kuma", "backup.json"))
    assert status == 0, err
    with open(os.path.join(SAMPLES, "kuma.yaml"), encoding="utf-8") as f:
        assert old == f.read()


def test_uptime_kuma_client_certificates_become_files(tmp_path, certs):
    def pem(name):
        with open(os.path.join(certs.folder, name), encoding="ascii") as f:
            return f.read()
    common = {"type": "http", "url": "https://in.example.com/", "interval": 60, "active": True, "authMethod": "mtls"}
    monitors = [dict(common, id=7, name="in", tlsCert=pem("good.pem"), tlsKey=pem("good.key"), tlsCa=pem("ca.pem")),
                dict(common, id=8, name="odd", tlsCert="no certificate", tlsKey="x")]
    with open(tmp_path / "backup.json", "w", encoding="utf-8") as f:
        json.dump({"version": "1.23.16", "notificationList": [], "monitorList": monitors}, f)
    status, out, err = run("import", "uptime-kuma", tmp_path / "backup.json")
    assert status == 0 and "give --files DIR" in err and "in.example.com" not in out
    status, out, err = run("import", "uptime-kuma", tmp_path / "backup.json", "--files", tmp_path / "pem" / "kuma")
    assert status == 0 and '"odd" is not taken: its client certificate: the cert is no PEM' in err
    for kind, source in (("cert", "good.pem"), ("key", "good.key"), ("ca", "ca.pem")):
        path = tmp_path / "pem" / "kuma" / f"kuma-7-{kind}.pem"
        assert path.read_text() == pem(source) and path.stat().st_mode & 0o777 == 0o600
        assert f'{kind}_file: {os.path.realpath(path)}' in out.replace('"', "")
    assert run("import", "gatus", os.path.join(SAMPLES, "gatus"), "--files", tmp_path)[0] == 2


def test_uptime_kuma_targets_probe(belfry, tmp_path, server):
    port, closed = server.port, free_port()
    common = {"interval": 1, "active": True, "parent": 1}
    token = "abcdefghijklmnopqrstuvwxyz012345"
    monitors = [
        {"id": 1, "type": "group", "name": "All", "interval": 1, "active": True},
        dict(common, id=2, type="json-query", name="api", url=f"http://127.0.0.1:{port}/", jsonPath="$.data.state",
             jsonPathOperator="contains", expectedValue="well"),
        dict(common, id=3, type="port", name="closed", hostname="127.0.0.1", port=closed),
        dict(common, id=4, type="push", name="job", pushToken=token, interval=3600),
    ]
    with open(tmp_path / "backup.json", "w", encoding="utf-8") as f:
        json.dump({"version": "1.23.16", "notificationList": [], "monitorList": monitors}, f)
    file, _ = imported(tmp_path, "uptime-kuma", tmp_path / "backup.json")
    b = targets_of(belfry, file)
    b.wait_status("api", "healthy", timeout=30)
    b.wait_status("closed", "unhealthy", timeout=30)
    b.wait_status("All", "unhealthy", timeout=30)
    assert b.call("GET", f"/api/push/{token}?status=up&msg=OK&ping=")[0] == 200  # the address that the job has
    b.wait_status("job", "healthy")
