"""What harness.py is for services by TCP, for those by UDP: a relay that spoils answers, and the cases."""

import os
import socket
import threading

import pytest
from belfry import free_port
from harness import FROZEN_MS, ServiceCases, check, note_late

NOISE = [b"", b"\0", b"x" * 1400, bytes(range(256)) * 4]


def udp_port():
    return free_port(socket.SOCK_DGRAM)


def bound(port):
    """Has somebody this UDP port? An empty datagram would be an answer to some."""
    for name in ("udp", "udp6"):
        with open("/proc/net/" + name, encoding="ascii") as f:
            if any(line.split()[1].endswith(f":{port:04X}") for line in f.readlines()[1:]):
                return True
    return False


class UdpServer:
    """answer(datagram) → what is sent back: a list of datagrams."""

    def __init__(self, answer):
        self.answer, self.asked = answer, 0
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        threading.Thread(target=self.loop, daemon=True).start()

    def loop(self):
        while True:
            try:
                data, who = self.sock.recvfrom(65536)
                self.asked += 1
                for one in self.answer(data):
                    self.sock.sendto(one, who)
            except OSError:
                return

    def close(self):
        self.sock.close()


class UdpRelay(UdpServer):
    """Before a real server. Modes: pass; noise (strangers' datagrams come before the answer); garbage (and no answer); silent;
    cut (the answer ends after `after` bytes); lost (the first datagram never arrives); flood (noise without end)."""

    def __init__(self, port, mode, after=10):
        self.target, self.mode, self.after = port, mode, after
        super().__init__(self.carry)

    def carry(self, data):
        if self.mode == "silent" or (self.mode == "lost" and self.asked == 1):
            return []
        if self.mode == "flood":
            return NOISE * 400
        if self.mode == "garbage":
            return NOISE
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(10)
            s.sendto(data, ("127.0.0.1", self.target))
            answers = [s.recv(65536)]
            s.settimeout(0.1)
            try:
                while True:
                    answers.append(s.recv(65536))
            except TimeoutError:
                pass
        if self.mode == "cut":
            return [one[:self.after] for one in answers]
        return (NOISE if self.mode == "noise" else []) + answers


class UdpCases(ServiceCases):
    """The cases of a prober by UDP; config, bad and good are ServiceCases'."""

    test_silent = test_cut_mid_answer = test_garbage = test_trickle = test_tls = None  # there is no connection

    @pytest.fixture
    def relay(self, server):
        made = []

        def make(mode, **kw):
            made.append(UdpRelay(server.port, mode, **kw))
            return made[-1]
        yield make
        for r in made:
            r.close()

    def test_nobody_there(self):
        assert "nothing listens" in self.bad(self.config(udp_port()))

    @pytest.mark.parametrize("mode", ["silent", "garbage", "cut"])
    def test_no_answer(self, server, relay, mode):
        status, doc, _ = check(self.TYPE, self.config(relay(mode).port), f"{FROZEN_MS}ms")
        assert status == 1 and doc["message"], doc
        if mode == "silent":
            assert "nobody answered" in doc["message"] and doc["latency_ms"] >= FROZEN_MS - 50, doc
            note_late(self.TYPE, doc)

    def test_strangers_are_ignored(self, server, relay):
        self.good(self.config(relay("noise").port))

    def test_asks_again(self, server, relay):
        between = relay("lost")
        self.good(self.config(between.port))
        assert between.asked >= 2

    def test_flood(self, server, relay):
        assert "no answer" in self.bad(self.config(relay("flood").port))


def write(*parts_and_text):
    path, text = os.path.join(*parts_and_text[:-1]), parts_and_text[-1]
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path
