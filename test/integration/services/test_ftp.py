"""ftp against vsftpd."""

import os
import shutil
import tempfile

import pytest
from belfry import free_port
from harness import Server, ServiceCases, program

VSFTPD = """
listen=YES
listen_address=127.0.0.1
listen_port={port}
background=NO
anonymous_enable=YES
local_enable=YES
no_anon_password=NO
anon_root={dir}/files
secure_chroot_dir={dir}/empty
ftp_username=daemon
nopriv_user=nobody
xferlog_enable=NO
mdtm_write=NO
seccomp_sandbox=NO
ssl_enable=YES
allow_anon_ssl=YES
force_local_logins_ssl=NO
force_local_data_ssl=NO
require_ssl_reuse=NO
rsa_cert_file={cert}.pem
rsa_private_key_file={cert}.key
pasv_address=10.255.255.1
delay_failed_login=0
"""


@pytest.fixture(scope="module")
def server(certs):
    exe = program("vsftpd", "vsftpd")
    folder = tempfile.mkdtemp(prefix="belfry-vsftpd-")
    os.chmod(folder, 0o755)
    os.makedirs(folder + "/files/pub")
    os.makedirs(folder + "/empty")
    with open(folder + "/files/ready.txt", "w", encoding="ascii") as f:
        f.write("x" * 1234)
    with open(folder + "/files/big", "wb") as f:
        f.truncate(3 << 20)
    port = free_port()
    with open(folder + "/vsftpd.conf", "w", encoding="ascii") as f:
        f.write(VSFTPD.format(port=port, dir=folder, cert=os.path.join(certs.folder, "good")))
    s = Server([exe, folder + "/vsftpd.conf"], port, folder + "/log")
    s.dir = folder
    yield s
    s.close()
    shutil.rmtree(folder)


class TestFtp(ServiceCases):
    TYPE, TLS = "ftp", False  # implicit TLS says PBSZ, which a relay's server behind does not know

    def config(self, port):
        return {"host": "127.0.0.1", "port": port, "path": "/ready.txt"}

    def test_file(self, server):
        doc = self.good(dict(self.config(server.port), expect={"min_size": "1KiB", "max_age": "1h"}))
        assert doc["metrics"]["ftp_file_bytes"] == 1234 and doc["metrics"]["ftp_up"] == 1, doc
        assert "want at least" in self.bad(dict(self.config(server.port), expect={"min_size": "2KiB"}), "5s")
        os.utime(server.dir + "/files/ready.txt", (1e9, 1e9))
        assert "s ago" in self.bad(dict(self.config(server.port), expect={"max_age": "1h"}), "5s")
        os.utime(server.dir + "/files/ready.txt")

    def test_no_file(self, server):
        message = self.bad(dict(self.config(server.port), path="/none"), "5s")
        assert "refused the size of /none" in message and "550" in message, message

    def test_folder(self, server):
        assert "a folder" in self.good(dict(self.config(server.port), path="/pub/"))["message"]
        assert "refused the folder /none/" in self.bad(dict(self.config(server.port), path="/none/"), "5s")

    def test_fetch(self, server):
        """Through the data connection, to the control connection's address although PASV names another."""
        doc = self.good(dict(self.config(server.port), fetch=True))
        assert doc["metrics"]["ftp_fetched_bytes"] == 1234, doc
        self.good(dict(self.config(server.port), fetch=True, path="/big"))

    def test_starttls(self, server, certs):
        config = dict(self.config(server.port), starttls=True, tls_options={"ca_file": certs.ca})
        doc = self.good(config)
        assert "probe_ssl_earliest_cert_expiry" in doc["metrics"], doc
        self.good(dict(config, fetch=True))
        assert "certificate" in self.bad(dict(self.config(server.port), starttls=True), "5s")

    def test_wrong_password(self, server):
        message = self.bad(dict(self.config(server.port), username="somebody", password="falsch"), "10s")
        assert "refused the login of somebody" in message and "530" in message, message

    def test_greeting(self, server):
        assert "vsFTPd" in self.bad(dict(self.config(server.port), expect={"greeting": "ProFTPD"}), "5s")
