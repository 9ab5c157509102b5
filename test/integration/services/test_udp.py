"""udp: an echo of ours answers, rightly, wrongly or not at all; nobody at a port is what the kernel says."""

import pytest
from harness import check
from udp import UdpServer, udp_port


@pytest.fixture
def service():
    made = []

    def make(answer):
        made.append(UdpServer(answer))
        return made[-1]
    yield make
    for s in made:
        s.close()


def ask(port, timeout="5s", **config):
    return check("udp", {"host": "127.0.0.1", "port": port, **config}, timeout)[1]


def test_nobody_there():
    port = udp_port()
    doc = ask(port)
    assert not doc["success"] and doc["message"] == f"nothing listens on 127.0.0.1:{port}", doc
    assert not ask(port, expect={"answer": "x"})["success"]


def test_silence_is_good_unless_an_answer_is_asked_for(service):
    s = service(lambda data: [])
    doc = ask(s.port, wait="200ms")
    assert doc["success"] and doc["metrics"]["probe_udp_answered"] == 0
    assert doc["message"] == f"nobody refuses it: no answer from 127.0.0.1 port {s.port} within 200ms, as UDP allows"
    assert ask(s.port, "300ms")["success"]  # the timeout comes before `wait` is over
    doc = ask(s.port, "1500ms", expect={"answer": "^pong"})
    assert not doc["success"] and "nobody answered" in doc["message"] and "2 tries" in doc["message"], doc


def test_answers(service):
    s = service(lambda data: [b"pong " + data])
    doc = ask(s.port)
    assert doc["message"] == f"127.0.0.1 port {s.port} answered with 6 bytes" and doc["metrics"]["probe_udp_answered"] == 1
    doc = ask(s.port, send="a\\x00\\xff", expect={"answer": "^pong a"})
    assert doc["success"] and doc["metrics"]["probe_udp_answer_bytes"] == 8, doc
    doc = ask(s.port, send="hi", expect={"answer": "^ping"})
    assert doc["message"] == 'the answer does not match "^ping": got "pong hi"'
    assert check(f"udp://127.0.0.1:{s.port}?send=x")[1]["success"]


def test_the_first_datagram_is_lost(service):
    seen = []
    s = service(lambda data: [b"pong"] if seen.append(data) or len(seen) > 1 else [])
    assert ask(s.port, expect={"answer": "^pong$"})["success"] and len(seen) == 2


def test_settings():
    for bad in ({}, {"port": 1, "send": "\\q"}, {"port": 1, "expect": {"answer": "("}}, {"port": 0}):
        assert check("udp", {"host": "127.0.0.1", **bad})[0] == 2, bad
    assert check("udp://127.0.0.1")[0] == 2
