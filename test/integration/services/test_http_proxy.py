"""http through real proxies: Apache (requests and CONNECT, with a header that it demands) and microsocks (SOCKS5, with an
account). The proxies know a name that Belfry cannot find: it stands in a hosts file that they alone see."""

import os

import pytest
from belfry import free_port, wait_until
from harness import Server, check, program
from webservers import apache, end, nginx, pair, place

NAME = "only-the-proxy.invalid"
TEAM = {"X-Team": "belfry"}
MODULES = ["proxy", "proxy_http", "proxy_connect"]


@pytest.fixture(scope="module")
def site(tmp_path_factory, certs):
    """https at ports[0], http at ports[1]."""
    answer = 'return 200 "willkommen";'
    cert, key = pair(certs)
    s = nginx(tmp_path_factory.mktemp("site"),
              f"listen PORT1 ssl; ssl_certificate {cert}; ssl_certificate_key {key}; {answer}", f"listen PORT2; {answer}")
    yield s
    s.close()


@pytest.fixture(scope="module")
def knows(tmp_path_factory):
    """A command that runs another one where NAME is 127.0.0.1; () without the right to make such a place."""
    if os.geteuid() != 0:
        return ()
    hosts = tmp_path_factory.mktemp("names") / "hosts"
    hosts.write_text(f"127.0.0.1 localhost {NAME}\n")
    return (program("unshare", "util-linux"), "-m", "sh", "-c", f'mount --bind {hosts} /etc/hosts && exec "$@"', "sh")


@pytest.fixture(scope="module")
def proxy(site, knows):
    """.said: a line for each request: what was asked for, X-Team, X-Target. Without X-Team there is no tunnel."""
    folder, port = place(), free_port()
    s = apache(folder, MODULES, [
        "ProxyRequests On", "ProxyVia Off", f"AllowCONNECT {site.ports[0]}", f'LogFormat "%r|%{{X-Team}}i|%{{X-Target}}i" asked',
        f'CustomLog "{folder}/asked.log" asked', "<Proxy *>", '''Require expr "%{REQUEST_METHOD} != 'CONNECT' || req('X-Team') == 'belfry'"''',
        "</Proxy>"], port, knows)
    s.url = f"http://127.0.0.1:{port}"
    s.asked = lambda: (folder / "asked.log").read_text().splitlines()
    yield s
    end(s)


def socks(tmp_path_factory, knows, *argv):
    port = free_port()
    return Server([*knows, program("microsocks", "microsocks"), "-i", "127.0.0.1", "-p", port, *argv], port,
                  tmp_path_factory.mktemp("socks") / "log")


@pytest.fixture(scope="module")
def open_socks(tmp_path_factory, knows):
    s = socks(tmp_path_factory, knows)
    yield s
    s.close()


@pytest.fixture(scope="module")
def locked_socks(tmp_path_factory, knows):
    s = socks(tmp_path_factory, knows, "-u", "mon", "-P", "geheim")
    yield s
    s.close()


def fetch(url, proxy, **config):
    return check("http", {"url": url, "proxy": proxy, "expect": {"body_contains": "willkommen"}, **config}, "3s")


def good(url, proxy, **config):
    status, doc, err = fetch(url, proxy, **config)
    assert status == 0, (doc, err)
    return doc


def bad(url, proxy, **config):
    status, doc, err = fetch(url, proxy, **config)
    assert status == 1, (doc, err)
    return doc["message"]


def https(site, host="127.0.0.1"):
    return f"https://{host}:{site.ports[0]}/"


def http(site, host="127.0.0.1"):
    return f"http://{host}:{site.ports[1]}/"


# --- Apache -------------------------------------------------------------------------------------


def test_proxy_headers_are_the_proxys_alone(proxy, site, certs):
    tls = {"ca_file": certs.ca}
    doc = good(https(site), proxy.url, proxy_headers=TEAM, headers={"X-Target": "geheim"}, tls=tls)
    assert doc["metrics"]["probe_ssl_earliest_cert_expiry"] > 1e9, doc
    wait_until(lambda: f"CONNECT 127.0.0.1:{site.ports[0]} HTTP/1.1|belfry|-" in proxy.asked())
    message = bad(https(site), proxy.url, tls=tls)
    assert f"through the proxy 127.0.0.1:{proxy.port}" in message and "403" in message, message


def test_a_plain_request_has_the_targets_headers_alone(proxy, site):
    good(http(site), proxy.url, proxy_headers=TEAM, headers={"X-Target": "ja"})
    wait_until(lambda: f"GET {http(site)} HTTP/1.1|-|ja" in proxy.asked())


def test_the_tunnels_certificate_is_judged(proxy, site):
    message = bad(https(site), proxy.url, proxy_headers=TEAM)
    assert f"the certificate of 127.0.0.1:{site.ports[0]} is not accepted" in message, message


def test_a_port_that_the_proxy_does_not_open(proxy):
    message = bad(f"https://127.0.0.1:{free_port()}/", proxy.url, proxy_headers=TEAM)
    assert f"through the proxy 127.0.0.1:{proxy.port}" in message and "403" in message, message


def test_no_proxy_there(site):
    port = free_port()
    assert f"proxy: connection refused by 127.0.0.1:{port}" in bad(http(site), f"http://127.0.0.1:{port}")
    good(http(site), f"http://127.0.0.1:{port}", no_proxy=["127.0.0.0/8"])


def test_resolve_first(proxy, site, knows):
    doc = good(http(site), proxy.url, resolve_first=True)
    assert doc["hostIP"] == "127.0.0.1" and "probe_dns_lookup_time_seconds" in doc["metrics"], doc
    if not knows:
        pytest.skip("only root may have a mount namespace with another /etc/hosts")
    good(http(site, NAME), proxy.url)
    assert NAME in bad(http(site, NAME), proxy.url, resolve_first=True)


# --- SOCKS5 -------------------------------------------------------------------------------------


def test_socks5(open_socks, site, certs):
    for scheme in ("socks5", "socks5h"):
        good(http(site, "localhost"), f"{scheme}://127.0.0.1:{open_socks.port}", ip_version="4")
        good(https(site), f"{scheme}://127.0.0.1:{open_socks.port}", tls={"ca_file": certs.ca})


def test_socks5_who_finds_the_name(open_socks, site, knows):
    if not knows:
        pytest.skip("only root may have a mount namespace with another /etc/hosts")
    good(http(site, NAME), f"socks5h://127.0.0.1:{open_socks.port}")
    assert NAME in bad(http(site, NAME), f"socks5://127.0.0.1:{open_socks.port}")
    assert NAME in bad(http(site, NAME), f"socks5h://127.0.0.1:{open_socks.port}", resolve_first=True)


def test_socks5_account(locked_socks, site):
    at = f"127.0.0.1:{locked_socks.port}"
    good(http(site), f"socks5h://mon:geheim@{at}")
    for account, words in (("", "authentication"), ("mon:falsch@", "rejected")):
        message = bad(http(site), f"socks5h://{account}{at}")
        assert f"through the proxy {at}" in message and words in message and "falsch" not in message, message


def test_socks5_nobody_behind(open_socks):
    port = free_port()
    message = bad(f"http://127.0.0.1:{port}/", f"socks5h://127.0.0.1:{open_socks.port}")
    assert f"cannot reach 127.0.0.1:{port} through the proxy 127.0.0.1:{open_socks.port}" in message, message


def test_socks5_silent(target, site):
    silent = target("hang")
    status, doc, _ = check("http", {"url": http(site), "proxy": f"socks5h://127.0.0.1:{silent.port}"}, "500ms")
    assert status == 1 and "timeout" in doc["message"] and doc["latency_ms"] >= 450, doc
