"""产物的落盘：路径、原子、名字、写不动时的话。"""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayeval.errors import InfrastructureError
from rayeval.export.files import Artifacts, safe_name


@pytest.fixture
def artifacts(tmp_path):
    return Artifacts(tmp_path / "artifacts", "20260101T000000")


def test_paths_are_those_of_the_specification(artifacts):
    ts = "20260101T000000"
    assert artifacts.service_log("demo") == f"logs/service_demo_{ts}.log"
    assert artifacts.service_log("demo", "pod-1_main") == f"logs/service_demo_{ts}_pod-1_main.log"
    assert artifacts.functional("demo", "junit.xml") == f"functional/demo/{ts}/junit.xml"
    assert artifacts.perf("demo", "requests.parquet") == f"perf/demo/{ts}/requests.parquet"
    assert artifacts.accuracy("demo", "gpqa.json") == f"accuracy/demo/{ts}/gpqa.json"
    assert artifacts.metrics() == f"metrics/{ts}.prom"
    assert artifacts.run("report.json") == f"runs/{ts}/report.json"


def test_write_replaces_whole_files_and_leaves_no_scratch(artifacts):
    assert artifacts.write("runs/a/report.json", b"old and long") == "runs/a/report.json"
    artifacts.write("runs/a/report.json", b"new")
    folder = artifacts.root / "runs" / "a"
    assert [p.name for p in folder.iterdir()] == ["report.json"]
    assert (folder / "report.json").read_bytes() == b"new"


def test_a_failed_write_keeps_the_old_file_and_cleans_up(artifacts, monkeypatch):
    artifacts.write("report.json", b"old")

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InfrastructureError, match=r"report\.json.*No space left.*free some space"):
        artifacts.write("report.json", b"new")
    assert (artifacts.root / "report.json").read_bytes() == b"old"
    assert len(list(artifacts.root.iterdir())) == 1


def test_append_grows_a_log(artifacts):
    artifacts.append("logs/a.log", b"one\n")
    assert artifacts.append("logs/a.log", b"two\n") == "logs/a.log"
    assert (artifacts.root / "logs" / "a.log").read_bytes() == b"one\ntwo\n"


@pytest.mark.parametrize("method", ["write", "append"])
def test_a_file_in_the_way_is_named_with_its_mend(tmp_path, method):
    (tmp_path / "artifacts").write_text("I am a file")
    artifacts = Artifacts(tmp_path / "artifacts", "ts")
    with pytest.raises(InfrastructureError, match=r"artifacts.*move it away"):
        getattr(artifacts, method)("logs/a.log", b"")


def test_prepare_finds_an_unwritable_root_before_anything_starts(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InfrastructureError, match="can't write"):
        Artifacts(tmp_path / "file" / "artifacts", "ts").prepare()
    good = Artifacts(tmp_path / "artifacts", "ts")
    good.prepare()
    assert list(good.root.iterdir()) == []


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", ""])
def test_paths_that_leave_the_root_are_refused(artifacts, path):
    with pytest.raises(InfrastructureError, match="leaves the artifacts directory"):
        artifacts.write(path, b"")


def test_hostile_names_stay_inside_and_apart(artifacts):
    paths = {artifacts.perf(name, "a.csv") for name in ("a/b", "a_b", "../a", "..", "", "a b")}
    assert len(paths) == 6
    for path in paths:
        assert len(Path(path).parts) == 4
        artifacts.write(path, b"x")


def test_a_cut_name_keeps_its_extension():
    name = safe_name("x" * 400 + ".csv")
    assert name.endswith(".csv")
    assert len(name) == 200


@given(st.text())
def test_any_text_makes_one_file_name(text):
    name = safe_name(text)
    assert 0 < len(name.encode()) <= 200
    assert "/" not in name
    assert "\0" not in name
    assert not name.startswith(".")
    assert safe_name(name) == name


def test_good_names_are_kept():
    for name in ("local_single_qwen3-32b_guided_w8a8", "gpqa_Qwen.json", "场景一"):
        assert safe_name(name) == name
