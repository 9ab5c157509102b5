"""Belfry's /probe beside Debian's blackbox_exporter: http and icmp, and what the request itself can be wrong in. tcp, dns and grpc:
test_blackbox_tcp.py and so on."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from belfry import run
from blackbox_cases import Case, Pair, pair_of
from blackbox_site import World
from certs import Certs

TIMEOUT = "5s"


def http(**options):
    return {"prober": "http", "timeout": TIMEOUT, "http": options}


def tls(world, **options):
    return http(tls_config={"ca_file": world.ca}, **options)


def at(path, name="plain", host=None):
    return lambda w: w.url(name, path, host)


def rules(header, regexp, allow_missing=False):
    return [{"header": header, "regexp": regexp, "allow_missing": allow_missing}]


HTTP = [
    Case("plain", http(), at("/")),
    Case("no_scheme", http(), lambda w: f"127.0.0.1:{w.port('plain')}/"),
    Case("status_404", http(), at("/status/404"), up=False),
    Case("status_404_wanted", http(valid_status_codes=[404, 410]), at("/status/404")),
    Case("status_200_unwanted", http(valid_status_codes=[204]), at("/"), up=False),
    Case("status_204", http(), at("/status/204")),
    Case("status_304", http(valid_status_codes=[304]), at("/status/304")),
    Case("status_500_body", http(fail_if_body_matches_regexp=["status"]), at("/status/500"), up=False),
    Case("version_10", http(), at("/", "old")),
    Case("version_11_wanted", http(valid_http_versions=["HTTP/1.1", "HTTP/2.0"]), at("/")),
    Case("version_10_unwanted", http(valid_http_versions=["HTTP/1.1"]), at("/", "old"), up=False),
    Case("post", http(method="POST", body="a=b", headers={"Content-Type": "text/x"}), at("/method/POST")),
    Case("post_empty", http(method="POST"), at("/method/POST")),
    Case("post_echo", http(method="POST", body="ping", fail_if_body_not_matches_regexp=["^ping$"]), at("/echo")),
    Case("put", http(method="PUT", body="x"), at("/method/PUT")),
    Case("head", http(method="HEAD"), at("/method/HEAD")),
    Case("options", http(method="OPTIONS"), at("/method/OPTIONS")),
    Case("get_with_body", http(method="GET", body="x"), at("/method/GET")),
    Case("header_sent", http(headers={"X-Test": "yes"}), at("/header/X-Test/yes")),
    Case("header_host", http(headers={"Host": "shop.example"}), at("/host/shop.example")),
    Case("header_agent", http(headers={"User-Agent": "mine/1"}), at("/agent")),
    Case("hostname", http(), at("/host/shop.example"), hostname="shop.example"),
    Case("host_is_target", http(), lambda w: w.url(path=f"/host/localhost:{w.port('plain')}", host="localhost")),
    Case("redirect", http(), at("/redirect/1")),
    Case("redirect_chain", http(), at("/redirect/5")),
    Case("redirect_ten", http(), at("/redirect/10")),
    Case("redirect_eleven", http(), at("/redirect/11"), up=False),
    Case("redirect_loop", http(), at("/loop"), up=False),
    Case("redirect_off", http(follow_redirects=False), at("/redirect/2"), up=False),
    Case("redirect_off_wanted", http(follow_redirects=False, valid_status_codes=[302]), at("/redirect/1")),
    Case("redirect_old_key", http(no_follow_redirects=True, valid_status_codes=[302]), at("/redirect/1")),
    Case("redirect_nowhere", http(valid_status_codes=[302]), at("/nowhere")),
    Case("redirect_refused", http(), lambda w: w.url(path=f"/away/127.0.0.1:{w.closed}/"), up=False),
    Case("redirect_cookie", http(), at("/cookie")),
    Case("body_matches", http(fail_if_body_matches_regexp=["w.rld"]), at("/"), up=False),
    Case("body_matches_not", http(fail_if_body_matches_regexp=["mars"]), at("/")),
    Case("body_wanted", http(fail_if_body_not_matches_regexp=["hello", "world\n$"]), at("/")),
    Case("body_wanted_end", http(fail_if_body_not_matches_regexp=["world$"]), at("/"), up=False),
    Case("body_wanted_line_end", http(fail_if_body_not_matches_regexp=["(?m)world$"]), at("/")),
    Case("body_wanted_missing", http(fail_if_body_not_matches_regexp=["hello", "mars"]), at("/"), up=False),
    Case("body_empty", http(fail_if_body_not_matches_regexp=["x"]), at("/status/204"), up=False),
    Case("header_matches", http(fail_if_header_matches=rules("X-Kind", "pear")), at("/give"), up=False),
    Case("header_matches_missing", http(fail_if_header_matches=rules("X-None", ".*")), at("/give"), up=False),
    Case("header_matches_allowed", http(fail_if_header_matches=rules("X-None", ".*", True)), at("/give")),
    Case("header_wanted", http(fail_if_header_not_matches=rules("X-Kind", "^pear$")), at("/give")),
    Case("header_wanted_not", http(fail_if_header_not_matches=rules("X-Kind", "plum")), at("/give"), up=False),
    Case("header_wanted_missing", http(fail_if_header_not_matches=rules("X-None", ".*")), at("/give"), up=False),
    Case("header_wanted_allowed", http(fail_if_header_not_matches=rules("X-None", "x", True)), at("/give")),
    Case("header_empty", http(fail_if_header_not_matches=rules("X-Empty", "^$")), at("/give")),
    Case("fail_if_ssl", lambda w: tls(w, fail_if_ssl=True), at("/", "good"), up=False),
    Case("fail_if_ssl_plain", http(fail_if_ssl=True), at("/")),
    Case("fail_if_not_ssl", http(fail_if_not_ssl=True), at("/"), up=False),
    Case("fail_if_not_ssl_tls", lambda w: tls(w, fail_if_not_ssl=True), at("/", "good")),
    Case("gzip_by_itself", http(fail_if_body_not_matches_regexp=["hello"]), at("/gzip")),
    Case("gzip_wanted", http(compression="gzip", headers={"Accept-Encoding": "gzip"},
                             fail_if_body_not_matches_regexp=["hello"]), at("/gzip")),
    Case("gzip_wanted_plain", http(compression="gzip", headers={"Accept-Encoding": "gzip"}), at("/"), up=False),
    Case("gzip_unasked", http(headers={"Accept-Encoding": "identity"}), at("/gzip/always")),
    Case("deflate_wanted", http(compression="deflate", headers={"Accept-Encoding": "deflate"},
                                fail_if_body_not_matches_regexp=["hello"]), at("/deflate")),
    Case("identity_wanted", http(compression="identity", headers={"Accept-Encoding": "identity"}), at("/gzip")),
    Case("limit_kept", http(body_size_limit="1KB"), at("/bytes/1000")),
    Case("limit_exact", http(body_size_limit="1KB"), at("/bytes/1024")),
    Case("limit_passed", http(body_size_limit="1KB"), at("/bytes/5000"), up=False),
    Case("large", http(), at("/bytes/3000000")),
    Case("basic", http(basic_auth={"username": "user", "password": "pass"}), at("/basic")),
    Case("basic_wrong", http(basic_auth={"username": "user", "password": "wrong"}), at("/basic"), up=False),
    Case("basic_file", lambda w: http(basic_auth={"username": "user", "password_file": w.password}), at("/basic")),
    Case("basic_in_url", http(), lambda w: w.url(path="/basic", host="user:pass@127.0.0.1")),
    Case("bearer", http(bearer_token="t0ken"), at("/bearer")),
    Case("bearer_file", lambda w: http(bearer_token_file=w.token), at("/bearer")),
    Case("authorization", http(authorization={"credentials": "t0ken"}), at("/bearer")),
    Case("authorization_wrong", http(authorization={"credentials": "other"}), at("/bearer"), up=False),
    Case("tls", lambda w: tls(w), at("/", "good")),
    Case("tls_name", lambda w: tls(w), at("/", "good", "localhost")),
    Case("tls_unknown_authority", http(), at("/", "good"), up=False),
    Case("tls_selfsigned", http(), at("/", "selfsigned"), up=False),
    Case("tls_selfsigned_skipped", http(tls_config={"insecure_skip_verify": True}), at("/", "selfsigned")),
    Case("tls_expired", lambda w: tls(w), at("/", "expired"), up=False),
    Case("tls_expired_skipped", http(tls_config={"insecure_skip_verify": True}), at("/", "expired")),
    Case("tls_wrong_name", lambda w: tls(w), at("/", "other"), up=False),
    Case("tls_server_name", lambda w: http(tls_config={"ca_file": w.ca, "server_name": "elsewhere.example"}),
         at("/", "other")),
    Case("tls_hostname", lambda w: tls(w), at("/", "other"), hostname="elsewhere.example"),
    Case("tls_hostname_wrong", lambda w: tls(w), at("/", "good"), hostname="elsewhere.example", up=False),
    Case("tls_too_old", lambda w: http(tls_config={"ca_file": w.ca, "min_version": "TLS13"}), at("/", "tls12"), up=False),
    Case("tls_12", lambda w: http(tls_config={"ca_file": w.ca, "min_version": "TLS12"}), at("/", "tls12")),
    Case("tls_to_plain_port", http(), lambda w: w.url().replace("http:", "https:"), up=False),
    Case("plain_to_tls_port", http(), lambda w: w.url("good").replace("https:", "http:"), up=False),
    Case("h2", lambda w: tls(w), lambda w: f"https://127.0.0.1:{w.h2_port}/"),
    Case("h2_wanted", lambda w: tls(w, valid_http_versions=["HTTP/2.0"]), lambda w: f"https://127.0.0.1:{w.h2_port}/"),
    Case("h2_off", lambda w: tls(w, enable_http2=False), lambda w: f"https://127.0.0.1:{w.h2_port}/"),
    Case("h2_redirect", lambda w: tls(w), lambda w: f"https://127.0.0.1:{w.h2_port}/to"),
    Case("refused", http(), lambda w: f"http://127.0.0.1:{w.closed}/", up=False),
    Case("silent", {"prober": "http", "timeout": "1s"}, lambda w: f"http://127.0.0.1:{w.silent.port}/", up=False),
    Case("silent_header", http(), lambda w: f"http://127.0.0.1:{w.silent.port}/", timeout=1.5, up=False),
    Case("slow", {"prober": "http", "timeout": "1s"}, at("/slow/3"), up=False),
    Case("slow_body", {"prober": "http", "timeout": "1s"}, at("/slow-body/3"), up=False),
    Case("cut", http(), at("/cut"), up=False),
    Case("garbage", http(), at("/garbage"), up=False),
    Case("short", http(), at("/short"), up=False),
    Case("no_such_name", http(), "http://no-such-name.invalid/", up=False),
    Case("no_url", http(), "http://", up=False),
    Case("six", http(), at("/", "six")),
    Case("six_only", http(preferred_ip_protocol="ip6", ip_protocol_fallback=False), at("/", "six")),
    Case("six_only_four", http(preferred_ip_protocol="ip6", ip_protocol_fallback=False),
         lambda w: w.url(host="127.0.0.1"), up=False),
    Case("four_prefers_six", http(preferred_ip_protocol="ip6"), lambda w: w.url(host="localhost")),
    Case("four", http(preferred_ip_protocol="ip4"), lambda w: w.url(host="localhost")),
    Case("modified", http(), at("/modified")),
    Case("modified_badly", http(), at("/bad-date")),
    Case("chunked", http(), at("/chunked/4")),
    Case("until_close", http(), at("/close")),
    Case("escaped_path", http(fail_if_body_not_matches_regexp=["^/twice/a%2Fb%20c\\?x=%2B$"]), at("/twice/a%2Fb%20c?x=%2B")),
]


def icmp(**options):
    return {"prober": "icmp", "timeout": "2s", "icmp": options}


ICMP = [
    Case("icmp", icmp(), "127.0.0.1"),
    Case("icmp_name", icmp(preferred_ip_protocol="ip4"), "localhost"),
    Case("icmp_six", icmp(), "::1"),
    Case("icmp_size", icmp(payload_size=500), "127.0.0.1"),
    Case("icmp_ttl", icmp(ttl=5), "127.0.0.1"),
    Case("icmp_dont_fragment", icmp(preferred_ip_protocol="ip4", dont_fragment=True), "127.0.0.1"),
    Case("icmp_no_such_name", icmp(), "no-such-name.invalid", up=False),
    Case("icmp_six_only", icmp(preferred_ip_protocol="ip6", ip_protocol_fallback=False), "127.0.0.1", up=False),
]

CASES = HTTP + ICMP


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("blackbox")
    world = World(Certs(folder / "certs"), folder)
    world.password, world.token = os.path.join(folder, "password"), os.path.join(folder, "token")
    for path, text in ((world.password, "pass\n"), (world.token, "t0ken\n")):
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
    yield from pair_of(folder, CASES, world)
    world.close()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_same(pair, case):
    pair.compare(case)


def test_wrong_requests(pair):
    for params, status, text in (({"module": "plain"}, 400, "Target parameter is missing\n"),
                                 ({"target": "x", "module": "none"}, 400, 'Unknown module "none"\n'),
                                 ({}, 400, 'Unknown module "http_2xx"\n')):
        for got in pair.both(params):
            assert got[0] == status and got[1] == text
    params = {"target": pair.world.url(), "module": "header_host", "hostname": "other.example"}
    assert [got[0] for got in pair.both(params)] == [400, 400]
    assert [got[0] for got in pair.both({"target": "x", "module": "plain"}, "soon")] == [500, 500]


def probe(b, headers=None, **params):
    return Pair.ask(b.port, "/probe", params, headers or {})


def test_reload(belfry, target, tmp_path):
    """The modules that Debian has are there without a file; a file with a mistake changes nothing and says where it is."""
    path = tmp_path / "blackbox.yml"
    path.write_text("modules:\n  mine: {prober: tcp}\n")
    there = f"127.0.0.1:{target().port}"
    b = belfry({})
    assert "probe_success 1" in probe(b, module="tcp_connect", target=there)[1]
    assert probe(b, module="mine", target=there)[0] == 400
    b.write({"server": {"blackbox_file": str(path)}})
    assert run("reload", "-c", b.path)[0] == 0
    assert "probe_success 1" in probe(b, module="mine", target=there)[1]
    path.write_text("modules:\n  other:\n    prober: tcp\n    tcpp: {}\n")
    status, _, err = run("config", "check", "-c", b.path)
    assert status != 0 and "blackbox.yml:4:5: modules.other.tcpp" in err
    assert run("reload", "-c", b.path)[0] != 0
    assert "probe_success 1" in probe(b, module="mine", target=there)[1]
    text = Pair.ask(b.port, "/metrics", {}, {})[1]
    assert "\nblackbox_exporter_config_last_reload_successful 0\n" in text
    assert "\nblackbox_module_unknown_total 1\n" in text


def test_debug(belfry, target, tmp_path):
    path = tmp_path / "blackbox.yml"
    path.write_text("modules: {m: {prober: http, http: {basic_auth: {username: me, password: hush}}}}\n")
    b = belfry({"server": {"blackbox_file": str(path)}})
    status, text, headers = probe(b, module="m", target=target().http, debug="true")
    assert status == 200 and headers["Content-Type"].startswith("text/plain")
    assert "HTTP 200" in text and "probe_http_status_code 200" in text and "username: me" in text and "hush" not in text


def test_who_may(belfry):
    b = belfry({"server": {"anonymous": "none"}})
    assert probe(b, module="tcp_connect", target="127.0.0.1:1")[0] == 401


def test_too_many(belfry, target):
    """A hundred at once; the rest is told so, and the page is served meanwhile."""
    b, silent = belfry({}), target("hang")
    params = {"module": "http_2xx", "target": silent.http}
    with ThreadPoolExecutor(130) as pool:
        under_way = [pool.submit(probe, b, {"X-Prometheus-Scrape-Timeout-Seconds": "6"}, **params) for _ in range(130)]
        assert Pair.ask(b.port, "/api/v1/targets", {}, {})[0] == 200
        statuses = sorted(f.result()[0] for f in under_way)
    assert statuses.count(200) >= 100 and statuses.count(503) >= 1 and len(set(statuses)) == 2
    assert f"\nbelfry_probe_requests_refused_total {statuses.count(503)}\n" in Pair.ask(b.port, "/metrics", {}, {})[1]
