"""Belfry's /probe beside Debian's blackbox_exporter: tcp. The services are scripts of this file: each says its lines, hears what it
waits for, and may turn to TLS in between."""

import socketserver

import pytest
from belfry import free_port
from blackbox_cases import Case, pair_of
from certs import Certs
from servers import Service


def tcp(*steps, timeout="5s", **options):
    return {"prober": "tcp", "timeout": timeout, "tcp": {"preferred_ip_protocol": "ip4", **options,
                                                         **({"query_response": list(steps)} if steps else {})}}


def tls(*steps, **options):
    return lambda w: tcp(*steps, tls=True, **{"tls_config": {"ca_file": w.certs.ca}, **options})


def at(name, host="127.0.0.1"):
    return lambda w: f"{host}:{w.port(name)}"


def silent(world, channel):
    channel.read(1)


SCRIPTS = {
    "quiet": silent,
    "banner": lambda w, c: (c.say("220 mail.example ESMTP ready\r\n"), c.read(1)),
    "noise": lambda w, c: (c.say("a\nb\n" * 50 + "220 ready\n"), c.read(1)),
    "refuses": lambda w, c: c.say("-ERR go away\n"),
    "closes": lambda w, c: None,
    "cut": lambda w, c: c.say("first\n220 ready"),
    "dialogue": lambda w, c: (c.say("HELLO shop v1.2\r\n"), c.say({
        b"AGAIN 1.2 shop\n": "OK groups\n", b"PING\n": "OK ping\n", b"A\\n$1 ${x}\n": "OK verbatim\n", b"$ 1.2x\n": "OK dollar\n",
        b"[]\n": "OK none\n"}.get(c.line(), "NO\n")), c.read(1)),
    "smtp": lambda w, c: (c.say("220 mail.example ESMTP\r\n"), c.line(), c.say("250-mail.example\r\n250 STARTTLS\r\n"), c.line(),
                          c.say("220 go\r\n"), c.secure(), c.line(), c.say("250 safe\r\n"), c.read(1)),
    "declines": lambda w, c: (c.say("220 mail.example ESMTP\r\n"), c.line(), c.say("250 mail.example\r\n"), c.line(),
                              c.say("454 no TLS today\r\n")),
}
for kind in ("good", "expired", "other", "selfsigned"):
    SCRIPTS["tls_" + kind] = lambda w, c, k=kind: (c.secure(k), c.say("220 secret\n"), c.read(1))


class Channel:
    def __init__(self, world, sock):
        self.world, self.sock = world, sock
        sock.settimeout(20)

    def say(self, text):
        self.sock.sendall(text.encode())

    def read(self, n):
        return self.sock.recv(n)

    def line(self):
        got = b""
        while not got.endswith(b"\n"):
            more = self.sock.recv(1)
            if not more:
                break
            got += more
        return got

    def secure(self, kind="good"):
        self.sock = self.world.certs.context(kind).wrap_socket(self.sock, server_side=True)


class World:
    def __init__(self, folder):
        self.certs = Certs(folder)
        self.closed = free_port()
        self.servers = {name: self.serve(script) for name, script in SCRIPTS.items()}
        self.servers["six"] = self.serve(SCRIPTS["banner"], "::1")

    def serve(self, script, host="127.0.0.1"):
        world = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                channel = Channel(world, self.request)
                try:
                    script(world, channel)
                except OSError:
                    pass
                finally:
                    channel.sock.close()
        return Service(Handler, (host, 0))

    def port(self, name):
        return self.servers[name].port

    def close(self):
        for s in self.servers.values():
            s.close()


EHLO = [{"expect": "^220 ([^ ]+) ESMTP", "send": "EHLO ${1}"}, {"expect": "^250[ -]", "send": "STARTTLS"}, {"expect": "^220"},
        {"starttls": True}, {"send": "EHLO again"}, {"expect": "^250 safe$"}]


CASES = [
    Case("connects", tcp(), at("quiet")),
    Case("banner", tcp({"expect": "^220 .*ESMTP"}), at("banner")),
    Case("banner_line_end", tcp({"expect": "ready$"}), at("banner")),
    Case("banner_other", tcp({"expect": "^250"}, timeout="1s"), at("banner"), up=False),
    Case("noise", tcp({"expect": "^220 ready$"}), at("noise")),
    Case("regex_fails", tcp({"expect": "^\\+OK"}), at("refuses"), up=False),
    Case("closed_at_once", tcp({"expect": "."}), at("closes"), up=False),
    Case("last_line_cut", tcp({"expect": "^220 ready$"}), at("cut")),
    Case("two_lines", tcp({"expect": "^first"}, {"expect": "^220"}), at("cut")),
    Case("one_line_too_few", tcp({"expect": "^220"}, {"expect": "^first"}), at("cut"), up=False),
    Case("send", tcp({"send": "PING"}, {"expect": "^OK ping"}), at("dialogue")),
    Case("send_groups", tcp({"expect": "^HELLO ([a-z]+) v(.+)$", "send": "AGAIN ${2} $1"}, {"expect": "^OK groups"}),
         at("dialogue")),
    Case("send_names", tcp({"expect": "^HELLO (?P<who>[a-z]+) v(?P<v>.+)$", "send": "AGAIN ${v} $who"}, {"expect": "^OK groups"}),
         at("dialogue")),
    Case("send_dollar", tcp({"expect": "v(.+)$", "send": "$$ ${1}x"}, {"expect": "^OK dollar"}), at("dialogue")),
    Case("send_no_group", tcp({"expect": "v(.+)$", "send": "[${7}$none]"}, {"expect": "^OK none"}), at("dialogue")),
    Case("send_verbatim", tcp({"expect": "HELLO"}, {"send": "A\\n$1 ${x}"}, {"expect": "^OK verbatim"}), at("dialogue")),
    Case("send_wrong", tcp({"send": "WHAT"}, {"expect": "^OK"}, timeout="1s"), at("dialogue"), up=False),
    Case("refused", tcp(), lambda w: f"127.0.0.1:{w.closed}", up=False),
    Case("silent", tcp({"expect": "."}, timeout="1s"), at("quiet"), up=False),
    Case("name", tcp({"expect": "220"}), at("banner", "localhost")),
    Case("name_unknown", tcp(), "no-such-host.invalid:80", up=False),
    Case("six", tcp({"expect": "220"}, preferred_ip_protocol="ip6"), at("six", "[::1]")),
    Case("six_preferred", tcp({"expect": "220"}, preferred_ip_protocol="ip6"), at("banner")),
    Case("six_alone", tcp(preferred_ip_protocol="ip6", ip_protocol_fallback=False), at("banner"), up=False),
    Case("four_alone", tcp(ip_protocol_fallback=False), at("banner")),
    Case("source", tcp({"expect": "220"}, source_ip_address="127.0.0.9"), at("banner")),
    Case("tls", tls({"expect": "^220 secret"}), at("tls_good")),
    Case("tls_name", tls(), at("tls_good", "localhost")),
    Case("tls_unknown_authority", tcp(tls=True), at("tls_good"), up=False),
    Case("tls_expired", tls(), at("tls_expired"), up=False),
    Case("tls_expired_skipped", tcp(tls=True, tls_config={"insecure_skip_verify": True}), at("tls_expired")),
    Case("tls_wrong_name", tls(), at("tls_other"), up=False),
    Case("tls_server_name", lambda w: tcp(tls=True, tls_config={"ca_file": w.certs.ca, "server_name": "elsewhere.example"}),
         at("tls_other")),
    Case("tls_of_plain", tcp(tls=True, timeout="2s"), at("banner"), up=False),
    Case("starttls", lambda w: tcp(*EHLO, tls_config={"ca_file": w.certs.ca}), at("smtp")),
    Case("starttls_unknown_authority", tcp(*EHLO), at("smtp"), up=False),
    Case("starttls_declined", tcp(*EHLO), at("declines"), up=False),
]


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("tcp"))
    yield from pair_of(tmp_path_factory.mktemp("pair"), CASES, world)
    world.close()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_same(pair, case):
    pair.compare(case)
