"""存盘的运行按路径、名字、时间标签都找得到；找不到就说最新的在哪。"""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rayeval.cli import cli
from rayeval.errors import UsageError
from rayeval.export import report_json
from rayeval.stored_place import stored_report

STAMP = "20261126T162918Z"
RUN_ID = f"{STAMP}-33125b"


def store(folder, run_id, report=b"{}"):
    folder.mkdir(parents=True)
    (folder / "command.json").write_text(json.dumps({"run_id": run_id}), encoding="utf-8")
    if report is not None:
        (folder / "report.json").write_bytes(report)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """当前目录里有一份 artifacts，两次同一秒开始的运行。"""
    monkeypatch.chdir(tmp_path)
    runs = Path("artifacts/runs")
    store(runs / STAMP, RUN_ID)
    store(runs / f"{STAMP}-2", f"{STAMP}-77777a")
    return runs


@pytest.mark.parametrize(
    ("name", "folder"),
    [(RUN_ID, STAMP), (STAMP, STAMP), (f"{STAMP}-77777a", f"{STAMP}-2")],
)
def test_a_run_is_found_by_its_id_and_by_its_timestamp(here, name, folder):
    assert stored_report(Path(name)) == here / folder / "report.json"


def test_a_path_of_that_name_wins_over_the_id(here):
    store(Path(RUN_ID), "another")
    assert stored_report(Path(RUN_ID)) == Path(RUN_ID) / "report.json"


def test_what_does_not_exist_is_told_with_the_newest_run(here):
    with pytest.raises(UsageError) as told:
        stored_report(Path("nosuch"))
    assert str(told.value) == f"nosuch: does not exist; the newest run is {here / STAMP}-2"


def test_what_does_not_exist_is_told_where_there_are_no_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="nosuch: does not exist; name a"):
        stored_report(Path("nosuch"))


def test_a_run_that_did_not_finish_is_told_with_the_way_on(here):
    store(here / "20261127T000000Z", "20261127T000000Z-abcdef", report=None)
    with pytest.raises(
        UsageError, match="not finished; go on with its command and --resume 20261127T000000Z-abc"
    ):
        stored_report(Path("20261127T000000Z-abcdef"))


@pytest.mark.parametrize("verb", [["gate"], ["report"], ["compare", RUN_ID], ["export"], ["push"]])
def test_every_verb_of_a_stored_run_takes_its_id(here, reports, verb):
    body = report_json.encode(reports.run(reports.scenario(), run_id=RUN_ID))
    (here / STAMP / "report.json").write_bytes(body)
    metrics = Path("artifacts/metrics")
    metrics.mkdir()
    (metrics / f"{STAMP}.prom").write_bytes(b"")
    dry = ["--dry-run"] if verb == ["push"] else []
    done = CliRunner().invoke(cli, [*verb, RUN_ID, *dry])
    assert done.exit_code in {0, 4}, done.output
