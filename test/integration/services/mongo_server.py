"""A MongoDB of our own, for machines without one: OP_MSG with the documents that MongoDB 7.0 answers, and the server's side of
SCRAM-SHA-256. Standard library only; nothing in it comes from the prober."""

import base64
import functools
import hashlib
import hmac
import os
import struct
import time

from servers import Service


def encode(doc):
    out = b""
    for name, v in doc.items():
        key = name.encode() + b"\0"
        if isinstance(v, bool):
            out += b"\x08" + key + bytes([v])
        elif isinstance(v, int):
            out += b"\x10" + key + struct.pack("<i", v) if abs(v) < 1 << 31 else b"\x12" + key + struct.pack("<q", v)
        elif isinstance(v, float):
            out += b"\x01" + key + struct.pack("<d", v)
        elif isinstance(v, str):
            text = v.encode() + b"\0"
            out += b"\x02" + key + struct.pack("<i", len(text)) + text
        elif isinstance(v, bytes):
            out += b"\x05" + key + struct.pack("<iB", len(v), 0) + v
        elif isinstance(v, dict):
            out += b"\x03" + key + encode(v)
        elif isinstance(v, list):
            out += b"\x04" + key + encode({str(i): one for i, one in enumerate(v)})
        elif isinstance(v, time.struct_time):
            out += b"\x09" + key + struct.pack("<q", int(time.mktime(v)) * 1000)
        else:
            raise TypeError(name)
    return struct.pack("<i", len(out) + 5) + out + b"\0"


def decode(p):
    out, at = {}, 4
    while p[at]:
        kind, end = p[at], p.index(b"\0", at + 1)
        name, at = p[at + 1:end].decode(), end + 1
        if kind == 0x10:
            out[name], at = struct.unpack_from("<i", p, at)[0], at + 4
        elif kind == 0x08:
            out[name], at = bool(p[at]), at + 1
        elif kind == 0x02:
            n = struct.unpack_from("<i", p, at)[0]
            out[name], at = p[at + 4:at + 3 + n].decode(), at + 4 + n
        elif kind == 0x05:
            n = struct.unpack_from("<i", p, at)[0]
            out[name], at = p[at + 5:at + 5 + n], at + 5 + n
        elif kind == 0x03:
            n = struct.unpack_from("<i", p, at)[0]
            out[name], at = decode(p[at:at + n]), at + n
        else:
            raise ValueError(f"type {kind:#x} of {name}")
    return out


class Refused(Exception):
    def __init__(self, code, name, text):
        super().__init__(text)
        self.answer = {"ok": 0.0, "errmsg": text, "code": code, "codeName": name}


@functools.lru_cache
def salted_password(password, salt, count):
    return hashlib.pbkdf2_hmac("sha256", (password or os.urandom(8).hex()).encode(), salt, count)


class Scram:
    """One login: start(), then finish(), as RFC 5802 has it for SHA-256."""

    def __init__(self, users):
        self.users = users

    def start(self, payload):
        assert payload.startswith(b"n,,n="), payload
        self.bare = payload[3:].decode()
        fields = dict(part.split("=", 1) for part in self.bare.split(","))
        self.user = fields["n"].replace("=2C", ",").replace("=3D", "=")
        self.nonce = fields["r"] + base64.b64encode(os.urandom(12)).decode()
        salt, self.count = hashlib.sha224(self.user.encode()).digest(), 15000  # a user's, for good
        self.salted = salted_password(self.users.get(self.user, ""), salt, self.count)
        self.first = f"r={self.nonce},s={base64.b64encode(salt).decode()},i={self.count}"
        return self.first.encode()

    def mac(self, key, text):
        return hmac.new(key, text if isinstance(text, bytes) else text.encode(), hashlib.sha256).digest()

    def finish(self, payload):
        without, proof = payload.decode().rsplit(",p=", 1)
        assert without == f"c=biws,r={self.nonce}", without
        message = f"{self.bare},{self.first},{without}"
        key = self.mac(self.salted, "Client Key")
        want = bytes(a ^ b for a, b in zip(key, self.mac(hashlib.sha256(key).digest(), message)))
        if base64.b64decode(proof) != want:
            raise Refused(18, "AuthenticationFailed", "Authentication failed.")
        return b"v=" + base64.b64encode(self.mac(self.mac(self.salted, "Server Key"), message))


class Mongo(Service):
    """members: what replSetGetStatus says, None: no replica set. refuse: commands that need a right which nobody has."""

    def __init__(self, users=None, members=None, role="primary"):
        self.users, self.members, self.role = users or {}, members, role
        self.connections, self.refuse, self.frozen, self.old = (5, 814), set(), False, False
        self.extra_round = False
        super().__init__()

    def freeze(self):
        self.frozen = True

    def thaw(self):
        self.frozen = False

    def exactly(self, conn, n):
        data = b""
        while len(data) < n:
            more = conn.recv(n - len(data))
            if not more:
                raise OSError("closed")
            data += more
        return data

    def serve(self, conn):
        state = {"scram": Scram(self.users), "in": not self.users, "number": 7}
        conn.settimeout(20)
        while True:
            length, request, _, opcode = struct.unpack("<iiii", self.exactly(conn, 16))
            body = self.exactly(conn, length - 16)
            assert opcode == 2013 and body[:5] == b"\0\0\0\0\0", (opcode, body[:5])
            while self.frozen:
                time.sleep(0.05)
            document = encode(self.answer(decode(body[5:]), state))
            state["number"] += 1
            conn.sendall(struct.pack("<iiiiIB", 21 + len(document), state["number"], request, 2013, 0, 0) + document)

    def answer(self, command, state):
        name = next(iter(command))
        assert "$db" in command, command
        try:
            if not state["in"] and name not in ("hello", "isMaster", "saslStart", "saslContinue"):
                raise Refused(13, "Unauthorized", f"Command {name} requires authentication")
            if name in self.refuse:
                raise Refused(13, "Unauthorized", f"not authorized on admin to execute command {{ {name}: 1 }}")
            if name == "hello" and self.old or not hasattr(self, "do_" + name):
                raise Refused(59, "CommandNotFound", f"no such command: '{name}'")
            return dict(getattr(self, "do_" + name)(command, state), ok=1.0)
        except Refused as r:
            return r.answer

    def do_hello(self, _command, _state):
        doc = {"isWritablePrimary" if not self.old else "ismaster": self.role == "primary", "secondary": self.role == "secondary",
               "maxBsonObjectSize": 16777216, "maxWireVersion": 21, "localTime": time.gmtime()}
        if self.role == "mongos":
            doc["msg"] = "isdbgrid"
        if self.members is not None:
            doc.update(setName="rs0", hosts=[m["name"] for m in self.members])
        return doc
    do_isMaster = do_hello

    def do_saslStart(self, command, state):
        assert command["mechanism"] == "SCRAM-SHA-256" and command["options"] == {"skipEmptyExchange": True}, command
        if command["$db"] != "admin":
            raise Refused(18, "AuthenticationFailed", "Authentication failed.")
        return {"conversationId": 1, "done": False, "payload": state["scram"].start(command["payload"])}

    def do_saslContinue(self, command, state):
        if not command["payload"]:
            state["in"] = True
            return {"conversationId": 1, "done": True, "payload": b""}
        last = state["scram"].finish(command["payload"])
        state["in"] = not self.extra_round
        return {"conversationId": 1, "done": not self.extra_round, "payload": last}

    def do_ping(self, _command, _state):
        return {}

    def do_buildInfo(self, _command, _state):
        return {"version": "7.0.14", "gitVersion": "ce59cfc6a3c5e5c067dca0d30697edd68d4f5188", "bits": 64, "modules": [],
                "versionArray": [7, 0, 14, 0], "debug": False}

    def do_serverStatus(self, _command, _state):
        current, available = self.connections
        return {"host": "db1", "version": "7.0.14", "process": "mongod", "uptime": 86400.0, "uptimeMillis": 86400123,
                "connections": {"current": current, "available": available, "totalCreated": 1 << 33, "active": 2},
                "opcounters": {"insert": 1, "query": 2}, "mem": {"bits": 64, "resident": 98, "supported": True}}

    def do_replSetGetStatus(self, _command, _state):
        if self.members is None:
            raise Refused(76, "NoReplicationEnabled", "not running with --replSet")
        return {"set": "rs0", "date": time.gmtime(), "myState": 1, "term": 4, "members": self.members}


def member(name, state="SECONDARY", behind=0, health=1.0, said=""):
    numbers = {"PRIMARY": 1, "SECONDARY": 2, "RECOVERING": 3, "ARBITER": 7, "(not reachable/healthy)": 8}
    doc = {"_id": 0, "name": name, "health": health, "state": numbers[state], "stateStr": state, "uptime": 100,
           "optimeDate": time.localtime(time.time() - behind)}
    if said:
        doc["lastHeartbeatMessage"] = said
    return doc
