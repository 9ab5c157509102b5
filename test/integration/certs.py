"""Certificates for the tests, made by the openssl command: an authority and what it signed, rightly and wrongly."""

import os
import ssl
import subprocess


def openssl(*argv, cwd):
    subprocess.run(["openssl", *argv], cwd=cwd, check=True, capture_output=True, timeout=30)


class Certs:
    """self.context(KIND): a server's TLS. Kinds: good (127.0.0.1, localhost), expired, other (another name),
    selfsigned. self.ca: the authority's file."""

    def __init__(self, folder):
        self.folder = str(folder)
        os.makedirs(self.folder, exist_ok=True)
        self.ca = os.path.join(self.folder, "ca.pem")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                "ca.key", "-out", "ca.pem", "-days", "400", "-subj", "/CN=Belfry test authority", cwd=self.folder)
        ours = "IP:127.0.0.1,DNS:localhost"
        self.signed("good", ours, "-days", "200")
        self.signed("soon", ours, "-days", "5")
        self.signed("other", "DNS:elsewhere.example", "-days", "200")
        self.expired(ours)
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                "selfsigned.key", "-out", "selfsigned.pem", "-days", "200", "-subj", "/CN=127.0.0.1", "-addext",
                "subjectAltName=" + ours, cwd=self.folder)

    def request(self, name, alt):
        with open(os.path.join(self.folder, name + ".ext"), "w", encoding="ascii") as f:
            f.write(f"subjectAltName={alt}\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", name + ".key",
                "-out", name + ".csr", "-subj", "/CN=" + name, cwd=self.folder)

    def signed(self, name, alt, *days):
        self.request(name, alt)
        openssl("x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-out", name + ".pem", "-extfile", name + ".ext", *days, cwd=self.folder)

    def expired(self, alt):
        """openssl x509 of Debian 12 takes no start date; its ca command does."""
        self.request("expired", alt)
        with open(os.path.join(self.folder, "ca.cnf"), "w", encoding="ascii") as f:
            f.write("[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nserial=serial.txt\nnew_certs_dir=.\n"
                    "default_md=sha256\npolicy=p\ncopy_extensions=copy\n[p]\ncommonName=supplied\n")
        open(os.path.join(self.folder, "index.txt"), "w", encoding="ascii").close()
        with open(os.path.join(self.folder, "serial.txt"), "w", encoding="ascii") as f:
            f.write("1000\n")
        openssl("ca", "-batch", "-config", "ca.cnf", "-in", "expired.csr", "-out", "expired.pem", "-cert", "ca.pem",
                "-keyfile", "ca.key", "-extfile", "expired.ext", "-startdate", "20200101000000Z", "-enddate",
                "20210101000000Z", "-notext", cwd=self.folder)

    def context(self, name):
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        c.load_cert_chain(os.path.join(self.folder, name + ".pem"), os.path.join(self.folder, name + ".key"))
        return c
