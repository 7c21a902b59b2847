"""`rayeval accuracy` 的开关：盖过档位，写错的点名是哪个；不是 GPQA 的不叫 gpqa。"""

from pathlib import Path

import pytest

from rayeval.accuracy.gpqa import DIAMOND_SHA256
from rayeval.accuracy_flags import NAMES, accuracy_spec, found_answers
from rayeval.domain.accuracy import AccuracySpec
from rayeval.errors import ConfigError, UsageError


def test_flags_win_over_the_profile_and_paths_are_those_of_the_profile(tmp_path):
    profile = tmp_path / "pr.yaml"
    profile.write_text("dataset: q.csv\ndataset_name: mine\nnum_examples: 5\nthreads: 3\n")
    spec = accuracy_spec({"threads": 9, "n_repeats": None}, profile)
    assert (spec.threads, spec.num_examples, spec.n_repeats) == (9, 5, 1)
    assert (spec.dataset, spec.dataset_name) == (str(tmp_path / "q.csv"), "mine")


def test_another_dataset_takes_neither_checksum_nor_name_of_the_profile(tmp_path):
    profile = tmp_path / "pr.yaml"
    profile.write_text(f"dataset: q.csv\nsha256: {DIAMOND_SHA256}\n")
    spec = accuracy_spec({"dataset": "own.csv"}, profile)
    assert (spec.sha256, spec.dataset_name) == (None, "own")
    assert Path(spec.dataset).is_absolute()


def test_only_the_checked_file_is_called_gpqa():
    url = "https://host/gpqa_diamond.csv?x=1"
    assert accuracy_spec({"dataset": url}, None).dataset_name == "gpqa_diamond"
    checked = accuracy_spec({"dataset": url, "sha256": DIAMOND_SHA256}, None)
    assert (checked.dataset_name, checked.dataset) == ("gpqa", url)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "--dataset FILE.csv or URL"),
        ({"dataset": "q.csv", "min_score": 2.0}, "--min-score: .*less than or equal to 1"),
        ({"dataset": "q.csv", "sha256": "abc"}, "--sha256: 'abc' is no checksum; give 64"),
        ({"dataset": "q.csv", "benchmark": "gpq"}, "did you mean 'gpqa'"),
        ({"dataset": ""}, "dataset"),
    ],
)
def test_a_flag_that_can_not_be_is_named(given, told):
    with pytest.raises(UsageError, match=told):
        accuracy_spec(given, None)


def test_a_bad_profile_is_told_with_its_line(tmp_path):
    profile = tmp_path / "pr.yaml"
    profile.write_text("dataset: q.csv\nthread: 3\n")
    with pytest.raises(ConfigError, match=r"pr\.yaml:2:1: thread: .*did you mean 'threads'"):
        accuracy_spec({}, profile)
    with pytest.raises(UsageError, match="no such file"):
        accuracy_spec({}, tmp_path / "absent.yaml")


def test_every_flag_is_a_field():
    assert set(NAMES) <= set(AccuracySpec.model_fields)


def test_the_answers_of_an_interrupted_run_are_found_by_its_id(tmp_path):
    path = tmp_path / "accuracy/m/20260101T000000Z/answers_partial.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    assert found_answers("20260101T000000Z-abc123", tmp_path, "m") == str(path)
    assert found_answers(str(path), tmp_path, "m") == str(path)
    with pytest.raises(UsageError, match=r"--resume 2025: no .*answers_partial"):
        found_answers("2025", tmp_path, "m")
