"""The wall clock jumps by an hour, forth and back: probing, alerts and the store go on as if nothing were.

The machine's clock is not touched: a small library of this test, preloaded, shifts what the C library tells the time of
day by the number in a file. Timers on the monotonic clock are the kernel's own."""

import os
import shutil
import subprocess
import time

import pytest

from belfry import wait_until

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile long *shift;

__attribute__((constructor)) static void start(void)
{
    int fd = open(getenv("CLOCK_SHIFT"), O_RDONLY | O_CLOEXEC);
    void *p = fd < 0 ? MAP_FAILED : mmap(0, sizeof(long), PROT_READ, MAP_SHARED, fd, 0);
    if (p != MAP_FAILED)
        shift = p;
    if (fd >= 0)
        close(fd);
}
int clock_gettime(clockid_t id, struct timespec *t)
{
    int rc = (int)syscall(SYS_clock_gettime, id, t);
    if (rc == 0 && shift && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        t->tv_sec += *shift;
    return rc;
}
int gettimeofday(struct timeval *v, void *z)
{
    struct timespec t;
    (void)z;
    clock_gettime(CLOCK_REALTIME, &t);
    v->tv_sec = t.tv_sec;
    v->tv_usec = t.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *out)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (out)
        *out = t.tv_sec;
    return t.tv_sec;
}
"""


class Clock:
    def __init__(self, folder):
        self.path, self.lib = str(folder / "shift"), str(folder / "shift.so")
        (folder / "shift.c").write_text(SHIM)
        self.step(0)
        cc = shutil.which("cc") or shutil.which("gcc")
        if not cc:
            pytest.skip("no C compiler for the library that shifts the clock")
        subprocess.run([cc, "-shared", "-fPIC", "-O1", "-o", self.lib, str(folder / "shift.c"), "-ldl"], check=True)

    def step(self, seconds):
        with open(self.path, "r+b" if os.path.exists(self.path) else "wb") as f:
            f.write(seconds.to_bytes(8, "little", signed=True))

    @property
    def env(self):
        return {"LD_PRELOAD": self.lib, "CLOCK_SHIFT": self.path}


def told(hook):
    return [(s, n) for _, s, n in hook.alerts()]


@pytest.mark.parametrize("hours", [1, -1])
def test_clock_step(belfry, hook, target, tmp_path, hours):
    clock, t, steady = Clock(tmp_path), target("accept"), target("accept")
    group = {"name": "g", "interval": "500ms", "timeout": "300ms", "threshold": 2, "channels": ["webhook"],
             "targets": [{"name": "shop", "url": t.tcp}, {"name": "steady", "url": steady.tcp}]}
    b = belfry({"channels": [hook.channel()], "groups": [group]}, env=clock.env)
    b.wait_status("shop", "healthy")
    t.down()
    wait_until(lambda: told(hook) == [("firing", "shop")])
    clock.step(hours * 3600)
    before, began = steady.served, time.monotonic()
    wait_until(lambda: steady.served >= before + 5, 8, what="probing goes on at its interval")
    assert time.monotonic() - began > 1.6, "and no faster"
    t.up()
    wait_until(lambda: told(hook) == [("firing", "shop"), ("resolved", "shop")], what="the recovery is told")
    t.down()
    wait_until(lambda: told(hook)[2:] == [("firing", "shop")], 15, what="the next alert too")
    clock.step(0)
    t.up()
    wait_until(lambda: told(hook)[3:] == [("resolved", "shop")], 15)
    for a in b.get("alerts")["items"]:
        assert a["status"] == "resolved" and a["resolved_at"] >= a["fired_at"], a
    stamps = [r[0] for r in b.sql("SELECT checked_at FROM probe_results")]
    assert max(stamps) - min(stamps) > 3500 * 1000, "the clock was seen to jump"
    kept = b.sql("SELECT count(*) FROM probe_results WHERE target_id=?", b.target("steady")["id"])[0][0]
    time.sleep(0.5)
    assert b.stop() == 0
    rows = b.sql("SELECT count(*) FROM probe_results r JOIN probe_targets t ON t.id=r.target_id WHERE t.name='steady'")
    assert kept <= rows[0][0] == steady.served, "no result was lost or doubled"
    assert not b.crashes()


def test_delivery_retries_survive_a_step_back(belfry, hook, target, tmp_path):
    clock, t = Clock(tmp_path), target("accept")
    hook.modes["webhook"] = "500"
    group = {"name": "g", "interval": "500ms", "timeout": "300ms", "threshold": 1, "channels": ["webhook"],
             "targets": [{"name": "shop", "url": t.tcp}]}
    b = belfry({"channels": [hook.channel()], "groups": [group]}, env=clock.env)
    b.wait_status("shop", "healthy")
    t.down()
    wait_until(lambda: hook.attempts)
    clock.step(-3600)
    hook.modes["webhook"] = "ok"
    wait_until(lambda: hook.alerts(), 30, what="a retry must not wait an hour")
