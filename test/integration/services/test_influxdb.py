"""influxdb, against InfluxDB of Debian (1.6), with authentication; InfluxDB 2's health as a server of our own tells it."""

import contextlib
import json
import os
import shutil
import tempfile
import urllib.parse
import urllib.request

import pytest
from belfry import free_port, run
from harness import Server, ServiceCases, check, listens, program
from servers import Http, Service

PASSWORD = "geheim & mehr"
CONFIG = """reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
[http]
  bind-address = "127.0.0.1:{http}"
  auth-enabled = true
  log-enabled = false
"""


class Influx(Server):
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="belfry-influx-", dir="/tmp")
        user, port = "influxdb" if os.geteuid() == 0 else None, free_port()
        with open(self.folder + "/influxdb.conf", "w", encoding="ascii") as f:
            f.write(CONFIG.format(http=port, rpc=free_port(), folder=self.folder))
        if user:
            shutil.chown(self.folder, user)
        super().__init__([program("influxd", "influxdb"), "-config", self.folder + "/influxdb.conf"], port, self.folder + "/log",
                         user=user, cwd=self.folder, ready=lambda: listens(port))

    def post(self, path, body=b"", **params):
        url = f"http://127.0.0.1:{self.port}{path}?" + urllib.parse.urlencode(params)
        with urllib.request.urlopen(urllib.request.Request(url, data=body, method="POST"), timeout=20) as answer:
            return answer.read()

    def close(self):
        self.thaw()
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def server():
    s = Influx()
    with contextlib.closing(s):
        s.post("/query", q=f"CREATE USER mon WITH PASSWORD '{PASSWORD}' WITH ALL PRIVILEGES")
        who = {"u": "mon", "p": PASSWORD}
        s.post("/query", q="CREATE DATABASE app", **who)
        s.post("/write", b"cpu,host=a idle=97.5", db="app", **who)
        yield s


class TestInfluxdb(ServiceCases):
    TYPE, TLS = "influxdb", True

    def config(self, port, **more):
        return dict({"host": "127.0.0.1", "port": port, "username": "mon", "password": PASSWORD, "database": "app"}, **more)

    def test_what_it_learns(self, server):
        doc = self.good(self.config(server.port))
        m = doc["metrics"]
        assert m["influxdb_up"] == 1 and m["influxdb_databases"] >= 1 and m["version"].startswith("1."), m
        assert doc["message"] == "InfluxDB " + m["version"] and doc["target"] == f"127.0.0.1:{server.port}/app"

    def test_without_an_account(self, server):
        self.good({"host": "127.0.0.1", "port": server.port})

    def test_url(self, server):
        status, doc, err = check(f"influxdb://mon:geheim%20%26%20mehr@127.0.0.1:{server.port}/app")
        assert status == 0 and doc["type"] == "influxdb", (doc, err)

    def test_wrong_password_and_database(self, server):
        assert "authorization failed" in self.bad(self.config(server.port, password="falsch"))
        assert 'database "nowhere" does not exist' in self.bad(self.config(server.port, database="nowhere"))

    def test_own_query(self, server):
        last = {"query": "SELECT last(idle) FROM cpu"}
        doc = self.good(self.config(server.port, **last, expect={"value": "90", "op": ">"}))
        assert doc["metrics"]["influxdb_query_value"] == 97.5
        assert 'the query answered "97.5"; want < 90' in self.bad(
            self.config(server.port, **last, expect={"value": "90", "op": "<"}))
        assert "answered no value" in self.bad(
            self.config(server.port, query="SELECT last(idle) FROM cpu WHERE time > now() + 1d", expect={"op": "exists"}))
        assert "error parsing query" in self.bad(self.config(server.port, query="SELEKT 1"))


class Two(Http):
    """InfluxDB 2 as its documentation and sources have it: /ping, /health, /query with a token."""
    status, message = "pass", "ready for queries and writes"

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path == "/query" and self.headers.get("Authorization") != "Token t0k":
            return self.say(401, {"code": "unauthorized", "message": "unauthorized access"})
        if path == "/query":
            return self.say(200, {"results": [{"statement_id": 0, "series": [
                {"name": "databases", "columns": ["name"], "values": [["app"]]}]}]})
        if path == "/health":
            return self.say(200 if self.status == "pass" else 503, {"name": "influxdb", "message": self.message,
                                                                    "checks": [], "status": self.status, "version": "v2.7.10"})
        return self.say(204)

    def say(self, status, doc=None):
        self.answer(status, json.dumps(doc).encode() if doc else b"", X_Influxdb_Version="v2.7.10")


def test_influxdb_2_of_our_own():
    with contextlib.closing(Service(Two)) as two:
        config = {"host": "127.0.0.1", "port": two.port, "database": "app"}
        status, doc, err = check("influxdb", dict(config, token="t0k"))
        assert status == 0 and doc["message"] == "InfluxDB v2.7.10", (doc, err)
        status, doc, _ = check("influxdb", dict(config, token="falsch"))
        assert status == 1 and "unauthorized access" in doc["message"], doc
        Two.status, Two.message = "fail", "the disk is full"
        status, doc, _ = check("influxdb", dict(config, token="t0k"))
        assert status == 1 and "health is fail: the disk is full" in doc["message"], doc


def test_what_is_configured_wrongly():
    for config, words in (({"token": "t", "username": "u"}, "token beside username"), ({"query": "SELECT 1"}, "without a database")):
        status, _, err = run("check", "influxdb", "--config", json.dumps(dict({"host": "h"}, **config)))
        assert status == 2 and words in err, (config, status, err)
