"""题目 → 分片 → 内嵌服务 → 分：两种读法、推理与回复各在其位。"""

from pathlib import Path

import pytest

from rayeval.accuracy.aggregate import aggregate
from rayeval.accuracy.exam import set_exam
from rayeval.accuracy.shard import answer_shard
from rayeval.accuracy.shards import make_shards
from rayeval.domain.accuracy import AccuracySpec

SAMPLE = Path(__file__).parents[2] / "configs/demo/science_sample.csv"


def run(endpoint, **fields):
    made = {"include_questions": True, **fields}
    spec = AccuracySpec(dataset=str(SAMPLE), dataset_name="science_sample", **made)
    exam = set_exam(spec, endpoint.model)
    shards = make_shards(exam.items, spec, endpoint, template=exam.template)
    answers = [answer for shard in shards for answer in answer_shard(shard)]
    return aggregate(answers, spec, exam), answers


@pytest.mark.parametrize("accuracy", [1.0, 0.0])
def test_a_service_that_knows_all_or_nothing_scores_so(start_mock, accuracy):
    mock = start_mock("--answer-key", str(SAMPLE), "--accuracy", str(accuracy))
    result, answers = run(mock.endpoint)
    assert result.score == result.robust_score == accuracy
    assert (result.error_ratio, result.unparsed_ratio) == (0, 0)
    assert (result.valid, result.prompt) == (True, "rayeval")
    assert len(answers) == result.n >= 24


def test_the_reasoning_of_the_service_is_kept_apart_from_its_reply(start_mock):
    mock = start_mock("--answer-key", str(SAMPLE), "--reasoning", "--reasoning-key", "reasoning")
    result, answers = run(mock.endpoint, num_examples=5, max_tokens=512)
    assert result.score == 1.0
    assert all(answer.reasoning for answer in answers)
    assert all("Answer:" in answer.reply for answer in answers)
