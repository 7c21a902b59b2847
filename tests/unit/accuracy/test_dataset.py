"""数据集：校验和、缓存的位置、不在时的话；题面从不进报错。"""

import hashlib

import pytest

from rayeval.accuracy import dataset
from rayeval.accuracy.table import read_rows
from rayeval.domain.accuracy import AccuracySpec
from rayeval.errors import ConfigError

URL = "https://someone:secret@host.invalid/data/gpqa_diamond.csv?signature=abc"
SHA = hashlib.sha256(b"data").hexdigest()


def spec(**fields):
    return AccuracySpec(**{"dataset": URL, **fields})


def test_a_file_with_the_right_checksum_is_read_and_a_wrong_one_stops_the_run(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(b"data")
    assert dataset.obtain(spec(dataset=str(path), sha256=SHA.upper())) == b"data"
    with pytest.raises(ConfigError, match=rf"checksum is {SHA}, expected 0{{64}}"):
        dataset.obtain(spec(dataset=str(path), sha256="0" * 64))


def test_a_missing_file_says_where_to_get_it(tmp_path):
    with pytest.raises(ConfigError, match=r"obtain gpqa_diamond\.csv.*GPQA_CSV"):
        dataset.obtain(spec(dataset=str(tmp_path / "gpqa_diamond.csv")))
    with pytest.raises(ConfigError, match=r"absent\.csv.*No such file") as caught:
        dataset.obtain(spec(dataset=str(tmp_path / "absent.csv")))
    assert "GPQA" not in str(caught.value)


def test_what_is_in_the_cache_is_not_fetched(tmp_path):
    env = {"RAYEVAL_CACHE": str(tmp_path)}
    place = dataset.cache_path(spec(sha256=SHA), env)
    assert place == tmp_path / "datasets" / f"{SHA}.csv"
    place.parent.mkdir()
    place.write_bytes(b"data")
    assert dataset.obtain(spec(sha256=SHA), env) == b"data"


def test_the_cache_follows_the_usual_variables():
    assert dataset.cache_path(spec(), {"XDG_CACHE_HOME": "/c"}).parent.as_posix() == (
        "/c/rayeval/datasets"
    )


def test_nothing_of_the_address_that_could_be_a_secret_is_shown():
    assert dataset.shown(URL) == "https://host.invalid/data/gpqa_diamond.csv"
    assert dataset.shown("/a/b.csv") == "/a/b.csv"


def test_errors_never_quote_the_file():
    canary = "canary-26b5c67b"
    for raw in (
        f"Question,Canary String\n{canary},x\n".encode(),
        f"Question,A\n{canary}\xff".encode("latin-1"),
        f'Question,A\n{canary},"{canary}\n'.encode(),
        f"Question,A\n{canary},\n".encode(),
    ):
        with pytest.raises(ConfigError) as told:
            read_rows(raw, "x.csv", ("Question", "A"))
        assert canary not in str(told.value)
        assert told.value.__cause__ is None


@pytest.mark.parametrize("fields", [{}, {"sha256": "0"}, {"dataset": ""}])
def test_a_profile_needs_questions_or_results(fields):
    with pytest.raises(ValueError, match=r"dataset: required|sha256"):
        AccuracySpec(**fields)
    assert AccuracySpec(runner=("x",)).external
