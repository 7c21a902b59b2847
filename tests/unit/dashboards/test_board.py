"""看板与规则：入库的就是源造出来的，没有写死的数据源，没有不认识的指标。"""

import json
import re
import sys
from pathlib import Path

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.source.__main__ import generated, main
from dashboards.source.promql import metric
from dashboards.source.rules import rules_yaml
from rayeval.export.catalogue import CATALOGUE

HOME = Path(__file__).parents[3] / "dashboards"
TEXT = (HOME / "grafana" / "rayeval.json").read_text(encoding="utf-8")
BOARD = json.loads(TEXT)
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
GATEWAYS_OWN = {"push_time_seconds", "push_failure_time_seconds"}


@pytest.mark.parametrize("name", generated())
def test_what_is_checked_in_is_what_the_source_builds(name):
    assert (HOME / name).read_text(encoding="utf-8") == generated()[name]


def test_the_check_says_which_file_is_stale(monkeypatch, tmp_path, capsys):
    assert main(["--check"]) == 0
    monkeypatch.setattr(sys.modules["dashboards.source.__main__"], "HOME", tmp_path / "d")
    assert main(["--check"]) == 1
    assert "grafana/rayeval.json: stale" in capsys.readouterr().out
    assert main([]) == 0
    assert main(["--check"]) == 0
    main(["--prefix", "ci_", "--rules", str(tmp_path / "r.yml")])
    assert "ci_qps" in (tmp_path / "r.yml").read_text()


def test_every_data_source_is_the_variable():
    found = list(sources(BOARD))
    assert {source["uid"] for source in found} == {"${datasource}"}
    targets = [target for panel in PANELS for target in panel["targets"]]
    queried = [v for v in BOARD["templating"]["list"] if v["type"] == "query"]
    assert len(found) == len(PANELS) + len(targets) + len(queried)


def sources(node):
    """JSON 里的每个 datasource。"""
    if isinstance(node, dict):
        yield from [node["datasource"]] if "datasource" in node else []
        for child in node.values():
            yield from sources(child)
    elif isinstance(node, list):
        for child in node:
            yield from sources(child)


def test_every_metric_is_in_the_catalogue_and_carries_the_prefix():
    queries = [target["expr"] for panel in PANELS for target in panel["targets"]]
    queries += [v["query"]["query"] for v in BOARD["templating"]["list"] if v["type"] == "query"]
    for query in queries:
        names = set(re.findall(r"((?:\$\{\w+\})?\w+)\{(?!metric)", query))
        assert names, query
        for name in names - GATEWAYS_OWN:
            assert name.startswith("${metric_prefix}"), query
            assert name.removeprefix("${metric_prefix}") in CATALOGUE, query


def test_an_unknown_metric_stops_the_build():
    with pytest.raises(KeyError):
        metric("no_such_metric")


def test_the_uid_is_stable_and_ids_and_places_are_unique():
    assert BOARD["uid"] == "rayeval"
    assert "id" not in BOARD
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert len(ids) == len(set(ids))
    taken = set()
    for panel in BOARD["panels"]:
        place = panel["gridPos"]
        spots = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not spots & taken, panel["title"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        taken |= spots


def test_the_variables_are_the_documented_ones():
    kinds = {v["name"]: v["type"] for v in BOARD["templating"]["list"]}
    asked = ("model", "quant", "scenario", "dataset", "concurrency", "input_len", "output_len")
    wanted = dict.fromkeys((*asked, "backend", "run_type"), "query")
    assert kinds == wanted | {
        "datasource": "datasource",
        "metric_prefix": "textbox",
        "quantile": "custom",
    }
    used = set(re.findall(r'=~\\"\$(\w+)\\"', TEXT))
    assert used == {*wanted, "quantile"}


def test_it_loads_in_the_sdks_own_model_and_comes_out_the_same():
    register_default_plugins()
    again = json.dumps(Dashboard.from_json(BOARD), cls=JSONEncoder, indent=2, sort_keys=True)
    assert json.loads(again) == BOARD


def test_the_bands_are_those_of_the_gate():
    def steps(title):
        panel = next(p for p in PANELS if p["title"] == title)
        return [
            (s["value"], s["color"])
            for s in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        ]

    assert (1.1, "red") in steps("TTFT: today to -7d")
    assert steps("QPS: today to -7d")[:2] == [(None, "red"), (0.95, "orange")]
    assert (0.05, "red") in steps("Failure ratio")


def test_the_rules_name_only_metrics_of_the_catalogue():
    for prefix in ("", "ci_"):
        body = yaml.safe_load(rules_yaml(prefix))
        text = json.dumps([rule["expr"] for group in body["groups"] for rule in group["rules"]])
        names = set(re.findall(r"(?<![\w:])([a-z_]\w*)(?=\{|\[)", text)) - GATEWAYS_OWN - {"up"}
        assert {name.removeprefix(prefix) for name in names} <= set(CATALOGUE)


def test_the_compose_file_pins_its_images_and_stays_on_loopback():
    services = yaml.safe_load((HOME / "compose.yaml").read_text())["services"]
    for name, service in services.items():
        assert re.fullmatch(r"[\w/]+:v?\d+\.\d+\.\d+", service["image"]), name
        assert all(port.startswith("127.0.0.1:") for port in service["ports"]), name
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            assert not source.startswith(".") or (HOME / source).is_dir(), volume


def test_the_provisioning_points_where_compose_mounts():
    boards = yaml.safe_load((HOME / "provisioning/dashboards/rayeval.yml").read_text())
    services = yaml.safe_load((HOME / "compose.yaml").read_text())["services"]
    path = boards["providers"][0]["options"]["path"]
    assert any(volume.split(":")[1] == path for volume in services["grafana"]["volumes"])
    source = yaml.safe_load((HOME / "provisioning/datasources/prometheus.yml").read_text())
    assert source["datasources"][0]["url"] == "http://prometheus:9090"
    scrape = yaml.safe_load((HOME / "prometheus/prometheus.yml").read_text())["scrape_configs"]
    assert scrape[0]["honor_labels"] is True
