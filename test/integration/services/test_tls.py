"""tls against openssl s_server and, with STARTTLS, against a mail server."""

import os
import subprocess

import pytest
from belfry import free_port
from harness import Server, ServiceCases, check, program


def s_server(folder, certs, kind, *more):
    port = free_port()
    path = os.path.join(certs.folder, kind)
    return Server([program("openssl", "openssl"), "s_server", "-quiet", "-accept", f"127.0.0.1:{port}", "-cert", path + ".pem",
                   "-key", path + ".key", *more], port, os.path.join(folder, f"{kind}.log"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def server(folder, certs):
    s = s_server(folder, certs, "good")
    yield s
    s.close()


@pytest.fixture
def other(folder, certs):
    made = []

    def make(*argv):
        made.append(s_server(folder, certs, *argv))
        return made[-1].port
    yield make
    for s in made:
        s.close()


def fingerprint(certs, kind):
    out = subprocess.run(["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in",
                          os.path.join(certs.folder, kind + ".pem")], check=True, capture_output=True, text=True)
    return out.stdout.strip().split("=")[1]


class TestTls(ServiceCases):
    TYPE = "tls"
    ca = ""

    @pytest.fixture(autouse=True)
    def know(self, certs):
        self.ca = certs.ca

    def config(self, port, **expect):
        return {"host": "127.0.0.1", "port": port, "tls_options": {"ca_file": self.ca}, "expect": expect}

    def test_expired(self, other):
        assert "expired" in self.bad(self.config(other("expired")), "5s")

    def test_expired_and_not_verified(self, other):
        config = dict(self.config(other("expired"), valid_for="1h"), tls_options={"verify": False})
        assert "expired" in self.bad(config, "5s")

    def test_self_signed(self, other):
        assert "self-signed" in self.bad(self.config(other("selfsigned")), "5s")

    def test_wrong_name(self, other):
        port = other("other")
        assert "name" in self.bad(self.config(port), "5s") or "IP address" in self.bad(self.config(port), "5s")

    def test_dates(self, other):
        port = other("soon")
        status, doc, _ = check("tls", self.config(port))
        assert status == 0 and "expires in 4 days" in doc["warnings"][0], doc
        message = self.bad(self.config(port, valid_for="10d"), "5s")
        assert "expires in" in message and "want 240" in message, message

    def test_floor(self, other):
        port = other("good", "-tls1_2")
        assert "TLS 1.2" in self.good(self.config(port, min_version="1.2"))["message"]
        message = self.bad(self.config(port, min_version="1.3"), "5s")
        assert "no newer than TLS 1.2; want at least TLS 1.3" in message, message

    def test_fingerprint(self, server, certs):
        good = fingerprint(certs, "good")
        self.good(self.config(server.port, fingerprint=[good]))
        self.good(self.config(server.port, fingerprint=[good.replace(":", "").lower()]))
        message = self.bad(self.config(server.port, fingerprint=[fingerprint(certs, "soon")]), "5s")
        assert "fingerprint is" in message, message

    def test_issuer(self, server):
        self.good(self.config(server.port, issuer="Belfry test authority"))
        assert "want an issuer" in self.bad(self.config(server.port, issuer="Let's Encrypt"), "5s")

    def test_starttls(self, certs, smtp):
        """smtp: the stand-in of the other tests; Postfix and Dovecot are asked the same by their own probers."""
        mail = smtp(certs.context("good"))
        self.good(dict(self.config(mail.port), starttls="smtp"))
        assert "STARTTLS" in self.bad(dict(self.config(mail.port), starttls="imap"), "2s")

    def test_no_tls_there(self, smtp):
        self.bad(self.config(smtp().port), "5s")

    def test_url(self, server):
        status, doc, _ = check(f"tls://127.0.0.1:{server.port}")
        assert status == 1 and doc["type"] == "tls" and "certificate" in doc["message"], doc
