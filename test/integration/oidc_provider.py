"""A small OpenID provider for test_oidc.py: discovery, keys, authorization (it asks nobody anything), token. What it answers
can be bent: each wrong token that a client must refuse."""

import base64
import hashlib
import json
import secrets
import time
import urllib.parse

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from servers import Http, Service


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(n, size=None):
    return b64(n.to_bytes(size or (n.bit_length() + 7) // 8, "big"))


class Key:
    def __init__(self, alg, kid):
        self.alg, self.kid = alg, kid
        self.key = ec.generate_private_key(ec.SECP256R1()) if alg == "ES256" else rsa.generate_private_key(65537, 2048)

    def public(self):
        n = self.key.public_key().public_numbers()
        doc = {"kid": self.kid, "use": "sig", "alg": self.alg}
        if self.alg == "ES256":
            return {**doc, "kty": "EC", "crv": "P-256", "x": number(n.x, 32), "y": number(n.y, 32)}
        return {**doc, "kty": "RSA", "n": number(n.n), "e": number(n.e)}

    def sign(self, data):
        if self.alg == "ES256":
            r, s = utils.decode_dss_signature(self.key.sign(data, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        pad = padding.PSS(padding.MGF1(hashes.SHA256()), 32) if self.alg == "PS256" else padding.PKCS1v15()
        return self.key.sign(data, pad, hashes.SHA256())

    def token(self, claims, **header):
        head = {"alg": self.alg, "kid": self.kid, "typ": "JWT", **header}
        text = b64(json.dumps(head).encode()) + "." + b64(json.dumps(claims).encode())
        return text + "." + b64(self.sign(text.encode()))


class Provider(Service):
    def __init__(self, alg="RS256"):
        self.keys = [Key(alg, "k1")]
        self.signer = self.keys[0]
        self.claims = {"sub": "u1", "preferred_username": "alice", "groups": ["staff"]}
        self.bend = lambda claims: claims      # what the token says
        self.make = None                       # claims → token, instead of signing
        self.info, self.info_status = None, 200  # what /userinfo answers; None: there is none
        self.codes, self.asked = {}, []
        super().__init__()
        self.issuer = self.url

    class Handler(Http):
        def say(self, doc, status=200):
            self.answer(status, json.dumps(doc).encode(), Content_Type="application/json")

        def do_GET(self):
            p = self.server
            p.asked.append(self.path)
            if self.path == "/.well-known/openid-configuration":
                self.say({"issuer": p.issuer, "authorization_endpoint": p.issuer + "/authorize",
                          "token_endpoint": p.issuer + "/token", "jwks_uri": p.issuer + "/keys",
                          **({"userinfo_endpoint": p.issuer + "/userinfo"} if p.info is not None else {})})
            elif self.path == "/keys":
                self.say({"keys": [k.public() for k in p.keys]})
            elif self.path == "/userinfo" and self.headers.get("Authorization") == "Bearer x":
                self.say(p.info, p.info_status)
            else:
                self.say({}, 404)

        def do_POST(self):
            form = dict(urllib.parse.parse_qsl(self.body().decode()))
            self.say(*self.server.token(form, self.headers.get("Authorization")))

    def authorize(self, url):
        """What the browser does at the provider: (code, state)."""
        q = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
        assert q["response_type"] == "code" and q["code_challenge_method"] == "S256" and "openid" in q["scope"].split()
        code = secrets.token_urlsafe(16)
        self.codes[code] = q
        return code, q["state"]

    def token(self, form, auth):
        q = self.codes.pop(form["code"], None)
        want = "Basic " + base64.b64encode(b"belfry:hush").decode()
        challenge = b64(hashlib.sha256(form["code_verifier"].encode()).digest())
        if not q or auth != want or challenge != q["code_challenge"] or form["redirect_uri"] != q["redirect_uri"]:
            return {"error": "invalid_grant"}, 400
        now = int(time.time())
        claims = self.bend({"iss": self.issuer, "aud": q["client_id"], "iat": now, "exp": now + 300, "nonce": q["nonce"],
                            **self.claims})
        return {"access_token": "x", "token_type": "Bearer",
                "id_token": self.make(claims) if self.make else self.signer.token(claims)}, 200
