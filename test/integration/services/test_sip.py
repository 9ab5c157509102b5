"""sip against sipp, which answers OPTIONS by a scenario."""

import re

import pytest
from belfry import free_port
from harness import Relay, Server, ServiceCases, check, listens, program
from udp import UdpCases, UdpServer, bound, udp_port, write

SCENARIO = """<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="options">
  <recv request="OPTIONS"/>
  <send><![CDATA[
    SIP/2.0 100 Trying
    [last_Via:]
    [last_From:]
    [last_To:]
    [last_Call-ID:]
    [last_CSeq:]
    Content-Length: 0

  ]]></send>
  <send><![CDATA[
    SIP/2.0 %s
    [last_Via:]
    [last_From:]
    [last_To:];tag=[call_number]
    [last_Call-ID:]
    [last_CSeq:]
    Server: sipp of the tests
    Content-Length: 0

  ]]></send>
</scenario>
"""


def sipp(folder, transport, status="200 OK"):
    port = udp_port() if transport == "u1" else free_port()
    name = transport + status[:3]
    scenario = write(folder, name + ".xml", SCENARIO % status)
    return Server([program("sipp", "sip-tester"), "-sf", scenario, "-i", "127.0.0.1", "-p", port, "-t", transport, "-nostdin"],
                  port, f"{folder}/{name}.log", cwd=folder,
                  ready=lambda: bound(port) if transport == "u1" else listens(port))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(tmp_path_factory.mktemp("sipp"))


class TestSipByUdp(UdpCases):
    TYPE = "sip"

    @pytest.fixture
    def server(self, folder):
        s = sipp(folder, "u1")
        yield s
        s.close()

    def test_status(self, server):
        doc = self.good(self.config(server.port))
        assert doc["metrics"]["sip_status_code"] == 200 and "sipp of the tests" in doc["message"], doc
        message = self.bad(dict(self.config(server.port), expect={"status": [404]}), "5s")
        assert "answered 200 OK" in message, message

    def test_another_status(self, folder):
        s = sipp(folder, "u1", "503 Service Unavailable")
        try:
            assert "answered 503 Service Unavailable" in self.bad(self.config(s.port), "5s")
            self.good(dict(self.config(s.port), expect={"status": ["200-299", 503]}))
        finally:
            s.close()

    def test_url(self, server):
        status, doc, err = check(f"sip://100@127.0.0.1:{server.port}")
        assert status == 0 and doc["success"], (doc, err)

    def test_forged(self):
        """An answer to another call."""
        def forge(query):
            call = re.search(rb"Call-ID: \S+", query)[0]
            return [b"SIP/2.0 200 OK\r\n" + call.replace(call[9:12], b"xyz") + b"\r\nCSeq: 1 OPTIONS\r\n\r\n"]
        s = UdpServer(forge)
        try:
            assert "no answer" in self.bad(self.config(s.port))
        finally:
            s.close()


class TestSipByTcp(ServiceCases):
    TYPE = "sip"
    CUT_AFTER = 20

    @pytest.fixture
    def server(self, folder):
        """Behind a relay: sipp ends when a connection is reset, as ours are."""
        s = sipp(folder, "t1")
        front = Relay(s.port)
        s.port = front.port
        yield s
        front.close()
        s.close()

    def config(self, port):
        return {"host": "127.0.0.1", "port": port, "transport": "tcp"}

    def test_by_tls(self, server, certs):
        for kind, words in (("good", None), ("expired", "expired"), ("other", "IP address")):
            relay = Relay(server.port, "pass", tls=certs.context(kind))
            config = dict(self.config(relay.port), transport="tls", tls_options={"ca_file": certs.ca})
            try:
                if words:
                    assert words in self.bad(config, "5s") or "name" in self.bad(config, "5s")
                else:
                    self.good(config)
            finally:
                relay.close()
