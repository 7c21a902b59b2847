"""补全：场景名来自配置，读不成的略过；固定的词与程序自己认的是同一批。"""

import os
from types import SimpleNamespace

import pytest

from rayeval.cli import words
from rayeval.config import RUN_TYPES, STAGES
from rayeval_actors.session import SHIPS


def test_the_words_are_those_the_program_knows():
    assert set(words.STAGES) == set(STAGES)
    assert set(words.RUN_TYPES) == set(RUN_TYPES)
    assert set(words.SHIPS) == set(SHIPS)


def asked(folder, incomplete=""):
    return words.scenarios(SimpleNamespace(params={"config": folder}), incomplete)


def test_scenarios_come_from_the_files_whatever_else_is_wrong(tmp_path):
    folder = tmp_path / "scenarios"
    folder.mkdir()
    (folder / "a.yaml").write_text("id: local_a\nmode: nonsense\n")
    (folder / "b.yml").write_text("mode: local\n")
    (folder / "broken.yaml").write_text("id: [\n")
    (folder / "binary.yaml").write_bytes(b"\xff\x00\xfe")
    (folder / "list.yaml").write_text("- id: no\n")
    (folder / "note.txt").write_text("id: no\n")
    assert asked(tmp_path) == ["b", "local_a"]
    assert asked(tmp_path, "loc") == ["local_a"]


def test_what_would_hang_or_break_the_completion_is_passed_over(tmp_path):
    folder = tmp_path / "scenarios"
    folder.mkdir()
    os.mkfifo(folder / "pipe.yaml")
    (folder / "deep.yaml").write_text("[" * 5000)
    (folder / "huge.yaml").write_text("id: huge\n" + "#" * words.LARGEST)
    (folder / "good.yaml").write_text("id: good\n")
    assert asked(tmp_path) == ["good"]


@pytest.mark.parametrize("place", ["nowhere", "file"])
def test_no_configuration_is_no_words(tmp_path, place):
    (tmp_path / "file").write_text("")
    assert asked(tmp_path / place) == []


@pytest.mark.parametrize(
    ("metavar", "known"), [("a|b", ["a", "b"]), ("CSV|URL", None), ("N", None), ("", None)]
)
def test_a_metavar_that_lists_words_completes_them(metavar, known):
    complete = words.listed(metavar)
    assert (complete and complete("")) == known
