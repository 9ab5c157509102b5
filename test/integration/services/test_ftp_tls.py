"""ftp over TLS against a vsftpd that asks for it: a data connection must take up the session of the control connection
(require_ssl_reuse), and nothing goes in clear."""

import os
import shutil
import ssl
import tempfile
from ftplib import FTP_TLS

import pytest
from belfry import free_port
from harness import Server, check, program
from test_ftp import VSFTPD

STRICT = VSFTPD.replace("require_ssl_reuse=NO", "require_ssl_reuse=YES") + """
force_anon_logins_ssl=YES
force_anon_data_ssl=YES
ssl_ciphers=HIGH
"""


def vsftpd(certs, *more):
    exe = program("vsftpd", "vsftpd")
    folder = tempfile.mkdtemp(prefix="belfry-vsftpd-")
    os.chmod(folder, 0o755)
    os.makedirs(folder + "/files")
    os.makedirs(folder + "/empty")
    for name, size in (("ready.txt", 1234), ("big", 3 << 20)):
        with open(f"{folder}/files/{name}", "wb") as f:
            f.truncate(size)
    port = free_port()
    with open(folder + "/vsftpd.conf", "w", encoding="ascii") as f:
        f.write("\n".join([STRICT, *more]).format(port=port, dir=folder, cert=os.path.join(certs.folder, "good")))
    s = Server([exe, folder + "/vsftpd.conf"], port, folder + "/log")
    s.dir = folder
    return s


def ended(s):
    s.close()
    shutil.rmtree(s.dir)


@pytest.fixture(scope="module")
def server(certs):
    s = vsftpd(certs)
    yield s
    ended(s)


@pytest.fixture(scope="module")
def implicit(certs):
    s = vsftpd(certs, "implicit_ssl=YES")
    yield s
    ended(s)


def probe(server, certs, **config):
    return check("ftp", {"host": "127.0.0.1", "port": server.port, "path": "/ready.txt", "tls_options": {"ca_file": certs.ca}, **config})


def test_the_server_is_as_strict_as_it_says(server):
    """Python's client does not take sessions up: it gets nothing."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with FTP_TLS(context=context) as ftp:
        ftp.connect("127.0.0.1", server.port, timeout=20)
        ftp.login("anonymous", "a@b")
        ftp.prot_p()
        with pytest.raises(Exception, match="(?i)reuse|eof|522"):
            ftp.retrbinary("RETR ready.txt", lambda _: None)


@pytest.mark.parametrize("version", ["default", "1.2"])
def test_fetch(server, certs, version):
    tls = {"ca_file": certs.ca, "max_version": version}
    status, doc, err = probe(server, certs, starttls=True, fetch=True, tls_options=tls)
    assert status == 0 and doc["metrics"]["ftp_fetched_bytes"] == 1234, (doc, err)
    assert doc["metrics"]["probe_ssl_earliest_cert_expiry"] > 1e9, doc
    assert probe(server, certs, starttls=True, fetch=True, path="/big", tls_options=tls)[0] == 0


def test_implicit(implicit, certs):
    status, doc, err = probe(implicit, certs, tls=True, fetch=True)
    assert status == 0 and doc["metrics"]["ftp_fetched_bytes"] == 1234, (doc, err)


def test_nothing_goes_in_clear(server, certs):
    status, doc, _ = probe(server, certs, fetch=True)
    assert status == 1 and "refused the login of anonymous" in doc["message"] and "530" in doc["message"], doc


def test_certificates(server, certs):
    for starttls, tls, words in ((True, {}, "is not accepted"),
                                 (True, {"ca_file": certs.ca, "server_name": "elsewhere.example"}, "is not for the name elsewhere.example")):
        status, doc, _ = probe(server, certs, starttls=starttls, fetch=True, tls_options=tls)
        assert status == 1 and words in doc["message"], doc
