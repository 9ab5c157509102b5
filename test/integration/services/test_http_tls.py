"""http over TLS against real servers: HTTP/2 by ALPN, client certificates, and authorities that one target names for itself.
http speaks HTTP/1.1 by an engine of its own and everything else by libcurl: what both can do is asked of both."""

import os

import pytest
from belfry import free_port, wait_until
from harness import check
from webservers import apache, end, nginx, pair, place

ENGINES = {"own": {}, "curl": {"http2": True}}


@pytest.fixture(scope="module")
def server(tmp_path_factory, certs):
    """nginx: HTTP/2 at ports[0], HTTP/1.1 alone at ports[1], client certificates wanted at ports[2]; no TLS at ports[3]."""
    cert, key = pair(certs)
    tls = f"ssl_certificate {cert}; ssl_certificate_key {key}; return 200 welcome;"
    s = nginx(tmp_path_factory.mktemp("nginx"), f"listen PORT1 ssl http2; {tls}", f"listen PORT2 ssl; {tls}",
              f"listen PORT3 ssl http2; ssl_client_certificate {certs.ca}; ssl_verify_client on; {tls}", "listen PORT4; return 200 welcome;")
    s.http2, s.http1, s.wary, s.plain = s.ports
    yield s
    s.close()


@pytest.fixture(scope="module")
def strict(certs):
    """Apache, which ends the handshake when the client's certificate is not good."""
    folder = place()
    cert, key = pair(certs)
    s = apache(folder, ["ssl", "dir"], [
        f'DocumentRoot "{folder}"', "SSLEngine on", "SSLSessionCache none", f"SSLCertificateFile {cert}",
        f"SSLCertificateKeyFile {key}", f"SSLCACertificateFile {certs.ca}", "SSLVerifyClient require",
        f'<Directory "{folder}">', "Require all granted", "</Directory>"])
    (folder / "index.html").write_text("welcome")
    yield s
    end(s)


@pytest.fixture(params=ENGINES)
def engine(request):
    return ENGINES[request.param]


def fetch(port, certs, tls=None, **config):
    return check("http", {"url": f"https://127.0.0.1:{port}/", "tls": {"ca_file": certs.ca, **(tls or {})}, **config})


def client(certs, name):
    cert, key = pair(certs, name)
    return {"cert_file": cert, "key_file": key}


# --- HTTP/2 -------------------------------------------------------------------------------------


def test_http2(server, certs):
    status, doc, err = fetch(server.http2, certs, http2=True, expect={"http_versions": ["HTTP/2.0"], "body_contains": "welcome"})
    assert status == 0 and doc["metrics"]["probe_http_version"] == 2, (doc, err)
    assert doc["metrics"]["probe_ssl_earliest_cert_expiry"] > 1e9 and doc["metrics"]["probe_http_ssl"] == 1, doc


@pytest.mark.parametrize("offered,port", [(False, "http2"), (True, "http1")])
def test_http2_takes_two(server, certs, offered, port):
    """It is not offered, or not taken: HTTP/1.1, which is good unless HTTP/2 is expected."""
    at = getattr(server, port)
    status, doc, err = fetch(at, certs, http2=offered, expect={"http_versions": ["HTTP/1.1"]})
    assert status == 0 and doc["metrics"]["probe_http_version"] == 1.1, (doc, err)
    status, doc, _ = fetch(at, certs, http2=offered, expect={"http_versions": ["HTTP/2.0"]})
    assert status == 1 and "came as HTTP/1.1" in doc["message"] and "HTTP/2.0" in doc["message"], doc


def test_http2_where_11_is_expected(server, certs):
    status, doc, _ = fetch(server.http2, certs, http2=True, expect={"http_versions": ["HTTP/1.0", "HTTP/1.1"]})
    assert status == 1 and "came as HTTP/2" in doc["message"], doc


def test_http2_is_for_tls(server):
    status, doc, err = check("http", {"url": f"http://127.0.0.1:{server.plain}/", "http2": True})
    assert status == 0 and doc["metrics"]["probe_http_version"] == 1.1, (doc, err)


def test_http2_judges_certificates(server, certs):
    for tls, words in (({"ca_file": None}, "is not accepted"), ({"server_name": "elsewhere.example"}, "is not for the name elsewhere.example")):
        status, doc, _ = fetch(server.http2, certs, tls, http2=True)
        assert status == 1 and words in doc["message"] and f"127.0.0.1:{server.http2}" in doc["message"], doc


# --- client certificates ------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["nginx", "apache"])
def test_client_certificate(server, strict, certs, engine, which):
    port = server.wary if which == "nginx" else strict.port
    status, doc, err = fetch(port, certs, client(certs, "good"), expect={"body_contains": "welcome"}, **engine)
    assert status == 0, (doc, err)


def test_client_certificate_in_one_file(server, certs, engine, tmp_path):
    both = tmp_path / "both.pem"
    both.write_text("".join(open(path, encoding="ascii").read() for path in pair(certs)))
    status, doc, err = fetch(server.wary, certs, {"cert_file": str(both)}, **engine)
    assert status == 0, (doc, err)


@pytest.mark.parametrize("name,words", [(None, "No required SSL certificate was sent"), ("selfsigned", "The SSL certificate error"),
                                        ("expired", "The SSL certificate error")])
def test_nginx_says_so_in_a_page(server, certs, engine, name, words):
    status, doc, _ = fetch(server.wary, certs, client(certs, name) if name else None, **engine)
    assert status == 1 and doc["message"] == f"HTTP status 400 ({words}); want 200-299", doc


REFUSALS = {None: "it wants a client certificate", "expired": "it says that our client certificate has expired",
            "selfsigned": "it does not know the authority of our client certificate"}


@pytest.mark.parametrize("name", REFUSALS)
def test_apache_refuses_after_the_handshake(strict, certs, name):
    """TLS 1.3: the client is through with the handshake when its certificate is looked at."""
    status, doc, _ = fetch(strict.port, certs, client(certs, name) if name else None)
    assert status == 1 and doc["message"] == f"TLS handshake with 127.0.0.1:{strict.port} failed: {REFUSALS[name]}", doc


@pytest.mark.parametrize("name", [name for name in REFUSALS if name])
def test_apache_ends_the_handshake(strict, certs, engine, name):
    status, doc, _ = fetch(strict.port, certs, {**client(certs, name), "max_version": "1.2"}, **engine)
    assert status == 1 and doc["message"] == f"TLS handshake with 127.0.0.1:{strict.port} failed: {REFUSALS[name]}", doc


def test_client_certificate_that_cannot_be_read(server, certs, engine, tmp_path):
    cert, key = pair(certs)
    none, other = str(tmp_path / "none.pem"), os.path.join(certs.folder, "other.key")
    for tls, words in (({"cert_file": none, "key_file": key}, none), ({"cert_file": cert, "key_file": none}, none),
                       ({"cert_file": cert, "key_file": other}, other)):
        status, doc, _ = fetch(server.wary, certs, tls, **engine)
        assert status == 1 and words in doc["message"], (tls, doc)


# --- authorities --------------------------------------------------------------------------------


def test_an_authority_is_its_targets_alone(belfry, server, certs, engine):
    """Both targets live in one watcher and talk to one server; one of them knows who signed its certificate."""
    url = f"https://127.0.0.1:{server.http2}/"
    targets = [{"name": name, "type": "http", "config": {"url": url, "tls": tls, **engine}}
               for name, tls in (("knows", {"ca_file": certs.ca}), ("does not", {}))]
    b = belfry({"groups": [{"name": "g", "interval": "200ms", "targets": targets}]})
    b.wait_status("knows", "healthy")
    results = {t["name"]: f"targets/{b.target(t['name'])['id']}/results?limit=100" for t in targets}

    def of(name, success):
        return [one for one in b.get(results[name])["items"] if one["success"] is success]
    wait_until(lambda: len(of("knows", True)) >= 10 and len(of("does not", False)) >= 10)
    assert of("does not", True) == []
    assert any("is not accepted: unable to get local issuer certificate" in one["message"] for one in of("does not", False))


def test_nobody_there(certs, engine):
    port = free_port()
    status, doc, _ = fetch(port, certs, **engine)
    assert status == 1 and f"connection refused by 127.0.0.1:{port}" in doc["message"], doc
