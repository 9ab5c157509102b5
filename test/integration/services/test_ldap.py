"""ldap against OpenLDAP's slapd."""

import os
import shutil
import subprocess
import tempfile

import pytest
from belfry import free_port
from harness import Server, ServiceCases, check, program

SLAPD = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {dir}/pid
TLSCertificateFile {cert}.pem
TLSCertificateKeyFile {cert}.key
TLSCACertificateFile {ca}
database mdb
maxsize 10485760
suffix "dc=example,dc=com"
rootdn "cn=admin,dc=example,dc=com"
rootpw geheim
directory {dir}/db
"""

LDIF = """dn: dc=example,dc=com
objectClass: organization
objectClass: dcObject
o: Example
dc: example

""" + "".join(f"""dn: cn=p{i},dc=example,dc=com
objectClass: inetOrgPerson
cn: p{i}
sn: Person {i} (x)
mail: p{i}@example.com

""" for i in range(5))

BASE = "dc=example,dc=com"


@pytest.fixture(scope="module")
def server(certs):
    exe = program("slapd", "slapd")
    folder = tempfile.mkdtemp(prefix="belfry-slapd-")
    os.makedirs(folder + "/db")
    conf, ldif = folder + "/slapd.conf", folder + "/base.ldif"
    with open(conf, "w", encoding="ascii") as f:
        f.write(SLAPD.format(dir=folder, cert=os.path.join(certs.folder, "good"), ca=certs.ca))
    with open(ldif, "w", encoding="ascii") as f:
        f.write(LDIF)
    subprocess.run([program("slapadd", "slapd"), "-q", "-f", conf, "-l", ldif], check=True, capture_output=True)
    port, secure = free_port(), free_port()
    s = Server([exe, "-d", "0", "-f", conf, "-h", f"ldap://127.0.0.1:{port} ldaps://127.0.0.1:{secure}"], port, folder + "/log")
    s.secure = secure
    yield s
    s.close()
    shutil.rmtree(folder)


class TestLdap(ServiceCases):
    TYPE, TLS = "ldap", True

    def config(self, port):
        return {"host": "127.0.0.1", "port": port, "username": f"cn=admin,{BASE}", "password": "geheim", "base": BASE,
                "scope": "sub", "filter": "(objectClass=inetOrgPerson)"}

    def test_bind_alone(self, server):
        assert "anonymously" in self.good({"host": "127.0.0.1", "port": server.port})["message"]

    def test_wrong_password(self, server):
        message = self.bad(dict(self.config(server.port), password="falsch"), "5s")
        assert f"refused the bind of cn=admin,{BASE}: invalid credentials" in message, message

    def test_wrong_base(self, server):
        message = self.bad(dict(self.config(server.port), base="dc=example,dc=org"), "5s")
        assert "refused the search in dc=example,dc=org" in message, message
        message = self.bad(dict(self.config(server.port), base=f"cn=nobody,{BASE}"), "5s")
        assert "no such object" in message, message

    def test_entries(self, server):
        doc = self.good(self.config(server.port))
        assert doc["metrics"]["ldap_search_entries"] == 5 and "found 5 entries" in doc["message"], doc
        config = self.config(server.port)
        assert "want at least 6" in self.bad(dict(config, expect={"min_entries": 6}), "5s")
        assert "want at most 3" in self.bad(dict(config, expect={"max_entries": 3}), "5s")
        self.good(dict(config, expect={"min_entries": 5, "max_entries": 5}))

    @pytest.mark.parametrize("text,n", [
        ("(cn=p1)", 1), ("(&(cn=p*)(!(cn=p2)))", 4), ("(|(cn=p1)(cn=p2)(mail=p3@*))", 3), ("(sn=*erson*\\28x\\29)", 5),
        ("(cn=*)", 5), ("(sn=Person 1*)", 1), ("(cn=*4)", 1), ("(cn~=p1)", 5)])  # they all sound alike
    def test_filters(self, server, text, n):
        doc = self.good(dict(self.config(server.port), filter=text, expect={"min_entries": 0}))
        assert doc["metrics"]["ldap_search_entries"] == n, doc

    def test_bad_filter(self, server):
        status, _, err = check("ldap", dict(self.config(server.port), filter="(cn=p1"))
        assert status != 0 and "filter" in err and "offset 6" in err, err

    def test_starttls(self, server, certs):
        config = dict(self.config(server.port), starttls=True)
        self.good(dict(config, tls_options={"ca_file": certs.ca}))
        assert "certificate" in self.bad(config, "5s")

    def test_ldaps(self, server, certs):
        self.good(dict(self.config(server.secure), tls=True, tls_options={"ca_file": certs.ca}))

    def test_url(self, server):
        status, doc, err = check(f"ldap://127.0.0.1:{server.port}/{BASE}?scope=sub&filter=(cn=p1)")
        assert status == 0 and "found 1 entries" in doc["message"], (doc, err)
