"""Types that bench/stage.py has no server of: what stands in for one here, as in their integration tests. Where a silent server is
wanted, a socket listens that nobody reads.

Each of STAND_INS makes three configurations: healthy, with nobody there, and with something that never answers.
"""
import contextlib
import functools
import os
import socket
import sys
import tempfile

from stage import TESTS, Unavailable

sys.path[:0] = [p for p in (TESTS, os.path.join(TESTS, "services")) if p not in sys.path]

from belfry import free_port  # noqa: E402

BACKLOG = 4096  # connections that nobody takes wait there, also when the prober has gone
PLUGIN = """#!/bin/sh
echo "THING OK - all is well | time=250ms;1000;2000;0 'free space'=2GB;~:10;@5: load1=0.5;5.0;10"
"""


class StandIn:
    """As stage.Stage is: type, config, server (here only whether there is one), freeze, thaw, nobody."""

    server = True

    def __init__(self, kind):
        self.type, self.make, self.stack = kind.split("-")[0], STAND_INS[kind], contextlib.ExitStack()

    def __enter__(self):
        try:
            folder = self.stack.enter_context(tempfile.TemporaryDirectory(prefix="belfry-stand-in-"))
            self.healthy, self.none, self.silent = self.make(folder, self.stack)
        except BaseException as e:  # pytest.skip is no Exception
            self.stack.close()
            raise Unavailable(str(e)[:300]) from e
        self.config = self.healthy
        return self

    def __exit__(self, *_):
        self.stack.close()

    def nobody(self):
        return self.none

    def freeze(self):
        self.config = self.silent

    def thaw(self):
        self.config = self.healthy


def listener(stack, family=socket.AF_INET, where=("127.0.0.1", 0)):
    s = stack.enter_context(socket.socket(family))
    s.bind(where)
    s.listen(BACKLOG)
    return s


def silent_port(stack):
    return listener(stack).getsockname()[1]


def program(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, 0o755)
    return path


def container(folder, stack):
    from test_host import INSPECT, Engine
    engine = Engine(os.path.join(folder, "engine.sock"))
    stack.callback(engine.close)
    engine.socket.listen(BACKLOG)
    engine.says(INSPECT)
    listener(stack, socket.AF_UNIX, os.path.join(folder, "silent.sock"))
    return [{"container": "shop-db", "socket": os.path.join(folder, name)} for name in ("engine.sock", "none.sock", "silent.sock")]


def systemd(folder, stack):
    from test_host import FAKE
    program(os.path.join(folder, "systemctl"), FAKE)
    before = os.environ["PATH"]
    stack.callback(os.environ.__setitem__, "PATH", before)
    os.environ["PATH"] = f"{folder}:{before}"
    return [{"unit": name} for name in ("good", "nobody", "hangs")]


def plugins(folder, _stack):
    thing = program(os.path.join(folder, "check_thing"), PLUGIN)
    return [{"command": command} for command in ([thing], [os.path.join(folder, "none")], ["/bin/sleep", "300"])]


def domain(method, _folder, stack):
    """remember as short as it may be: else one answer would do for all."""
    from test_web import Registry
    registry = Registry()
    stack.callback(registry.close)
    for s in (registry, *registry.services):
        s.socket.listen(BACKLOG)
    base = {"domain": "example.com", "method": method, "remember": "1ms"}
    closed, silent = free_port(), silent_port(stack)
    return [dict(base, rdap_url=rdap, whois_server=whois) for rdap, whois in (
        (registry.rdap, registry.whois),
        *((f"http://127.0.0.1:{port}/", f"127.0.0.1:{port}") for port in (closed, silent)))]


def transaction(_folder, stack):
    from test_web import Shop, steps_of
    shop = Shop()
    stack.callback(shop.close)
    shop.socket.listen(BACKLOG)
    closed, silent = free_port(), silent_port(stack)
    steps = steps_of(shop)
    elsewhere = [[dict(s, url=s["url"].replace(shop.url, f"http://127.0.0.1:{port}")) for s in steps] for port in (closed, silent)]
    return [{"steps": s} for s in (steps, *elsewhere)]


# name, its type before the dash: what makes (healthy, nobody, silent) of a folder and an ExitStack
STAND_INS = {
    "docker": container,
    "podman": container,
    "systemd": systemd,
    "exec-plugin": plugins,
    "domain-rdap": functools.partial(domain, "rdap"),
    "domain-whois": functools.partial(domain, "whois"),
    "transaction": transaction,
}
