"""真的 Pushgateway：组、消失的 cell、怪名字、冲突、密码、退役。"""

import dataclasses
import json
import subprocess

import pytest
from pydantic import SecretStr

from rayeval.cli import cli
from rayeval.domain.push import PushSpec
from rayeval.errors import PushError
from rayeval.export import exposition
from rayeval.export.exposition import Group
from rayeval.export.metrics import samples
from rayeval.export.pushgateway import opened
from rayeval.publish import deliver
from tests.real import days, stack
from tests.unit.conftest import Reports

pytestmark = pytest.mark.real

PASSWORD = "open-sesame-42"
HASH = "$2b$04$SaDKtHDqgIRJ2yTjU8.McuFYk8sgcPf999ruQ58ObdktrNPRdcGnO"
NAMES = ["Qwen/Qwen3-32B", "通义千问", "a b", "..", "100%", "", 'x\\y"z\n', "é", "-", "a+b=c?d#e&f"]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    with stack.pushgateway(log=tmp_path_factory.mktemp("gateway") / "log") as url:
        yield url


def groups(*scenarios, job="rayeval", **changes):
    report = Reports.run(*scenarios, **changes)
    return exposition.groups(exposition.text(samples(report, None, job), ""), "here")


def held(url, job):
    """网关里这个 job 的各组：分组键 → 其余指标名 → 样本。"""
    data = stack.fetch(f"{url}/api/v1/metrics")["data"]
    return {tuple(sorted(g["labels"].items())): g for g in data if g["labels"]["job"] == job}


def test_every_name_of_a_model_becomes_its_own_group(gateway):
    scenarios = [Reports.scenario(scenario=f"s{i}", model=name) for i, name in enumerate(NAMES)]
    done = deliver(groups(*scenarios, job="names"), PushSpec(url=gateway))
    assert not done.errors
    assert done.groups == len(NAMES)
    found = {dict(key)["scenario"]: dict(key).get("model", "") for key in held(gateway, "names")}
    assert found == {f"s{i}": name for i, name in enumerate(NAMES)}


def test_a_vanished_cell_is_gone_from_its_group_and_other_groups_stay(gateway):
    one = Reports.scenario(scenario="one", cells=(Reports.cell(), Reports.cell(concurrency=8)))
    other = Reports.scenario(scenario="other")
    push = PushSpec(url=gateway)
    deliver(groups(one, other, job="cells"), push)
    smaller = dataclasses.replace(one, cells=one.cells[:1], accuracy=None)
    deliver(groups(smaller, job="cells"), push)
    by_scenario = {dict(key)["scenario"]: group for key, group in held(gateway, "cells").items()}
    left = {m["labels"]["concurrency"] for m in by_scenario["one"]["qps"]["metrics"]}
    assert left == {"4"}
    assert "accuracy_score" not in by_scenario["one"]
    assert "accuracy_score" in by_scenario["other"]


def test_an_inconsistent_push_is_refused_whole_and_told_in_the_gateways_words(tmp_path):
    with (
        stack.pushgateway(log=tmp_path / "log") as gateway,
        opened(PushSpec(url=gateway)) as client,
    ):
        key = {"job": "stranger"}
        strange = b'# TYPE qps counter\nqps{x="1"} 1\n'
        assert not client.push([Group(key, strange, 1)])[0].error
        done = deliver(groups(job="clash"), PushSpec(url=gateway))
        assert done.groups == 0
        assert "HTTP 400" in done.errors[0]
        assert "qps" in done.errors[0]
        assert "push.prefix" in done.errors[0]
        client._ask("DELETE", "/metrics/job/stranger")
        assert not deliver(groups(job="clash"), PushSpec(url=gateway)).errors


def test_a_retired_scenario_loses_all_its_groups_and_no_other(gateway, monkeypatch):
    monkeypatch.setenv("PROM_PUSHGATEWAY_URL", gateway)
    kept, old = Reports.scenario(scenario="kept"), Reports.scenario(scenario="old", model="a/b")
    odd = dataclasses.replace(old, model="", quant="")
    push = PushSpec(url=gateway)
    for run_type in ("pr", "daily"):
        deliver(groups(kept, old, job="rayeval", run_type=run_type), push)
    deliver(groups(odd), push)
    from typer.testing import CliRunner

    done = CliRunner().invoke(cli, ["push", "--retire", "old", "--retire", "nobody"])
    assert done.exit_code == 0, done.output
    assert "old: deleted 3 groups" in done.output
    assert "nobody: no group" in done.output
    assert {dict(key)["scenario"] for key in held(gateway, "rayeval")} == {"kept"}


def test_a_gateway_with_a_password_takes_the_right_one_and_tells_none(tmp_path):
    web = tmp_path / "web.yml"
    web.write_text(json.dumps({"basic_auth_users": {"ci": HASH}}))
    with stack.pushgateway(f"--web.config.file={web}", log=tmp_path / "log") as url:
        told = deliver(groups(), PushSpec(url=url)).errors[0]
        assert "HTTP 401" in told
        assert "PROM_PUSHGATEWAY_PASSWORD" in told
        wrong = PushSpec(url=url, username="ci", password=SecretStr("wrong-secret"))
        told = deliver(groups(), wrong).errors[0]
        assert "HTTP 401" in told
        assert "wrong-secret" not in told
        inside = PushSpec(url=url.replace("http://", f"http://ci:{PASSWORD}@"))
        done = deliver(groups(), inside)
        assert not done.errors
        assert PASSWORD not in repr(inside) + repr(done)
        with opened(inside) as client:
            assert client.retire("local_demo", "rayeval")


def test_a_gateway_over_tls_is_trusted_by_its_authority_only(tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run(
        ["openssl", *new, *names, "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    web = tmp_path / "web.yml"
    files = {"cert_file": str(certificate), "key_file": str(key)}
    web.write_text(json.dumps({"tls_server_config": files}))
    flags = [f"--web.config.file={web}", "--persistence.file="]
    log = tmp_path / "log"
    with stack.served("prometheus-pushgateway", *flags, log=log, scheme="https") as url:
        quick = {"url": url, "attempts": 1}
        assert "certificate" in deliver(groups(), PushSpec(**quick)).errors[0].lower()
        assert not deliver(groups(), PushSpec(**quick, ca_file=str(certificate))).errors
        assert not deliver(groups(), PushSpec(**quick, verify=False)).errors
        with pytest.raises(PushError, match="ca_file"), opened(PushSpec(**quick, ca_file="/no")):
            pass


def test_what_is_written_passes_promtools_linter(tmp_path):
    report = days.run("today", 1_800_000_000.0)
    for prefix in ("", "ci_"):
        stack.promtool(
            "check", "metrics", stdin=exposition.text(samples(report, None, "rayeval"), prefix)
        )
