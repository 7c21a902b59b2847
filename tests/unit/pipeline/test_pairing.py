"""配对：找得到两边的作答表、是同一场考试才比；找不到就不比，不报错。"""

import dataclasses

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rayeval.pipeline.pairing import pair_up

SHA = "a" * 64


@pytest.fixture
def run_at(tmp_path, reports):
    """`run_at(name, scores, **accuracy)`：一次存着作答表的运行与它的产物目录。"""

    def make(name, scores, **fields):
        root = tmp_path / name
        path = f"accuracy/local_demo/{name}/answers.parquet"
        (root / path).parent.mkdir(parents=True)
        columns = {
            "example": list(range(len(scores))),
            "repeat": [0] * len(scores),
            "score": [float(score) for score in scores],
        }
        pq.write_table(pa.table(columns), root / path)
        accuracy = reports.accuracy(dataset_sha256=SHA, **fields)
        scenario = reports.scenario(accuracy=accuracy, artifacts=(path,))
        return reports.run(scenario, run_id=name), root

    return make


def paired(now, then):
    (report, root), (baseline, away) = now, then
    file = away / "runs" / baseline.run_id / "report.json"
    return pair_up(report, root, baseline, file).scenarios[0].accuracy.paired


def test_answers_are_compared_one_by_one(run_at):
    got = paired(run_at("now", [1, 0, 1, 0]), run_at("then", [1, 1, 0, 0]))
    assert (got.baseline, got.n, got.lost, got.won) == ("then", 4, 1, 1)


@pytest.mark.parametrize(
    "fields",
    [
        {"dataset_sha256": "b" * 64},
        {"prompt": "custom"},
        {"dataset_name": "other"},
        {"source": "simple-evals"},
        {"valid": False},
    ],
)
def test_another_exam_or_an_invalid_one_is_not_compared(run_at, fields):
    report, root = run_at("now", [1, 0])
    scenario = report.scenarios[0]
    odd = dataclasses.replace(scenario.accuracy, **fields)
    changed = dataclasses.replace(scenario, accuracy=odd)
    now = dataclasses.replace(report, scenarios=(changed,)), root
    assert paired(now, run_at("then", [1, 1])) is None


def test_a_baseline_without_its_answers_is_no_trouble(run_at):
    then = run_at("then", [1, 1])
    for path in then[1].rglob("*.parquet"):
        path.write_bytes(b"not parquet")
    assert paired(run_at("now", [1, 0]), then) is None


def test_a_pairing_with_another_baseline_does_not_stay(run_at):
    (report, root), then = run_at("now", [1, 0]), run_at("then", [1, 1])
    file = then[1] / "runs" / "then" / "report.json"
    now = pair_up(report, root, then[0], file)
    for path in root.rglob("*.parquet"):
        path.unlink()
    assert paired((now, root), then) == now.scenarios[0].accuracy.paired
    assert paired((now, root), run_at("other", [1, 1])) is None
