"""Gatus' conditions (`expect: {conditions: […]}`) of the types that have them, against servers: what holds, what does not, and
what cannot be read, which validation tells with its place in the file. http and dns: the unit tests and test_import.py."""

import json

import pytest
from belfry import run
from harness import check
from test_ssh import server as sshd  # noqa: F401: fixtures
from test_tls import folder, s_server  # noqa: F401
from test_web import Registry, Ws


class Case:
    """What holds of a server, and what does not; words: what the message shows of the latter."""

    def __init__(self, config, good, bad, words):
        self.config, self.good, self.bad, self.words = config, good, bad, words


@pytest.fixture
def icmp():
    status, doc, _ = check("icmp", {"host": "127.0.0.1"})
    if status == 1 and "ermi" in doc["message"]:
        pytest.skip("no right to send echo requests here")
    yield Case({"host": "127.0.0.1"}, ["[CONNECTED] == true", "[IP] == pat(127.*)", "[RESPONSE_TIME] < 1m"],
               "[IP] == any(10.0.0.1, 10.0.0.2)", "[IP] (127.0.0.1) == any(10.0.0.1, 10.0.0.2)")


@pytest.fixture
def tls(folder, certs):  # noqa: F811
    """Valid for 200 days."""
    s = s_server(folder, certs, "good")
    yield Case({"host": "127.0.0.1", "port": s.port, "tls_options": {"ca_file": certs.ca}},
               ["[CERTIFICATE_EXPIRATION] > 48h", "[CERTIFICATE_EXPIRATION] < 4801h", "[CONNECTED] == true"],
               "[CERTIFICATE_EXPIRATION] > 9600h", "[CERTIFICATE_EXPIRATION] (17")
    s.close()


@pytest.fixture
def ssh(sshd):  # noqa: F811
    yield Case({"host": "127.0.0.1", "port": sshd.port}, ["[CONNECTED] == true", "[RESPONSE_TIME] < 1m"],
               "[RESPONSE_TIME] > 1m", "[RESPONSE_TIME] (")


@pytest.fixture
def websocket():
    ws = Ws()
    yield Case({"url": f"ws://127.0.0.1:{ws.port}/", "steps": [{"send": "hello", "expect": "^HELLO$"}]},
               ["[CONNECTED] == true", "[IP] == 127.0.0.1"], "[IP] != 127.0.0.1", "[IP] (127.0.0.1) != 127.0.0.1")
    ws.close()


@pytest.fixture
def domain():
    """Registered for 200 days."""
    registry = Registry()
    yield Case({"domain": "example.com", "rdap_url": registry.rdap, "method": "rdap"},
               ["[DOMAIN_EXPIRATION] > 720h", "[DOMAIN_EXPIRATION] < 4802h"], "[DOMAIN_EXPIRATION] > 4802h", "[DOMAIN_EXPIRATION] (17")
    registry.close()


@pytest.fixture
def tcp(target):
    t = target()
    yield Case({"host": "127.0.0.1", "port": t.port}, ["[CONNECTED] == true"], "[CONNECTED] == false", "[CONNECTED] (true) == false")


KINDS = ["icmp", "tls", "ssh", "websocket", "domain", "tcp"]


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def case(request, kind):
    return request.getfixturevalue(kind)


def probe(kind, case, *conditions):
    return check(kind, dict(case.config, expect={"conditions": conditions}), "10s")


def test_that_hold(kind, case):
    status, doc, err = probe(kind, case, *case.good)
    assert status == 0 and doc["success"] is True, (doc, err)


def test_that_does_not(kind, case):
    status, doc, _ = probe(kind, case, *case.good, case.bad)
    assert status == 1 and doc["message"].startswith("condition does not hold: ") and case.words in doc["message"], doc


def test_that_cannot_be_read(kind, case):
    status, _, err = probe(kind, case, case.good[0], "[CONECTED] == true")
    assert status == 2 and 'expect.conditions[1]: unknown placeholder in "[CONECTED]"' in err, err


EXAMPLES = {"icmp": {"host": "h"}, "tls": {"host": "h"}, "ssh": {"host": "h"}, "websocket": {"url": "ws://h/"}, "domain": {"domain": "example.com"},
            "tcp": {"host": "h", "port": 1}, "http": {"url": "http://h/"}, "dns": {"server": "h", "name": "n"}, "grpc": {"host": "h", "port": 1}}


@pytest.mark.parametrize("kind", EXAMPLES)
def test_validation_says_where(kind, tmp_path):
    """The line of the condition, and the way to it."""
    path = tmp_path / "belfry.yaml"
    path.write_text("\n".join([
        "groups:", "  - name: g", "    targets:", "      - name: one", "        url: tcp://127.0.0.1:1", "      - name: two",
        f"        type: {kind}", "        config:", *[f"          {key}: {json.dumps(value)}" for key, value in EXAMPLES[kind].items()],
        "          expect:", "            conditions:", '              - "[CONNECTED] == true"', '              - "[CONNECTED] is true"']))
    line = len(path.read_text().splitlines())
    status, _, err = run("config", "check", "-c", str(path))
    assert status != 0, err
    assert f"belfry.yaml:{line}:17: groups[0].targets[1].config.expect.conditions[1]: no operator" in err, err


def test_the_api_says_where(belfry):
    b = belfry()
    for kind, config in EXAMPLES.items():
        config = dict(config, expect={"conditions": ["[CONNECTED] == true", "[BODY].a..b == 1"]})
        status, doc, _ = b.call("POST", "/api/v1/targets", {"name": kind, "type": kind, "config": config})
        assert status == 422 and "config.expect.conditions[1]" in json.dumps(doc), (kind, status, doc)
