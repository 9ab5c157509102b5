"""Fixtures: each test gets a Belfry in a folder of its own and servers that end with it. A test that hangs is ended by
its own waits; TEST_SECONDS is the last resort."""

import faulthandler
import os
import signal
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "services")]

from belfry import EXE, LONG, Belfry  # noqa: E402
from certs import Certs  # noqa: E402
from servers import Dns, Smtp, Target, Webhook  # noqa: E402

TEST_SECONDS = 900 if LONG else 120


def pytest_sessionstart(session):
    if not os.access(EXE, os.X_OK):
        pytest.exit(f"no executable at {EXE}: make build, or set BELFRY", returncode=2)


@pytest.fixture(autouse=True)
def bounded(request):
    def too_long(_signo, _frame):
        faulthandler.dump_traceback()
        pytest.fail(f"{request.node.name} still runs after {TEST_SECONDS} s")
    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(TEST_SECONDS)
    yield
    signal.alarm(0)


def pytest_terminal_summary(terminalreporter):
    """How well probers kept their deadlines (services/harness.py)."""
    harness = sys.modules.get("harness")
    if harness and harness.LATE:
        terminalreporter.write_line(harness.late_text())


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows what its Belfrys said."""
    report = (yield).get_result()
    if report.when == "call" and report.failed:
        for b in getattr(item, "belfrys", []):
            report.sections.append((f"output of {b.folder}", b.output(80)))


@pytest.fixture
def belfry(tmp_path, request):
    """belfry(config, name="b", start=True, **kw) → a running Belfry."""
    made = request.node.belfrys = []

    def make(config=None, name=None, start=True, **kw):
        b = Belfry(tmp_path / (name or f"b{len(made)}"), config, **kw)
        made.append(b)
        return b.start() if start else b
    yield make
    for b in made:
        b.close()


def maker(cls):
    @pytest.fixture
    def fixture():
        made = []

        def make(*args, **kw):
            made.append(cls(*args, **kw))
            return made[-1]
        yield make
        for m in made:
            m.close()
    return fixture


target = maker(Target)
smtp = maker(Smtp)
dns = maker(Dns)


@pytest.fixture
def hook():
    h = Webhook()
    yield h
    h.close()


@pytest.fixture(scope="session")
def certs(tmp_path_factory):
    return Certs(tmp_path_factory.mktemp("certs"))
