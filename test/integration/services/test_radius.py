"""radius against FreeRADIUS."""

import shutil
import tempfile

import pytest
from harness import Server, check, program
from udp import UdpCases, bound, udp_port, write

RADIUSD = """
prefix = /usr
libdir = /usr/lib/freeradius
logdir = {dir}
run_dir = {dir}
pidfile = {dir}/pid
max_requests = 16384
log {{
  destination = stdout
}}
security {{
  reject_delay = 0
  status_server = yes
  allow_vulnerable_openssl = yes
}}
thread pool {{
  start_servers = 1
  max_servers = 4
  min_spare_servers = 1
  max_spare_servers = 2
}}
client here {{
  ipaddr = 127.0.0.1
  secret = geheim
}}
modules {{
  files {{
    filename = {dir}/users
  }}
  pap {{
  }}
  always handled {{
    rcode = handled
  }}
}}
server default {{
  listen {{
    type = auth
    ipaddr = 127.0.0.1
    port = {port}
  }}
  authorize {{
    if (&User-Name == "carol") {{
      update control {{
        &Response-Packet-Type := Access-Challenge
      }}
      handled
    }}
    files
    pap
  }}
  authenticate {{
    Auth-Type PAP {{
      pap
    }}
  }}
}}
"""
USERS = """bob Cleartext-Password := "a password of more than sixteen letters"
    Reply-Message = "Good evening"
"""


@pytest.fixture(scope="module")
def server():
    exe = program("freeradius", "freeradius")
    folder = tempfile.mkdtemp(prefix="belfry-radius-")
    port = udp_port()
    write(folder, "radiusd.conf", RADIUSD.format(dir=folder, port=port))
    write(folder, "users", USERS)
    write(folder, "dictionary", "$INCLUDE /usr/share/freeradius/dictionary\n")
    s = Server([exe, "-f", "-d", folder, "-n", "radiusd"], port, folder + "/log", ready=lambda: bound(port))
    yield s
    s.close()
    shutil.rmtree(folder)


class TestRadius(UdpCases):
    TYPE = "radius"

    def config(self, port):
        return {"host": "127.0.0.1", "port": port, "secret": "geheim", "username": "bob",
                "password": "a password of more than sixteen letters"}

    def test_accept(self, server):
        doc = self.good(self.config(server.port))
        assert "bob accepted" in doc["message"] and doc["metrics"]["radius_response_code"] == 2, doc

    def test_wrong_password(self, server):
        config = dict(self.config(server.port), password="falsch")
        assert "rejected bob; want accepted" in self.bad(config, "5s")
        self.good(dict(config, expect={"answer": "reject"}))

    def test_unknown(self, server):
        assert "rejected nobody" in self.bad(dict(self.config(server.port), username="nobody"), "5s")

    def test_challenge(self, server):
        config = dict(self.config(server.port), username="carol", password="geheim")
        assert "challenged carol; want accepted" in self.bad(config, "5s")
        self.good(dict(config, expect={"answer": "challenge"}))

    def test_status_server(self, server):
        doc = self.good({"host": "127.0.0.1", "port": server.port, "secret": "geheim"})
        assert "the status request accepted" in doc["message"], doc

    def test_wrong_secret(self, server):
        """FreeRADIUS says nothing to a wrong Message-Authenticator."""
        message = self.bad(dict(self.config(server.port), secret="falsch"), "3s")
        assert "secret" in message, message

    def test_secret_is_required(self):
        status, _, err = check("radius", {"host": "127.0.0.1"})
        assert status != 0 and "secret" in err, err
