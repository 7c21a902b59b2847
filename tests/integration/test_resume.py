"""`--resume`：SIGKILL 之后接着跑，测完的不再测，报告是全的。"""

import csv
import json
import os
import signal
import time

import pytest

from tests.accuracy_rig import write_questions
from tests.rig import Runner, scenario, write_config

PERF = {
    "concurrency": [1],
    "input_length": [32],
    "output_length": [8, 16, 24, 32],
    "num_requests": [12],
    "warmup": 1,
    "control_method": "queue",
    "workers": 1,
}
FLAGS = ("--address", "inline", "--stage", "functional", "--stage", "perf")


def cells(runner):
    """各 cell 的请求编号，取自 CSV。"""
    found = {}
    for file in runner.artifacts.glob("perf/one/*/requests_*.csv"):
        with file.open(encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
        found[file.name.partition("output")[2].partition("_")[0]] = [r["Request_Id"] for r in rows]
    return found


def await_cells(runner, process, count, limit_s=90.0):
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline and process.poll() is None:
        for log in runner.artifacts.glob("runs/*/events.jsonl"):
            if log.read_text(encoding="utf-8").count('"event": "CellFinished"') >= count:
                return
        time.sleep(0.02)
    raise AssertionError(f"never saw {count} cells: {process.poll()}")


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """一次在第三个 cell 里被 SIGKILL 的运行。"""
    folder = tmp_path_factory.mktemp("resume")
    runner = Runner(folder)
    config = write_config(folder / "configs", scenario("one"), perf=PERF)
    process = runner.start(config, *FLAGS)
    await_cells(runner, process, 2)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    [command] = runner.artifacts.glob("runs/*/command.json")
    return runner, config, json.loads(command.read_text())["run_id"], cells(runner)


def test_another_configuration_or_an_unknown_run_is_refused(killed):
    runner, config, run_id, _ = killed
    other = runner(config, "--address", "inline", "--stage", "perf", "--resume", run_id)
    assert (other.code, "not those it began with" in other.err) == (2, True), other.err
    unknown = runner(config, *FLAGS, "--resume", "nobody")
    assert unknown.code == 2
    assert run_id in unknown.err  # 说出可以接着跑的那一次


def test_what_was_measured_is_not_measured_again_and_the_report_is_complete(killed):
    runner, config, run_id, before = killed
    assert len(before) == 2
    done = runner(config, *FLAGS, "--resume", run_id)
    assert done.code == 0, done.out + done.err
    after = cells(runner)
    assert set(after) == {"8", "16", "24", "32"}
    assert {name: after[name] for name in before} == before
    report = done.report
    assert report["run_id"] == run_id
    assert report["resumed"] == ["one: functional, 2 cells"]
    [one] = report["scenarios"]
    assert {s["stage"]: s["status"] for s in one["stages"]} == {
        "functional": "PASS",
        "launch": "PASS",
        "ready": "PASS",
        "perf": "PASS",
        "teardown": "PASS",
    }
    assert [c["summary"]["output_length"] for c in one["cells"]] == [8, 16, 24, 32]
    assert len({case["case_id"] for case in one["cases"]}) == len(one["cases"]) > 0
    assert "not measured again: one: functional, 2 cells" in done.out
    assert not list(runner.artifacts.rglob("journal_*"))
    for path in one["artifacts"]:
        assert os.path.exists(runner.artifacts / path)  # noqa: PTH110


def await_answers(runner, process, name, count, limit_s=90.0):
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline and process.poll() is None:
        for file in runner.artifacts.glob(f"accuracy/{name}/*/answers_partial.jsonl"):
            if file.read_bytes().count(b"\n") > count:
                return
        time.sleep(0.02)
    raise AssertionError(f"never had {count} answers: {process.poll()}")


def test_no_question_is_asked_twice(tmp_path, start_mock):
    questions = write_questions(tmp_path / "synthetic.csv", 60)
    mock = start_mock("--answer-key", str(questions), "--ttft-ms", "60")
    service = {"base_url": mock.base_url}
    made = [scenario(name, mode="external", model="mock", service=service) for name in "ab"]
    for each in made:
        del each["served_model_name"]
    config = write_config(tmp_path / "configs", *made)
    profile = {"dataset": str(questions), "dataset_name": "synthetic", "threads": 4}
    (config / "tests/accuracy/pr.yaml").write_text(json.dumps(profile))
    flags = ("--address", "inline", "--stage", "accuracy")
    runner = Runner(tmp_path)
    process = runner.start(config, *flags)
    await_answers(runner, process, "b", 10)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    [partial] = runner.artifacts.glob("accuracy/b/*/answers_partial.jsonl")
    [table] = runner.artifacts.glob("accuracy/a/*/answers.parquet")
    had, first, asked = partial.read_bytes().count(b"\n") - 1, table.read_bytes(), mock.stats()
    [command] = runner.artifacts.glob("runs/*/command.json")
    done = runner(config, *flags, "--resume", json.loads(command.read_text())["run_id"])
    assert done.code == 0, done.out + done.err
    assert mock.stats()["issued"] - asked["issued"] == 60 - had + 2  # 就绪阶梯问两次
    assert done.report["resumed"] == ["a: the whole scenario", f"b: {had} answers"]
    a, b = done.scenario("a"), done.scenario("b")
    assert (a["accuracy"]["n"], b["accuracy"]["n"]) == (60, 60)
    assert b["accuracy"]["resumed"] == had
    assert table.read_bytes() == first
    assert not partial.exists()
    assert [step["rung"] for step in a["ready_steps"]] == [s["rung"] for s in b["ready_steps"]]
    for path in (*a["artifacts"], *b["artifacts"]):
        assert (runner.artifacts / path).is_file(), path
