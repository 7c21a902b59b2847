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


def test_runs_are_those_under_the_artifacts_the_newest_first(tmp_path, monkeypatch):
    for stamp in ("20260101T000000Z", "20260102T000000Z", "20260103T000000Z"):
        folder = tmp_path / "artifacts" / "runs" / stamp
        folder.mkdir(parents=True)
        (folder / "command.json").write_text(f'{{"run_id": "{stamp}-abc"}}')
    (folder / "command.json").write_text("{")
    (tmp_path / "artifacts" / "runs" / "pipe").mkdir()
    os.mkfifo(tmp_path / "artifacts" / "runs" / "pipe" / "command.json")
    monkeypatch.chdir(tmp_path)
    told = words.runs(SimpleNamespace(params={}), "2026")
    assert told == ["20260102T000000Z-abc", "20260101T000000Z-abc"]
    assert words.runs(SimpleNamespace(params={"artifacts": tmp_path / "artifacts"}), "2027") == []
    assert words.runs(SimpleNamespace(params={"artifacts": tmp_path / "nowhere"}), "") == []
