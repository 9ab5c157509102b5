"""Sign-in by OpenID Connect against a provider of our own: who gets in as what, and each token that must be refused."""

import hashlib
import hmac
import json
import re
import urllib.parse

import pytest

pytest.importorskip("cryptography")

from oidc_provider import Key, Provider, b64  # noqa: E402


@pytest.fixture(params=["RS256", "PS256", "ES256"])
def any_provider(request):
    p = Provider(request.param)
    yield p
    p.close()


@pytest.fixture
def provider():
    p = Provider()
    yield p
    p.close()


def belfry_for(belfry, p, **more):
    b = belfry({"server": {"anonymous": "none"}}, start=False)
    b.write({"server": {"anonymous": "none", "public_url": f"http://localhost:{b.port}"},
             "access": {"oidc": {"issuer": p.issuer + "/", "client_id": "belfry", "client_secret": "hush", "label": "Example",
                                 "roles": {"admins": "admin", "staff": "viewer"}, **more}}})
    return b.start()


class Browser:
    def __init__(self, b):
        self.b, self.cookies = b, {}

    def get(self, path):
        cookie = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        status, doc, headers = self.b.call("GET", path, headers={"Cookie": cookie} if cookie else {})
        for value in headers.get_all("Set-Cookie") or []:
            name, text = re.match(r"(\w+)=([^;]*);", value).groups()
            self.cookies[name] = text
        return status, doc, headers

    def begin(self, next="/"):
        status, _, headers = self.get("/api/v1/oidc/start?next=" + urllib.parse.quote(next, safe=""))
        assert status == 303
        return headers["Location"]

    def come_back(self, code, state):
        status, _, headers = self.get(f"/api/v1/oidc/callback?code={code}&state={state}")
        assert status == 303
        return urllib.parse.unquote(headers["Location"])

    def sign_in(self, p, next="/"):
        return self.come_back(*p.authorize(self.begin(next)))

    def me(self):
        return self.get("/api/v1/session")[1]


def test_signs_in(belfry, any_provider):
    p = any_provider
    b = belfry_for(belfry, p)
    you = Browser(b)
    assert you.me()["oidc"] == {"name": "Example"}
    assert you.sign_in(p, "/targets/7?x=1") == "../../../#/targets/7?x=1"
    me = you.me()
    assert (me["name"], me["role"], me["kind"], me["can_change_password"]) == ("alice", "viewer", "user", False)
    first = me["user_id"]
    p.claims["groups"] = ["staff", "admins"]  # the role follows the provider, the account stays
    again = Browser(b)
    assert again.sign_in(p) == "../../../#/"
    assert again.me()["role"] == "admin" and again.me()["user_id"] == first
    assert again.get("/api/v1/users")[1]["items"][0]["source"] == "oidc"
    assert p.asked.count("/keys") == 1  # kept


@pytest.mark.parametrize("next", ["//evil.example", "https://evil.example/", "/x\r\nSet-Cookie: a=b", "/\u00e9", "x"])
def test_goes_nowhere_else(belfry, provider, next):
    b = belfry_for(belfry, provider)
    where = Browser(b).sign_in(provider, next)
    assert where == "../../../#/" or where.startswith("../../../#//evil")  # behind the #, it is a view that is not there


WRONG = {
    "nonce": lambda c: {**c, "nonce": "x" * 43},
    "no nonce": lambda c: {k: v for k, v in c.items() if k != "nonce"},
    "audience": lambda c: {**c, "aud": "other"},
    "audiences": lambda c: {**c, "aud": ["belfry", "other"]},
    "party": lambda c: {**c, "azp": "other"},
    "issuer": lambda c: {**c, "iss": "http://other.example"},
    "expired": lambda c: {**c, "exp": c["iat"] - 120},
    "no end": lambda c: {k: v for k, v in c.items() if k != "exp"},
    "not yet": lambda c: {**c, "nbf": c["iat"] + 3600},
    "of the future": lambda c: {**c, "iat": c["iat"] + 3600},
    "nobody": lambda c: {**c, "sub": ""},
    "no role": lambda c: {**c, "groups": ["guests"]},
    "no name": lambda c: {**c, "preferred_username": "a\nb"},
}


def test_wrong_claims(belfry, provider):
    b = belfry_for(belfry, provider)
    for what, bend in WRONG.items():
        provider.bend = bend
        you = Browser(b)
        assert you.sign_in(provider).startswith("../../../#/login?error="), what
        assert you.me()["kind"] == "anonymous", what
    provider.bend = lambda c: {**c, "aud": ["belfry"]}
    assert Browser(b).sign_in(provider) == "../../../#/"


TOLD = {"sub": "248289761001", "preferred_username": "alice", "groups": ["admins"]}


def test_what_the_token_lacks_is_asked_for(belfry, provider):
    """OpenID Connect Core 5.4: with an access token, the claims of profile and email are the user info's."""
    provider.info = {**TOLD, "sub": provider.claims["sub"]}
    b = belfry_for(belfry, provider)
    Browser(b).sign_in(provider)
    assert "/userinfo" not in provider.asked  # the token says it all
    del provider.claims["groups"], provider.claims["preferred_username"]
    you = Browser(b)
    assert you.sign_in(provider) == "../../../#/"
    assert (you.me()["name"], you.me()["role"]) == ("alice", "admin")
    assert provider.asked.count("/userinfo") == 1


def test_wrong_user_info(belfry, provider):
    provider.info = TOLD
    b = belfry_for(belfry, provider)
    del provider.claims["groups"]
    sub = provider.claims["sub"]
    for what, info, status in (("somebody else's", {**TOLD, "sub": "mallory"}, 200),
                               ("nobody", {k: v for k, v in TOLD.items() if k != "sub"}, 200),
                               ("no group", {"sub": sub}, 200), ("a list", [], 200), ("refused", {"sub": sub}, 401)):
        provider.info, provider.info_status = info, status
        you = Browser(b)
        assert you.sign_in(provider).startswith("../../../#/login?error="), what
        assert you.me()["kind"] == "anonymous", what
    provider.info, provider.info_status = {**TOLD, "sub": sub, "iss": "x", "exp": 1}, 200  # what the token says is the token's
    assert Browser(b).sign_in(provider) == "../../../#/"


def none(claims):
    return b64(b'{"alg":"none"}') + "." + b64(json.dumps(claims).encode()) + "."


def with_public_key(provider):
    """HS256 with the public key as the secret: the classic confusion."""
    def make(claims):
        text = b64(b'{"alg":"HS256","kid":"k1"}') + "." + b64(json.dumps(claims).encode())
        secret = json.dumps(provider.keys[0].public()).encode()
        return text + "." + b64(hmac.new(secret, text.encode(), hashlib.sha256).digest())
    return make


def test_wrong_signatures(belfry, provider):
    b = belfry_for(belfry, provider)
    stranger = Key("RS256", "k1")

    def cut(claims):
        return provider.signer.token(claims).rsplit(".", 1)[0] + "."

    def changed(claims):
        head, _, sign = provider.signer.token(claims).split(".")
        return ".".join((head, b64(json.dumps({**claims, "groups": ["admins"]}).encode()), sign))

    makers = {"none": none, "HS256": with_public_key(provider), "stranger": stranger.token, "cut": cut, "changed": changed,
              "unknown key": Key("RS256", "k9").token, "crit": lambda c: provider.signer.token(c, crit=["x"]),
              "two parts": lambda c: "a.b", "nonsense": lambda c: "", "other alg": lambda c: provider.signer.token(c, alg="PS256"),
              "embedded": lambda c: stranger.token(c, jwk=stranger.public())}
    for what, make in makers.items():
        provider.make = make
        you = Browser(b)
        assert you.sign_in(provider).startswith("../../../#/login?error="), what
        assert you.me()["kind"] == "anonymous", what
    provider.make = None
    assert Browser(b).sign_in(provider) == "../../../#/"


def test_a_state_is_good_once_and_in_one_browser(belfry, provider):
    b = belfry_for(belfry, provider)
    you, other = Browser(b), Browser(b)
    code, state = provider.authorize(you.begin())
    other.begin()
    assert "error=" in other.come_back(code, state)  # somebody's code is pushed on another: login CSRF
    assert "error=" in you.come_back(code, state)    # used up by that
    code, state = provider.authorize(you.begin())
    kept = dict(you.cookies)
    assert you.come_back(code, state) == "../../../#/"
    you.cookies = kept
    assert "error=" in you.come_back(code, state)
    assert "error=" in Browser(b).come_back("x", "y")


def test_an_account_of_that_name_is_not_taken_over(belfry, provider):
    b = belfry_for(belfry, provider)
    import subprocess
    from belfry import EXE
    subprocess.run([EXE, "user", "add", "Alice", "--role", "admin", "--password-stdin", "-c", b.path], input="correct horse battery\n",
                   text=True, check=True, capture_output=True, timeout=30)
    you = Browser(b)
    assert "another account" in you.sign_in(provider)
    assert you.me()["kind"] == "anonymous"


def test_provider_away(belfry, provider):
    b = belfry_for(belfry, provider)
    provider.close()
    status, _, headers = Browser(b).get("/api/v1/oidc/start")
    assert status == 303 and "cannot%20reach" in headers["Location"]
    assert "hush" not in b.output(1000)
