import hashlib
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayeval.accuracy import gpqa
from rayeval.accuracy.shards import make_shards
from rayeval.domain.accuracy import AccuracySpec
from rayeval.domain.service import Endpoint
from rayeval.errors import ConfigError

SAMPLE = Path(__file__).parents[3] / "configs/demo/science_sample.csv"
HEADER = "Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3\n"


def digits(item):
    return "".join(map(str, item.permutation))


def test_the_full_run_has_the_permutations_of_simple_evals(examples):
    random.seed(1)  # 别的套件先动过全局生成器，也不相干
    items = gpqa.make_items(examples, None, 10)
    assert len(items) == 1980
    assert [digits(item) for item in items[:5]] == ["3102", "3120", "2301", "2031", "1302"]
    assert "".join(item.correct for item in items[:5]) == "CDCBC"
    assert [item.example for item in items[:5]] == [0, 1, 2, 3, 4]


def test_the_debug_run_samples_the_questions_of_simple_evals(examples):
    items = gpqa.make_items(examples, 5, 1)
    assert [item.example for item in items] == [98, 194, 107, 10, 66]
    assert [digits(item) for item in items] == ["3120", "2301", "2031", "1302", "2103"]


def test_making_items_leaves_the_global_generator_alone(examples):
    before = random.getstate()
    gpqa.make_items(examples, 5, 2)
    assert random.getstate() == before


def test_options_follow_the_permutation_and_the_letter_names_the_right_one(examples):
    for item in gpqa.make_items(examples, None, 2):
        choices = examples[item.example].choices
        assert item.options == tuple(choices[i] for i in item.permutation)
        assert item.options["ABCD".index(item.correct)] == choices[0]


def test_repeats_come_list_after_list(examples):
    items = gpqa.make_items(examples[:3], None, 2)
    assert [(item.index, item.example, item.repeat) for item in items] == [
        (0, 0, 0),
        (1, 1, 0),
        (2, 2, 0),
        (3, 0, 1),
        (4, 1, 1),
        (5, 2, 1),
    ]


def test_of_equal_options_the_first_counts_as_correct():
    items = gpqa.make_items([gpqa.Example("Q", ("x", "x", "y", "z"))] * 40, None, 1)
    assert all(item.correct == "ABCD"[item.options.index("x")] for item in items)
    assert any(item.permutation.index(0) > item.permutation.index(1) for item in items)


def test_more_examples_than_questions_is_named():
    with pytest.raises(ConfigError, match="num_examples is 3, but the dataset has 1"):
        gpqa.make_items([gpqa.Example("Q", ("a", "b", "c", "d"))], 3, 1)


@given(
    count=st.integers(0, 200), shards=st.integers(1, 64), threads=st.integers(1, 96), k=st.just(2)
)
def test_shards_are_the_item_list_cut_and_share_the_threads(count, shards, threads, k):
    examples = [gpqa.Example(f"Q{n}", (f"{n}a", f"{n}b", f"{n}c", f"{n}d")) for n in range(count)]
    items = gpqa.make_items(examples, None, k)
    spec = AccuracySpec(dataset="x.csv", shards=shards, threads=threads)
    made = make_shards(items, spec, Endpoint("http://h/v1", "m"), template="t")
    assert tuple(item for shard in made for item in shard.items) == items
    assert len(made) == min(shards, threads, len(items))
    if made:
        assert sum(shard.threads for shard in made) == threads
        assert min(shard.threads for shard in made) >= 1
        sizes = [len(shard.items) for shard in made]
        assert max(sizes) - min(sizes) <= 1
        assert [shard.index for shard in made] == list(range(len(made)))


def test_the_shipped_sample_is_sound():
    examples = gpqa.load_examples(SAMPLE.read_bytes(), str(SAMPLE))
    assert len(examples) >= 24
    assert all(len(set(example.choices)) == 4 for example in examples)
    assert len({example.question for example in examples}) == len(examples)
    assert {example.domain for example in examples} == {"Physics", "Chemistry", "Biology"}
    assert any("\n" in example.question for example in examples)
    chinese = [e for e in examples if any("\u4e00" <= char <= "\u9fff" for char in e.question)]
    assert len(examples) / 4 <= len(chinese) <= len(examples) / 2


def test_load_items_reads_samples_and_repeats_as_the_profile_says():
    digest = hashlib.sha256(SAMPLE.read_bytes()).hexdigest()
    spec = AccuracySpec(dataset=str(SAMPLE), sha256=digest.upper(), num_examples=5, n_repeats=2)
    items = gpqa.load_items(spec, SAMPLE.read_bytes())
    assert len(items) == 10
    assert items[0].domain


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("Question,Correct Answer\nq,a\n", "missing columns: Incorrect Answer 1, Incorrect"),
        ("", "not a CSV of questions: its first line has none of the columns Question"),
        ("# A title\n\nText.\n", "not a CSV of questions"),
        (HEADER, "no questions"),
        (HEADER + "q,a,b,c,d\nq,a,,c,d\n", r"x.csv:3:1: Incorrect Answer 1: .*no text"),
        (HEADER + "q,a,b,c\n", "Incorrect Answer 3: .*no text"),
        (HEADER + "well, then,a,b,c,d\n", "more fields than the header; quote"),
        (HEADER + 'q,a,b,c,"d\n', "not a CSV file"),
    ],
)
def test_a_bad_file_is_refused_with_its_place_and_mend(tmp_path, content, message):
    path = tmp_path / "x.csv"
    path.write_text(content)
    with pytest.raises(ConfigError, match=message):
        gpqa.load_examples(path.read_bytes(), str(path))


def test_all_bad_rows_are_reported_at_once(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(HEADER + ",a,b,c,d\nq,,b,c,d\n")
    with pytest.raises(ConfigError) as caught:
        gpqa.load_examples(path.read_bytes(), str(path))
    assert len(caught.value.problems) == 2


def test_bytes_that_are_not_utf8_are_named(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not a CSV file in UTF-8"):
        gpqa.load_examples(path.read_bytes(), str(path))


def test_a_byte_order_mark_is_no_part_of_the_first_column():
    raw = b"\xef\xbb\xbf" + (HEADER + "q,a,b,c,d\n").encode()
    assert gpqa.load_examples(raw, "x") == [gpqa.Example("q", ("a", "b", "c", "d"))]
