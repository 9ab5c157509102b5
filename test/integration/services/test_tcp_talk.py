"""tcp's dialogue beyond lines, with servers of this test: bytes expected, labels of a match, a match put into what is sent, and
TLS in the middle."""

import pytest
from harness import check
from servers import Service


class Talker(Service):
    """Plays scripts, one for each connection, all alike: bytes are sent, a tuple is awaited, "tls" is spoken from there on.
    What came is in .heard."""

    def __init__(self, tls):
        self.tls, self.script, self.heard = tls, [], []
        super().__init__()

    def serve(self, conn):
        try:
            conn.settimeout(20)
            for act in list(self.script):
                if isinstance(act, bytes):
                    conn.sendall(act)
                elif act == "tls":
                    conn = self.tls.wrap_socket(conn, server_side=True)
                elif act == "silence":
                    conn.recv(1)  # until the prober has had enough
                else:
                    self.heard.append(self.read(conn, len(act[0])))
        finally:
            conn.close()  # of TLS too

    @staticmethod
    def read(conn, n):
        data = b""
        while len(data) < n and (more := conn.recv(n - len(data))):
            data += more
        return data


@pytest.fixture
def talker(certs):
    t = Talker(certs.context("good"))
    yield t
    t.close()


def talk(talker, *steps, timeout="10s", **config):
    return check("tcp", {"host": "127.0.0.1", "port": talker.port, "steps": steps, **config}, timeout)


def failed(doc):
    """(by a line, by bytes)"""
    return doc["metrics"]["probe_failed_due_to_regex"], doc["metrics"]["probe_failed_due_to_bytes"]


# --- bytes --------------------------------------------------------------------------------------

ASK = {"send": "\\x00\\x00\\x00\\x08\\x04\\xd2\\x16\\x2f", "expect_bytes": "S\\x00\\xff"}  # PostgreSQL's SSLRequest, and more


def test_bytes(talker):
    talker.script = [(b"8 bytes.",), b"S\0\xff and more"]
    status, doc, err = talk(talker, ASK)
    assert status == 0 and failed(doc) == (0, 0), (doc, err)
    assert talker.heard == [b"\0\0\0\x08\x04\xd2\x16\x2f"]


def test_bytes_one_by_one_between_lines(talker):
    talker.script = [b"hello\r\n", (b"go",), b"\0", b"\1", b"\2", (b"on",), b"good", b"bye\n"]
    steps = [{"expect": "^hello$"}, {"send": "go", "expect_bytes": "\\0\\x01\\x02"}, {"send": "on", "expect": "^goodbye$"}]
    status, doc, err = talk(talker, *steps)
    assert status == 0 and talker.heard == [b"go", b"on"], (doc, err)


@pytest.mark.parametrize("script,words,due", [
    ([(b"8 bytes.",), b"N\0\xff"], "got the bytes 4e00ff; want", (0, 1)),
    ([(b"8 bytes.",), b"S\0"], "2 of 3 bytes", (0, 0)),
    ([(b"8 bytes.",), b"S\0", "silence"], "timeout", (0, 0))])
def test_bytes_that_do_not_come(talker, script, words, due):
    talker.script = script
    status, doc, err = talk(talker, ASK, timeout="1s")
    assert status == 1 and words in doc["message"], (doc, err)
    assert failed(doc) == due, doc


# --- labels -------------------------------------------------------------------------------------


def info(doc):
    return [name for name in doc["metrics"] if name.startswith("probe_expect_info")]


def test_labels_of_a_match(talker):
    talker.script = [b'SSH-2.0-OpenSSH_9.2p1 "Debian"\r\n']
    status, doc, err = talk(talker, {"expect": 'SSH-([0-9.]+)-(\\S+) "(.*)"',
                                     "labels": {"protocol": "${1}", "software": "$2", "system": "on ${3}!", "none": "${9}"}})
    assert status == 0, (doc, err)
    assert info(doc) == ['probe_expect_info{protocol="2.0",software="OpenSSH_9.2p1",system="on Debian!",none=""}'], doc


def test_labels_need_a_match(talker):
    talker.script = [b"HTTP/1.1 400\r\n"]
    status, doc, _ = talk(talker, {"expect": "SSH-([0-9.]+)", "labels": {"protocol": "${1}"}})
    assert status == 1 and info(doc) == [] and failed(doc) == (1, 0), doc


def test_a_match_is_put_into_what_is_sent(talker):
    talker.script = [b"banner\r\nyour number is 4711, mon\r\n", (b"4711 for mon\n",), b"right\n"]
    status, doc, err = talk(talker, {"expect": "number is ([0-9]+), (\\w+)"},
                            {"send": "${1} for $2\\n", "expand": True, "expect": "^right$"})
    assert status == 0 and talker.heard == [b"4711 for mon\n"], (doc, err)


# --- TLS in the middle --------------------------------------------------------------------------

START = [{"expect": "^220 "}, {"send": "STARTTLS\\r\\n", "expect": "^220 go"}, {"starttls": True},
         {"send": "NAME\\r\\n", "expect": "^250 (\\w+)", "labels": {"name": "$1"}}]
MAIL = [b"220 mail\r\n", (b"STARTTLS\r\n",), b"220 go\r\n", "tls", (b"NAME\r\n",), b"250 keller\r\n"]


def test_starttls_in_the_middle(talker, certs):
    talker.script = MAIL
    status, doc, err = talk(talker, *START, tls_options={"ca_file": certs.ca})
    assert status == 0 and talker.heard == [b"STARTTLS\r\n", b"NAME\r\n"], (doc, err)
    assert info(doc) == ['probe_expect_info{name="keller"}'], doc
    assert doc["metrics"]["probe_ssl_earliest_cert_expiry"] > 1e9, doc


def test_starttls_judges_the_certificate(talker, certs):
    talker.script = MAIL
    status, doc, _ = talk(talker, *START)
    assert status == 1 and "certificate" in doc["message"] and "is not accepted" in doc["message"], doc
    talker.tls = certs.context("expired")
    status, doc, _ = talk(talker, *START, tls_options={"ca_file": certs.ca})
    assert status == 1 and "expired" in doc["message"] and info(doc) == [], doc


def test_starttls_with_words_before_it(talker, certs):
    """What came in clear behind the yes would pass for a word of the secured server (CVE-2011-0411)."""
    talker.script = [b"220 mail\r\n", (b"STARTTLS\r\n",), b"220 go\r\n250 forged\r\n", "tls", (b"NAME\r\n",), b"250 keller\r\n"]
    status, doc, _ = talk(talker, *START, tls_options={"ca_file": certs.ca})
    assert status == 1 and "unexpected data before the TLS handshake" in doc["message"], doc


def test_starttls_refused(talker):
    talker.script = [b"220 mail\r\n", (b"STARTTLS\r\n",), b"454 not today\r\n"]
    status, doc, _ = talk(talker, *START)
    assert status == 1 and failed(doc) == (1, 0), doc


# --- what cannot be meant -----------------------------------------------------------------------


def test_bad_configurations(talker):
    for steps, words in (([{}], "empty step"), ([{"expect": "a", "expect_bytes": "b"}], "want one a step"),
                         ([{"expect_bytes": "\\xzz"}], "unknown escape in expect_bytes"), ([{"expect": "("}], "steps[0]"),
                         ([{"send": "a", "labels": {"a": "b"}}], "labels without expect"),
                         ([{"expect": "a", "labels": {"a-b": "c"}}], "want letters, digits and _"),
                         ([{"starttls": True}, {"starttls": True}], "steps[1]")):
        status, _, err = talk(talker, *steps)
        assert status == 2 and words in err, (steps, err)
    status, _, err = talk(talker, {"starttls": True}, tls=True)
    assert status == 2 and "steps[0]" in err, err
