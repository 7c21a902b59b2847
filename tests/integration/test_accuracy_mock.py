"""题目 → 分片 → 内嵌服务 → 分：分片数什么也不改变。"""

from pathlib import Path

import pytest

from rayeval.accuracy import gpqa, prompt
from rayeval.accuracy.aggregate import aggregate, answers_table
from rayeval.accuracy.shard import answer_shard
from rayeval.accuracy.shards import make_shards
from rayeval.domain.accuracy import AccuracySpec

SAMPLE = Path(__file__).parents[2] / "configs/demo/science_sample.csv"
SAME = ["index", "example", "repeat", "correct", "simple_evals", "robust", "score", "reply"]


def run(endpoint, **fields):
    spec = AccuracySpec(dataset=str(SAMPLE), dataset_name="science_sample", **fields)
    items = gpqa.load_items(spec, SAMPLE.read_bytes())
    text, kind = prompt.template(spec)
    shards = make_shards(items, spec, endpoint, template=text)
    answers = [answer for shard in shards for answer in answer_shard(shard)]
    return aggregate(answers, len(items), spec, kind), answers_table(answers)


@pytest.mark.parametrize("accuracy", [1.0, 0.0])
def test_a_service_that_knows_all_or_nothing_scores_so(start_mock, accuracy):
    mock = start_mock("--answer-key", str(SAMPLE), "--accuracy", str(accuracy))
    result, table = run(mock.endpoint)
    assert result.score == result.robust_score == accuracy
    assert (result.error_ratio, result.unparsed_ratio) == (0, 0)
    assert (result.valid, result.prompt) == (True, "rayeval")
    assert table.num_rows == result.n == len(gpqa.load_examples(SAMPLE.read_bytes(), "x"))


def test_the_number_of_shards_changes_no_answer(start_mock):
    mock = start_mock("--answer-key", str(SAMPLE), "--accuracy", "0.7", "--seed", "3")
    runs = [run(mock.endpoint, shards=shards, n_repeats=2, threads=16) for shards in (1, 4, 16)]
    first, table = runs[0]
    assert 0.4 < first.score < 1.0
    for other, rows in runs[1:]:
        assert other == first
        assert rows.select(SAME).equals(table.select(SAME))


def test_the_reasoning_of_the_service_is_kept_apart_from_its_reply(start_mock):
    mock = start_mock("--answer-key", str(SAMPLE), "--reasoning", "--reasoning-key", "reasoning")
    result, table = run(mock.endpoint, num_examples=5, max_tokens=512)
    assert result.score == 1.0
    assert all(table["reasoning"].to_pylist())
    assert all("Answer:" in reply for reply in table["reply"].to_pylist())
