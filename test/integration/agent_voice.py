"""An agent in words: speaks for a location as `belfry agent` does, but says what the test tells it. Formats: src/ipc/parcel.c,
src/model/result_wire.c."""

import random
import struct
import time

TYPE = "application/x-belfry-results"
MAGIC, VERSION = 0x4c435042, 1


def crc_table():
    table = []
    for i in range(256):
        for _ in range(8):
            i = i >> 1 ^ (0x82f63b78 if i & 1 else 0)
        table.append(i)
    return table


TABLE = crc_table()


def crc32c(data):
    c = 0xffffffff
    for byte in data:
        c = TABLE[(c ^ byte) & 255] ^ c >> 8
    return c ^ 0xffffffff


def varint(v):
    out = b""
    while v >= 0x80:
        out, v = out + bytes([v & 0x7f | 0x80]), v >> 7
    return out + bytes([v])


def zigzag(v):
    return varint(v << 1 if v >= 0 else (-v << 1) - 1)


def text(s):
    return varint(len(s.encode())) + s.encode()


def result(target_id, success, message, checked_ms, latency_us=1500, warnings=()):
    out = bytes([1, 1 if success else 0]) + varint(target_id) + zigzag(checked_ms) + zigzag(latency_us) + zigzag(0)
    out += text(message) + varint(len(warnings)) + b"".join(map(text, warnings))
    return out + b"\1" + text("probe_success") + zigzag(int(success)) + b"\0"


class Voice:
    def __init__(self, belfry, token):
        self.belfry, self.token = belfry, token
        self.ring, self.seq, self.last = random.getrandbits(63) | 1, 0, []

    def record(self, record):
        self.seq += 1
        return self.seq, record

    def post(self, records, sent_ms=None):
        """(status, document) of a parcel with these records: (number, bytes)."""
        body = struct.pack("<QQQQQ", self.ring, 0, len(records), 0, sent_ms or int(time.time() * 1000))
        body += struct.pack("<I", 5) + b"1.2.3" + struct.pack("<I", len(records))
        for seq, record in records:
            body += struct.pack("<QI", seq, len(record)) + record
        parcel = struct.pack("<III", MAGIC, VERSION, crc32c(body)) + body
        status, doc, _ = self.belfry.call("POST", "/api/v1/agent/results", parcel,
                                          {"Authorization": f"Bearer {self.token}", "Content-Type": TYPE})
        return status, doc

    def say(self, target_id, success, message=None, times=1, ago=0.0, **more):
        """So many results of now, or of so many seconds ago; stored when it returns."""
        message = message or ("connected" if success else "connection refused")
        now = int((time.time() - ago) * 1000)
        self.last = [self.record(result(target_id, success, message, now + i, **more)) for i in range(times)]
        status, doc = self.post(self.last)
        assert status == 200, doc
        return doc

    def is_stored(self):
        """Whether database and series have all that was said."""
        return self.post([])[1]["stored"] == self.seq
