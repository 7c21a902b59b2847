"""作答的流水：途中倒下也读得出，题的次序不随到达，写成的表不随快慢。"""

import io
import json

import pyarrow.parquet as pq
import pytest

from rayeval.domain.accuracy import Answer
from rayeval.domain.records import ANSWER_TIMES, ANSWERS
from rayeval.errors import UsageError
from rayeval.export.answers import write_answers, write_times
from rayeval.export.files import Artifacts
from rayeval.export.journal import Journal, read_journal


def answer(index, **fields):
    plain = dict.fromkeys(("finish_reason", "prompt_tokens", "completion_tokens"))
    letters = {"correct": "B", "simple_evals": "B", "robust": "B"}
    texts = {"prompt": "问?", "reply": "Answer: B", "reasoning": ""}
    measured = {"duration_s": 0.1, "attempts": 1, "example": index, "repeat": 0}
    return Answer(**{"index": index, **plain, **letters, **texts, **measured, **fields})


@pytest.fixture
def artifacts(tmp_path):
    return Artifacts(tmp_path, "t")


@pytest.fixture
def journal(artifacts):
    return Journal(artifacts, "a/answers_partial.jsonl", {"dataset": "d"})


def test_rows_come_in_the_order_of_the_items_and_again(journal):
    for index in (2, 0, 1):
        journal.add(answer(index))
    journal.add(answer(0, reply="later"))
    assert [row["index"] for row in journal.rows()] == [0, 1, 2]
    assert next(journal.rows())["reply"] == "later"


def test_nothing_is_written_before_the_first_answer_and_nothing_left_after_dropping(
    journal, tmp_path
):
    assert (list(journal.rows()), journal.paths(), list(tmp_path.iterdir())) == ([], [], [])
    journal.add(answer(0))
    assert journal.paths() == ["a/answers_partial.jsonl"]
    journal.drop()
    assert (journal.paths(), list((tmp_path / "a").iterdir())) == ([], [])


def test_an_interrupted_journal_is_read_up_to_its_torn_line(journal, tmp_path):
    journal.add(answer(1))
    journal.add(answer(0, error_class="timeout", simple_evals=None))
    path = tmp_path / "a/answers_partial.jsonl"
    path.write_bytes(path.read_bytes() + b'{"index": 7, "exam')
    identity, answers = read_journal(path)
    assert identity == {"dataset": "d"}
    assert [(a.index, a.error_class, a.prompt, a.reply) for a in answers] == [
        (0, "timeout", "", ""),
        (1, None, "", ""),
    ]


def test_taking_over_keeps_the_texts_and_leaves_failures_to_be_asked_again(artifacts, journal):
    journal.add(answer(0))
    journal.add(answer(1, error_class="reset"))
    later = Journal(artifacts, "b/answers_partial.jsonl", {"dataset": "d"})
    later.take_over(artifacts.path("a/answers_partial.jsonl"))
    assert [(row["index"], row["prompt"]) for row in later.rows()] == [(0, "问?")]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "No such file"),
        ("{}\n", "not the answers of an interrupted run"),
        ("PAR1", "not the answers of an interrupted run"),
        ('{"format": "rayeval answers 1", "identity": {}}\n{"index": 1}\n', "line is damaged"),
    ],
)
def test_another_file_is_refused(tmp_path, content, told):
    path = tmp_path / "x.jsonl"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UsageError, match=told):
        read_journal(path)


def table_of(rows, write=write_answers):
    file = io.BytesIO()
    write(rows, file)
    return file.getvalue()


def test_the_table_has_the_declared_columns_and_the_score(journal):
    journal.add(answer(0))
    journal.add(answer(1, simple_evals="b", error_class=None))
    journal.add(answer(2, error_class="reset", kind=""))
    table = pq.read_table(io.BytesIO(table_of(journal.rows())))
    assert table.schema.equals(ANSWERS)
    assert table["score"].to_pylist() == [1.0, 0.0, 0.0]
    assert table["kind"].to_pylist() == ["parsed", "parsed", None]
    assert pq.read_table(io.BytesIO(table_of([]))).schema.equals(ANSWERS)
    times = pq.read_table(io.BytesIO(table_of(journal.rows(), write_times)))
    assert times.schema.equals(ANSWER_TIMES)
    assert times["duration_s"].to_pylist() == [0.1] * 3


def test_what_was_answered_is_the_same_bytes_however_it_was_asked(artifacts):
    files = []
    for name, order, shard in (("a", (0, 1, 2), 0), ("b", (2, 1, 0), 3)):
        journal = Journal(artifacts, f"{name}.jsonl", {})
        for index in order:
            journal.add(answer(index, shard=shard, duration_s=shard + 0.5, attempts=shard + 1))
        files.append(table_of(journal.rows()))
    assert files[0] == files[1]


def test_a_reply_that_utf8_can_not_hold_is_still_one_line(journal, tmp_path):
    journal.add(answer(0, reply="\ud800 line\nline\u2028"))
    lines = (tmp_path / "a/answers_partial.jsonl").read_bytes().splitlines()
    assert json.loads(lines[1])["reply"].endswith("line\nline\u2028")


def test_the_same_run_goes_on_in_its_own_file(journal, artifacts):
    journal.add(answer(1, reply="whole"))
    journal.add(answer(0, error_class="timeout"))
    path = artifacts.path("a/answers_partial.jsonl")
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"index": 7, "exam')
    again = Journal(artifacts, "a/answers_partial.jsonl", {"dataset": "d"})
    again.take_over(path)
    assert path.read_bytes() == whole
    again.add(answer(0))
    assert [(row["index"], row["reply"]) for row in again.rows()] == [
        (0, "Answer: B"),
        (1, "whole"),
    ]
