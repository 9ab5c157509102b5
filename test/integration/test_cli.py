"""The command line: probing once, checking configurations, importing, and what scripts rely on: exit statuses."""

import glob
import json
import os
import shutil

import pytest

from belfry import ROOT, Belfry, free_port, run

SEED = {"localhostName", "localhostIP", "hostIP", "dnsServerList", "url", "statusCode", "requestTime", "result"}
OURS = {"timestamp", "type", "target", "success", "latency_ms", "message", "metrics", "warnings"}
SUMMARY = {"timestamp", "url", "hostList", "dnsServerList", "checkTimes", "checkDelta", "requestStatus",
           "requestSpendTime", "localhostName", "localhostIP", "requestSuccessPerc", "requestTimeMean",
           "requestTimeStd", "triggerStatus"}


def check(*argv, **kw):
    status, out, err = run("check", *argv, **kw)
    return status, json.loads(out) if out else None, err


def test_check_http_in_the_seeds_shape(target):
    t = target()
    status, doc, err = check(t.http)
    assert status == 0 and not err
    assert OURS | SEED <= set(doc), OURS | SEED - set(doc)
    assert doc["statusCode"] == 200 and doc["result"] == "success" and doc["hostIP"] == "127.0.0.1"
    assert 0 < doc["requestTime"] < 5 and isinstance(doc["dnsServerList"], list) and doc["type"] == "http"


def test_check_failed_has_null_in_what_it_could_not_learn():
    status, doc, err = check(f"http://127.0.0.1:{free_port()}/")
    assert status == 1 and "refused" in err and "refused" in doc["message"]
    assert doc["success"] is False and doc["result"] == "failed"
    assert doc["statusCode"] is None and doc["requestTime"] is None


def test_check_of_a_bad_status(target):
    t = target("status")
    status, doc, _ = check(t.http)
    assert status == 1 and doc["statusCode"] == 500 and doc["result"] == "failed" and "500" in doc["message"]


def test_check_tcp_icmp_dns_https(target, dns, certs):
    t, tls, d = target(), target(tls=certs.context("good")), dns({"shop.test": ["10.1.2.3"]})
    for url, kind in ((t.tcp, "tcp"), ("icmp://127.0.0.1", "icmp"), (f"dns://127.0.0.1:{d.port}/shop.test?type=A", "dns")):
        status, doc, err = check(url)
        if kind == "icmp" and status == 1 and "ermi" in doc["message"]:
            pytest.skip("no ICMP socket is allowed here: " + doc["message"])
        assert status == 0 and OURS <= set(doc) and doc["type"] == kind and doc["success"], (url, doc, err)
    status, doc, _ = check("http", "--config", json.dumps({"url": tls.http, "tls": {"ca_file": certs.ca}}))
    assert status == 0 and doc["metrics"]["probe_ssl_earliest_cert_expiry"] > 1e9


def test_check_by_type_and_configuration(target):
    t = target("body")
    t.body = b'{"data":{"state":"up"}}'
    expect = {"json": [{"path": "$.data.state", "value": "up"}], "body_contains": "state"}
    assert check("http", "--config", json.dumps({"url": t.http, "expect": expect}))[0] == 0
    expect["json"][0]["value"] = "down"
    status, doc, err = check("http", "--config", json.dumps({"url": t.http, "expect": expect}))
    assert status == 1 and "data.state" in doc["message"]


def test_check_times_gives_the_seeds_summary(target):
    t = target()
    status, doc, _ = check(t.http, "--times", 4, "--delta", "50ms")
    assert status == 0 and set(doc) == SUMMARY
    assert doc["checkTimes"] == 4 and doc["checkDelta"] == 0.05 and doc["hostList"] == ["127.0.0.1"]
    assert doc["requestStatus"] == [200] * 4 and len(doc["requestSpendTime"]) == 4
    assert doc["requestSuccessPerc"] == 1 and doc["triggerStatus"] == "域名请求正常"
    mean = sum(doc["requestSpendTime"]) / 4
    assert abs(doc["requestTimeMean"] - mean) < 1e-6 and doc["requestTimeStd"] >= 0


def test_check_times_of_something_dead():
    status, doc, err = check(f"http://127.0.0.1:{free_port()}/", "--times", 3, "--delta", "10ms")
    assert status == 1 and doc["requestStatus"] == [None] * 3 and doc["requestSuccessPerc"] == 0
    assert "refused" in doc["triggerStatus"] and "refused" in err


def test_check_attempts(target):
    t = target("reset")
    before = t.served
    status, doc, _ = check(t.http, "--attempts", 3)
    assert status == 1 and t.served - before == 3, doc


def test_check_timeout(target):
    t = target("hang")
    tries = [check(t.http, "--timeout", "300ms") for _ in range(3)]  # a busy machine spoils one
    assert all(status == 1 and 250 < doc["latency_ms"] and doc["statusCode"] is None for status, doc, _ in tries)
    assert min(doc["latency_ms"] for _, doc, _ in tries) < 1500


@pytest.mark.parametrize("argv", [
    ["check"], ["check", "foo://x"], ["check", "tcp://127.0.0.1"], ["check", "http://x/", "--timeout", "soon"],
    ["check", "http://x/", "--nonsense"], ["check", "http", "--config", "{"], ["check", "http", "--config", '{"ulr":1}'],
    ["frobnicate"], [], ["config"], ["target", "dance"], ["import"], ["import", "waf"], ["run", "surplus"],
    ["channel", "test"]])
def test_wrong_usage_is_2(argv, tmp_path):
    status, out, err = run(*argv, cwd=tmp_path)
    assert status == 2 and err.strip() and not out.strip(), (status, out, err)


COMMANDS = ["run", "start", "stop", "reload", "status", "check", "config", "target", "channel", "alert", "maintenance",
            "import", "install", "uninstall"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command):
    status, out, err = run(command, "--help")
    assert status == 0 and out.startswith("usage: belfry ") and command in out, (status, out, err)
    assert run("help", command)[1] == out
    assert command in run("help")[1]


def test_not_reached_is_3(tmp_path):
    b = Belfry(tmp_path / "b", {})
    for argv in (["status"], ["reload"], ["target", "ls"], ["alert", "ls"], ["channel", "ls"]):
        assert b.cli(*argv)[0] == 3, argv
    assert b.cli("stop")[0] == 0
    assert run("target", "ls", "--server", f"http://127.0.0.1:{free_port()}")[0] == 3


BAD = sorted(glob.glob(os.path.join(ROOT, "test", "config", "bad", "*.yaml")))


def test_config_check_on_malformed_files():
    """Each names its faults with file:line:column; the exact texts are the unit test's goldens."""
    assert len(BAD) >= 50
    for path in BAD:
        status, out, err = run("config", "check", "-c", path)
        said = (out + err).splitlines()
        assert status == 1 and said, path
        with open(path[:-5] + ".err", encoding="utf-8") as f:
            golden = [line.rstrip("\n") for line in f if line.strip()]
        folder = os.path.dirname(path) + "/"
        missing = [line for line in golden if line not in [s.replace(folder, "") for s in said]]
        assert not missing, (path, missing, said)


def test_config_check_on_good_files():
    """Those of the unit tests speak of probers without knowing them; ours must be whole."""
    path = os.path.join(ROOT, "examples", "quickstart", "belfry.yaml")
    status, out, err = run("config", "check", "-c", path)
    assert status == 0, (out, err)
    status, out, err = run("config", "show", "-c", path)
    assert status == 0 and "listen:" in out


def test_config_show_masks_secrets(tmp_path):
    (tmp_path / "belfry.yaml").write_text(
        "channels:\n- {name: a, type: dingtalk, webhook_url: 'http://h/?access_token=tok3n', secret: SECxyz}\n"
        "groups:\n- name: g\n  targets:\n  - {name: t, type: http, config: {url: 'http://h/', password: hunter2}}\n")
    status, out, err = run("config", "show", "-c", tmp_path / "belfry.yaml")
    assert status == 0, err
    assert "tok3n" not in out and "SECxyz" not in out and "hunter2" not in out and "********" in out


def test_import_connection_monitor(tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "docs" / "template").mkdir(parents=True)
    (tmp_path / "config" / "conf.ini").write_text(f"""[public]
inputFileDir={tmp_path}/docs
resultsDir={tmp_path}/results
triggerTplDir={tmp_path}/docs/template
logDir=/var/log/x
[dingtalk]
# prd robot
sendURL=https://oapi.dingtalk.com/robot/send?access_token=5667688
atUser =
msgtype=text
[urlcheck]
urlCheck=True
inputFile=urlInput.txt
triggerTplFile=urlTrigger.tpl
logFile=urlRequest.log
checkTimes=10
checkDelta=1
triggerPerc=0.7
triggerRequestTime=5
""")
    (tmp_path / "docs" / "urlInput.txt").write_text("https://www.baidu.com/\nhttps://github.com/\n\n")
    (tmp_path / "docs" / "template" / "urlTrigger.tpl").write_text("{{ url }} {{ triggerStatus }}\n")
    status, out, err = run("import", "connection-monitor", tmp_path / "config" / "conf.ini")
    assert status == 0, err
    config = tmp_path / "out" / "belfry.yaml"
    config.parent.mkdir()
    config.write_text(out)
    assert "https://www.baidu.com/" in out and "dingtalk" in out and "0.7" in out
    status, said, err = run("config", "check", "-c", config)
    assert status == 0, (said, err, out)


def test_import_waf(tmp_path):
    conf = tmp_path / "conf"
    conf.mkdir()
    (conf / "global.json").write_text(json.dumps({
        "check_interval": 30, "timeout": 5, "enable_wechat_alert": True,
        "wechat_webhook": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=k"}))
    (conf / "group1.json").write_text(json.dumps({"name": "group1", "targets_file": "targets_group1.txt"}))
    (conf / "targets_group1.txt").write_text("# ours\nhttps://a.example.com/\nhttp://b.example.com:8080/health\n")
    status, out, err = run("import", "waf", tmp_path)
    assert status == 0, err
    assert "a.example.com" in out or "targets_group1.txt" in out
    (tmp_path / "belfry.yaml").write_text(out)
    status, said, err = run("config", "check", "-c", tmp_path / "belfry.yaml")
    assert status == 0, (said, err, out)
    assert run("import", "waf", tmp_path / "nowhere")[0] == 1


@pytest.mark.parametrize("kind", ["supervisor", "systemd", "monit"])
def test_import_programs(tmp_path, kind):
    status, out, err = run("import", kind, os.path.join(ROOT, "test", "import", kind))
    assert status == 0, err
    assert "  units:\n" in out and "left out" in out and "left out" in err
    (tmp_path / "belfry.yaml").write_text(out)
    status, said, err = run("config", "check", "-c", tmp_path / "belfry.yaml")
    assert status == 0, (said, err, out)
    assert run("import", kind, tmp_path / "nowhere")[0] == 1


def test_targets_by_command(belfry, target, hook):
    b, t = belfry({"channels": [hook.channel()]}), target()
    status, out, err = b.cli("target", "add", "name=shop", f"url={t.tcp}", "interval_seconds=1", "timeout_seconds=0.5")
    assert status == 0, err
    status, out, _ = b.cli("target", "ls", "--json")
    assert status == 0 and "shop" in out
    json.loads(out)
    b.wait_status("shop", "healthy")
    assert "\x1b[" not in b.cli("target", "ls")[1], "no colours into a pipe"
    assert b.cli("target", "set", "shop", "threshold=7")[0] == 0 and b.target("shop")["threshold"] == 7
    assert b.cli("target", "pause", "shop")[0] == 0
    assert b.target("shop")["status"] == "disabled"
    assert b.cli("target", "resume", "shop")[0] == 0
    b.wait_status("shop", "healthy")
    assert b.cli("target", "check", "shop")[0] == 0
    t.down()
    assert b.cli("target", "check", "shop")[0] == 1
    status, out, _ = b.cli("target", "show", "shop")
    assert status == 0 and "shop" in out
    assert b.cli("target", "rm", "shop")[0] == 0
    assert b.cli("target", "rm", "shop")[0] == 1
    status, _, err = b.cli("target", "add", "name=x", "url=tcp://h:1", "interval_seconds=1", "timeout_seconds=5")
    assert status == 1 and "timeout" in err


def test_maintenance_and_alerts_by_command(belfry):
    b = belfry({"groups": [{"name": "g", "targets": [{"name": "t", "url": f"tcp://127.0.0.1:{free_port()}"}]}]})
    status, _, err = b.cli("maintenance", "add", "title=move", "groups=[\"g\"]")
    assert status == 0, err
    assert "move" in b.cli("maintenance", "ls")[1]
    assert b.cli("alert", "ls")[0] == 0 and b.cli("alert", "history")[0] == 0


def test_commands_of_two_calls_again_and_again(belfry, hook):
    """A command asks twice: finds the channel, then acts. However fast the answers come, it waits for both."""
    b = belfry({"channels": [hook.channel("wecom")]})
    for _ in range(25):
        status, out, err = b.cli("channel", "test", "wecom")
        assert (status, out, err) == (0, 'accepted: {"errcode":0,"errmsg":"ok"}\n', "")


def test_over_tcp_with_server(belfry):
    b = belfry({})
    assert run("target", "ls", "--server", f"http://127.0.0.1:{b.port}")[0] == 0
    assert run("target", "ls", env={"BELFRY_SERVER": f"http://127.0.0.1:{b.port}"}, cwd=b.folder)[0] == 0


def test_version():
    status, out, _ = run("version")
    assert status == 0 and out.startswith("belfry ")


@pytest.mark.skipif(not shutil.which("python3"), reason="no python3 for the plug")
def test_output_into_a_closed_pipe_is_no_crash(belfry):
    import subprocess
    from belfry import EXE
    b = belfry({})
    p = subprocess.run(f"{EXE} target ls -c {b.path} | true; exit ${{PIPESTATUS[0]}}", shell=True,
                       executable="/bin/bash", timeout=20)
    assert p.returncode in (0, 141), p.returncode
