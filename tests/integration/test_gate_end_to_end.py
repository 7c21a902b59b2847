"""从每日基线到 PR 的裁决：服务真的变慢、变少、变坏，门禁各说出那一条；没变的过。"""

import dataclasses
import json
import subprocess
import sys

import pytest

from rayeval.domain.verdict import GateSpec
from rayeval.export.report_json import decode
from rayeval.gate.judge import judge
from rayeval.gate.rows import stored_rows
from tests.rig import MOCK, SAMPLE, write_config

pytestmark = pytest.mark.solo

# 服务的快慢写在旁边的文件里：命令不变，身份就不变
FROM_FILE = ["sh", "-c", 'file=$1; shift; exec "$@" $(cat "$file")', "sh"]
HEALTHY = "--ttft-ms 200 --itl-ms 10"
QUICK = "--ttft-ms 20 --itl-ms 2"
BEFORE = {"same": HEALTHY, "slow": HEALTHY, "sparse": HEALTHY, "sick": QUICK}
CHANGED = {
    "same": HEALTHY,
    "slow": "--ttft-ms 230 --itl-ms 5.7",
    "sparse": "--ttft-ms 200 --itl-ms 13.1",
    "sick": f"{QUICK} --accuracy 0 --fault usage_total_wrong --fault http_503:every=10",
}
PERF_ONLY = {"stages": {"functional": False, "accuracy": False}}
PERF = {
    "concurrency": [4],
    "input_length": [32],
    "output_length": [8],
    "num_requests": [20],
    "warmup": 0,
    "control_method": "queue",
    "workers": 1,
}


def made(name, folder):
    command = [*FROM_FILE, str(folder / f"{name}.flags"), *MOCK]
    command = [*command[: command.index("--itl-ms")], "--answer-key", str(SAMPLE)]
    return {
        "id": name,
        "mode": "local",
        "model": "tiny",
        "served_model_name": "tiny",
        "provider": "here",
        "service": {"command": command, "startup_timeout_s": 30},
    }


def set_flags(folder, flags):
    for name in CHANGED:
        (folder / f"{name}.flags").write_text(flags[name])


def run(config, artifacts, run_type, *flags):
    words = ["run", "--config", config, "--artifacts", artifacts, "--run-type", run_type]
    done = subprocess.run(
        [sys.executable, "-m", "rayeval.cli", *map(str, words), "--address", "inline", *flags],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    files = {file: decode(file.read_bytes()) for file in artifacts.glob("runs/*/report.json")}
    newest = max(files, key=lambda file: files[file].run_id)
    return done, files[newest], newest


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """一次健康的每日，一次变了的 PR；整个模块只测这两次。"""
    folder = tmp_path_factory.mktemp("gate")
    config = folder / "configs"
    entries = {name: {"pr": PERF_ONLY, "daily": PERF_ONLY} for name in CHANGED if name != "sick"}
    write_config(
        config,
        *(made(name, folder) for name in CHANGED),
        perf=PERF,
        scenarios=entries,
        gate={"pr": {"confirm": "always"}},
    )
    accuracy = config / "tests/accuracy/pr.yaml"
    accuracy.write_text(accuracy.read_text() + "\nmin_score: 0.5\n")
    set_flags(folder, BEFORE)
    daily = run(config, folder / "artifacts", "daily")
    set_flags(folder, CHANGED)
    pr = run(config, folder / "artifacts", "pr")
    return folder, daily, pr


def one(story, name):
    """只留一个场景的 PR，与基线一起判。"""
    folder, (_, daily, _), (_, pr, _) = story
    [scenario] = [s for s in pr.scenarios if s.scenario == name]
    now = dataclasses.replace(pr, scenarios=(scenario,))
    rows = stored_rows(now, folder / "artifacts"), stored_rows(daily, folder / "artifacts")
    return judge(now, daily, GateSpec(), rows=rows[0], base_rows=rows[1])


def broken(verdict):
    return {f.rule for f in verdict.findings if f.kind == "broken"}


def test_a_green_daily_is_found_as_the_baseline(story):
    _, (daily, report, file), (pr, _, _) = story
    assert daily.returncode == 0, daily.stdout + daily.stderr
    assert report.run_type == "daily"
    assert pr.returncode == 1, pr.stdout + pr.stderr
    assert str(file) in pr.stdout


def test_an_unchanged_service_passes(story):
    verdict = one(story, "same")
    assert (verdict.exit_code, broken(verdict)) == (0, set()), verdict


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("slow", "ttft_p99"),
        ("sparse", "qps"),
        ("sick", "fail_ratio"),
        ("sick", "functional"),
        ("sick", "accuracy"),
    ],
)
def test_each_defect_is_told_by_its_rule_and_fails_the_pull_request(story, name, rule):
    verdict = one(story, name)
    assert verdict.exit_code == 1
    assert rule in broken(verdict), verdict


def test_a_daily_with_low_accuracy_alone_warns_and_passes(story):
    _, (_, daily, _), (_, pr, _) = story
    healthy = {s.scenario: s for s in daily.scenarios}["sick"]
    [sick] = [s for s in pr.scenarios if s.scenario == "sick"]
    only = dataclasses.replace(healthy, accuracy=sick.accuracy)
    now = dataclasses.replace(pr, run_type="daily", scenarios=(only,))
    verdict = judge(now, daily, GateSpec())
    assert verdict.exit_code == 0
    assert [f.rule for f in verdict.findings if f.level == "warn"] == ["accuracy"]


def test_only_cells_beyond_a_limit_were_measured_twice_and_the_rerun_agrees(story):
    _, _, (_, pr, _) = story
    assert {s.scenario for s in pr.scenarios if s.confirmations} == {"slow", "sparse", "sick"}
    [finding] = [f for f in one(story, "sparse").findings if f.rule == "qps"]
    assert finding.robust == "broken", finding
    assert finding.high < 0


def test_another_engine_is_incomparable(story):
    _, (_, daily, _), (_, pr, _) = story
    [scenario] = [s for s in pr.scenarios if s.scenario == "same"]
    other = dataclasses.replace(scenario, fingerprint=scenario.fingerprint | {"flags": "other"})
    verdict = judge(dataclasses.replace(pr, scenarios=(other,)), daily, GateSpec())
    assert verdict.exit_code == 4
    assert "incomparable" in {f.kind for f in verdict.findings}


def test_compare_prints_both_runs_and_appends_markdown(story, tmp_path):
    _, (_, _, before), (_, _, after) = story
    summary = tmp_path / "summary.md"
    summary.write_text("# job\n")
    words = ["compare", str(before), str(after.parent), "--markdown", str(summary), "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "rayeval.cli", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)["findings"]
    assert {"ttft_p99", "qps"} <= {f["rule"] for f in found if f["kind"] == "broken"}
    text = summary.read_text()
    assert text.startswith("# job\n")
    assert "| sparse |" in text
