"""一个阶段的动词的 --format：标准输出上只有结果，别的都在标准错误上。"""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rig import SAMPLE

SMALL = ("-c", "1,2", "-n", "4,6", "-il", "16", "-ol", "4")
FEW = ("-s", "chat_core", "--no-probe", "-k", "answers")
EXAM = ("-d", SAMPLE, "-n", "4")
STAGES = [("perf", SMALL), ("functional", FEW), ("accuracy", EXAM)]
FILES = {"perf": "summary_*.csv", "functional": "cases.csv", "accuracy": "score.csv"}
ROWS = {"perf": 2, "functional": 8, "accuracy": 1}


@pytest.fixture
def call(rayeval_run, start_mock):
    mock = start_mock("--ttft-ms", "2")

    def run(verb, *words, url=mock.base_url):
        return rayeval_run.finish(rayeval_run.launch(verb, url, *words))

    return run


@pytest.mark.parametrize(("verb", "words"), STAGES, ids=[verb for verb, _ in STAGES])
def test_csv_is_the_file_of_the_run_and_nothing_else(call, rayeval_run, verb, words):
    done = call(verb, *words, "--format", "csv")
    assert done.code == 0, done.err
    [file] = rayeval_run.artifacts.glob(f"{verb}/*/*/{FILES[verb]}")
    assert done.out == file.read_text(encoding="utf-8")
    assert len(list(csv.DictReader(io.StringIO(done.out)))) == ROWS[verb]
    assert f"{verb} PASS" in done.err
    assert "artifacts:" in done.err


@pytest.mark.parametrize(("verb", "words"), STAGES, ids=[verb for verb, _ in STAGES])
def test_json_is_one_object_with_the_results(call, rayeval_run, verb, words):
    done = call(verb, *words, "--format", "json", "--quiet")
    assert (done.code, done.err) == (0, "")
    body = json.loads(done.out)
    assert body["exit_code"] == 0
    assert (rayeval_run.tmp_path / body["run"] / "report.json").is_file()
    assert all((rayeval_run.tmp_path / body["artifacts"] / name).exists() for name in body["files"])
    match verb:
        case "perf":
            assert [cell["Concurrency"] for cell in body["cells"]] == [1, 2]
        case "functional":
            assert body["counts"]["PASS"] == len(body["cases"]) == ROWS[verb]
        case "accuracy":
            assert body["accuracy"]["low"] <= body["accuracy"]["score"] <= body["accuracy"]["high"]


def test_json_lines_of_progress_go_aside_when_results_are_asked_for(call):
    done = call("perf", *SMALL, "--format", "json", "--json")
    assert json.loads(done.out)["cells"]
    lines = [json.loads(line) for line in done.err.splitlines()]
    assert lines[0]["stage"] == "launch"
    assert lines[-1]["exit_code"] == 0
    plain = call("perf", *SMALL, "--json")
    assert [json.loads(line) for line in plain.out.splitlines()][-1]["exit_code"] == 0
    assert plain.err == ""


def test_the_table_stays_on_stdout(call):
    done = call("perf", *SMALL, "--format", "table")
    assert "PASS without a baseline" in done.out
    assert done.err == ""


def test_errors_and_a_wrong_format_leave_stdout_empty(call):
    odd = call("perf", *SMALL, "--format", "xml")
    assert (odd.code, odd.out) == (2, "")
    assert "--format 'xml': write one of table, json, csv" in odd.err
    gone = call("perf", *SMALL, "--format", "csv", url="http://127.0.0.1:1/v1")
    assert (gone.code, gone.out) == (3, "")
    assert "nothing answers" in gone.err


def test_results_that_cannot_be_written_are_told_with_where_they_are_kept(rayeval_run, start_mock):
    command = [sys.executable, "-m", "rayeval.cli", "perf", start_mock().base_url, *SMALL]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*command, "--format", "csv", "--quiet"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=rayeval_run.tmp_path,
            timeout=120,
            check=False,
        )
    assert done.returncode == 3
    [line] = done.stderr.splitlines()
    assert "can't write the results to stdout: No space left" in line
    assert (rayeval_run.tmp_path / line.rpartition("rayeval report ")[2] / "report.json").is_file()
