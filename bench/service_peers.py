"""The peers of bench-services: Debian's exporters, scraped over HTTP, and Uptime Kuma from npm with as many monitors as fit.

CPU is the peer's alone, without the Prometheus that an exporter needs beside it; its children's count, too (Kuma runs `ping`).
"""
import http.client
import json
import os
import shutil
import sqlite3
import tempfile
import time
import urllib.parse

from bench_page import Kuma, install, mend
from benchlib import TICK, Proc, free_port, memory_mb, read, tree, wait_port

KUMA_INTERVAL = 20  # the least that its form takes


class NoPeer(Exception):
    """Why a peer does not have a kind, or cannot be had here."""


def cpu_with_children_s(pid):
    total = 0
    for p in tree(pid):
        fields = read(f"/proc/{p}/stat").rpartition(")")[2].split()
        total += sum(map(int, fields[11:15])) if fields else 0
    return total / TICK


# --- exporters ---

BLACKBOX = """
modules:
  http: {prober: http}
  https: {prober: http, http: {tls_config: {insecure_skip_verify: true}}}
  tcp: {prober: tcp}
  tls: {prober: tcp, tcp: {tls: true, tls_config: {insecure_skip_verify: true}}}
  icmp: {prober: icmp}
  dns: {prober: dns, dns: {query_name: bench.test, query_type: A, transport_protocol: udp}}
  grpc: {prober: grpc, grpc: {tls: false}}
  ssh: {prober: tcp, tcp: {query_response: [{expect: "^SSH-2.0-"}, {send: "SSH-2.0-probe"}]}}
  smtp: {prober: tcp, tcp: {query_response: [{expect: "^220"}, {send: "EHLO probe\\r"}, {expect: "^250 "}, {send: "QUIT\\r"}]}}
  imap: {prober: tcp, tcp: {query_response: [{expect: "OK"}, {send: "a LOGOUT\\r"}, {expect: "OK"}]}}
  pop3: {prober: tcp, tcp: {query_response: [{expect: "^.OK"}, {send: "QUIT\\r"}]}}
  ftp: {prober: tcp, tcp: {query_response: [{expect: "^220"}, {send: "QUIT\\r"}]}}
"""
SHALLOW = {"ssh": "the banner alone", "smtp": "no login", "imap": "no login", "pop3": "no login", "ftp": "no login"}
SNMP = """
belfry:
  version: 2
  auth: {community: geheim}
  get: [1.3.6.1.2.1.1.5.0, 1.3.6.1.2.1.1.3.0]
  metrics: [{name: sysUpTime, oid: 1.3.6.1.2.1.1.3, type: gauge, help: up}]
"""


def blackbox(stage, port, folder):
    with open(folder + "/bb.yml", "w", encoding="ascii") as f:
        f.write(BLACKBOX)
    config = stage.config
    where = config.get("url") or "127.0.0.1"
    if stage.name == "dns":
        where = config["server"][0]
    elif "port" in config:
        where = f"127.0.0.1:{config['port']}"
    return (["prometheus-blackbox-exporter", f"--config.file={folder}/bb.yml", f"--web.listen-address=127.0.0.1:{port}",
             "--log.level=error"], {}, f"/probe?module={stage.name}&target={where}", "probe_success 1")


def postgres(stage, port, _folder):
    c = stage.config
    stage.server.sql("CREATE ROLE peer LOGIN PASSWORD 'peer' IN ROLE pg_monitor")  # it stumbles over a space in a password
    env = {"DATA_SOURCE_NAME": f"postgresql://peer:peer@127.0.0.1:{c['port']}/{c.get('database', 'postgres')}?sslmode=disable"}
    return ["prometheus-postgres-exporter", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"], env, "/metrics", "pg_up 1"


def mysqld(stage, port, _folder):
    c = stage.config
    env = {"DATA_SOURCE_NAME": f"{c['username']}:{c['password']}@(127.0.0.1:{c['port']})/"}
    return (["prometheus-mysqld-exporter", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"], env, "/metrics",
            "mysql_up 1")


def redis(stage, port, _folder):
    where = f"redis://127.0.0.1:{stage.config['port']}"
    return (["prometheus-redis-exporter", f"-web.listen-address=127.0.0.1:{port}", "-redis.addr=", "-redis.password",
             stage.config["password"]], {}, f"/scrape?target={where}", "redis_up 1")


def snmp(stage, port, folder):
    with open(folder + "/snmp.yml", "w", encoding="ascii") as f:
        f.write(SNMP)
    return (["prometheus-snmp-exporter", f"--config.file={folder}/snmp.yml", f"--web.listen-address=127.0.0.1:{port}",
             "--log.level=error"], {}, f"/snmp?module=belfry&target=127.0.0.1:{stage.config['port']}", "sysUpTime")


def elasticsearch(stage, port, _folder):
    return (["prometheus-elasticsearch-exporter", f"--web.listen-address=127.0.0.1:{port}",
             f"--es.uri=http://127.0.0.1:{stage.config['port']}"], {}, "/metrics", "elasticsearch_cluster_health_up 1")


EXPORTERS = {"postgresql": postgres, "mysql": mysqld, "redis": redis, "snmp": snmp, "elasticsearch": elasticsearch,
             **dict.fromkeys(["http", "https", "tcp", "tls", "icmp", "dns", "grpc", "ssh", "smtp", "imap", "pop3", "ftp"], blackbox)}


def scrape(port, path, seconds, rate):
    """Asks at that rate (as often as Belfry probes), on one kept connection; how often it did, and the last answer."""
    c, text, n, start = http.client.HTTPConnection("127.0.0.1", port, timeout=30), "", 0, time.monotonic()
    while time.monotonic() < start + seconds:
        time.sleep(max(0, start + n / rate - time.monotonic()))
        c.request("GET", urllib.parse.quote(path, safe="/?&=:"))
        text, n = c.getresponse().read().decode(errors="replace"), n + 1
    c.close()
    return n, text


def exporter(stage, seconds, rate):
    """{"who", "us", "pss", "rss", "note"} of the exporter that has this kind."""
    if stage.name not in EXPORTERS:
        raise NoPeer("no exporter of Debian 12")
    with tempfile.TemporaryDirectory(prefix="belfry-peer-") as folder:
        port = free_port()
        argv, env, path, want = EXPORTERS[stage.name](stage, port, folder)
        if not shutil.which(argv[0]):
            raise NoPeer(f"{argv[0]} is not installed (tools/deps.sh bench)")
        with Proc(argv, env=dict(os.environ, **env)) as p:
            try:
                wait_port(port, 60)
            except RuntimeError as e:
                raise NoPeer(f"{argv[0]} does not start") from e
            scrape(port, path, 2, rate)
            cpu = cpu_with_children_s(p.pid)
            n, text = scrape(port, path, seconds, rate)
            cpu = cpu_with_children_s(p.pid) - cpu
            if want not in text:
                raise NoPeer(f"{argv[0]} does not succeed: no {want!r} in {text[:200]!r}")
            pss, rss = memory_mb(tree(p.pid))
            return {"who": argv[0].replace("prometheus-", ""), "us": cpu / n * 1e6, "pss": pss, "rss": rss,
                    "note": f"{n} scrapes {SHALLOW.get(stage.name, '')}"}


# --- Uptime Kuma ---

def quoted(text):
    return urllib.parse.quote(text, safe="")


def url_of(scheme, c, path=""):
    return f"{scheme}://{quoted(c.get('username', ''))}:{quoted(c['password'])}@127.0.0.1:{c['port']}/{path}"


PROTO = """syntax = "proto3"; package grpc.health.v1;
message HealthCheckRequest { string service = 1; }
message HealthCheckResponse { enum ServingStatus { UNKNOWN = 0; SERVING = 1; } ServingStatus status = 1; }
service Health { rpc Check(HealthCheckRequest) returns (HealthCheckResponse); }
"""
# kind: columns of Kuma's table `monitor`. Not mongodb: its driver greets in a way that the tests' own server does not know.
MONITORS = {
    "http": lambda c: {"type": "http", "url": c["url"]},
    "https": lambda c: {"type": "http", "url": c["url"], "ignore_tls": 1},
    "tcp": lambda c: {"type": "port", "hostname": "127.0.0.1", "port": c["port"]},
    "icmp": lambda c: {"type": "ping", "hostname": "127.0.0.1"},
    "dns": lambda c: {"type": "dns", "hostname": "bench.test", "dns_resolve_type": "A", "dns_resolve_server": "127.0.0.1",
                      "port": int(c["server"][0].rpartition(":")[2])},
    "postgresql": lambda c: {"type": "postgres", "databaseQuery": "SELECT 1",
                             "databaseConnectionString": url_of("postgres", c, c.get("database", "postgres"))},
    # its driver takes no % in a password
    "mysql": lambda c: {"type": "mysql", "databaseQuery": "SELECT 1",
                        "databaseConnectionString": url_of("mysql", {"username": "kuma", "password": "kuma", "port": c["port"]})},
    "redis": lambda c: {"type": "redis", "databaseConnectionString": url_of("redis", c)},
    "mqtt": lambda c: {"type": "mqtt", "hostname": "mqtt://127.0.0.1", "port": c["port"], "mqtt_topic": "$SYS/broker/uptime",
                       "mqtt_username": c["username"], "mqtt_password": c["password"], "mqtt_success_message": ""},
    "radius": lambda c: {"type": "radius", "hostname": "127.0.0.1", "port": c["port"], "radius_username": c["username"],
                         "radius_password": c["password"], "radius_secret": c["secret"], "radius_called_station_id": "x",
                         "radius_calling_station_id": "y"},
    "grpc": lambda c: {"type": "grpc-keyword", "grpc_url": f"127.0.0.1:{c['port']}", "grpc_protobuf": PROTO,
                       "grpc_service_name": "Health", "grpc_method": "check", "grpc_body": "{}", "keyword": "SERVING",
                       "grpc_enable_tls": 0},
    "kafka": lambda c: {"type": "kafka-producer", "kafka_producer_brokers": json.dumps(c["brokers"]), "kafka_producer_topic": "trip",
                        "kafka_producer_message": "x", "kafka_producer_sasl_options": '{"mechanism": "None"}'},
}


def snake(columns, row):
    """The table's own spelling: some are database_query here, databaseQuery there."""
    by_sound = {name.replace("_", "").lower(): name for name in columns}
    return {by_sound[k.replace("_", "").lower()]: v for k, v in row.items() if k.replace("_", "").lower() in by_sound}


class KumaPeer:
    """One installation for all kinds; each gets a data folder of its own."""

    def __init__(self, home=None):
        self.folder = tempfile.mkdtemp(prefix="belfry-kuma-")
        self.home, self.why = (home, "") if home else install(self.folder)
        self.version = "?"
        if self.home:
            mend(self.home)
            self.version = json.loads(read(os.path.join(self.home, "package.json")))["version"]

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def fill(self, server, kind, config, count):
        server.fill(0, 0)
        db = sqlite3.connect(os.path.join(server.data, "kuma.db"))
        columns = [r[1] for r in db.execute("PRAGMA table_info(monitor)")]
        base = {"active": 1, "user_id": 1, "interval": KUMA_INTERVAL, "weight": 2000, "maxretries": 0, "timeout": 10,
                "accepted_statuscodes_json": '["200-299"]', "method": "GET", "retry_interval": KUMA_INTERVAL}
        row = {**base, **snake(columns, MONITORS[kind](config))}
        row = {k: v for k, v in row.items() if k in columns}
        text = f"INSERT INTO monitor (name, {', '.join(row)}) VALUES (?{', ?' * len(row)})"
        db.executemany(text, [(f"t{i}", *row.values()) for i in range(count)])
        db.commit()
        db.close()

    def beats(self, server):
        db = sqlite3.connect(f"file:{server.data}/kuma.db?mode=ro", uri=True, timeout=30)
        try:
            return db.execute("SELECT count(*), coalesce(sum(status = 1), 0), coalesce(max(CASE WHEN status <> 1 THEN msg END), '')"
                              " FROM heartbeat").fetchone()
        finally:
            db.close()

    def measure(self, stage, count, seconds):
        if stage.name not in MONITORS:
            raise NoPeer(f"Uptime Kuma {self.version} has no such monitor")
        if not self.home:
            raise NoPeer(f"Uptime Kuma cannot be had here: {self.why}")
        if stage.name == "mysql":
            stage.server.sql("CREATE OR REPLACE USER kuma@'%' IDENTIFIED BY 'kuma'")
        server = Kuma(self.home, tempfile.mkdtemp(prefix="data-", dir=self.folder))
        try:
            server.start()
            server.stop()
            self.fill(server, stage.name, stage.config, count)
            server.start()
            return self.watch(server, count, seconds)
        except (RuntimeError, sqlite3.Error, OSError) as e:
            raise NoPeer(f"Uptime Kuma {self.version}: {str(e)[-300:]}") from e
        finally:
            server.stop()

    def watch(self, server, count, seconds):
        """From when most monitors were asked once: it starts them one after another."""
        end = time.monotonic() + 90
        while self.beats(server)[0] < count * 0.9 and time.monotonic() < end:
            time.sleep(1)
        cpu, before = cpu_with_children_s(server.p.pid), self.beats(server)
        time.sleep(seconds)
        cpu, after = cpu_with_children_s(server.p.pid) - cpu, self.beats(server)
        n, good = after[0] - before[0], after[1] - before[1]
        if n < 5 or good < n / 2:
            raise NoPeer(f"Uptime Kuma {self.version} does not succeed: {good} of {n} good: {after[2][:200]}")
        pss, rss = memory_mb(tree(server.p.pid))
        return {"who": f"Uptime Kuma {self.version}", "us": cpu / n * 1e6, "pss": pss, "rss": rss, "note": f"{n} heartbeats"}
