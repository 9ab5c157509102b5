"""http: packed answers (gzip and brotli by a real Apache, deflate by a server of this test) and bodies that are longer than
`max_body`."""

import gzip
import subprocess
import zlib

import pytest
from harness import check
from servers import bomb
from webservers import apache, end, place

TEXT = "willkommen " * 1000 + "ende"


def unpacks(encoding):
    """Whether the libcurl of this machine was built with it."""
    said = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=False).stdout
    return {"br": "brotli"}.get(encoding, "libz") in said


@pytest.fixture(scope="module")
def server():
    """/gzip/, /br/ and /plain/; the first two are packed for those who ask for it alone."""
    folder = place()
    lines = [f'DocumentRoot "{folder}"', f'<Directory "{folder}">', "Require all granted", "</Directory>"]
    for name, filter_ in (("gzip", "DEFLATE"), ("br", "BROTLI_COMPRESS"), ("plain", None)):
        (folder / name).mkdir()
        (folder / name / "a").write_text(TEXT)
        if filter_:
            lines.append(f'<Location "/{name}/">\nSetOutputFilter {filter_}\n</Location>')
    s = apache(folder, ["deflate", "brotli"], lines)
    yield s
    end(s)


def fetch(server, path, **config):
    return check("http", {"url": f"http://127.0.0.1:{server.port}{path}", **config})


@pytest.mark.parametrize("encoding", ["gzip", "br"])
def test_packed_as_wanted(server, encoding):
    if not unpacks(encoding):
        pytest.skip(f"the libcurl here does not unpack {encoding}")
    expect = {"body_contains": "willkommen"}
    status, doc, err = fetch(server, f"/{encoding}/a", encoding=encoding, expect=expect)
    assert status == 0, (doc, err)
    assert doc["metrics"]["probe_http_uncompressed_body_length"] == len(TEXT), doc
    assert doc["metrics"]["probe_http_content_length"] < len(TEXT), doc
    assert fetch(server, f"/{encoding}/a", compression=True, expect=expect)[0] == 0
    status, doc, _ = fetch(server, f"/{encoding}/a", expect=expect)  # who does not ask gets it as it is
    assert status == 0 and doc["metrics"]["probe_http_content_length"] == len(TEXT), doc


def test_not_packed_as_wanted(server):
    for path, encoding, words in (("/plain/a", "gzip", "packed with nothing; want gzip"),
                                  ("/gzip/a", "br", "packed with nothing; want br")):
        status, doc, _ = fetch(server, path, encoding=encoding)
        assert status == 1 and words in doc["message"], (path, doc)
        assert doc["metrics"]["probe_http_uncompressed_body_length"] == 0, doc
    status, doc, err = fetch(server, "/plain/a", compression=True)  # a wish, no demand
    assert status == 0, (doc, err)


def test_packed_by_a_server_of_this_test(target):
    t = target("body")
    url = t.http
    for headers, body, config, words in (
            ("Content-Encoding: deflate\r\n", zlib.compress(TEXT.encode()), {"encoding": "deflate"}, ""),
            ("Content-Encoding: gzip\r\n", gzip.compress(TEXT.encode()), {"encoding": "gzip"}, ""),
            ("Content-Encoding: gzip\r\n", gzip.compress(TEXT.encode()), {"encoding": "deflate"}, "packed with gzip; want deflate"),
            ("Content-Encoding: gzip\r\n", b"this was never packed", {"encoding": "gzip"}, "cannot be unpacked"),
            ("Content-Encoding: rot13\r\n", b"jvyyxbzzra", {"encoding": "gzip"}, "cannot be unpacked")):
        t.headers, t.body = headers, body
        status, doc, err = check("http", {"url": url, "expect": {"body_contains": "willkommen"}, **config})
        assert (status == 1) == bool(words) and words in doc["message"], (headers, config, doc, err)


def test_longer_than_max_body(server):
    for action, words in (("cut", ""), ("skip", ""), ("fail", "the body is longer than 100 bytes")):
        status, doc, _ = fetch(server, "/plain/a", max_body="100", max_body_action=action,
                               expect={"body_contains": "willkommen"})
        assert (status == 1) == bool(words) and words in doc["message"], (action, doc)
        read = doc["metrics"]["probe_http_uncompressed_body_length"]
        assert read == (len(TEXT) if action == "skip" else 100), (action, doc)
        status, doc, _ = fetch(server, "/plain/a", max_body=str(len(TEXT)), max_body_action=action)
        assert status == 0, (action, doc)  # as long as it may be


def test_what_is_past_max_body_is_not_judged(server):
    for action in ("cut", "skip"):
        status, doc, _ = fetch(server, "/plain/a", max_body="100", max_body_action=action, expect={"body_contains": "ende"})
        assert status == 1 and '"ende"' in doc["message"], (action, doc)


def test_max_body_is_counted_unpacked(server, target):
    """So that a bomb stays small: 256 MiB of zeros."""
    status, doc, _ = fetch(server, "/gzip/a", encoding="gzip", max_body="100", max_body_action="fail")
    assert status == 1 and "longer than 100 bytes" in doc["message"], doc
    bomb()  # made before a probe waits for it
    url = target("bomb").http
    status, doc, _ = check("http", {"url": url, "compression": True, "max_body_action": "fail"}, "30s")
    assert status == 1 and "longer than 1048576 bytes" in doc["message"], doc
    status, doc, _ = check("http", {"url": url, "compression": True}, "30s")
    assert status == 0 and doc["metrics"]["probe_http_uncompressed_body_length"] == 1 << 20, doc


def test_bad_configurations():
    for config, words in (({"encoding": "zip"}, "want any, gzip, deflate or br"),
                          ({"max_body_action": "drop"}, "want cut, fail or skip")):
        status, _, err = check("http", {"url": "http://127.0.0.1/", **config})
        assert status == 2 and words in err, (config, err)
