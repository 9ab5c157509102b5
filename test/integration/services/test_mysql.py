"""mysql, against MariaDB of Debian with a real replica, and its authentication plugins."""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile

import pytest
from belfry import free_port, run, wait_until
from harness import Server, ServiceCases, check, note_late, program

PASSWORD = "geheim & mehr"
SLOW_NAMES = """#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <unistd.h>
int getaddrinfo(const char *name, const char *port, const struct addrinfo *hints, struct addrinfo **out)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = dlsym(RTLD_NEXT, "getaddrinfo");
    sleep(7);
    return real(name, port, hints, out);
}
"""


class Mariadb(Server):
    """A data folder of its own; sql() speaks through the Unix socket as root."""

    def __init__(self, number, *settings):
        mariadbd, install = program("mariadbd", "mariadb-server"), program("mariadb-install-db", "mariadb-server")
        self.folder = tempfile.mkdtemp(prefix="belfry-my-", dir="/tmp")
        self.socket, self.user = self.folder + "/sock", "mysql" if os.geteuid() == 0 else None
        port = free_port()
        if self.user:
            shutil.chown(self.folder, self.user)
        done = subprocess.run([install, "--no-defaults", f"--datadir={self.folder}/data", "--skip-test-db",
                               "--auth-root-authentication-method=normal", "--innodb-log-file-size=4M",
                               f"--tmpdir={self.folder}",
                               *([f"--user={self.user}"] if self.user else [])], capture_output=True, text=True,
                              timeout=100, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        super().__init__([mariadbd, "--no-defaults", f"--datadir={self.folder}/data", f"--socket={self.socket}",
                          f"--port={port}", f"--tmpdir={self.folder}", "--bind-address=127.0.0.1", "--innodb-buffer-pool-size=16M",
                          "--innodb-flush-log-at-trx-commit=0", "--skip-name-resolve", "--max-connections=30",
                          f"--server-id={number}", "--log-bin=bin", "--sync-binlog=0", "--aria-pagecache-buffer-size=1M",
                          "--key-buffer-size=1M", f"--pid-file={self.folder}/pid", *settings],
                         port, self.folder + "/log", user=self.user, cwd=self.folder,
                         ready=lambda: self.client("SELECT 1").returncode == 0)

    def client(self, text, database=""):
        return subprocess.run([program("mariadb", "mariadb-client"), "--no-defaults", "-N", "-B", "-u", "root", "-S", self.socket,
                               "-e", text, *([database] if database else [])], capture_output=True, text=True, timeout=30,
                              check=False)

    def sql(self, text, database=""):
        done = self.client(text, database)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def close(self):
        self.thaw()
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def server(certs):
    public = tempfile.mkdtemp(prefix="belfry-my-tls-", dir="/tmp")
    os.chmod(public, 0o755)
    for name in os.listdir(certs.folder):
        shutil.copy(f"{certs.folder}/{name}", public)
        os.chmod(f"{public}/{name}", 0o644)
    tls = [f"--ssl-cert={public}/shown.pem", f"--ssl-key={public}/shown.key"]
    for end in ("pem", "key"):
        os.symlink(f"good.{end}", f"{public}/shown.{end}")
    s = Mariadb(1, *tls, "--plugin-load-add=auth_ed25519")
    s.tls_folder = public
    try:
        for text in (f"CREATE USER mon@'%' IDENTIFIED BY '{PASSWORD}'",
                     "GRANT PROCESS, SLAVE MONITOR, BINLOG MONITOR ON *.* TO mon@'%'",
                     f"CREATE USER bare@'%' IDENTIFIED BY '{PASSWORD}'",
                     f"CREATE USER edward@'%' IDENTIFIED VIA ed25519 USING PASSWORD('{PASSWORD}')",
                     "CREATE USER copier@'%' IDENTIFIED BY 'copy'", "GRANT REPLICATION SLAVE ON *.* TO copier@'%'",
                     "CREATE DATABASE app", "GRANT SELECT ON app.* TO mon@'%'",
                     "CREATE TABLE app.orders (id int, state text)",
                     "INSERT INTO app.orders VALUES (1, 'open'), (2, 'paid')"):
            s.sql(text)
        yield s
    finally:
        s.close()
        shutil.rmtree(public)


def show(server, kind):
    """From now on it shows that certificate."""
    for end in ("pem", "key"):
        os.unlink(f"{server.tls_folder}/shown.{end}")
        os.symlink(f"{kind}.{end}", f"{server.tls_folder}/shown.{end}")
    server.sql("FLUSH SSL")


@pytest.fixture(scope="module")
def replica(server):
    with contextlib.closing(Mariadb(2, "--read-only", "--plugin-load-add=auth_ed25519")) as r:
        r.sql(f"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={server.port}, MASTER_USER='copier', "
              "MASTER_PASSWORD='copy', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1; START SLAVE")
        wait_until(lambda: r.client("SELECT count(*) FROM app.orders").stdout.strip() == "2", 30)
        yield r


@pytest.fixture
def sleepers(server):
    made = []

    def make(n):
        made.extend(subprocess.Popen([program("mariadb", "mariadb-client"), "--no-defaults", "-u", "root", "-S", server.socket, "-e",
                                      "SELECT SLEEP(60)"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                    for _ in range(n))
        wait_until(lambda: server.sql("SELECT count(*) FROM information_schema.processlist WHERE info LIKE "
                                      "'SELECT SLEEP%'") == str(n), 20)
    yield make
    for one in server.sql("SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'").split():
        server.client(f"KILL {one}")
    for child in made:
        child.wait(20)


class TestMysql(ServiceCases):
    TYPE = "mysql"

    def config(self, port, **more):
        return dict({"host": "127.0.0.1", "port": port, "username": "mon", "password": PASSWORD, "database": "app"}, **more)

    def warned(self, config):
        return " | ".join(self.good(config)["warnings"])

    def test_what_it_learns(self, server):
        doc = self.good(self.config(server.port))
        m = doc["metrics"]
        assert m["mysql_up"] == 1 and m["mysql_global_variables_max_connections"] == 30, m
        assert m["connection_usage_percent"] == pytest.approx(100 * m["mysql_global_status_threads_connected"] / 30)
        assert m["mysql_global_status_uptime"] >= 0 and m["mysql_global_variables_read_only"] == 0
        assert m["slow_queries"] == 0 and "MariaDB" in m["version"] and m["role"] == "primary"
        assert doc["message"].startswith("MariaDB 1") and "primary" in doc["message"]
        assert doc["target"] == f"127.0.0.1:{server.port}/app"

    def test_url(self, server):
        status, doc, err = check(f"mariadb://mon:geheim%20%26%20mehr@127.0.0.1:{server.port}/app?ssl-mode=prefer")
        assert status == 0 and doc["type"] == "mysql", (doc, err)

    def test_wrong_password_and_database(self, server):
        said = self.bad(self.config(server.port, password="falsch"))
        assert "Access denied for user 'mon'" in said and f"127.0.0.1:{server.port}" in said
        self.bad(self.config(server.port, username="nobody"))
        said = self.bad(self.config(server.port, database="nowhere"))
        assert "nowhere" in said

    def test_ed25519_and_no_caching_sha2_which_only_mysql_has(self, server):
        self.good(self.config(server.port, username="edward", database=None, statistics=False))
        assert "Access denied" in self.bad(self.config(server.port, username="edward", database=None, password="falsch"))

    def test_statistics_refused(self, server):
        doc = self.good(self.config(server.port, username="bare", database=None))
        assert [w for w in doc["warnings"] if w.startswith("cannot learn the replication: Access denied")] == doc["warnings"] != []
        assert doc["metrics"]["mysql_up"] == 1 and doc["metrics"]["mysql_global_status_threads_connected"] >= 1
        said = self.bad(self.config(server.port, username="bare", database=None, expect={"role": "primary"}))
        assert "does not say whether it is a replica" in said

    def test_too_many_connections(self, server, sleepers):
        sleepers(3)
        assert "connections; want at most 2" in self.warned(self.config(server.port, max_connections_threshold=2))
        assert "connections are taken" in self.warned(self.config(server.port, expect={"max_connection_usage": 5}))
        assert self.warned(self.config(server.port)) == ""

    def test_slow_queries(self, server, sleepers):
        sleepers(3)
        wait_until(lambda: "3 queries have run for over 1 s; want at most 2" in self.warned(
            self.config(server.port, expect={"slow_query": "1s", "max_slow_queries": 2})), 10)

    def test_own_query(self, server):
        count = {"query": "SELECT count(*) FROM orders WHERE state = 'open'"}
        doc = self.good(self.config(server.port, **count, expect={"value": "1"}))
        assert doc["metrics"]["mysql_query_value"] == 1
        assert 'the query answered "1"; want > 5' in self.bad(
            self.config(server.port, **count, expect={"value": "5", "op": ">"}))
        none = {"query": "SELECT state FROM orders WHERE id = 7"}
        assert "answered no value" in self.bad(self.config(server.port, **none, expect={"op": "exists"}))
        self.good(self.config(server.port, **none))
        assert "ordrs" in self.bad(self.config(server.port, query="SELECT 1 FROM ordrs"))

    def test_own_query_that_takes_too_long_ends_on_the_server(self, server):
        self.bad(self.config(server.port, query="SELECT 1 FROM orders WHERE SLEEP(50) = 1"))
        wait_until(lambda: server.sql("SELECT count(*) FROM information_schema.processlist WHERE info LIKE "
                                      "'%SLEEP(50)%' AND id <> connection_id()") == "0", 10)

    def test_answer_without_end(self, server):
        said = self.bad(self.config(server.port, query="SELECT repeat('x', 10000) FROM seq_1_to_100000"), "8s")
        assert "more than 4 MiB" in said

    def test_ssl_modes(self, server, certs):
        show(server, "good")
        for mode in ("require", "verify-ca", "verify-full"):
            more = {"ssl_ca_file": certs.ca} if mode != "require" else {}
            doc = self.good(self.config(server.port, ssl_mode=mode, **more))
            assert any(name.startswith("probe_tls_version_info") for name in doc["metrics"]), doc
        self.good(self.config(server.port, host="localhost", ip_version="4", ssl_mode="verify-full", ssl_ca_file=certs.ca))
        self.bad(self.config(server.port, ssl_mode="verify-full"))
        for kind in ("other", "expired", "selfsigned"):
            show(server, kind)
            said = self.bad(self.config(server.port, ssl_mode="verify-full", ssl_ca_file=certs.ca))
            assert "certificate" in said.lower(), (kind, said)
            self.good(self.config(server.port, ssl_mode="require"))
        show(server, "other")
        self.good(self.config(server.port, ssl_mode="verify-ca", ssl_ca_file=certs.ca))
        show(server, "good")

    def test_name_that_the_library_resolves_too_slowly(self, server, certs, tmp_path):
        """verify-full: libmariadb resolves the name itself, by getaddrinfo, which knows no deadline."""
        source, slow = tmp_path / "slow.c", tmp_path / "slow.so"
        source.write_text(SLOW_NAMES)
        subprocess.run([program("cc", "gcc"), "-shared", "-fPIC", "-o", slow, source, "-ldl"], check=True)
        config = self.config(server.port, host="localhost", ip_version="4", ssl_mode="verify-full", ssl_ca_file=certs.ca)
        _, out, err = run("check", "mysql", "--config", json.dumps(config), "--timeout", "1s", "--connect-timeout", "1s",
                          env={"LD_PRELOAD": str(slow)})
        doc = json.loads(out)
        assert 'timeout while resolving "localhost" again' in doc["message"], (doc, err)
        note_late("mysql", doc)

    def test_server_without_tls(self, replica):
        assert "TLS" in self.bad(self.config(replica.port, ssl_mode="require"))
        self.good(self.config(replica.port, ssl_mode="prefer"))

    def test_replica(self, server, replica):
        doc = self.good(self.config(replica.port, expect={"role": "replica", "read_only": "yes"}))
        m = doc["metrics"]
        at = '{channel_name="",master_host="127.0.0.1"}'
        assert m["mysql_slave_status_slave_io_running" + at] == 1 and m["mysql_slave_status_slave_sql_running" + at] == 1
        assert m["mysql_slave_status_seconds_behind_master" + at] == 0 and m["role"] == "replica" and doc["warnings"] == []
        assert "is a primary; want a replica" in self.bad(self.config(server.port, expect={"role": "replica"}))
        assert "is writable; want read_only yes" in self.bad(self.config(server.port, expect={"read_only": "yes"}))
        assert "is read-only; want read_only no" in self.bad(self.config(replica.port, expect={"read_only": "no"}))

    def test_lagging_replica(self, server, replica):
        config = self.config(replica.port, expect={"max_replication_lag": "1s"})
        replica.sql("STOP SLAVE; CHANGE MASTER TO MASTER_DELAY=8; START SLAVE")
        server.sql("INSERT INTO app.orders VALUES (3, 'paid')")
        wait_until(lambda: "replication lag of" in self.warned(config), 20)
        replica.sql("STOP SLAVE; CHANGE MASTER TO MASTER_DELAY=0; START SLAVE")
        wait_until(lambda: self.warned(config) == "", 20)

    def test_stopped_replica(self, server, replica):
        replica.sql("STOP SLAVE SQL_THREAD")
        assert "the SQL thread does not run (No)" in self.warned(self.config(replica.port))
        replica.sql("STOP SLAVE")
        assert "the I/O thread does not run (No)" in self.warned(self.config(replica.port))
        replica.sql("CHANGE MASTER TO MASTER_PASSWORD='falsch'; START SLAVE")
        wait_until(lambda: "Access denied for user" in self.warned(self.config(replica.port)), 20)
        replica.sql("STOP SLAVE; CHANGE MASTER TO MASTER_PASSWORD='copy'; START SLAVE")
        wait_until(lambda: self.warned(self.config(replica.port)) == "", 20)


def test_what_is_configured_wrongly():
    for config, words in (({"expect": {"value": "1"}}, "no query"), ({"username": ""}, "username")):
        status, _, err = run("check", "mysql", "--config", json.dumps(dict({"host": "h", "username": "mon"}, **config)))
        assert status == 2 and words in err, (config, status, err)
