"""belfry import blackbox: modules and the jobs of a prometheus.yml that probe by them."""

import json

import pytest
from belfry import run

MODULES = "modules: {web: {prober: http, timeout: 3s, http: {fail_if_body_not_matches_regexp: ['^ok$']}}, port: {prober: tcp}}\n"
USUAL = [{"source_labels": ["__address__"], "target_label": "__param_target"},
         {"source_labels": ["__param_target"], "target_label": "instance"},
         {"target_label": "__address__", "replacement": "127.0.0.1:9115"}]


@pytest.fixture
def imported(tmp_path):
    """A function of the jobs: (text, what was told); what is written must load."""
    modules, prometheus, out = tmp_path / "blackbox.yml", tmp_path / "prometheus.yml", tmp_path / "belfry.yaml"
    modules.write_text(MODULES)

    def go(*jobs, **more):
        prometheus.write_text(json.dumps({"scrape_configs": jobs, **more}))
        status, text, err = run("import", "blackbox", modules, prometheus)
        assert status == 0, err
        out.write_text(text)
        assert run("config", "check", "-c", out)[0] == 0, run("config", "check", "-c", out)
        return text, err

    go.folder = tmp_path
    return go


def job(**keys):
    return {"job_name": "shop", "metrics_path": "/probe", "params": {"module": ["web"]}, "relabel_configs": USUAL, **keys}


def static(*targets, **labels):
    return [{"targets": list(targets), **({"labels": labels} if labels else {})}]


def test_static(imported):
    text, err = imported(job(scrape_interval="20s", static_configs=static("https://a.example/", "b.example", team="x")),
                         {"job_name": "node", "static_configs": static("c:9100")})
    assert 'url: "https://a.example/"' in text and "interval: 20s" in text and "timeout: 3s" in text and text.count("team: x") == 2
    assert "http://b.example" in text and "c:9100" not in text and not err


def test_modules_alone(tmp_path):
    path, out = tmp_path / "blackbox.yml", tmp_path / "belfry.yaml"
    path.write_text(MODULES)
    status, text, _ = run("import", "blackbox", path)
    out.write_text(text)
    assert status == 0 and run("config", "check", "-c", out)[0] == 0


def test_files(imported):
    """JSON and YAML, by name and by pattern, relative to prometheus.yml; what is not there, or is no list of targets, is told."""
    folder = imported.folder / "sd"
    folder.mkdir()
    (folder / "a.json").write_text(json.dumps([{"targets": ["https://a.example/"], "labels": {"team": "x", "__param_module": "web"}}]))
    (folder / "b.yml").write_text("- targets: ['b.example:25', 'c.example:25']\n  labels: {__param_module: port}\n")
    (folder / "bad.json").write_text("{}")
    text, err = imported(job(file_sd_configs=[{"files": ["sd/*.json", str(folder / "b.yml"), "sd/none*.yml"], "refresh_interval": "1m"}]))
    assert 'url: "https://a.example/"' in text and "team: x" in text and "b.example" in text and "c.example" in text
    assert "sd/*.json has 1 targets now" in err and "b.yml has 2 targets now" in err
    assert f"there is no file {folder}/none*.yml" in err and "bad.json: got a map; want a list of targets" in err


def test_found_elsewhere(imported):
    """Targets that Prometheus finds while it runs: named, job by job."""
    kinds = ("http", "dns", "kubernetes", "consul")
    _, err = imported(*[job(job_name=kind, **{f"{kind}_sd_configs": [{}]}) for kind in kinds], job(static_configs=static("a")))
    for kind in kinds:
        assert f"{kind}: {kind}_sd_configs: what it finds is not taken" in err
    assert "shop" not in err


def test_rules(imported):
    """relabel_configs mean what they mean to Prometheus: made targets, modules, labels; dropped; or wrong, and told."""
    rules = [{"source_labels": ["__address__"], "regex": "(.*);(.*)", "target_label": "__param_target", "replacement": "https://$1/"},
             {"source_labels": ["__address__"], "regex": "([^;]*);.*", "target_label": "__param_target", "replacement": "https://$1/health"},
             {"source_labels": ["kind"], "target_label": "__param_module"},
             {"source_labels": ["__address__"], "regex": "old.*", "action": "drop"},
             {"source_labels": ["__address__"], "regex": "([^.]+)\\..*", "target_label": "shop"},
             {"source_labels": ["__address__"], "target_label": "instance", "replacement": "the $1"},
             {"regex": "kind", "action": "labeldrop"}]
    text, err = imported(job(relabel_configs=rules, static_configs=static("a.example;x", "old.example;y", kind="web", team="z")))
    assert 'url: "https://a.example/health"' in text and "shop: a" in text and "team: z" in text and "kind:" not in text
    assert 'name: "the a.example;x"' in text and "old.example;y: relabel_configs drop it; left out" in err
    _, err = imported(job(relabel_configs=[*USUAL, {"action": "shake"}], static_configs=static("a.example")))
    assert "shop" in err and "action" in err


def test_left_out(imported):
    text, err = imported(job(params={"module": ["none"]}, static_configs=static("a")), job(job_name="two", basic_auth={"username": "u"}),
                         scrape_config_files=["x.yml"])
    assert 'there is no good module "none"; left out' in err and "two: basic_auth is not taken" in err
    assert "scrape_config_files: these files are not read" in err and "https" not in text
