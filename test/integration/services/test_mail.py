"""smtp against Postfix, imap and pop3 against Dovecot, which also checks Postfix's logins."""

import os
import shutil
import tempfile

import pytest
from belfry import free_port
from harness import Server, ServiceCases, check, listens, program

WHO, SECRET = "bob", 'ge"heim\\ 7'

DOVECOT = """
protocols = imap pop3
listen = 127.0.0.1
base_dir = {dir}/run
state_dir = {dir}/state
log_path = /dev/stderr
ssl = yes
ssl_cert = <{cert}.pem
ssl_key = <{cert}.key
disable_plaintext_auth = no
auth_mechanisms = plain login
mail_location = mbox:{dir}/mail/%u
mail_uid = nobody
mail_gid = nogroup
first_valid_uid = 1
first_valid_gid = 1
auth_failure_delay = 0
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {dir}/passwd
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={dir}/mail
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
    ssl = yes
  }}
}}
service auth {{
  inet_listener {{
    address = 127.0.0.1
    port = {auth}
  }}
}}
"""

POSTFIX = """
compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
myhostname = mail.test
mydestination = mail.test
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
maillog_file = /dev/stdout
alias_maps =
alias_database =
local_recipient_maps = inline:{{bob=x}}
smtpd_tls_security_level = may
smtpd_tls_cert_file = {cert}.pem
smtpd_tls_key_file = {cert}.key
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:{auth}
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
"""

MASTER = """
127.0.0.1:{smtp} inet n - n - - smtpd
127.0.0.1:{smtps} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
127.0.0.1:{noplain} inet n - n - - smtpd
  -o smtpd_tls_auth_only=yes
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
local unix - n n - - local
error unix - - n - - error
retry unix - - n - - error
postlog unix-dgram n - n - 1 postlogd
"""

MAILBOX = """From bob Sun Nov 22 00:00:00 2026
From: ann@example.com
Subject: one

text

From bob Sun Nov 22 00:00:01 2026
From: ann@example.com
Subject: two

text

"""


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def open_folder(name):
    """pytest's own are closed to the servers' users."""
    folder = tempfile.mkdtemp(prefix=f"belfry-{name}-")
    os.chmod(folder, 0o755)
    return folder


class Ports:
    """The ports of one Dovecot and one Postfix; as a ServiceCases' server, one of them."""

    def __init__(self, **ports):
        self.__dict__.update(ports)


@pytest.fixture(scope="module")
def dovecot(certs):
    exe = program("dovecot", "dovecot-imapd")
    folder = open_folder("dovecot")
    os.makedirs(folder + "/mail/" + WHO)
    write(f"{folder}/mail/{WHO}/inbox", MAILBOX)
    os.chmod(write(f"{folder}/passwd", f"{WHO}:{{PLAIN}}{SECRET}\n"), 0o644)
    for root, _, files in os.walk(folder + "/mail"):
        for name in [root] + [os.path.join(root, f) for f in files]:
            shutil.chown(name, "nobody", "nogroup")
    p = Ports(imap=free_port(), imaps=free_port(), pop3=free_port(), pop3s=free_port(), auth=free_port(), dir=folder)
    conf = write(folder + "/dovecot.conf", DOVECOT.format(cert=os.path.join(certs.folder, "good"), **vars(p)))
    p.server = Server([exe, "-F", "-c", conf], p.imap, folder + "/log",
                      ready=lambda: all(map(listens, (p.imap, p.imaps, p.pop3, p.pop3s, p.auth))))
    yield p
    p.server.close()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def postfix(certs, dovecot):
    program("postfix", "postfix")
    folder = open_folder("postfix")
    for name in ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved",
                 "trace", "maildrop", "public", "pid"):
        os.makedirs(f"{folder}/queue/{name}")
        if name != "pid":
            shutil.chown(f"{folder}/queue/{name}", "postfix")
    os.makedirs(folder + "/data")
    shutil.chown(folder + "/data", "postfix", "postfix")
    p = Ports(smtp=free_port(), smtps=free_port(), noplain=free_port(), auth=dovecot.auth, dir=folder)
    write(folder + "/main.cf", POSTFIX.format(cert=os.path.join(certs.folder, "good"), **vars(p)))
    write(folder + "/master.cf", MASTER.format(**vars(p)))
    p.server = Server(["/usr/lib/postfix/sbin/master", "-c", folder, "-d"], p.smtp, folder + "/log",
                      env={"MAIL_CONFIG": folder, "MAIL_LOGTAG": "postfix"})
    yield p
    p.server.close()
    shutil.rmtree(folder)


def facing(server, port, secure):
    """The server with one of its protocols in front; secure: the port with implicit TLS."""
    server.port, server.secure = port, secure
    return server


class MailCases(ServiceCases):
    TLS = True
    ca = ""

    @pytest.fixture(autouse=True)
    def know(self, certs):
        self.ca = certs.ca

    def config(self, port):
        return {"host": "127.0.0.1", "port": port, "username": WHO, "password": SECRET}

    def test_starttls(self, server):
        doc = self.good(dict(self.config(server.port), starttls=True, tls_options={"ca_file": self.ca}))
        assert doc["metrics"][self.TYPE + "_up"] == 1 and "probe_ssl_earliest_cert_expiry" in doc["metrics"], doc

    def test_starttls_of_a_stranger(self, server):
        assert "certificate" in self.bad(dict(self.config(server.port), starttls=True), "3s")

    def test_implicit_tls(self, server):
        self.good(dict(self.config(server.secure), tls=True, tls_options={"ca_file": self.ca}))

    def test_wrong_password(self, server):
        message = self.bad(dict(self.config(server.port), password="falsch"), "5s")
        assert "refused the login of bob" in message and "uthentication failed" in message, message

    def test_no_login(self, server):
        self.good({"host": "127.0.0.1", "port": server.port})

    def test_capability(self, server):
        message = self.bad(dict(self.config(server.port), expect={"capabilities": ["XUNKNOWN"]}), "3s")
        assert "does not offer XUNKNOWN" in message, message

    def test_greeting(self, server):
        message = self.bad(dict(self.config(server.port), expect={"greeting": "Exchange"}), "3s")
        assert "the greeting is" in message and 'matches "Exchange"' in message, message


class TestSmtp(MailCases):
    TYPE = "smtp"

    @pytest.fixture
    def server(self, postfix):
        return facing(postfix.server, postfix.smtp, postfix.smtps)

    def test_would_take_a_mail(self, server):
        where = {"host": "127.0.0.1", "port": server.port, "sender": "ann@example.com"}
        self.good(dict(where, recipient="bob@mail.test"))
        message = self.bad(dict(where, recipient="nobody-here@mail.test"), "3s")
        assert "the recipient <nobody-here@mail.test>" in message and "550" in message, message
        message = self.bad(dict(where, recipient="x@elsewhere.example"), "3s")
        assert "Relay access denied" in message, message
        self.good(dict(self.config(server.port), recipient="x@elsewhere.example"))

    def test_login_only_with_tls(self, postfix):
        message = self.bad(self.config(postfix.noplain), "3s")
        assert "neither AUTH PLAIN nor AUTH LOGIN" in message and "starttls" in message, message
        self.good(dict(self.config(postfix.noplain), starttls=True, tls_options={"ca_file": self.ca}))

    def test_url(self, postfix):
        status, doc, err = check(f"smtp://127.0.0.1:{postfix.smtp}?starttls&tls_options.verify=false")
        assert "tls_options.verify" in err or doc.get("success"), (status, doc, err)
        assert check(f"smtp://127.0.0.1:{postfix.smtp}")[1]["success"] is True


class TestImap(MailCases):
    TYPE = "imap"

    @pytest.fixture
    def server(self, dovecot):
        return facing(dovecot.server, dovecot.imap, dovecot.imaps)

    def test_mailbox(self, server):
        doc = self.good(dict(self.config(server.port), mailbox="INBOX"))
        assert doc["metrics"]["imap_mailbox_messages"] == 2 and "2 messages" in doc["message"], doc
        assert "refused the mailbox none" in self.bad(dict(self.config(server.port), mailbox="none"), "3s")


class TestPop3(MailCases):
    TYPE = "pop3"

    @pytest.fixture
    def server(self, dovecot):
        return facing(dovecot.server, dovecot.pop3, dovecot.pop3s)

    def test_messages(self, server):
        doc = self.good(self.config(server.port))
        assert doc["metrics"]["pop3_mailbox_messages"] == 2, doc
