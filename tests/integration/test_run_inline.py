"""`rayeval run --address inline`：从 YAML 到退出码，没有 Ray。"""

import csv
import json
import os
import signal
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.rig import ALL_CASES

SLOW = {
    "concurrency": [1, 2],
    "input_length": [32],
    "output_length": [200],
    "num_requests": [1, 100],
    "control_method": "queue",
}


def until_gone(find, run_id, limit_s=15.0):
    deadline = time.monotonic() + limit_s
    while find(run_id) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not find(run_id)


def test_one_scenario_end_to_end(rayeval_run, config, make_scenario, service_processes):
    folder = config(make_scenario("one"), functional=ALL_CASES)
    done = rayeval_run(folder, "--address", "inline")
    assert done.code == 0, done.out + done.err
    assert set(done.stages("one").values()) == {"PASS"}
    root, ts = done.artifacts, done.folder.name
    assert b"listening on" in (root / f"logs/service_one_{ts}.log").read_bytes()
    ET.parse(root / f"functional/one/{ts}/junit.xml")
    results = json.loads((root / f"functional/one/{ts}/results.json").read_text())
    assert results["counts"]["PASS"] > 5
    perf = root / f"perf/one/{ts}"
    assert len(list(perf.glob("requests_*.csv"))) == 2
    assert (perf / "requests.parquet").exists()
    assert (perf / "certificate.json").exists()
    accuracy = {path.suffix for path in (root / f"accuracy/one/{ts}").iterdir()}
    assert accuracy == {".json", ".html", ".csv", ".parquet"}
    assert {path.name for path in done.folder.iterdir()} >= {
        "report.json",
        "report.md",
        "command.json",
        "config.resolved.yaml",
        "events.jsonl",
    }
    for path in done.scenario("one")["artifacts"]:
        assert (root / path).exists(), path
    assert service_processes(done.report["run_id"]) == []


def test_printed_table_agrees_with_the_csv(rayeval_run, config, make_scenario):
    done = rayeval_run(config(make_scenario("one")), "--address", "inline", "--stage", "perf")
    [path] = done.artifacts.glob("perf/one/*/summary_*.csv")
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    for row in rows:
        shown = [f"{float(row['TP99_E2E(s)']) * 1000:.1f}", f"{float(row['QPS']):.2f}"]
        assert all(number in done.out for number in shown), (shown, done.out)


def test_service_that_exits_is_recorded_and_its_neighbours_complete(
    rayeval_run, config, make_scenario
):
    broken = {"command": ["sh", "-c", "echo no such model >&2; exit 3"], "startup_timeout_s": 60}
    scenarios = [make_scenario("a"), make_scenario("b", service=broken), make_scenario("c")]
    done = rayeval_run(config(*scenarios), "--address", "inline")
    assert done.code == 1
    assert set(done.stages("a").values()) == set(done.stages("c").values()) == {"PASS"}
    assert done.stages("b") == {
        "launch": "PASS",
        "ready": "ERROR",
        "functional": "SKIPPED",
        "perf": "SKIPPED",
        "accuracy": "SKIPPED",
        "teardown": "PASS",
    }
    stages = {stage["stage"]: stage for stage in done.scenario("b")["stages"]}
    assert "exited with code 3" in stages["ready"]["reason"]
    assert "no such model" in stages["ready"]["log_tail"]
    assert "ready failed" in stages["perf"]["reason"]
    assert "no such model" in done.out
    assert "Traceback" not in done.out + done.err


def test_no_scenario_ready_is_infrastructure(rayeval_run, config, make_scenario):
    broken = {"command": ["false"], "startup_timeout_s": 60}
    done = rayeval_run(config(make_scenario("b", service=broken)), "--address", "inline")
    assert done.code == 3


def test_mistakes_are_told_before_anything_starts(rayeval_run, config, make_scenario):
    folder = config(make_scenario("one", modle="x"), gate={"pr": {"max_qps_decrease": "lots"}})
    done = rayeval_run(folder, "--address", "inline")
    assert done.code == 2
    assert "scenarios/one.yaml" in done.err
    assert "matrix.yaml" in done.err
    assert not done.artifacts.exists()


def test_unknown_scenario_is_a_usage_error_with_a_hint(rayeval_run, config, make_scenario):
    flags = ("--address", "inline", "--scenario", "oen")
    done = rayeval_run(config(make_scenario("one")), *flags)
    assert done.code == 2
    assert "one" in done.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_interruption_tears_down_and_still_writes_what_there_is(
    number, rayeval_run, config, make_scenario, service_processes
):
    process = rayeval_run.start(config(make_scenario("one"), perf=SLOW), "--address", "inline")
    rayeval_run.await_event(process, '"event": "CellFinished"')
    rayeval_run.await_answers(process, "one", 3)  # 进到第二个 cell 里
    process.send_signal(number)
    done = rayeval_run.finish(process, 30)
    assert done.code == 130
    assert done.report["interrupted"]
    assert done.stages("one")["functional"] == "PASS"
    assert done.stages("one")["perf"] == "CANCELLED"
    assert list(done.artifacts.glob("functional/one/*/junit.xml"))
    assert list(done.artifacts.glob("logs/service_one_*.log"))
    assert len(list(done.artifacts.glob("perf/one/*/requests_*.csv"))) == 2
    [_, cell] = done.scenario("one")["cells"]
    assert "the cell was interrupted" in cell["certificate"]["reasons"]
    assert cell["summary"]["succeeded"] > 0
    assert "INTERRUPTED" in done.out
    assert f"the same command with --resume {done.report['run_id']}" in done.out
    assert until_gone(service_processes, done.report["run_id"])
    assert "Traceback" not in done.err


def test_service_killed_in_mid_run_fails_fast_and_the_rest_is_skipped(
    rayeval_run, config, make_scenario, service_processes
):
    process = rayeval_run.start(config(make_scenario("one"), perf=SLOW), "--address", "inline")
    rayeval_run.await_event(process, '"event": "StageStarted", "stage": "perf"')
    [command] = rayeval_run.artifacts.glob("runs/*/command.json")
    run_id = json.loads(command.read_text())["run_id"]
    for pid in service_processes(run_id):
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        if b"rayeval.mock" in command and b"guard" not in command:
            os.kill(pid, signal.SIGKILL)
    done = rayeval_run.finish(process, 60)
    assert done.code == 1
    stages = {stage["stage"]: stage for stage in done.scenario("one")["stages"]}
    assert stages["perf"]["status"] == "ERROR"
    assert "killed by SIGKILL" in stages["perf"]["reason"]
    assert stages["accuracy"]["status"] == "SKIPPED"
    assert "service lost during perf" in stages["accuracy"]["reason"]


def test_service_killed_in_mid_accuracy_fails_fast_and_keeps_the_answers(
    rayeval_run, config, make_scenario, service_processes, mock_command
):
    service = {"command": [*mock_command, "--ttft-ms", "50"], "startup_timeout_s": 30}
    folder = config(make_scenario("one", service=service))
    profile = folder / "tests" / "accuracy" / "pr.yaml"
    text = profile.read_text().replace("num_examples: 4", "num_examples: 30\nn_repeats: 40")
    profile.write_text(text)
    flags = ("--address", "inline", "--stage", "accuracy")
    process = rayeval_run.start(folder, *flags)
    rayeval_run.await_event(process, '"event": "StageStarted", "stage": "accuracy"')
    [command] = rayeval_run.artifacts.glob("runs/*/command.json")
    rayeval_run.await_answers(process, "one", 8)
    for pid in service_processes(json.loads(command.read_text())["run_id"]):
        if b"guard" not in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)
    begin = time.monotonic()
    done = rayeval_run.finish(process, 60)
    assert time.monotonic() - begin < 30
    assert done.stages("one")["accuracy"] == "ERROR"
    assert list(done.artifacts.glob("accuracy/one/*/answers_partial.jsonl"))


def test_named_baseline_that_is_not_there_is_told_before_measuring(
    rayeval_run, config, make_scenario
):
    flags = ("--address", "inline", "--baseline", "nowhere.json")
    done = rayeval_run(config(make_scenario("one")), *flags)
    assert done.code == 2
    assert "nowhere.json" in done.err
    assert not done.artifacts.exists()


def test_same_second_runs_do_not_share_a_folder(rayeval_run, config, make_scenario):
    folder = config(make_scenario("one"))
    flags = ("--address", "inline", "--stage", "functional")
    both = [rayeval_run.start(folder, *flags) for _ in range(2)]
    assert [rayeval_run.finish(process).code for process in both] == [0, 0]
    assert len(list((rayeval_run.artifacts / "runs").iterdir())) == 2


def test_api_key_is_nowhere_in_what_a_run_leaves(
    rayeval_run, config, make_scenario, mock_command, monkeypatch
):
    key = "sk-secret-0123456789"
    monkeypatch.setenv("RAYEVAL_TEST_KEY", key)
    service = {"command": [*mock_command, "--api-key", "${RAYEVAL_TEST_KEY}"]}
    folder = config(
        make_scenario("one", service=service),
        providers=[{"id": "here", "api_key": "${RAYEVAL_TEST_KEY}"}],
        functional=ALL_CASES,
    )
    done = rayeval_run(folder, "--address", "inline")
    assert done.code == 0, done.out + done.err
    assert key not in done.out + done.err
    files = [path for path in done.artifacts.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert [path for path in files if key.encode() in path.read_bytes()] == []


def test_missing_dataset_is_told_before_anything_starts(rayeval_run, config, make_scenario):
    folder = config(make_scenario("one"))
    profile = folder / "tests" / "accuracy" / "pr.yaml"
    profile.write_text(profile.read_text().replace("science_sample.csv", "nowhere.csv"))
    done = rayeval_run(folder, "--address", "inline")
    assert done.code == 2
    assert "nowhere.csv: dataset: the dataset can't be read (No such file" in done.err
    assert "(for scenario one)" in done.err
    assert not done.artifacts.exists()
