"""Public status pages: what is shown and what is not, who may see them, served from copies, incidents, feeds, badges, subscriptions with
double opt-in."""

import base64
import email
import email.policy
import http.client
import json
import re
import threading
import time
import urllib.parse
import xml.etree.ElementTree as ET

import pytest

from belfry import Refused, wait_until

EVIL = '<script>alert(1)</script>"\'&<img src=x onerror=alert(2)>'
ATOM = "{http://www.w3.org/2005/Atom}"
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 40).decode()


def config(targets, **more):
    return {"groups": [{"name": "web", "interval": "500ms", "threshold": 1, "timeout": "500ms", "targets": targets}], **more}


def one(target, **kw):
    return {"name": "shop", "url": target.http, **kw}


@pytest.fixture
def shop(belfry, target):
    """A Belfry with the target "shop" that is up."""
    t = target()
    b = belfry(config([one(t)], server={"public_url": "http://127.0.0.1:1/ops"}))
    b.wait_status("shop", "healthy")
    b.shop, b.id = t, b.target("shop")["id"]
    return b


def page(b, **more):
    return b.post("status-pages", {"slug": "main", "title": "Example", "targets": [b.id], **more})


def html(b, slug="main", query="", **kw):
    status, text, headers = b.call("GET", f"/status/{slug}{query}", **kw)
    assert status == 200, (status, text)
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    return text


# --- the page -------------------------------------------------------------------------------------------------------------------------


def test_page_in_both_languages(shop):
    page(shop, description="All about **us**", footer="[Imprint](https://example.com/imprint)", show_latency=True)
    text = html(shop)
    assert '<html lang="en">' in text and "All systems operational" in text and "shop" in text
    assert "<strong>us</strong>" in text and 'href="https://example.com/imprint"' in text
    assert "<script" not in text and "style=" not in text and "onclick" not in text
    text = html(shop, headers={"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.5"})
    assert '<html lang="zh-CN">' in text and "所有服务运行正常" in text
    assert "所有服务运行正常" in html(shop, query="?lang=zh")
    doc = shop.api("GET", "/status/main.json")
    assert doc["state"] == "up" and doc["sections"][0]["targets"][0]["name"] == "shop"
    shop.api("PATCH", "status-pages/main", {"language": "zh"})
    assert "所有服务运行正常" in html(shop)


def test_states_are_followed(shop):
    page(shop)
    assert "s-up" in html(shop)
    shop.shop.down()
    shop.wait_status("shop", "unhealthy")
    wait_until(lambda: shop.api("GET", "/status/main.json")["state"] == "down", 15)
    text = wait_until(lambda: ">Down<" in html(shop) and html(shop), 15)
    assert "Some systems are down" in text
    assert str(shop.shop.port) not in text and "127.0.0.1" not in text and "refused" not in text  # no address, no message


def test_nothing_evil_comes_through(belfry, target):
    t = target()
    b = belfry(config([{"name": EVIL, "url": t.http}]))
    b.wait_status(EVIL, "healthy")
    b.id = b.target(EVIL)["id"]
    page(b, title=EVIL, description=EVIL + " [x](javascript:alert(3)) ![y](https://evil.example/t.png)", footer=EVIL,
         sections=[{"title": EVIL, "targets": [b.id]}])
    i = b.post("incidents", {"title": EVIL, "status_pages": ["main"], "targets": [b.id],
                             "markdown": EVIL + "\n\n<iframe src=x></iframe>\n\n[a](data:text/html,x) [b](https://ok.example/?a=1&b=\"2)"})
    text = html(b)
    for wrong in ("<script", "<img src=x", "<iframe", "javascript:", "data:text/html", "evil.example"):
        assert wrong not in re.sub(r"<style>.*?</style>", "", text, flags=re.S), wrong
    assert "&lt;script&gt;" in text
    assert "onerror" not in re.sub(r"&lt;.*?&gt;", "", text)
    assert all("script" not in u["html"] for u in i["updates"])
    for feed in ("rss", "atom"):
        assert "<script" not in b.call("GET", f"/status/main/{feed}")[1]
    status, svg, headers = b.call("GET", f"/badge/{b.id}.svg?label={urllib.parse.quote(EVIL)}")
    assert status == 200 and "<script" not in svg and "sandbox" in headers["Content-Security-Policy"]
    ET.fromstring(svg)


def test_policy_names_the_style(shop):
    page(shop)
    _, text, headers = shop.call("GET", "/status/main")
    import hashlib
    css = re.search(r"<style>(.*?)</style>", text, re.S)[1]
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    policy = headers["Content-Security-Policy"]
    assert f"'sha256-{digest}'" in policy and "default-src 'none'" in policy and "unsafe" not in policy
    assert len(headers.get_all("Content-Security-Policy")) == 1
    assert headers["Refresh"] == "60"


def test_sections_groups_and_names(belfry, target):
    t = target()
    b = belfry({"groups": [{"name": "web", "interval": "1s", "targets": [one(t), {"name": "db-internal-17", "url": t.http}]},
                           {"name": "db", "interval": "1s", "targets": [{"name": "main", "url": t.http}]}]})
    ids = {x["name"]: x["id"] for x in b.get("targets")["items"]}
    p = b.post("status-pages", {"slug": "s", "title": "S", "sections": [{"title": "Front", "targets": [ids["shop"], ids["db-internal-17"]]}],
                                "groups": ["db"], "names": {str(ids["db-internal-17"]): "Database"}})
    assert p["target_count"] == 2 and p["missing"] == []
    text = html(b, "s")
    assert "Database" in text and "db-internal-17" not in text and "<h2>Front</h2>" in text and "<h2>db</h2>" in text
    sections = b.api("GET", "/status/s.json")["sections"]
    assert [[x["name"] for x in s["targets"]] for s in sections] == [["main"], ["shop", "Database"]]


def test_rules_of_the_document(shop):
    def refused(field, status=422, **more):
        with pytest.raises(Refused) as e:
            page(shop, **more)
        assert e.value.status == status, e.value
        assert status != 422 or field in [x["field"] for x in e.value.body["errors"]], e.value.body
    refused("slug", slug="Ä b")
    refused("slug", slug="123")
    refused("colour", colour="red;}body{")
    refused("time_zone", time_zone="Mars/Olympus")
    refused("public_url", public_url="javascript:alert(1)")
    refused("allow[0]", allow=["10.0.0.0/33"])
    refused("targets", targets=["x"])
    refused("history_days", history_days=4000)
    refused("logo", logo="data:image/png;base64," + base64.b64encode(b"<svg>").decode())
    refused("logo", logo="data:image/svg+xml;base64," + base64.b64encode(b"<svg><script>1</script></svg>").decode())
    refused("logo", logo="data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"x" * 70000).decode())
    refused("mail_channel_id", mail_channel_id=77)
    refused("nonsense", nonsense=1)
    refused("password_hash", password_hash="x")
    page(shop)
    refused("slug", status=409)
    doc = shop.get("status-pages/main")
    assert doc == shop.get(f"status-pages/{doc['id']}")
    assert shop.api("PUT", "status-pages/main", doc)["title"] == "Example"  # what it told may be sent back
    assert shop.api("PATCH", "status-pages/main", {"logo": f"data:image/png;base64,{PNG}"})["logo_url"] == "/status/main/logo"
    status, _, headers = shop.call("GET", "/status/main/logo")
    assert status == 200 and headers["Content-Type"] == "image/png" and "sandbox" in headers["Content-Security-Policy"]
    assert 'src="main/logo' in html(shop)
    shop.api("DELETE", "status-pages/main")
    assert shop.call("GET", "/status/main")[0] == 404


def test_pages_survive_kill(shop):
    page(shop, password="sesame")
    shop.post("incidents", {"title": "Fire", "status_pages": ["main"], "markdown": "hot"})
    shop.kill_all()
    shop.start()
    assert shop.get("status-pages/main")["password"] == "********"
    assert shop.get("incidents")["items"][0]["updates"][0]["markdown"] == "hot"


def test_host_of_its_own(shop):
    page(shop, public_url="http://status.example.com")
    host = {"Host": f"status.example.com:{shop.port}"}
    text = html(shop)
    assert 'href="main/rss"' in text
    status, text, _ = shop.call("GET", "/", headers=host)
    assert status == 200 and "All systems operational" in text and 'href="status/main/rss"' in text
    assert shop.call("GET", "/api/v1/targets", headers=host)[0] == 404
    assert shop.call("GET", "/metrics", headers=host)[0] == 404
    assert shop.call("GET", "/status/main/rss", headers=host)[0] == 200


# --- private ones ---------------------------------------------------------------------------------------------------------------------


def enter(b, password, slug="main"):
    form = urllib.parse.urlencode({"password": password}).encode()
    return b.call("POST", f"/status/{slug}/enter", form, {"Content-Type": "application/x-www-form-urlencoded"})


def test_password(shop):
    p = page(shop, password="open sesame")
    assert p["password"] == "********" and p["private"] and "open sesame" not in json.dumps(p)
    status, text, _ = shop.call("GET", "/status/main")
    assert status == 401 and "shop" not in text and 'type="password"' in text
    for path in ("main.json", "main/rss", "main/atom", "main/logo", "main/subscribe"):
        assert shop.call("GET", f"/status/{path}")[0] in (401, 403), path
    assert enter(shop, "wrong")[0] == 401
    status, _, headers = enter(shop, "open sesame")
    cookie = headers["Set-Cookie"]
    assert status == 303 and headers["Location"] == "../main"
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Path=/ops/status/main;" in cookie  # public_url's path
    pass_ = {"Cookie": cookie.split(";")[0]}
    text = html(shop, headers=pass_)
    assert "shop" in text
    key = re.search(r'href="main/rss\?key=([0-9a-f]+)"', text)[1]  # for feed readers, which have no cookies
    assert shop.call("GET", f"/status/main/rss?key={key}")[0] == 200
    assert shop.call("GET", f"/status/main?key={key}")[0] == 401
    assert shop.call("GET", f"/status/main/rss?key={key[:-1]}0")[0] in (401, 200 if key.endswith("0") else 401)
    page(shop, slug="other", password="open sesame")
    assert shop.call("GET", "/status/other", headers=pass_)[0] == 401
    assert shop.call("GET", f"/badge/{shop.id}.svg")[0] == 200  # anonymous may view all here; see test_badges
    shop.api("PATCH", "status-pages/main", {"title": "New"})
    assert shop.call("GET", "/status/main", headers=pass_)[0] == 200
    shop.api("PATCH", "status-pages/main", {"password": "another"})
    assert shop.call("GET", "/status/main", headers=pass_)[0] == 401  # a new password ends it
    shop.api("PATCH", "status-pages/main", {"password": None})
    assert shop.call("GET", "/status/main")[0] == 200
    assert "open sesame" not in shop.sql("SELECT group_concat(document) FROM documents")[0][0]


def test_password_cannot_be_tried_for_ever(shop):
    page(shop, password="x1")
    answers = [enter(shop, f"no{i}")[0] for i in range(12)]
    assert 429 in answers and answers[0] == 401
    assert enter(shop, "x1")[0] == 429


def test_allow_list(shop):
    page(shop, allow=["10.0.0.0/8"])
    status, text, _ = shop.call("GET", "/status/main")
    assert status == 403 and "shop" not in text
    shop.api("PATCH", "status-pages/main", {"allow": ["10.0.0.0/8", "127.0.0.0/8"]})
    assert shop.call("GET", "/status/main")[0] == 200
    shop.api("PATCH", "status-pages/main", {"allow": ["::1"], "password": "p"})
    assert shop.call("GET", "/status/main")[0] == 401


# --- copies ---------------------------------------------------------------------------------------------------------------------------


def rush(b, path, n, headers, out):
    c = http.client.HTTPConnection("127.0.0.1", b.port, timeout=20)
    try:
        for _ in range(n):
            c.request("GET", path, headers=headers)
            r = c.getresponse()
            r.read()
            out.append(r.status)
    finally:
        c.close()


def renders(b):
    return b.metrics()["belfry_status_renders_total"]


def test_a_rush_is_served_from_copies(shop):
    page(shop)
    html(shop)
    before, start, answers = renders(shop), time.monotonic(), []
    threads = [threading.Thread(target=rush, args=(shop, "/status/main", 500, {"Accept-Encoding": "gzip"}, answers)) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    took = time.monotonic() - start
    assert answers.count(200) == 4000, {s: answers.count(s) for s in set(answers)}
    assert renders(shop) - before <= took / 2.5 + 3  # one in three seconds
    assert shop.get("targets")["items"][0]["status"] == "healthy"


def test_etag_and_gzip(shop):
    page(shop, refresh_seconds=0)
    status, text, headers = shop.call("GET", "/status/main")
    assert "Refresh" not in headers and "Accept-Encoding" in headers["Vary"]
    seen = shop.call("GET", "/status/main", headers={"If-None-Match": headers["ETag"]})
    assert seen[0] in (304, 200)  # 200 when a minute has just ended
    if seen[0] == 304:
        assert seen[1] == "" and seen[2]["ETag"] == headers["ETag"]
    c = http.client.HTTPConnection("127.0.0.1", shop.port, timeout=10)
    c.request("GET", "/status/main", headers={"Accept-Encoding": "gzip"})
    r = c.getresponse()
    import gzip
    packed = r.read()
    assert r.headers["Content-Encoding"] == "gzip" and len(packed) < len(text) and b"shop" in gzip.decompress(packed)
    c.request("HEAD", "/status/main")
    r = c.getresponse()
    assert r.status == 200 and r.read() == b""
    c.close()


# --- incidents ------------------------------------------------------------------------------------------------------------------------


def test_incident_from_beginning_to_end(shop):
    page(shop)
    i = shop.post("incidents", {"title": "Slow shop", "impact": "major", "status_pages": ["main"], "targets": [shop.id],
                                "markdown": "We are **looking**."})
    assert i["status"] == "investigating" and i["updates"][0]["html"] == "<p>We are <strong>looking</strong>.</p>\n"
    text = html(shop)
    assert "Current incidents" in text and "Slow shop" in text and "Major" in text and "Some systems are degraded" in text
    i = shop.post(f"incidents/{i['id']}/updates", {"status": "identified", "markdown": "It is the *cache*."})
    assert i["status"] == "identified" and [u["id"] for u in i["updates"]] == [1, 2]
    shop.api("PATCH", f"incidents/{i['id']}/updates/2", {"markdown": "It was the cache."})
    i = shop.post(f"incidents/{i['id']}/updates", {"status": "resolved", "markdown": "Over."})
    assert i["resolved_at"]
    text = html(shop)
    assert "Current incidents" not in text and "It was the cache." in text and "All systems operational" in text
    assert shop.get("incidents?open=yes")["total"] == 0 and shop.get("incidents?open=no&status_page=main")["total"] == 1
    assert shop.get("incidents?status_page=none")["total"] == 0
    i = shop.api("DELETE", f"incidents/{i['id']}/updates/3")
    assert i["status"] == "identified" and i["resolved_at"] is None
    i = shop.api("PATCH", f"incidents/{i['id']}", {"title": "Quick shop"})
    assert i["title"] == "Quick shop" and i["impact"] == "major" and i["targets"] == [shop.id]
    for body, field in (({"title": ""}, "title"), ({"status_pages": ["none"]}, "status_pages[0]"), ({"impact": "huge"}, "impact")):
        with pytest.raises(Refused) as e:
            shop.post("incidents", {"title": "x", **body})
        assert e.value.status == 422 and e.value.body["errors"][0]["field"] == field
    shop.api("DELETE", f"incidents/{i['id']}")
    assert shop.call("GET", f"/api/v1/incidents/{i['id']}")[0] == 404
    assert shop.post("markdown", {"markdown": "# A\n<b>x</b>"})["html"] == "<h4>A</h4>\n<p>x</p>\n"


def test_automatic_incident(belfry, target, hook):
    t = target()
    b = belfry(config([one(t)], channels=[hook.channel()]))
    b.api("GET", "/health")
    b.wait_status("shop", "healthy")
    b.id = b.target("shop")["id"]
    channel = b.get("channels")["items"][0]["id"]
    up = b.post("targets", {"name": "api", "type": "http", "group": "web", "config": {"url": t.http}, "threshold": 1, "interval_seconds": 1, "timeout_seconds": 1,
                            "notify_channel_ids": [channel]})
    b.wait_status("api", "healthy")
    b.post("status-pages", {"slug": "main", "title": "E", "targets": [up["id"]], "auto_incidents": True})
    t.down()
    i = wait_until(lambda: b.get("incidents?open=yes")["items"], 20)[0]
    assert i["auto"] and i["targets"] == [up["id"]] and i["updates"][0]["fell"] == up["id"]
    assert "Disruption of api" in html(b) and "api 发生故障" in html(b, query="?lang=zh")
    t.up()
    wait_until(lambda: b.get(f"incidents/{i['id']}")["status"] == "resolved", 20)
    assert len(b.get("incidents")["items"]) == 1


def test_planned_maintenance(shop):
    page(shop)
    at = lambda s: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + s))
    shop.post("maintenances", {"title": "New disks", "target_ids": [shop.id], "starts_at": at(3600), "ends_at": at(7200)})
    shop.post("maintenances", {"title": "Not for this page", "groups": ["elsewhere"], "starts_at": at(3600), "ends_at": at(7200)})
    text = wait_until(lambda: "New disks" in html(shop) and html(shop), 15)
    assert "Planned maintenance" in text and "Not for this page" not in text
    assert [m["title"] for m in shop.api("GET", "/status/main.json")["maintenances"]] == ["New disks"]
    shop.post("maintenances", {"title": "Right now", "target_ids": [shop.id], "ends_at": at(7200)})
    wait_until(lambda: "Right now" in html(shop), 15)


# --- feeds and badges -----------------------------------------------------------------------------------------------------------------


def test_feeds(shop):
    page(shop, title="Feeds & Co <1>")
    shop.post("incidents", {"title": "A & B", "status_pages": ["main"], "markdown": "one **two**"})
    shop.post("incidents", {"title": "上海机房", "status_pages": ["main"], "status": "resolved", "markdown": "好了"})
    status, text, headers = shop.call("GET", "/status/main/rss")
    assert status == 200 and headers["Content-Type"].startswith("application/rss+xml")
    rss = ET.fromstring(text)
    channel = rss.find("channel")
    assert rss.tag == "rss" and rss.get("version") == "2.0"
    assert channel.findtext("title") == "Feeds & Co <1>" and channel.findtext("link") == "http://127.0.0.1:1/ops/status/main"
    assert channel.findtext("description")
    items = channel.findall("item")
    assert {i.findtext("title") for i in items} == {"A & B", "上海机房"} and len({i.findtext("guid") for i in items}) == 2
    for i in items:
        assert email.utils.parsedate_to_datetime(i.findtext("pubDate")) and i.findtext("link").startswith("http://")
    assert any("<strong>two</strong>" in i.findtext("description") for i in items)
    status, text, headers = shop.call("GET", "/status/main/atom", headers={"Accept-Language": "zh"})
    assert status == 200 and headers["Content-Type"].startswith("application/atom+xml")
    feed = ET.fromstring(text)
    assert feed.tag == ATOM + "feed" and feed.findtext(ATOM + "id").startswith("tag:") and feed.findtext(ATOM + "title")
    assert feed.find(ATOM + "author").findtext(ATOM + "name")
    stamp = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
    assert stamp.match(feed.findtext(ATOM + "updated"))
    assert {x.get("rel") for x in feed.findall(ATOM + "link")} == {"self", "alternate"}
    entries = feed.findall(ATOM + "entry")
    assert len(entries) == 2
    for e in entries:
        assert e.findtext(ATOM + "id") and e.findtext(ATOM + "title") and stamp.match(e.findtext(ATOM + "updated"))
        assert e.find(ATOM + "content").get("type") == "html"


def test_badges(belfry, target):
    t = target()
    b = belfry(config([one(t), {"name": "hidden", "url": t.http}], server={"anonymous": "none"}))
    listed = lambda: over_unix(b, "GET", "/api/v1/targets", None)["items"]
    wait_until(lambda: [x["status"] for x in listed()] == ["healthy"] * 2, 15)
    ids = {x["name"]: x["id"] for x in listed()}
    assert b.call("GET", f"/badge/{ids['shop']}.svg")[0] == 404
    over_unix(b, "POST", "/api/v1/status-pages", {"slug": "m", "title": "M", "targets": [ids["shop"]], "names": {str(ids["shop"]): "商店"}})
    status, svg, headers = b.call("GET", f"/badge/{ids['shop']}.svg?lang=zh")
    assert status == 200 and headers["Content-Type"].startswith("image/svg+xml") and "Cache-Control" in headers
    root = ET.fromstring(svg)
    texts = [x.text for x in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["商店", "商店", "正常", "正常"]
    widths = [float(x.get("textLength")) for x in root.iter("{http://www.w3.org/2000/svg}text")]
    assert widths[0] == widths[2] == 22  # two characters, each as wide as high
    assert float(root.get("width")) >= sum(widths[::2]) + 20
    assert "uptime 24h" in b.call("GET", f"/badge/{ids['shop']}.svg?type=uptime&window=24h&lang=en")[1]
    assert " ms" in b.call("GET", f"/badge/{ids['shop']}.svg?type=latency&lang=en&label=speed")[1]
    for path in (f"{ids['hidden']}.svg", "999999.svg", "x.svg", f"{ids['shop']}", f"{ids['shop']}.svg?window=2y", "-1.svg", "0.svg"):
        assert b.call("GET", f"/badge/{path}")[0] == 404, path
    over_unix(b, "PATCH", "/api/v1/status-pages/m", {"password": "x"})
    assert b.call("GET", f"/badge/{ids['shop']}.svg")[0] == 404
    assert b.call("POST", "/api/v1/incidents", {"title": "x"})[0] in (401, 403)
    assert b.call("GET", "/api/v1/status-pages")[0] in (401, 403)


def over_unix(b, method, path, body):
    import socket

    class Unix(http.client.HTTPConnection):
        def connect(self):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.connect(b.data + "/run/belfry.sock")
    c = Unix("belfry", timeout=10)
    c.request(method, path, json.dumps(body).encode() if body else None, {"Content-Type": "application/json"})
    r = c.getresponse()
    text = r.read()
    assert r.status < 300, text
    c.close()
    return json.loads(text or b"null")


# --- subscriptions --------------------------------------------------------------------------------------------------------------------


def text_of(mail):
    message = email.message_from_bytes(mail["data"], policy=email.policy.default)
    return message, message.get_body(("plain",)).get_content()


def link_in(text, what):
    url = urllib.parse.urlsplit(re.search(rf"http://\S+/{what}\?\S+", text)[0])
    return url.path.removeprefix("/ops") + "?" + url.query


def subscribe(b, kind, to, **more):
    return b.call("POST", "/status/main/subscribe", {"type": kind, "to": to, "language": "en", **more})


def test_subscription_by_mail(shop, smtp):
    s = smtp()
    ch = shop.post("channels", {"name": "mail", "type": "email", "config": {
        "host": "127.0.0.1", "port": s.port, "security": "none", "from": "Status <status@example.com>", "to": ["ops@example.com"]}})
    page(shop)
    assert subscribe(shop, "mail", "a@example.com")[0] == 403
    shop.api("PATCH", "status-pages/main", {"mail_channel_id": ch["id"]})
    assert 'type="email"' in shop.call("GET", "/status/main/subscribe")[1]
    assert subscribe(shop, "mail", "nobody")[0] == 422
    assert subscribe(shop, "mail", "a@example.com\r\nBcc: b@example.com")[0] == 422
    assert subscribe(shop, "mail", "reader@example.org")[:2] == (202, {"status": "pending"})
    first = wait_until(lambda: s.mails, 15)[0]
    assert first["to"] == ["RCPT TO:<reader@example.org>"]
    message, text = text_of(first)
    confirm = link_in(text, "confirm")
    assert "Example" in message["Subject"] and shop.get("status-pages/main")["subscribers"] == {"active": 0, "pending": 1}
    shop.post("incidents", {"title": "Too early", "status_pages": ["main"], "markdown": "nobody hears"})
    assert "token" in shop.call("GET", confirm)[1]  # a button only: mail scanners follow links
    assert shop.get("status-pages/main")["subscribers"]["active"] == 0
    assert shop.call("POST", re.sub("token=[0-9a-f]+", "token=" + "0" * 32, confirm))[0] == 404
    assert shop.call("POST", confirm)[0] == 200
    wait_until(lambda: shop.get("status-pages/main")["subscribers"] == {"active": 1, "pending": 0}, 5)
    assert subscribe(shop, "mail", "READER@example.org")[0] == 202  # no second mail, and no way to ask who is subscribed
    i = shop.post("incidents", {"title": "Fire: 着火", "status_pages": ["main"], "markdown": "It **burns**."})
    news = wait_until(lambda: s.mails[1:], 15)[0]
    message, text = text_of(news)
    assert "Fire: 着火" in message["Subject"] and "It burns." in text
    assert "<strong>burns</strong>" in message.get_body(("html",)).get_content()
    leave = link_in(message["List-Unsubscribe"].strip("<>"), "unsubscribe")
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    shop.post(f"incidents/{i['id']}/updates", {"markdown": "quiet", "notify": False})
    shop.post(f"incidents/{i['id']}/updates", {"markdown": "out", "status": "resolved"})
    wait_until(lambda: s.mails[2:], 15)
    assert "out" in text_of(s.mails[2])[1]
    assert shop.get("status-pages/main/subscribers")["items"][0]["to"] == "reader@example.org"
    one_click = shop.call("POST", leave, b"List-Unsubscribe=One-Click", {"Content-Type": "application/x-www-form-urlencoded"})
    assert one_click[0] == 200
    assert shop.get("status-pages/main/subscribers")["total"] == 0
    shop.post(f"incidents/{i['id']}/updates", {"markdown": "unheard"})
    assert len(s.mails) == 3


def test_subscription_by_webhook(shop, hook):
    page(shop, subscribe_webhook=True)
    assert subscribe(shop, "webhook", hook.url + "/echo")[0] == 202
    wait_until(lambda: shop.metrics()["belfry_status_failures_total"] == 1, 15)  # not to this machine
    assert not hook.received and not hook.attempts
    for wrong in ("ftp://example.com/", "http://user:pw@example.com/", "nonsense", "http://" + "x" * 2000):
        assert 400 <= subscribe(shop, "webhook", wrong)[0] < 500, wrong[:50]
    shop.api("PATCH", "status-pages/main", {"webhook_allow_private": True})
    hook.modes["echo"] = "echo"
    assert subscribe(shop, "webhook", hook.url + "/echo/1")[0] == 202
    wait_until(lambda: shop.get("status-pages/main")["subscribers"]["active"] == 1, 15)  # it answered with the challenge
    challenge = hook.received[0].json
    assert challenge["type"] == "challenge" and challenge["page"]["slug"] == "main"
    assert subscribe(shop, "webhook", hook.url + "/mute")[0] == 202  # no echo: stays unconfirmed
    wait_until(lambda: hook.of("mute"), 15)
    i = shop.post("incidents", {"title": "Fire", "status_pages": ["main"], "markdown": "hot", "targets": [shop.id]})
    got = wait_until(lambda: hook.of("echo")[1:], 15)[0]
    assert got.json["incident"]["title"] == "Fire" and got.json["update"]["text"] == "hot"
    import hashlib
    import hmac
    digest = hmac.new(challenge["challenge"].encode(), got.body, hashlib.sha256).hexdigest()
    assert got.headers["X-Belfry-Signature"] == "sha256=" + digest
    assert len(hook.of("mute")) == 1
    hook.modes["echo"] = "500"  # tried again, also by the next life
    shop.post(f"incidents/{i['id']}/updates", {"markdown": "later", "status": "monitoring"})
    wait_until(lambda: sum(k == "echo" for _, k in hook.attempts) >= 3, 15)
    shop.kill_all()
    hook.modes["echo"] = "ok"
    shop.start()
    wait_until(lambda: any(r.json.get("update", {}).get("text") == "later" for r in hook.of("echo")), 40)


def test_subscribing_is_limited(shop):
    page(shop, subscribe_webhook=True)
    answers = [subscribe(shop, "webhook", f"https://h{i}.example.com/")[0] for i in range(14)]
    assert answers[0] == 202 and answers[-1] == 429
    form = b"type=webhook&to=x"
    status, text, _ = shop.call("POST", "/status/main/subscribe", form, {"Content-Type": "application/x-www-form-urlencoded"})
    assert status == 429 and "<form" in text
