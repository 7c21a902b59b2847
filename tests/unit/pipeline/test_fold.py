"""折叠：任何时候停下，报告都说得清每个计划的阶段。"""

import pytest

from rayeval.domain.events import CaseFinished, LogChunk, ServiceReady, StageFinished, StageStarted
from rayeval.domain.functional import CaseResult, FunctionalSpec, Outcome
from rayeval.domain.perf import PerfSpec
from rayeval.domain.report import StageResult, Status
from rayeval.domain.run import ScenarioPlan
from rayeval.domain.scenario import Mode, Provider, Scenario
from rayeval.domain.service import ExternalService
from rayeval.pipeline.executor import Crash
from rayeval.pipeline.fold import Fold


@pytest.fixture
def fold():
    scenario = Scenario(
        id="one",
        mode=Mode.EXTERNAL,
        model="m",
        served_model_name="m",
        provider=Provider(id="p"),
        service=ExternalService(base_url="http://127.0.0.1:1/v1"),
    )
    return Fold(ScenarioPlan(scenario=scenario, functional=FunctionalSpec(), perf=PerfSpec()))


def passed(name):
    return StageFinished(StageResult(name, Status.PASS, 1.0))


def statuses(fold):
    return {result.stage: result.status for result in fold.report.stages}


def test_events_become_the_report(fold):
    case = CaseResult("chat_core", "chat_core/hello", Outcome.PASS, 0.1)
    for event in (
        passed("launch"),
        ServiceReady(2.0, (("engine", "mock"),)),
        passed("ready"),
        CaseFinished(case),
        LogChunk(b"not kept"),
        passed("functional"),
        passed("perf"),
        passed("teardown"),
    ):
        fold.add(event)
    assert fold.report.cases == (case,)
    assert fold.report.time_to_ready_s == 2.0
    assert fold.report.fingerprint == {"engine": "mock"}
    assert fold.report.complete


def test_crash_makes_the_open_stage_an_error_and_the_later_ones_skipped(fold):
    for event in (passed("launch"), passed("ready"), StageStarted("functional")):
        fold.add(event)
    fold.crash(Crash("worker_died", "killed"))
    assert statuses(fold) == {
        "launch": Status.PASS,
        "ready": Status.PASS,
        "functional": Status.ERROR,
        "perf": Status.SKIPPED,
    }
    assert "functional did not finish: worker_died: killed" in fold.report.stages[-1].reason
    assert not fold.report.complete


def test_crash_before_anything_is_an_error_of_the_first_stage(fold):
    fold.crash(Crash("unschedulable", "no node has NPU: 8"))
    assert statuses(fold)["launch"] is Status.ERROR
    assert set(statuses(fold).values()) == {Status.ERROR, Status.SKIPPED}


def test_interruption_is_cancelled_not_an_error(fold):
    fold.add(StageStarted("launch"))
    fold.crash(Crash("cancelled", "interrupted"))
    assert statuses(fold)["launch"] is Status.CANCELLED


def test_artifacts_are_listed_once(fold):
    fold.attach("a", "b")
    fold.attach("b", "c")
    assert fold.report.artifacts == ("a", "b", "c")
