"""Real servers for bench-services and `make leaks`: those of the integration tests, with the configurations that are healthy there.

A test module has a fixture `server` and a class of ServiceCases that says what a healthy configuration is; both are used here
without pytest's runner, so that what is measured is what is tested.
"""
import contextlib
import functools
import importlib
import inspect
import json
import os
import pathlib
import signal
import socket
import sys
import tempfile

from benchlib import Dnsmasq, Nginx, Sink, tree

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.join(HERE, "../test/integration")

# name: (module, class of cases, rows of the configuration beyond the cases' own)
CASES = {
    "postgresql": ("test_postgresql", "TestPostgresql", {}),
    "mysql": ("test_mysql", "TestMysql", {}),
    "redis": ("test_redis", "TestRedis", {}),
    "memcached": ("test_memcached", "TestMemcached", {}),
    "mongodb": ("test_mongodb", "TestMongodbOfOurOwn", {}),
    "cassandra": ("test_cassandra", "TestCassandra", {}),
    "clickhouse": ("test_clickhouse", "TestClickhouse", {}),
    "influxdb": ("test_influxdb", "TestInfluxdb", {}),
    "elasticsearch": ("test_elasticsearch", "TestElasticsearch", {}),
    "kafka": ("test_kafka", "TestKafka", {}),
    "rabbitmq": ("test_rabbitmq", "TestRabbitmq", {}),
    "mqtt": ("test_mqtt", "TestMqtt", {}),
    "nats": ("test_nats", "TestNats", {}),
    "etcd": ("test_etcd", "TestEtcd", {}),
    "zookeeper": ("test_zookeeper", "TestZooKeeper", {}),
    "ldap": ("test_ldap", "TestLdap", {}),
    "radius": ("test_radius", "TestRadius", {}),
    "snmp": ("test_snmp", "TestSnmp", {}),
    "snmp3": ("test_snmp", "TestSnmpV3", {}),
    "ntp": ("test_ntp", "TestNtp", {}),
    "sip": ("test_sip", "TestSipByUdp", {}),
    "ssh": ("test_ssh", "TestSsh", {}),
    "sftp": ("test_ssh", "TestSftp", {}),
    "smtp": ("test_mail", "TestSmtp", {}),
    "imap": ("test_mail", "TestImap", {}),
    "pop3": ("test_mail", "TestPop3", {}),
    "ftp": ("test_ftp", "TestFtp", {}),
    "tls": ("test_tls", "TestTls", {}),
    "websocket": ("test_web", "TestWebsocket", {}),
    # etcd's own health service; its cases are functions, so the module's fixture is named
    "grpc": ("test_web", "etcd", {"host": "127.0.0.1"}),
}
UDP = {"radius", "snmp", "snmp3", "ntp", "sip", "dns"}
SLOW_START = {"cassandra", "elasticsearch", "kafka"}  # Java: half a minute and half a gigabyte


def postgres_of_many(m):
    m.Postgres = functools.partial(m.Postgres, max_connections=800)


def mariadb_of_many(m):
    one = m.Mariadb
    m.Mariadb = lambda *argv: one(*argv, "--max-connections=2000")


def nats_of_many(m):
    m.CONF = m.CONF.replace("max_connections: 20", "max_connections: 2000")


def memcached_of_many(m):
    one = m.start
    m.start = lambda folder, *argv: one(folder, *argv, "-c", 2000)


# The tests' servers take few clients, so that tests can find them full; a thousand targets want room.
ROOM = {"test_postgresql": postgres_of_many, "test_mysql": mariadb_of_many, "test_nats": nats_of_many, "test_memcached": memcached_of_many}


class Signalled:
    """A server of benchlib that can be frozen."""

    def __init__(self, proc, port):
        self.proc, self.port = proc, port

    def freeze(self, number=signal.SIGSTOP):
        for pid in tree(self.proc.pid):
            os.kill(pid, number)

    def thaw(self):
        self.freeze(signal.SIGCONT)


def with_nginx(stack):
    s = stack.enter_context(Nginx())
    return Signalled(s, s.http), {"url": f"http://127.0.0.1:{s.http}/"}


def with_https(stack):
    s = stack.enter_context(Nginx())
    return Signalled(s, s.https), {"url": f"https://127.0.0.1:{s.https}/", "tls": {"verify": False}}


def with_sink(stack):
    s = stack.enter_context(Sink(2))
    return Signalled(s, s.port), {"host": "127.0.0.1", "port": s.port}


def with_dnsmasq(stack):
    s = stack.enter_context(Dnsmasq())
    return Signalled(s, s.port), {"server": [f"127.0.0.1:{s.port}"], "name": "bench.test"}


# name: (type, what starts its server; alone: there is none)
LOCAL = {
    "http": ("http", with_nginx),
    "https": ("http", with_https),
    "tcp": ("tcp", with_sink),
    "dns": ("dns", with_dnsmasq),
    "icmp": ("icmp", lambda stack: (None, {"host": "127.0.0.1"})),
    "exec": ("exec", lambda stack: (None, {"command": ["/bin/true"]})),
    "file": ("file", lambda stack: (None, {"path": "/etc/passwd"})),
    "disk": ("disk", lambda stack: (None, {"paths": ["/"]})),
    "load": ("load", lambda stack: (None, {})),
    "memory": ("memory", lambda stack: (None, {})),
}
KINDS = [*LOCAL, *CASES]


class Folders:
    """What pytest's tmp_path_factory is to the fixtures."""

    def __init__(self, base):
        self.base = base

    def mktemp(self, name):
        return pathlib.Path(tempfile.mkdtemp(prefix=name + "-", dir=self.base))


def function_of(thing):
    """The function under a fixture, or None: pytest wraps them, each version in its way."""
    if hasattr(thing, "_get_wrapped_function"):
        return thing._get_wrapped_function()
    wrapped = getattr(thing, "__pytest_wrapped__", None)
    return wrapped.obj if wrapped else None


def is_autouse(thing):
    marker = getattr(thing, "_fixture_function_marker", None) or getattr(thing, "_pytestfixturefunction", None)
    return bool(marker and marker.autouse)


class Fixtures:
    """Fixtures of a module (and of a class of cases) by name, made once, ended together."""

    def __init__(self, module, cases, stack, base):
        self.module, self.cases, self.stack = module, cases, stack
        self.made = {"tmp_path_factory": Folders(base), "tmp_path": pathlib.Path(base)}

    def get(self, name):
        if name not in self.made:
            self.made[name] = self.certs() if name == "certs" else self.make(self.find(name))
        return self.made[name]

    def certs(self):
        return importlib.import_module("certs").Certs(self.get("tmp_path_factory").mktemp("certs"))

    def find(self, name):
        own = inspect.getattr_static(type(self.cases), name, None) if self.cases else None
        if function_of(own):
            return function_of(own).__get__(self.cases)
        return function_of(getattr(self.module, name))

    def make(self, function):
        value = function(*[self.get(name) for name in inspect.signature(function).parameters])
        if not inspect.isgenerator(value):
            return value
        self.stack.callback(lambda: next(value, None))
        return next(value)

    def autouse(self):
        for name in dir(type(self.cases)):
            if is_autouse(inspect.getattr_static(type(self.cases), name)):
                self.get(name)


class Stage:
    """A kind's server, running while the `with` block does: type, config, server (None: there is none to freeze)."""

    def __init__(self, name):
        self.name, self.type, self.server, self.stack = name, name, None, contextlib.ExitStack()

    def __enter__(self):
        try:
            self.base = self.stack.enter_context(tempfile.TemporaryDirectory(prefix="belfry-stage-", ignore_cleanup_errors=True))
            os.chmod(self.base, 0o755)
            self.start()
        except BaseException as e:  # pytest.skip is no Exception
            self.stack.close()
            raise Unavailable(str(e)[:300]) from e
        return self

    def __exit__(self, *_):
        self.stack.close()

    def start(self):
        sys.path[:0] = [p for p in (TESTS, os.path.join(TESTS, "services")) if p not in sys.path]
        if self.name in LOCAL:
            self.type, start = LOCAL[self.name]
            self.server, self.config = start(self.stack)
            return
        module, cases, more = CASES[self.name]
        module = importlib.import_module(module)
        ROOM.pop(module.__name__, lambda _: None)(module)
        if not cases.startswith("Test"):
            self.server = Fixtures(module, None, self.stack, self.base).get(cases)
            self.config = dict(more, port=self.server.port)
            return
        cases = getattr(module, cases)()
        self.type = cases.TYPE
        fixtures = Fixtures(module, cases, self.stack, self.base)
        fixtures.autouse()
        self.server = fixtures.get("server")
        self.config = dict(cases.config(self.server.port), **more)

    def freeze(self):
        self.server.freeze()

    def thaw(self):
        self.server.thaw()

    def nobody(self):
        """The configuration with a port where nobody listens; None for what has no port."""
        if not self.server:
            return None
        kind = socket.SOCK_DGRAM if self.name in UDP else socket.SOCK_STREAM
        with socket.socket(socket.AF_INET, kind) as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        return json.loads(json.dumps(self.config).replace(str(self.server.port), str(port)))


class Unavailable(Exception):
    """A server that cannot be started here; says why."""

