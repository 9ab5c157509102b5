"""http: authentication against a real Apache, tokens, rules of headers, versions and TLS. What http does with nginx and with
servers that misbehave is in test_cli.py and the unit tests."""

import base64
import hashlib
import json
import urllib.parse

import pytest
from belfry import enterable, free_port
from harness import Server, check, program
from servers import Http, Service

MODULES = "/usr/lib/apache2/modules"


@pytest.fixture(scope="module")
def apache(tmp_path_factory):
    """Digest in /digest/, basic in /basic/, nothing in /open/."""
    folder, port = tmp_path_factory.mktemp("apache"), free_port()
    exe = program("apache2", "apache2-bin")
    for name in ("digest", "basic", "open"):
        (folder / name).mkdir()
        (folder / name / "index.html").write_text("willkommen")
    ha1 = hashlib.md5("mon:keller:geheim".encode()).hexdigest()
    (folder / "digest.txt").write_text(f"mon:keller:{ha1}\n")
    sha = base64.b64encode(hashlib.sha1(b"geheim").digest()).decode()
    (folder / "basic.txt").write_text("mon:{SHA}" + sha + "\n")
    modules = ["mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic", "auth_digest", "dir",
               "headers"]
    (folder / "apache.conf").write_text("\n".join([f"LoadModule {m}_module {MODULES}/mod_{m}.so" for m in modules] + [
        f'ServerRoot "{folder}"', f'PidFile "{folder}/pid"', f"Listen 127.0.0.1:{port}", "ServerName localhost",
        f'ErrorLog "{folder}/error.log"', f'DocumentRoot "{folder}"', "DirectoryIndex index.html", "User nobody",
        "Group nogroup", 'Header set X-Frame-Options "DENY"', f'DefaultRuntimeDir "{folder}"',
        f'<Directory "{folder}">', "Require all granted", "</Directory>",
        f'<Directory "{folder}/digest">', "AuthType Digest", 'AuthName "keller"', f'AuthUserFile "{folder}/digest.txt"',
        "Require valid-user", "</Directory>",
        f'<Directory "{folder}/basic">', "AuthType Basic", 'AuthName "keller"', f'AuthUserFile "{folder}/basic.txt"',
        "Require valid-user", "</Directory>"]))
    enterable(folder)
    s = Server([exe, "-X", "-f", folder / "apache.conf"], port, folder / "out.log")
    yield s
    s.close()


def fetch(apache, path, **config):
    return check("http", {"url": f"http://127.0.0.1:{apache.port}{path}", **config})


def test_digest(apache):
    account = {"username": "mon", "password": "geheim"}
    status, doc, err = fetch(apache, "/digest/", auth="digest", expect={"body_contains": "willkommen"}, **account)
    assert status == 0 and doc["metrics"]["probe_http_status_code"] == 200, (doc, err)
    assert fetch(apache, "/basic/", **account)[0] == 0
    for config in ({}, account, {"username": "mon", "password": "falsch", "auth": "digest"}):
        status, doc, _ = fetch(apache, "/digest/", **config)
        assert status == 1 and "HTTP status 401" in doc["message"], doc


def test_header_rules(apache):
    rules = [({"name": "X-Frame-Options", "matches": "^DENY$"}, ""),
             ({"name": "X-Frame-Options", "not_matches": "ALLOW"}, ""),
             ({"name": "X-Frame-Options", "not_matches": "DENY"}, "must not match"),
             ({"name": "X-Other", "matches": "x"}, "is missing"),
             ({"name": "X-Other", "matches": "x", "may_be_missing": True}, "")]
    for rule, message in rules:
        status, doc, _ = fetch(apache, "/open/", expect={"header_rules": [rule]})
        assert (status == 1) == bool(message) and message in doc["message"], (rule, doc)


def test_versions_and_tls(apache):
    for expect, message in (({"http_versions": ["HTTP/1.1"]}, ""), ({"http_versions": ["HTTP/2.0"]}, "came as HTTP/1.1"),
                            ({"tls": "forbidden"}, ""), ({"tls": "required"}, "without TLS")):
        status, doc, _ = fetch(apache, "/open/", expect=expect)
        assert (status == 1) == bool(message) and message in doc["message"], (expect, doc)


class Tokens(Service):
    """An authorization server, a service that wants its tokens at /, and one that speaks the three messages of NTLM at
    /ntlm without looking at the proof."""

    def __init__(self):
        self.asked = []
        super().__init__()

    class Handler(Http):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            form = urllib.parse.parse_qs(self.body().decode())
            self.server.asked.append(form)
            want = "Basic " + base64.b64encode(b"belfry:geheim").decode()
            if self.headers["Authorization"] != want:
                self.answer(401, b'{"error":"invalid_client","error_description":"unknown client"}')
            else:
                self.answer(200, json.dumps({"access_token": "t0k3n", "token_type": "Bearer"}).encode())

        def do_GET(self):
            if self.path == "/ntlm":
                return self.ntlm()
            good = self.headers["Authorization"] == "Bearer t0k3n"
            self.answer(200 if good else 401, b"ok" if good else b"no")

        def ntlm(self):
            word = self.headers.get("Authorization") or ""
            message = base64.b64decode(word[5:]) if word.startswith("NTLM ") else b""
            if len(message) > 12 and message[8] == 3 and "mon".encode("utf-16le") in message:
                self.answer(200, b"ok")
            elif len(message) > 12 and message[8] == 1:
                challenge = (b"NTLMSSP\0\2\0\0\0" + bytes(4) + (56).to_bytes(4, "little") +
                             (0x00828201).to_bytes(4, "little") + b"12345678" + bytes(8) + bytes(4) +
                             (56).to_bytes(4, "little") + bytes(8))
                self.answer(401, b"", WWW_Authenticate="NTLM " + base64.b64encode(challenge).decode())
            else:
                self.answer(401, b"", WWW_Authenticate="NTLM")


@pytest.fixture(scope="module")
def tokens():
    t = Tokens()
    yield t
    t.close()


def test_oauth2_client_credentials(tokens):
    oauth = {"token_url": tokens.url + "/token", "client_id": "belfry", "client_secret": "geheim",
             "scopes": ["read", "status"], "params": {"audience": "shop & co"}}
    status, doc, err = check("http", {"url": tokens.url + "/", "oauth2": oauth})
    assert status == 0, (doc, err)
    assert tokens.asked[-1] == {"grant_type": ["client_credentials"], "scope": ["read status"],
                                "audience": ["shop & co"]}
    status, doc, _ = check("http", {"url": tokens.url + "/", "oauth2": dict(oauth, client_secret="falsch")})
    assert status == 1 and "HTTP status 401, invalid_client: unknown client" in doc["message"], doc
    assert "geheim" not in json.dumps(doc) and "falsch" not in json.dumps(doc)


def test_ntlm_messages_with_a_server_that_takes_any_proof(tokens):
    account = {"auth": "ntlm", "username": "WERK\\mon", "password": "geheim"}
    status, doc, err = check("http", {"url": tokens.url + "/ntlm", **account})
    assert status == 0, (doc, err)


def test_bad_configurations(tokens):
    for config, words in (({"auth": "digest"}, "without username"), ({"oauth2": {"token_url": "ftp://x"}}, "required"),
                          ({"bearer": "x", "oauth2": {"token_url": tokens.url, "client_id": "a", "client_secret": "b"}},
                           "want one of them"),
                          ({"expect": {"header_rules": [{"name": "A"}]}}, "says nothing"),
                          ({"expect": {"http_versions": ["3"]}}, "want HTTP/1.0")):
        status, _, err = check("http", {"url": tokens.url, **config})
        assert status == 2 and words in err, (config, err)
