"""snmp against net-snmp's snmpd: versions 1, 2c and 3."""

import pytest
from harness import Server, check, program
from udp import UdpCases, bound, udp_port, write

SNMPD = """
agentAddress udp:127.0.0.1:{port}
rocommunity geheim
createUser ann SHA authpass1 AES privpass1
createUser bob SHA-256 authpass2 AES privpass2
createUser carl
rouser ann auth
rouser bob priv
rouser carl noauth
sysName bell-tower
sysLocation here
sysServices 72
"""
NAME, SERVICES, LOCATION = "1.3.6.1.2.1.1.5.0", "1.3.6.1.2.1.1.7.0", "1.3.6.1.2.1.1.6.0"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("snmpd"))
    port = udp_port()
    conf = write(folder, "snmpd.conf", SNMPD.format(port=port))
    s = Server([program("snmpd", "snmpd"), "-f", "-Lo", "-C", "-c", conf], port, folder + "/log", ready=lambda: bound(port),
               env={"SNMP_PERSISTENT_DIR": folder, "MIBS": ""})
    yield s
    s.close()


class TestSnmp(UdpCases):
    TYPE = "snmp"

    def config(self, port):
        return {"host": "127.0.0.1", "port": port, "community": "geheim"}

    def ask(self, server, **object_):
        return dict(self.config(server.port), objects=[{"oid": SERVICES, **object_}])

    def test_system(self, server):
        doc = self.good(self.config(server.port))
        assert "bell-tower" in doc["message"] and doc["metrics"]["snmp_up"] == 1, doc
        self.good(dict(self.config(server.port), version="1"))

    def test_wrong_community(self, server):
        message = self.bad(dict(self.config(server.port), community="falsch"))
        assert "nobody answered" in message and "community" in message, message

    @pytest.mark.parametrize("op,value,good", [
        ("==", "72", True), ("==", "71", False), ("<", "73", True), ("<", "72", False), (">=", "72", True),
        (">", "100", False), ("matches", "^7[0-9]$", True), ("exists", None, True)])
    def test_comparisons(self, server, op, value, good):
        config = self.ask(server, op=op, name="services", **({"value": value} if value else {}))
        if good:
            assert self.good(config)["metrics"][f'snmp_value{{oid="{SERVICES}",name="services"}}'] == 72
        else:
            message = self.bad(config, "5s")
            assert f'services is "72"; want {op} {value}' in message, message

    def test_several(self, server):
        doc = self.good(dict(self.config(server.port), objects=[
            {"oid": "." + NAME, "op": "==", "value": "bell-tower"}, {"oid": LOCATION, "op": "contains", "value": "er"},
            {"oid": SERVICES}]))
        assert "bell-tower, here, 72" in doc["message"], doc

    def test_no_object(self, server):
        message = self.bad(dict(self.config(server.port), objects=[{"oid": "1.3.6.1.2.1.1.99.0"}]), "5s")
        assert "there is no object 1.3.6.1.2.1.1.99.0" in message, message
        message = self.bad(dict(self.config(server.port), version="1", objects=[{"oid": "1.3.6.1.2.1.1.99.0"}]), "5s")
        assert "there is no such object" in message, message

    def test_bad_oid(self, server):
        status, _, err = check("snmp", dict(self.config(server.port), objects=[{"oid": "sysName.0"}]))
        assert status != 0 and "object identifier" in err, err

    def test_url(self, server):
        status, doc, err = check(f"snmp://geheim@127.0.0.1:{server.port}/{SERVICES}")
        assert status == 0 and "72" in doc["message"], (doc, err)


class TestSnmpV3(UdpCases):
    TYPE = "snmp"

    def config(self, port):
        return {"host": "127.0.0.1", "port": port, "version": "3", "username": "bob", "auth_protocol": "sha256",
                "auth_password": "authpass2", "priv_password": "privpass2"}

    @pytest.mark.parametrize("more", [
        {"username": "ann", "auth_password": "authpass1"},
        {"username": "ann", "auth_password": "authpass1", "priv_password": "privpass1"},
        {"username": "bob", "auth_protocol": "sha256", "auth_password": "authpass2", "priv_password": "privpass2"},
        {"username": "carl"}])
    def test_levels(self, server, more):
        doc = self.good({"host": "127.0.0.1", "port": server.port, "version": "3", **more})
        assert "bell-tower" in doc["message"], doc

    @pytest.mark.parametrize("more,words", [
        ({"auth_password": "falsch-falsch"}, "the password is wrong"),
        ({"priv_password": "falsch-falsch"}, "encryption"),
        ({"username": "dora"}, "there is no such user"),
        ({"username": "carl"}, "level of security"),
        ({"auth_protocol": "sha"}, "the password is wrong")])
    def test_refused(self, server, more, words):
        message = self.bad(dict(self.config(server.port), **more), "3s")
        assert words in message or (words == "encryption" and "nobody answered" in message), message

    def test_too_short(self, server):
        status, _, err = check("snmp", dict(self.config(server.port), auth_password="short"))
        assert status != 0 and "too short" in err, err
