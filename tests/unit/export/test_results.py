"""一个阶段的结果在标准输出上：CSV 就是产物里的那一份，JSON 里没有 NaN，文本没有牙齿。"""

import csv
import io
import json
from dataclasses import replace

import pytest

from rayeval.domain.functional import CaseResult, Outcome
from rayeval.export.accuracy_csv import accuracy_csv
from rayeval.export.acs_csv import summary_csv
from rayeval.export.functional_csv import functional_csv
from rayeval.export.plain_csv import harmless
from rayeval.export.results import results_csv, results_json
from tests.unit.conftest import make_accuracy, make_cell, make_run, make_scenario

CASES = (
    CaseResult("s", "s/a", Outcome.PASS, 0.5),
    CaseResult("s", "s/b", Outcome.FAIL, float("nan"), message="=1+1\x1b[2J\nsecond, line"),
)


def rows(data):
    return list(csv.DictReader(io.StringIO(data.decode())))


def test_each_stage_has_its_rows():
    cells = (make_cell(), make_cell(concurrency=8))
    run = make_run(make_scenario(cells=cells, cases=CASES))
    assert results_csv(run, "perf") == summary_csv(cells)
    assert results_csv(run, "functional") == functional_csv(CASES)
    assert results_csv(run, "accuracy") == accuracy_csv([make_accuracy()])
    assert [row["Concurrency"] for row in rows(results_csv(run, "perf"))] == ["4", "8"]
    assert [row["Outcome"] for row in rows(results_csv(run, "functional"))] == ["PASS", "FAIL"]
    [score] = rows(results_csv(run, "accuracy"))
    assert (score["Score"], score["Ok"]) == ("0.8", "true")


def test_what_was_not_measured_has_no_rows():
    run = make_run(make_scenario(cells=(), cases=(), accuracy=None))
    assert results_csv(run, "perf") == b""
    for stage in ("functional", "accuracy"):
        data = results_csv(run, stage)
        assert data.count(b"\n") == 1
        assert rows(data) == []


def test_a_message_can_be_neither_formula_nor_control_character_nor_line():
    bad = rows(functional_csv(CASES))[1]
    assert bad["Message"] == "'=1+1 [2J second, line"
    assert bad["Duration(s)"] == "-1"


@pytest.mark.parametrize("text", ["=x", "+x", "-x", "@x", "\t=x", " =x"])
def test_whatever_a_spreadsheet_would_run_is_quoted(text):
    assert harmless(text).startswith("'")


@pytest.mark.parametrize("text", ["", "x=1", "chat_core/answers[non_stream-zh]", "中文"])
def test_other_text_is_left_alone(text):
    assert harmless(text) == text


def no_constant(name):
    raise AssertionError(f"{name} is not JSON")


def told(run, stage):
    data = results_json(run, stage, 1, "artifacts/runs/x", "artifacts")
    return json.loads(data, parse_constant=no_constant)


def test_cells_carry_the_columns_of_the_csv_and_null_for_undefined():
    cell = make_cell(ttft=None)
    body = told(make_run(make_scenario(cells=(cell,))), "perf")
    assert list(body["cells"][0]) == list(rows(summary_csv([cell]))[0])
    assert body["cells"][0]["TP99_TTFT(s)"] is None
    assert body["cells"][0]["QPS"] == 20.0
    assert (body["exit_code"], body["run"], body["run_id"]) == (
        1,
        "artifacts/runs/x",
        "20260101T000000",
    )
    assert body["stages"][0]["status"] == "PASS"


def test_cases_carry_outcomes_and_counts():
    body = told(make_run(make_scenario(cases=CASES)), "functional")
    assert body["counts"]["FAIL"] == 1
    assert body["cases"][1]["duration_s"] is None
    assert [case["outcome"] for case in body["cases"]] == ["PASS", "FAIL"]


def test_a_score_carries_its_interval_and_no_nan():
    score = replace(make_accuracy(), stderr=float("nan"), outcomes=(("parsed", 20),))
    body = told(make_run(make_scenario(accuracy=score)), "accuracy")["accuracy"]
    assert (body["score"], body["low"], body["high"], body["ok"]) == (0.8, 0.6, 0.98, True)
    assert body["stderr"] is None
    assert body["outcomes"] == {"parsed": 20}
    assert told(make_run(make_scenario(accuracy=None)), "accuracy")["accuracy"] is None
