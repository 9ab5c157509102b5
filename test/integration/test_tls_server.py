"""The page over https: versions, HSTS, plain HTTP sent over, a certificate that is replaced while running, and one that cannot be."""

import http.client
import os
import shutil
import socket
import ssl
import warnings

import pytest

from belfry import free_port, wait_until


def install(certs, name, folder):
    for kind in ("pem", "key"):
        shutil.copyfile(os.path.join(certs.folder, f"{name}.{kind}"), os.path.join(folder, f"server.{kind}.new"))
    for kind in ("key", "pem"):
        os.rename(os.path.join(folder, f"server.{kind}.new"), os.path.join(folder, f"server.{kind}"))


def context(certs):
    return ssl.create_default_context(cafile=certs.ca)


def ask(b, certs, path="/health/live", ctx=None):
    c = http.client.HTTPSConnection("127.0.0.1", b.port, timeout=10, context=ctx or context(certs))
    try:
        c.request("GET", path)
        r = c.getresponse()
        return r.status, r.read().decode(), r.headers
    finally:
        c.close()


def serial(b, certs):
    with socket.create_connection(("127.0.0.1", b.port), 10) as s:
        with context(certs).wrap_socket(s, server_hostname="127.0.0.1") as t:
            return t.getpeercert()["serialNumber"]


def ready(b, certs):
    try:
        return ask(b, certs, "/health/ready")[0] == 200
    except OSError:
        return False


def metric(b, certs, name):
    for line in ask(b, certs, "/metrics")[1].splitlines():
        if line.startswith(name + " "):
            return float(line.rpartition(" ")[2])
    return None


@pytest.fixture
def house(belfry, certs, tmp_path):
    folder = str(tmp_path / "tls")
    os.makedirs(folder)
    install(certs, "good", folder)
    port = free_port()
    b = belfry({"server": {"anonymous": "admin", "redirect_listen": f"127.0.0.1:{port}", "tls": {
        "cert_file": folder + "/server.pem", "key_file": folder + "/server.key"}}}, start=False)
    b.tls, b.redirect = folder, port
    b.start(wait=False)
    wait_until(lambda: ready(b, certs), 20, what="ready over https")
    return b


def test_https(house, certs):
    status, _, headers = ask(house, certs)
    assert status == 200 and headers["Strict-Transport-Security"].startswith("max-age=")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert metric(house, certs, "belfry_http_tls_certificate_expiry_timestamp_seconds") > 1.7e9
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that they are old
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(OSError):
        ask(house, certs, ctx=old)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        ctx = context(certs)
        ctx.minimum_version = ctx.maximum_version = version
        assert ask(house, certs, ctx=ctx)[0] == 200


def test_redirect(house):
    def go(path, host):
        c = http.client.HTTPConnection("127.0.0.1", house.redirect, timeout=10)
        c.putrequest("GET", path, skip_host=True)
        c.putheader("Host", host)
        c.endheaders()
        r = c.getresponse()
        r.read()
        c.close()
        return r.status, r.headers
    status, headers = go("/a%20b/c?q=1%262&x", "monitor.example.com:80")
    assert status == 308
    assert headers["Location"] == f"https://monitor.example.com:{house.port}/a%20b/c?q=1%262&x"
    assert go("/", "[::1]:80")[1]["Location"] == f"https://[::1]:{house.port}/"
    for bad in ("evil.com/x", "a b", "x@y", ""):
        assert go("/", bad)[0] == 400
    status, headers = go("/%0d%0aX-Injected:%20yes?a=%0d%0aB:c", "localhost")
    assert status == 308 and headers["X-Injected"] is None and "%0D%0AX-Injected" in headers["Location"]


def test_new_certificate(house, certs):
    before = serial(house, certs)
    install(certs, "soon", house.tls)
    wait_until(lambda: serial(house, certs) != before, 15, 0.2, "the new certificate is in use")
    assert metric(house, certs, "belfry_http_tls_reloads_total") >= 1
    now = serial(house, certs)
    failures = metric(house, certs, "belfry_http_tls_reload_failures_total")
    for broken in ("not a certificate\n", open(os.path.join(certs.folder, "other.pem"), encoding="ascii").read()):
        with open(house.tls + "/server.pem", "w", encoding="ascii") as f:
            f.write(broken)
        wait_until(lambda: metric(house, certs, "belfry_http_tls_reload_failures_total") > failures, 15, 0.2, broken[:20])
        failures = metric(house, certs, "belfry_http_tls_reload_failures_total")
        assert serial(house, certs) == now  # the old one stays


def test_broken_at_start(belfry, certs, tmp_path):
    b = belfry({"server": {"tls": {"cert_file": str(tmp_path / "none.pem"), "key_file": str(tmp_path / "none.key")}}},
               start=False)
    b.start(wait=False)
    assert b.child.wait(30) == 78
    assert "none.pem" in b.output(200)
