"""tcp, by the cases that every service has: a web server that is asked for a line."""

import pytest
from harness import ServiceCases
from servers import Target


@pytest.fixture(scope="module")
def server():
    t = Target()
    t.freeze, t.thaw = lambda: setattr(t, "mode", "hang"), lambda: setattr(t, "mode", "ok")
    yield t
    t.close()


class TestTcp(ServiceCases):
    TYPE, TLS = "tcp", True

    def config(self, port):
        return {"host": "127.0.0.1", "port": port,
                "steps": [{"send": "GET / HTTP/1.1\\r\\n\\r\\n", "expect": "^HTTP/1.1 200"}]}
