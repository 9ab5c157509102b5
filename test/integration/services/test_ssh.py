"""ssh and sftp against OpenSSH."""

import os
import shutil
import subprocess
import tempfile

import pytest
from belfry import free_port
from harness import Relay, Server, ServiceCases, check, program

SSHD = """
ListenAddress 127.0.0.1
Port {port}
HostKey {dir}/host_ed25519
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication yes
PubkeyAuthentication yes
PermitRootLogin yes
AuthorizedKeysFile {dir}/authorized_keys
Subsystem sftp internal-sftp
MaxStartups 100:30:200
LoginGraceTime 30
"""


def keygen(path, *more):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path, *more], check=True)


def fingerprint(path):
    return subprocess.run(["ssh-keygen", "-l", "-f", path], check=True, capture_output=True, text=True).stdout.split()[1]


@pytest.fixture(scope="module")
def server():
    exe = program("sshd", "openssh-server")
    program("ssh-keygen", "openssh-client")
    folder = tempfile.mkdtemp(prefix="belfry-sshd-")
    os.makedirs("/run/sshd", exist_ok=True)
    for name in ("host_ed25519", "id", "stranger", "other_host"):
        keygen(f"{folder}/{name}")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "geheim", "-f", folder + "/locked"], check=True)
    with open(folder + "/authorized_keys", "w", encoding="ascii") as out:
        for name in ("id", "locked"):
            with open(f"{folder}/{name}.pub", encoding="ascii") as f:
                out.write(f.read())
    os.makedirs(folder + "/files")
    with open(folder + "/files/ready.txt", "w", encoding="ascii") as f:
        f.write("x" * 1234)
    port = free_port()
    with open(folder + "/sshd_config", "w", encoding="ascii") as f:
        f.write(SSHD.format(port=port, dir=folder))
    s = Server([exe, "-D", "-e", "-f", folder + "/sshd_config"], port, folder + "/log")
    s.dir, s.key = folder, fingerprint(folder + "/host_ed25519.pub")
    yield s
    s.close()
    shutil.rmtree(folder)


PAM = """auth required pam_unix.so
account required pam_permit.so
session required pam_permit.so
"""


@pytest.fixture(scope="module")
def dialogue(server):
    """A server that takes keyboard-interactive alone, by PAM. Root's password is "geheim" there: in a mount namespace of
    its own it sees another /etc/shadow."""
    if os.geteuid() != 0:
        pytest.skip("only root may have a mount namespace with another /etc/shadow")
    unshare = program("unshare", "util-linux")
    secret = subprocess.run(["openssl", "passwd", "-6", "geheim"], check=True, capture_output=True, text=True).stdout.strip()
    for name, text in (("shadow", f"root:{secret}:19000:0:99999:7:::\n"), ("pam", PAM)):
        with open(f"{server.dir}/{name}", "w", encoding="ascii") as f:
            f.write(text)
        os.chmod(f"{server.dir}/{name}", 0o600)
    port = free_port()
    with open(server.dir + "/dialogue", "w", encoding="ascii") as f:
        f.write(SSHD.format(port=port, dir=server.dir).replace("UsePAM no", "UsePAM yes").replace(
            "PasswordAuthentication yes", "PasswordAuthentication no\nKbdInteractiveAuthentication yes"))
    hide = f"mount --bind {server.dir}/shadow /etc/shadow && mount --bind {server.dir}/pam /etc/pam.d/sshd"
    s = Server([unshare, "-m", "sh", "-c", f"{hide} && exec {program('sshd', 'openssh-server')} -D -e -f {server.dir}/dialogue"],
               port, server.dir + "/dialogue.log")
    yield s
    s.close()


class SshCases(ServiceCases):
    def test_pinned(self, server):
        self.good(dict(self.config(server.port), host_key=[server.key]))
        other = fingerprint(server.dir + "/other_host.pub")
        message = self.bad(dict(self.config(server.port), host_key=[other]), "5s")
        assert server.key in message and other in message and "ssh-ed25519" in message, message

    def test_key_of_a_stranger(self, server):
        message = self.bad(dict(self.config(server.port), username="root",
                                private_key_file=server.dir + "/stranger"), "5s")
        assert "refused the login of root by key" in message and "publickey" in message, message

    def test_keyboard_interactive(self, dialogue):
        config = {"host": "127.0.0.1", "port": dialogue.port, "username": "root", "password": "geheim"}
        self.good(config)
        message = self.bad(dict(config, password="falsch"), "10s")
        assert "refused the login of root by password; it takes publickey,keyboard-interactive" in message, message

    def test_wrong_password(self, server):
        message = self.bad(dict({"host": "127.0.0.1", "port": server.port}, username="root", password="falsch"), "10s")
        assert "refused the login of root by password" in message, message

    def test_key_with_passphrase(self, server):
        config = dict(self.config(server.port), username="root", private_key_file=server.dir + "/locked")
        self.good(dict(config, passphrase="geheim"))
        assert "passphrase" in self.bad(dict(config, passphrase="falsch"), "5s")

    def test_no_such_key(self, server):
        message = self.bad(dict(self.config(server.port), username="root", private_key_file="/nowhere"), "5s")
        assert "/nowhere" in message, message

    def test_never_stops_talking(self, server):
        relay = Relay(server.port, "garbage")
        relay.serve = flood
        try:
            self.bad(self.config(relay.port), "2s")
        finally:
            relay.close()


def flood(conn):
    try:
        for _ in range(2000):
            conn.sendall(b"not yet\r\n" * 100)
    except OSError:
        pass
    conn.close()


class TestSsh(SshCases):
    TYPE = "ssh"

    def test_banner(self, server):
        doc = self.good(dict(self.config(server.port), expect={"banner": "OpenSSH"}))
        assert "OpenSSH" in doc["message"] and doc["metrics"]["ssh_up"] == 1, doc
        message = self.bad(dict(self.config(server.port), expect={"banner": "Dropbear"}), "5s")
        assert "the banner is" in message, message

    def command(self, server, command, **expect):
        return dict(self.config(server.port), username="root", private_key_file=server.dir + "/id", command=command,
                    expect=expect)

    def test_command(self, server):
        doc = self.good(self.command(server, "echo all is well", output="^all is well$"))
        assert "all is well" in doc["message"] and doc["metrics"]["ssh_command_exit_status"] == 0, doc
        self.good(self.command(server, "exit 3", exit_status=3))

    def test_command_that_fails(self, server):
        message = self.bad(self.command(server, "echo disk is full >&2; exit 2"), "5s")
        assert "status 2; want 0" in message and "disk is full" in message, message
        message = self.bad(self.command(server, "echo no", output="yes"), "5s")
        assert 'is "no"' in message, message
        assert "signal" in self.bad(self.command(server, "kill -9 $$"), "5s")

    def test_command_that_hangs(self, server):
        status, doc, _ = check("ssh", self.command(server, "sleep 20"), "2s")
        assert status == 1 and "timeout while running the command" in doc["message"], doc

    def test_command_that_never_stops_talking(self, server):
        assert "never stops" in self.bad(self.command(server, "yes"), "10s")


class TestSftp(SshCases):
    TYPE = "sftp"

    @pytest.fixture(autouse=True)
    def know(self, server):
        self.key = server.dir + "/id"
        self.folder = server.dir + "/files"

    def config(self, port):
        return {"host": "127.0.0.1", "port": port, "username": "root", "private_key_file": self.key,
                "path": self.folder + "/ready.txt"}

    def test_file(self, server):
        doc = self.good(dict(self.config(server.port), expect={"type": "file", "min_size": "1KiB", "max_age": "1h"}))
        assert doc["metrics"]["sftp_file_bytes"] == 1234, doc
        assert "want at least" in self.bad(dict(self.config(server.port), expect={"min_size": "2KiB"}), "5s")
        os.utime(self.folder + "/ready.txt", (1e9, 1e9))
        assert "s ago" in self.bad(dict(self.config(server.port), expect={"max_age": "1h"}), "5s")
        os.utime(self.folder + "/ready.txt")

    def test_folder(self, server):
        config = dict(self.config(server.port), path=self.folder)
        assert "a folder" in self.good(dict(config, expect={"type": "folder"}))["message"]
        assert "want a file" in self.bad(dict(config, expect={"type": "file"}), "5s")

    def test_no_file(self, server):
        message = self.bad(dict(self.config(server.port), path="/nowhere/x"), "5s")
        assert message == "there is no /nowhere/x" or "there is no /nowhere/x" in message, message

    def test_login_alone(self, server):
        config = self.config(server.port)
        del config["path"]
        assert "logged in" in self.good(config)["message"]
