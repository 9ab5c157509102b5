"""tools/run_tests.py itself, on a tree of a few made-up tests: what fails, hangs, is skipped or is unstable is named in its
total, and nothing that one file does costs another its results."""

import argparse
import importlib
import os
import sys
import tempfile

import pytest

from belfry import ROOT

GOOD = "def test_good():\n    pass\n"
FILES = {
    "test_good": GOOD,
    "test_bad": GOOD + "def test_bad():\n    assert 1 == 2, 'one is not two'\n",
    "test_skips": GOOD + "import pytest\n@pytest.mark.skip(reason='no moon tonight')\ndef test_moon():\n    pass\n",
    "test_broken": "import no_such_module\n",
    "deeper/test_deep": GOOD,
    "services/test_service": GOOD,
}
HANGS = GOOD + "import time\ndef test_endless():\n    time.sleep(1000)\n"
UNSTABLE = """import os
def test_second_time():
    seen = os.path.exists({mark!r})
    open({mark!r}, "w").close()
    assert seen, "not yet"
"""


@pytest.fixture
def runner(monkeypatch, tmp_path):
    """runner(files, limit=60, expr=None) → {suite: totals} of a tree with these files in test/integration."""
    monkeypatch.syspath_prepend(os.path.join(ROOT, "tools"))
    module = importlib.import_module("run_tests")
    monkeypatch.setattr(module, "ROOT", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def run(files, limit=60, expr=None):
        for name, text in files.items():
            path = tmp_path / "test" / "integration" / (name + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        out = tmp_path / "out"
        out.mkdir()
        args = argparse.Namespace(out=str(out), lanes=2, limit=limit, expr=expr, pytest=["-k", expr] if expr else [],
                                  env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
        names = ["services", "integration"]
        return dict(zip(names, module.run_together(names, args)))
    yield run
    sys.modules.pop("run_tests")


def names(tests):
    return sorted(name for name, _ in tests)


def test_whatever_happens_is_in_the_total(runner, tmp_path, capsys):
    parts = runner(FILES)
    told, services = parts["integration"], parts["services"]
    assert (told.passed, services.passed) == (4, 1)
    failed = dict(told.failed)
    assert len(failed) == 2 and any("no_such_module" in text for text in failed.values()), failed
    assert "one is not two" in failed["test/integration/test_bad: test_bad"]
    assert told.skipped == [("test/integration/test_skips: test_moon", "no moon tonight")]
    assert "integration  4 passed, 2 failed, 1 skipped" in capsys.readouterr().out
    kept = [d for d in os.listdir(tmp_path) if d.startswith("belfry-test-")]
    assert 2 <= len(kept) <= 4, "the folders of the failed stay, those of the second time too"


def test_a_file_that_hangs_is_ended_and_named(runner):
    told = runner({"test_hangs": HANGS}, limit=3)["integration"]
    assert told.passed == 0 and names(told.failed) == ["integration-test_hangs"]
    assert "still running after 3 s" in told.failed[0][1]


def test_what_passes_alone_is_unstable(runner, tmp_path):
    told = runner({"test_good": GOOD, "test_twice": UNSTABLE.format(mark=str(tmp_path / "mark"))})["integration"]
    assert told.passed == 2 and told.failed == []
    assert names(told.unstable) == ["test/integration/test_twice: test_second_time"]
    assert "not yet" in told.unstable[0][1]


def test_a_job_that_breaks_is_a_failure(runner, monkeypatch):
    def breaks(_args):
        return [lambda: 1 // 0]
    monkeypatch.setitem(sys.modules["run_tests"].TOGETHER, "integration", breaks)
    parts = runner({"services/test_service": GOOD})
    assert parts["services"].passed == 1
    assert "ZeroDivisionError" in dict(parts["integration"].failed)["integration (a job of it broke)"]


def test_one_name_alone(runner):
    parts = runner({name: text for name, text in FILES.items() if name != "test_broken"}, expr="moon or deep")
    assert parts["integration"].passed == 1 and names(parts["integration"].skipped) == ["test/integration/test_skips: test_moon"]
    assert parts["services"].passed == 0 and not parts["services"].failed
