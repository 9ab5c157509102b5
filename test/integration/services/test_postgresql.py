"""postgresql, against PostgreSQL of Debian with a real streaming replica."""

import contextlib
import glob
import json
import os
import shutil
import signal
import subprocess
import tempfile

import pytest
from belfry import free_port, run, wait_until
from harness import Server, ServiceCases, check

PASSWORD = "geheim & mehr"


def pg(name):
    """The program itself: Debian's of the same name in PATH looks for a cluster of its own."""
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}")) or [shutil.which(name)]
    if not found[-1]:
        pytest.skip(f"no {name} here (Debian package postgresql)")
    return found[-1]


class Postgres(Server):
    """A cluster in a folder of its own; sql() speaks through the Unix socket as the superuser."""

    def __init__(self, copy_of=None, **settings):
        self.folder = tempfile.mkdtemp(prefix="belfry-pg-", dir="/tmp")
        self.data, self.port = self.folder + "/data", free_port()
        self.user = "postgres" if os.geteuid() == 0 else None
        if self.user:
            shutil.chown(self.folder, self.user)
        if copy_of:
            self.do("pg_basebackup", "-D", self.data, "-R", "-X", "stream", "-c", "fast", "-h", "127.0.0.1", "-p", copy_of.port,
                    "-U", "copier")
        else:
            self.do("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-N", "--no-instructions",
                    "-E", "UTF8", "--locale", "C")
            with open(self.data + "/pg_hba.conf", "w", encoding="ascii") as f:
                f.write("local all all trust\nhost replication copier 127.0.0.1/32 trust\n"
                        "host all all 127.0.0.1/32 scram-sha-256\n")
        with open(self.data + "/postgresql.conf", "a", encoding="ascii") as f:
            for key, value in dict({"port": self.port, "listen_addresses": "127.0.0.1", "fsync": "off",
                                    "unix_socket_directories": self.folder, "shared_buffers": "16MB",
                                    "max_connections": 30, "wal_receiver_status_interval": "1"}, **settings).items():
                f.write(f"{key} = '{value}'\n")
        super().__init__([pg("postgres"), "-D", self.data], self.port, self.folder + "/log", user=self.user,
                         cwd=self.folder, ready=lambda: self.answers())

    def do(self, name, *argv):
        done = subprocess.run([pg(name), *map(str, argv)], user=self.user, group=self.user, cwd="/", capture_output=True,
                              text=True, timeout=60, extra_groups=[] if self.user else None)
        assert done.returncode == 0, (name, done.stdout, done.stderr)

    def psql(self, text, database="postgres"):
        return [pg("psql"), "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-p", str(self.port),
                "-U", "postgres", "-d", database, "-c", text]

    def answers(self):
        return subprocess.run(self.psql("SELECT 1"), capture_output=True, check=False).returncode == 0

    def sql(self, text, database="postgres"):
        done = subprocess.run(self.psql(text, database), capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def tls(self, certs, kind):
        """Shows that certificate from now on; None: speaks no TLS."""
        if kind:
            for end in ("pem", "key"):
                to = f"{self.data}/{kind}.{end}"
                shutil.copy(f"{certs.folder}/{kind}.{end}", to)
                os.chmod(to, 0o600)
                if self.user:
                    shutil.chown(to, self.user, self.user)
            self.sql(f"ALTER SYSTEM SET ssl_cert_file = '{kind}.pem'")
            self.sql(f"ALTER SYSTEM SET ssl_key_file = '{kind}.key'")
        want = "on" if kind else "off"
        self.sql(f"ALTER SYSTEM SET ssl = '{want}'")
        self.sql("SELECT pg_reload_conf()")
        wait_until(lambda: self.sql("SHOW ssl") == want and (not kind or kind in self.sql("SHOW ssl_cert_file")), 10)

    def stop(self):
        if self.child and self.child.poll() is None:
            self.thaw()
            self.signal(signal.SIGQUIT)
            self.child.wait(20)

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def server():
    s = Postgres()
    with contextlib.closing(s):
        for text in ("CREATE ROLE copier LOGIN REPLICATION", f"CREATE ROLE mon LOGIN PASSWORD '{PASSWORD}'",
                     "GRANT pg_monitor TO mon", "CREATE DATABASE app", "CREATE DATABASE strict"):
            s.sql(text)
        s.sql("CREATE TABLE orders (id int, state text); INSERT INTO orders VALUES (1, 'open'), (2, 'paid')", "app")
        s.sql("GRANT SELECT ON orders TO mon", "app")
        s.sql("REVOKE SELECT ON pg_stat_activity FROM PUBLIC; REVOKE EXECUTE ON FUNCTION pg_database_size(name) FROM PUBLIC;"
              "REVOKE EXECUTE ON FUNCTION pg_database_size(oid) FROM PUBLIC", "strict")
        yield s


@pytest.fixture(scope="module")
def replica(server):
    with contextlib.closing(Postgres(server)) as r:
        yield r


@pytest.fixture
def sleepers(server):
    """sleepers(N): so many queries that run for a minute."""
    made = []

    def make(n):
        made.extend(subprocess.Popen(server.psql("SELECT pg_sleep(60)"), stdout=subprocess.DEVNULL) for _ in range(n))
        wait_until(lambda: int(server.sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'")) >= n, 20)
    yield make
    server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'")
    for child in made:
        child.wait(20)


class TestPostgresql(ServiceCases):
    TYPE = "postgresql"

    def config(self, port, **more):
        return dict({"host": "127.0.0.1", "port": port, "username": "mon", "password": PASSWORD, "database": "app"}, **more)

    def warned(self, config):
        doc = self.good(config)
        return " | ".join(doc["warnings"])

    def test_what_it_learns(self, server):
        doc = self.good(self.config(server.port))
        m = doc["metrics"]
        assert m["pg_up"] == 1 and m["active_connections"] >= 1 and m["max_connections"] == 30, m
        assert m["connection_usage_percent"] == pytest.approx(100 * m["active_connections"] / 30)
        assert m['pg_stat_activity_count{state="active"}'] == m["active_connections"]
        assert m["pg_settings_max_connections"] == 30 and m["slow_queries"] == 0
        assert m['pg_database_size_bytes{datname="app"}'] > 1 << 20 and m["database_size"].endswith("MiB")
        assert m["pg_replication_is_replica"] == 0 and m["role"] == "primary"
        assert m["version"].startswith("PostgreSQL ") and m["pg_postmaster_start_time_seconds"] > 1.6e9
        assert doc["target"] == f"127.0.0.1:{server.port}/app"
        assert doc["message"].startswith("PostgreSQL ") and "primary" in doc["message"]

    def test_url(self, server):
        status, doc, err = check(f"postgres://mon:geheim%20%26%20mehr@127.0.0.1:{server.port}/app?sslmode=prefer")
        assert status == 0 and doc["type"] == "postgresql", (doc, err)

    def test_without_statistics(self, server):
        doc = self.good(self.config(server.port, statistics=False))
        assert "active_connections" not in doc["metrics"] and doc["metrics"]["pg_up"] == 1

    def test_wrong_password_database_and_role(self, server):
        said = self.bad(self.config(server.port, password="falsch"))
        assert 'password authentication failed for user "mon"' in said and f"127.0.0.1:{server.port}" in said
        assert 'database "nowhere" does not exist' in self.bad(self.config(server.port, database="nowhere"))
        self.bad(self.config(server.port, username="nobody"))
        assert "is a primary; want a replica" in self.bad(self.config(server.port, expect={"role": "replica"}))

    def test_statistics_refused(self, server):
        doc = self.good(self.config(server.port, database="strict"))
        said = " | ".join(doc["warnings"])
        assert "cannot learn the connections: permission denied" in said, said
        assert "cannot learn the database size: permission denied" in said and len(doc["warnings"]) == 2
        assert doc["metrics"]["pg_replication_is_replica"] == 0

    def test_too_many_connections(self, server, sleepers):
        sleepers(3)
        assert "active connections; want at most 2" in self.warned(self.config(server.port, max_connections_threshold=2))
        assert "connections are taken" in self.warned(self.config(server.port, expect={"max_connection_usage": 5}))
        assert self.warned(self.config(server.port)) == ""

    def test_slow_queries(self, server, sleepers):
        sleepers(3)
        wait_until(lambda: "3 queries have run for over 0.2 s; want at most 2" in self.warned(
            self.config(server.port, expect={"slow_query": "200ms", "max_slow_queries": 2})), 10)

    def test_own_query(self, server):
        count = {"query": "SELECT count(*) FROM orders WHERE state = 'open'"}
        doc = self.good(self.config(server.port, **count, expect={"value": "1"}))
        assert doc["metrics"]["pg_query_value"] == 1
        assert 'the query answered "1"; want > 5' in self.bad(
            self.config(server.port, **count, expect={"value": "5", "op": ">"}))
        none = {"query": "SELECT state FROM orders WHERE id = 7"}
        assert "answered no value" in self.bad(self.config(server.port, **none, expect={"op": "exists"}))
        self.good(self.config(server.port, **none))
        assert 'relation "ordrs" does not exist' in self.bad(self.config(server.port, query="SELECT 1 FROM ordrs"))
        self.good(self.config(server.port, query="SELECT state FROM orders ORDER BY id",
                              expect={"value": "^op", "op": "matches"}))

    def test_own_query_that_takes_too_long_ends_on_the_server(self, server):
        assert "t" in self.bad(self.config(server.port, query="SELECT pg_sleep(50)"))
        wait_until(lambda: server.sql("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE "
                                      "'%pg_sleep(50)%' AND pid <> pg_backend_pid()") == "0", 10)

    def test_answer_without_end(self, server):
        said = self.bad(self.config(server.port, query="SELECT repeat('x', 10000) FROM generate_series(1, 100000)"), "8s")
        assert "more than 4 MiB" in said

    def test_ssl_modes(self, server, certs):
        server.tls(certs, None)
        assert "does not support SSL" in self.bad(self.config(server.port, ssl_mode="require"))
        self.good(self.config(server.port, ssl_mode="prefer"))
        server.tls(certs, "other")
        doc = self.good(self.config(server.port, ssl_mode="require"))
        assert any(name.startswith("probe_tls_version_info") for name in doc["metrics"]), doc
        self.good(self.config(server.port, ssl_mode="verify-ca", ssl_ca_file=certs.ca))
        for kind, words in (("other", "does not match host name"), ("expired", "certificate has expired"),
                            ("selfsigned", "certificate verify failed")):
            server.tls(certs, kind)
            said = self.bad(self.config(server.port, ssl_mode="verify-full", ssl_ca_file=certs.ca))
            assert words in said or "certificate verify failed" in said, (kind, said)
        server.tls(certs, "good")
        self.good(self.config(server.port, ssl_mode="verify-full", ssl_ca_file=certs.ca))
        assert "certificate verify failed" in self.bad(self.config(server.port, ssl_mode="verify-full"))

    def test_replica(self, server, replica):
        doc = self.good(self.config(replica.port, expect={"role": "replica"}))
        m = doc["metrics"]
        assert m["pg_replication_is_replica"] == 1 and m["role"] == "replica" and doc["warnings"] == []
        assert m["pg_wal_receiver_up"] == 1 and "replication_lag_seconds" in m
        assert self.good(self.config(server.port))["metrics"]["pg_stat_replication_standbys"] == 1

    def test_lagging_replica(self, server, replica):
        config = self.config(replica.port, expect={"max_replication_lag": "300ms"})
        replica.sql("SELECT pg_wal_replay_pause()")
        server.sql("INSERT INTO orders VALUES (3, 'paid')", "app")
        wait_until(lambda: "replication lag of" in self.warned(config), 20)
        assert "(replay is paused)" in self.warned(config)
        assert self.warned(self.config(replica.port)) == ""
        replica.sql("SELECT pg_wal_replay_resume()")
        wait_until(lambda: self.warned(config) == "", 20)

    def test_replica_without_its_primary(self, server, replica):
        config = self.config(replica.port, expect={"max_replication_lag": "300ms"})
        conninfo = replica.sql("SHOW primary_conninfo").replace("'", "''")
        replica.sql(f"ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port={free_port()} user=copier'")
        replica.sql("SELECT pg_reload_conf()")
        wait_until(lambda: "the primary is not reached" in self.warned(config), 20)
        replica.sql(f"ALTER SYSTEM SET primary_conninfo = '{conninfo}'")
        replica.sql("SELECT pg_reload_conf()")


def test_what_is_configured_wrongly():
    for config, words in (({"expect": {"value": "1"}}, "no query"),
                          ({"ssl_ca_file": "/x"}, "ssl_mode disable"),
                          ({"ssl_mode": "yes"}, "ssl_mode")):
        status, _, err = run("check", "postgresql", "--config", json.dumps(dict({"host": "h", "username": "mon"}, **config)))
        assert status == 2 and words in err, (config, status, err)
