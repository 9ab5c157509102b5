"""The store fails: full disk, locked by another, damaged, from a newer Belfry. Ringing goes on."""

import ctypes
import glob
import os
import sqlite3
import time

import pytest

from belfry import wait_until

SMALL = {"limits": {"watcher": {"ring_size": "1MiB"}}}


def config(hook, t, threshold=1, **more):
    return {"channels": [hook.channel()], "defaults": {"channels": ["webhook"]}, **SMALL, **more, "groups": [
        {"name": "g", "interval": "300ms", "timeout": "200ms", "threshold": threshold,
         "targets": [{"name": "shop", "url": t.tcp}]}]}


def told(hook, status, name):
    return [at for at, s, n in hook.alerts() if (s, n) == (status, name)]


def store_alert(hook, status):
    return [r for r in hook.of("webhook") for a in r.json["alerts"] if a["status"] == status and "store" in str(a)]


def outage(hook, t, name="shop"):
    before = len(told(hook, "firing", name))
    t.down()
    wait_until(lambda: len(told(hook, "firing", name)) > before, 15, what="it rings")
    before = len(told(hook, "resolved", name))
    t.up()
    wait_until(lambda: len(told(hook, "resolved", name)) > before, 20, what="the recovery is told")


@pytest.fixture
def tmpfs(tmp_path):
    """A small file system of its own."""
    libc, mounted = ctypes.CDLL(None, use_errno=True), []

    def mount(folder, size):
        os.makedirs(folder, exist_ok=True)
        if libc.mount(b"tmpfs", folder.encode(), b"tmpfs", 0, f"size={size}".encode()) != 0:
            pytest.skip("cannot mount a tmpfs: " + os.strerror(ctypes.get_errno()))
        mounted.append(folder)
    yield mount
    for folder in mounted:
        libc.umount2(folder.encode(), 2)


def test_disk_full(belfry, hook, target, tmpfs):
    t = target("accept")
    b = belfry(config(hook, t), start=False)
    tmpfs(b.data, "16m")
    b.start()
    b.wait_status("shop", "healthy")
    filler = os.path.join(b.data, "filler")
    with open(filler, "wb", buffering=0) as f:
        try:
            while True:
                f.write(b"x" * 4096)
        except OSError:
            pass
    wait_until(lambda: store_alert(hook, "firing"), 30, what="a loud alert")
    assert b.call("GET", "/health")[0] == 503
    assert b.target("shop")["status"] == "healthy", "it is still judged"
    outage(hook, t)
    status, doc, _ = b.call("POST", "/api/v1/targets", {"name": "n", "url": t.tcp})
    assert status in (503, 507) and doc["detail"], (status, doc)
    os.unlink(filler)
    wait_until(lambda: store_alert(hook, "resolved"), 30, what="it resumes by itself")
    wait_until(lambda: b.call("GET", "/health")[0] == 200)
    assert b.post("targets", {"name": "n", "url": t.tcp})["id"]
    outage(hook, t)
    assert b.stop() == 0
    assert b.sql("PRAGMA integrity_check") == [("ok",)]
    assert b.sql("SELECT count(*) FROM alert_records WHERE target_name='shop' AND status='resolved'") == [(2,)]
    rows, unique = b.sql("SELECT count(*), count(DISTINCT id) FROM probe_results")[0]
    assert rows == unique and len(told(hook, "firing", "shop")) == 2


def test_locked_by_another_process(belfry, hook, target):
    t, steady = target("accept"), target("accept")
    doc = config(hook, t)
    doc["groups"][0]["targets"].append({"name": "steady", "url": steady.tcp})
    b = belfry(doc)
    b.wait_status("shop", "healthy")
    other = sqlite3.connect(os.path.join(b.data, "belfry.db"), isolation_level=None, timeout=20)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    outage(hook, t)
    assert b.get("targets")["total"] == 2
    time.sleep(max(0, 7 - (time.monotonic() - began)))
    other.execute("ROLLBACK")
    other.close()
    wait_until(lambda: b.sql("SELECT status FROM alert_records WHERE target_name='shop'") == [("resolved",)], 20,
               what="what was held back is stored")
    outage(hook, t)
    time.sleep(0.5)
    assert b.stop() == 0
    # Not of shop: what connected as its port closed may never have been accepted.
    rows = b.sql("SELECT count(*), count(DISTINCT r.id) FROM probe_results r JOIN probe_targets t ON t.id=r.target_id "
                 "WHERE t.name='steady'")[0]
    assert rows == (steady.served, steady.served), "no result was lost, none doubled"
    assert len(told(hook, "firing", "shop")) == 2 and len(told(hook, "resolved", "shop")) == 2


def test_kill_while_the_store_is_locked(belfry, hook, target):
    """What was rung from memory must not be lost or rung again without end."""
    t, steady = target("accept"), target("accept")
    doc = config(hook, t)
    doc["groups"][0]["targets"].append({"name": "steady", "url": steady.tcp})
    b = belfry(doc)
    b.wait_status("shop", "healthy")
    other = sqlite3.connect(os.path.join(b.data, "belfry.db"), isolation_level=None, timeout=20)
    other.execute("BEGIN IMMEDIATE")
    t.down()
    wait_until(lambda: told(hook, "firing", "shop"), 15)
    b.kill_all()
    other.execute("ROLLBACK")
    other.close()
    b.start()
    t.up()
    wait_until(lambda: told(hook, "resolved", "shop"), 20)
    time.sleep(1)
    assert 1 <= len(told(hook, "firing", "shop")) <= 2
    assert len(told(hook, "resolved", "shop")) == 1


def test_damaged_file_at_the_start(belfry, hook, target):
    t = target("accept")
    b = belfry(config(hook, t))
    b.wait_status("shop", "healthy")
    assert b.stop() == 0
    with open(os.path.join(b.data, "belfry.db"), "r+b") as f:
        f.write(os.urandom(8192))
    b.start()
    wait_until(lambda: glob.glob(os.path.join(b.data, "belfry.db.damaged-*")), what="it is set aside")
    b.wait_status("shop", "healthy")
    outage(hook, t)
    assert "damaged" in b.output(200)
    assert any("damaged" in r.text() for r in store_alert(hook, "firing")), "and told"
    wait_until(lambda: b.sql("SELECT status FROM alert_records WHERE target_id=0") == [("firing",)])
    b.kill_all()
    b.start()
    wait_until(lambda: b.sql("SELECT status FROM alert_records WHERE target_id=0") == [("resolved",)], 20,
               what="the alert of an earlier life of the core ends too")
    assert b.stop() == 0
    assert b.sql("PRAGMA integrity_check") == [("ok",)]


def test_damaged_while_running(belfry, hook, target):
    t = target("accept")
    b = belfry(config(hook, t))
    mine = b.post("targets", {"name": "mine", "url": t.tcp, "interval_seconds": 0.5, "timeout_seconds": 0.3})
    b.wait_status("shop", "healthy")
    time.sleep(0.5)
    path = os.path.join(b.data, "belfry.db")
    sqlite3.connect(path, timeout=10).execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    for victim in (path, path + "-wal"):
        size = os.path.getsize(victim)
        with open(victim, "r+b") as f:
            f.write(os.urandom(size))
    outage(hook, t)
    wait_until(lambda: glob.glob(path + ".damaged-*"), 40, what="the damage is found")
    wait_until(lambda: any("damaged" in r.text() for r in store_alert(hook, "firing")), 20, what="and told")
    outage(hook, t)
    assert b.target(mine["id"])["name"] == "mine"
    assert b.stop() == 0
    assert b.sql("PRAGMA integrity_check") == [("ok",)]
    assert b.sql("SELECT name FROM probe_targets ORDER BY 1") == [("mine",), ("shop",)]


def test_newer_schema_is_refused(belfry, hook, target):
    b = belfry(config(hook, target("accept")))
    assert b.stop() == 0
    path = os.path.join(b.data, "belfry.db")
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version=9999")
    db.commit()
    db.close()
    b.start(wait=False)
    assert b.child.wait(20) not in (0, None)
    assert "newer Belfry" in b.output(100) and "9999" in b.output(100)
    assert b.sql("PRAGMA user_version") == [(9999,)] and not glob.glob(path + ".damaged-*")


def test_results_are_kept_over_restarts_with_their_ids(belfry, hook, target):
    t = target("accept")
    b = belfry(config(hook, t))
    for _ in range(3):
        wait_until(lambda n=t.served: t.served > n + 2)
        assert b.stop() == 0
        b.start()
    shop = b.target("shop")["id"]
    items = b.get(f"targets/{shop}/results?limit=1000")["items"]
    ids = [r["id"] for r in items]
    assert ids == sorted(ids, reverse=True) and len(set(ids)) == len(ids) >= 9
    assert [r["checked_at"] for r in items] == sorted((r["checked_at"] for r in items), reverse=True)
