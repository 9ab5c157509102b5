"""An executable that was built without heavy libraries, those of BELFRY_WITHOUT (by their Meson options; all of them by
default): what it says of the types that are left out, and that the others are there. Run by tools/check_without.sh, which
makes the executables; no part of `make test` (its name is not test_*.py)."""

import json
import os

import pytest
from belfry import run

HEAVY = {"kafka": "kafka", "mysql": "mysql", "postgresql": "postgresql", "ssh": "ssh", "sftp": "ssh"}
SCHEMES = {"kafka": "kafka", "kafkas": "kafka", "mysql": "mysql", "mariadb": "mysql", "postgresql": "postgresql",
           "postgres": "postgresql", "ssh": "ssh", "sftp": "sftp"}
WITHOUT = (os.environ.get("BELFRY_WITHOUT") or " ".join(HEAVY.values())).split()
LEFT_OUT = [kind for kind, option in HEAVY.items() if option in WITHOUT]
BUILT_IN = [kind for kind in HEAVY if kind not in LEFT_OUT]


def says(kind):
    return f"the {kind} prober is not built in; want a build with -D{HEAVY[kind]}=enabled"


@pytest.mark.parametrize("kind", LEFT_OUT)
def test_check(kind):
    status, _, err = run("check", kind, "--config", json.dumps({"host": "127.0.0.1"}))
    assert status == 2 and says(kind) in err, err


@pytest.mark.parametrize("kind", BUILT_IN)
def test_check_of_what_is_there(kind):
    status, _, err = run("check", kind, "--config", json.dumps({"no such": "option"}))
    assert status == 2 and "unknown key" in err and "not built in" not in err, err


@pytest.mark.parametrize("scheme", SCHEMES)
def test_check_by_url(scheme):
    status, _, err = run("check", f"{scheme}://127.0.0.1:1?no_such=option")
    assert status == 2, err
    assert (says(SCHEMES[scheme]) in err) == (SCHEMES[scheme] in LEFT_OUT), err


@pytest.mark.parametrize("kind", LEFT_OUT)
def test_validation(kind, tmp_path):
    path = tmp_path / "belfry.yaml"
    path.write_text(f"groups:\n  - name: g\n    targets:\n      - {{name: a, type: {kind}, config: {{host: h}}}}\n")
    status, _, err = run("config", "check", "-c", str(path))
    assert status != 0 and says(kind) in err and "belfry.yaml:4:" in err, err


def test_api(belfry):
    b = belfry({"groups": [{"name": "g", "targets": [{"name": "file", "url": "file:///etc/hosts"}]}]})
    b.wait_status("file", "healthy", 20)  # what is left works
    known = {one["type"] for one in b.api("GET", "/api/v1/probers")["items"]}
    assert not known & set(LEFT_OUT) and {"tcp", "redis", *BUILT_IN} <= known, known
    for kind in LEFT_OUT:
        for path in ("/api/v1/targets", "/api/v1/targets/try"):
            status, doc, _ = b.call("POST", path, {"name": kind, "type": kind, "config": {"host": "h"}})
            assert status == 422 and says(kind) in json.dumps(doc), (status, doc)
