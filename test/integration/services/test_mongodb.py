"""mongodb. No registry that we reach carries a MongoDB, so these run against a server of our own (mongo_server.py) that answers
the documents of MongoDB 7.0; the tests' names say so."""

import json
import struct

import pytest
from belfry import free_port, run
from harness import ServiceCases, check
from mongo_server import Mongo, member

PASSWORD = "geheim=, & mehr"


@pytest.fixture(scope="module")
def server():
    s = Mongo({"mon": PASSWORD, "o,dd=": "x"})
    yield s
    s.close()


@pytest.fixture
def mongo():
    made = []

    def make(*args, **kw):
        made.append(Mongo(*args, **kw))
        return made[-1]
    yield make
    for m in made:
        m.close()


class TestMongodbOfOurOwn(ServiceCases):
    TYPE, TLS = "mongodb", True

    def config(self, port, **more):
        return dict({"host": "127.0.0.1", "port": port, "username": "mon", "password": PASSWORD}, **more)

    def plain(self, server, **more):
        return dict({"host": "127.0.0.1", "port": server.port}, **more)

    def test_what_it_learns(self, server):
        doc = self.good(self.config(server.port))
        m = doc["metrics"]
        assert m["mongodb_up"] == 1 and m["version"] == "7.0.14" and m["role"] == "primary" and m["mongodb_ss_uptime"] == 86400
        assert m['mongodb_ss_connections{conn_type="current"}'] == 5
        assert m['mongodb_ss_connections{conn_type="available"}'] == 814
        assert m['mongodb_ss_connections{conn_type="totalCreated"}'] == 1 << 33
        assert doc["message"] == "MongoDB 7.0.14, primary, 5 connections"

    def test_login(self, server, mongo):
        said = self.bad(self.config(server.port, password="falsch"))
        assert "cannot log in to 127.0.0.1 as mon: Authentication failed" in said
        self.bad(self.config(server.port, username="nobody"))
        self.bad(self.config(server.port, auth_database="elsewhere"))
        assert "requires authentication" in self.bad(self.plain(server))
        self.good(self.config(server.port, username="o,dd=", password="x"))
        older = mongo({"mon": PASSWORD})
        older.extra_round = older.old = True
        self.good(self.config(older.port))

    def test_url(self, server, mongo):
        status, doc, err = check(f"mongodb://mon:geheim%3D%2C%20%26%20mehr@127.0.0.1:{server.port}/app?authSource=admin&retryWrites=true")
        assert status == 0 and doc["type"] == "mongodb", (doc, err)
        one = mongo(members=[member("a:1", "PRIMARY")])
        status, doc, err = check(f"mongodb://127.0.0.1:{one.port}/?replicaSet=rs1")
        assert status == 1 and 'is of replica set "rs0"; want "rs1"' in doc["message"], (doc, err)

    def test_statistics_refused(self, mongo):
        one = mongo()
        one.refuse = {"serverStatus"}
        warnings = self.good(self.plain(one))["warnings"]
        assert len(warnings) == 1 and "cannot learn the connections: not authorized" in warnings[0]

    def test_many_connections(self, mongo):
        one = mongo()
        one.connections = (95, 5)
        assert self.good(self.plain(one))["warnings"] == ["95 of 100 connections are open; want at most 90 %"]

    def test_replica_set(self, mongo):
        one = mongo(members=[member("a:1", "PRIMARY"), member("b:1"), member("c:1", "ARBITER")])
        doc = self.good(self.plain(one, expect={"replica_set": "rs0", "role": "primary"}))
        m = doc["metrics"]
        assert doc["warnings"] == [] and m["mongodb_rs_members"] == 3 and m["mongodb_rs_myState"] == 1
        assert m['mongodb_rs_members_health{name="b:1",state="SECONDARY",set="rs0"}'] == 1
        assert m['mongodb_mongod_replset_member_replication_lag{name="b:1",state="SECONDARY",set="rs0"}'] <= 1
        assert "primary of rs0" in doc["message"]
        assert "is primary; want secondary" in self.bad(self.plain(one, expect={"role": "secondary"}))

    def test_members_that_are_down_or_behind(self, mongo):
        one = mongo(members=[member("a:1", "PRIMARY"), member("b:1", behind=120), member("c:1", "RECOVERING"),
                             member("d:1", "(not reachable/healthy)", health=0.0, said="Connection refused")])
        warnings = self.good(self.plain(one))["warnings"]
        assert any(w.startswith("member b:1 is 1") and "want at most 60 s" in w for w in warnings), warnings
        assert "member c:1 is RECOVERING" in warnings and len(warnings) == 3
        assert "member d:1 is (not reachable/healthy): Connection refused" in warnings

    def test_set_without_primary(self, mongo):
        one = mongo(members=[member("a:1"), member("b:1", "(not reachable/healthy)", health=0.0)], role="secondary")
        assert "replica set rs0 has no primary" in self.bad(self.plain(one))
        self.good(self.plain(one, expect={"primary": False}))

    def test_second_node_answers(self, server):
        doc = self.good(self.config(free_port(), nodes=[f"127.0.0.1:{server.port}"]))
        assert len(doc["warnings"]) == 1 and "refused" in doc["warnings"][0]

    def test_length_without_bounds(self, mongo):
        one = mongo()
        one.serve = lambda conn: (conn.recv(1000), conn.sendall(struct.pack("<iiiiIB", 2**31 - 1, 1, 1, 2013, 0, 0)))
        assert "want at most" in self.bad(self.plain(one))


def test_what_is_configured_wrongly():
    for config, words in (({"username": "mon"}, "without a password"), ({"nodes": ["[::1"]}, "nodes[0]")):
        status, _, err = run("check", "mongodb", "--config", json.dumps(dict({"host": "h"}, **config)))
        assert status == 2 and words in err, (config, status, err)
