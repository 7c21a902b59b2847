"""流水账：往返不走样，写了一半的行不算，后来的作数，没测完的不算测完。"""

from dataclasses import replace

import pytest

from rayeval.domain.events import (
    AnswersFinished,
    CaseFinished,
    CellFinished,
    RungReached,
    ServiceReady,
    StageFinished,
    SuiteFinished,
)
from rayeval.domain.functional import CaseResult, Outcome
from rayeval.domain.load import Certificate
from rayeval.domain.records import empty_requests
from rayeval.domain.report import ReadyStep, StageResult, Status
from rayeval.domain.resume import Done
from rayeval.domain.run import ScenarioPlan
from rayeval.domain.scenario import Mode, Provider, Scenario
from rayeval.domain.service import ExternalService
from rayeval.errors import NotReadyError
from rayeval.export.files import Artifacts
from rayeval.pipeline.journal import Journal, is_finished, worth_keeping
from rayeval.pipeline.scenario import require_same_service


def plan(**changes):
    scenario = Scenario(
        id="one",
        mode=Mode.EXTERNAL,
        model="m",
        served_model_name="m",
        provider=Provider(id="p"),
        service=ExternalService(base_url="http://127.0.0.1:1/v1"),
    )
    return ScenarioPlan(scenario=scenario, **changes)


@pytest.fixture
def journal(tmp_path):
    return Journal("one", Artifacts(tmp_path, "20260101T000000Z"))


def stage(name, status=Status.PASS):
    return StageFinished(StageResult(name, status, 1.0))


def case(suite, number, outcome=Outcome.PASS):
    return CaseFinished(CaseResult(suite, f"{suite}/{number}", outcome, 0.1))


def test_what_is_kept_comes_back_the_same(journal, reports):
    kept = [
        RungReached(ReadyStep("port", 0.0, 0.5, 2, "refused")),
        ServiceReady(1.5, (("engine", "mock"),)),
        case("chat_core", 1),
        SuiteFinished("chat_core"),
        CellFinished(reports.cell(), empty_requests()),
        CellFinished(reports.cell(), empty_requests(), again=True),
        stage("perf", Status.FAIL),
        AnswersFinished(reports.accuracy()),
    ]
    for event in kept:
        journal.keep(event)
    assert journal.read() == kept
    journal.drop()
    assert journal.read() == []


def test_a_line_cut_by_the_kill_is_measured_again(journal, tmp_path):
    journal.keep(case("chat_core", 1))
    journal.keep(case("chat_core", 2))
    [file] = tmp_path.rglob("journal_*.jsonl")
    file.write_bytes(file.read_bytes()[:-20])
    assert journal.read() == [case("chat_core", 1)]


def test_a_cell_whose_rows_are_gone_is_measured_again(journal, tmp_path, reports, caplog):
    journal.keep(CellFinished(reports.cell(), empty_requests()))
    [table] = tmp_path.rglob("*.parquet")
    table.unlink()
    assert journal.read() == []
    assert "measured again" in caplog.text


@pytest.mark.parametrize("reason", ["the cell was interrupted", "the service was lost: exit 137"])
def test_a_cell_that_was_cut_short_is_not_kept(journal, reports, reason):
    cell = replace(reports.cell(), certificate=Certificate(ok=False, reasons=(reason,), workers=()))
    journal.keep(CellFinished(cell, empty_requests()))
    assert journal.read() == []


def test_only_whole_suites_and_settled_stages_are_skipped(reports):
    events = [
        stage("launch"),
        stage("ready"),
        case("a", 1),
        SuiteFinished("a"),
        case("b", 1),
        stage("functional", Status.ERROR),
        CellFinished(reports.cell(), empty_requests()),
    ]
    kept, done = worth_keeping(events)
    assert done.stages == frozenset()
    assert done.suites == {"a"}
    assert [c.case_id for c in done.cases] == ["a/1"]
    assert len(done.cells) == 1
    assert not any(isinstance(e, StageFinished) for e in kept)
    assert done.words() == "1 suite, 1 cell"
    assert done.words(answers=7) == "1 suite, 1 cell, 7 answers"


def test_the_later_of_two_tries_counts(journal):
    later = [stage("launch"), case("a", 1, Outcome.PASS), SuiteFinished("a")]
    for event in (stage("launch"), case("a", 1, Outcome.ERROR), *later):
        journal.keep(event)
    assert journal.read() == later


def test_a_scenario_is_finished_when_every_planned_stage_settled():
    whole = [stage("launch"), stage("ready"), stage("teardown")]
    assert is_finished(plan(), whole)
    assert not is_finished(plan(), whole[:-1])
    assert not is_finished(plan(), [*whole[:-1], stage("teardown", Status.ERROR)])


def test_another_service_than_before_the_kill_is_refused():
    done = Done(fingerprint={"engine": "vllm 1", "flags": "a"})
    require_same_service(done, {"engine": "vllm 1", "flags": "a"})
    require_same_service(Done(), {"engine": "vllm 2"})
    with pytest.raises(NotReadyError, match="engine differ from what was measured before"):
        require_same_service(done, {"engine": "vllm 2", "flags": "a"})
