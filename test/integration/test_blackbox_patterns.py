"""Regular expressions of modules: what blackbox_exporter refuses Belfry refuses, what it takes means the same."""

import json
import subprocess

import pytest
from belfry import run
from blackbox_cases import EXPORTER, Case, pair_of
from blackbox_site import World
from certs import Certs

TAKEN = [
    "(?P<name>a)(?P<other>b)", "\\Aab\\z", "(?s)a.b", "(?i:A)b", "(?U)a+", "(?m)^a$", "(?-s).", "\\pL+", "\\p{Greek}", "\\P{Lu}",
    "\\p{^Greek}", "[[:alpha:]]", "[[:^digit:]]", "[\\p{Han}\\d]", "\\Qa.b\\E", "\\x{1F600}", "\\x41", "\\123", "\\bword\\B", "a{2,3}?",
    "a*?b+?", "x{1000}", "[^\\n]", "(?:a|b)", "(?P<n>a)(?P<n>b)", "\\a\\f\\v\\t", "",
]
REFUSED = [
    "a++", "a*+", "a?+", "a{2}+", "a**", "(?=a)", "(?!a)", "(?<=a)", "(?<!a)", "(?>a)", "\\1", "(a)\\1", "\\k<n>", "\\Z", "\\G", "\\R", "\\X",
    "(?P<>a)", "(?P<a-b>x)", "x{1001}", "(", ")", "[a", "a{3,2}", "*a", "(?z)", "\\p{Nonsense}", "[[:nonsense:]]", "\\8",
    "(?P=n)", "(?#x)", "(?R)", "(*RE2)a(?=b)",
]


def modules(pattern):
    return json.dumps({"modules": {"m": {"prober": "http", "http": {"fail_if_body_not_matches_regexp": [pattern]}}}})


@pytest.fixture
def takes(tmp_path):
    """Which of the two take a pattern."""
    if not EXPORTER:
        pytest.skip("prometheus-blackbox-exporter is not here: tools/deps.sh test")
    path, config = tmp_path / "blackbox.yml", tmp_path / "belfry.yaml"
    config.write_text(json.dumps({"server": {"blackbox_file": str(path)}}))

    def ask(pattern):
        path.write_text(modules(pattern))
        theirs = subprocess.run([EXPORTER, "--config.check", f"--config.file={path}"], capture_output=True, text=True)
        status, out, err = run("config", "check", "-c", config)
        assert status == 0 or "regular expression" in out + err, out + err
        return theirs.returncode == 0, status == 0

    return ask


def test_taken(takes):
    assert [p for p in TAKEN if takes(p) != (True, True)] == []


def test_refused(takes):
    assert [p for p in REFUSED if takes(p) != (False, False)] == []


def test_one_byte(takes):
    """\\C, any one byte, is RE2's and not Go's."""
    assert takes("a\\Cb") == (False, False)


BODIES = {"greek": "αβγ", "lines": "a\nb", "upper": "ABC", "high": "x\u00e9y"}
MEANS = [
    ("greek", "^\\p{Greek}{3}$", True), ("greek", "^\\P{Greek}", False), ("greek", "^...$", True), ("greek", "^\\w", False),
    ("greek", "\\bβ", False), ("lines", "^a.b$", False), ("lines", "(?s)^a.b$", True), ("lines", "a$", False), ("lines", "(?m)a$", True),
    ("lines", "\\Aa\\nb\\z", True), ("lines", "(?P<l>a)\\s(?P<r>b)", True), ("upper", "(?i)^abc$", True), ("upper", "^abc$", False),
    ("upper", "[[:lower:]]", False), ("upper", "\\QABC\\E", True), ("upper", "(?U)^A.*C$", True), ("high", "^x.y$", True),
    ("high", "x\\x{e9}y", True), ("high", "(?i)XÉY", True), ("high", "x\\Sy", True), ("high", "^[[:word:]]+$", False),
]
CASES = [Case(f"{i}_{body}", {"prober": "http", "timeout": "5s", "http": {
    "method": "POST", "body": BODIES[body], "fail_if_body_not_matches_regexp": [p]}}, lambda w: w.url(path="/echo"), up=up)
    for i, (body, p, up) in enumerate(MEANS)]


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("patterns")
    world = World(Certs(folder / "certs"), folder)
    yield from pair_of(folder, CASES, world)
    world.close()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_same(pair, case):
    pair.compare(case)
