"""事件折成一个场景此刻的样子：速率、剩余、结局。"""

import pytest

from rayeval.domain.events import Progress, StageStarted
from rayeval.domain.load import Counters
from rayeval.domain.perf import PerfSpec
from rayeval.domain.report import Status
from rayeval.pipeline.executor import Crash
from rayeval.progress import Row
from rayeval.progress.outlook import eta_s
from rayeval.progress.row import Phase

SMALL = PerfSpec(concurrency=(1, 10), input_length=(8,), output_length=(8,), num_requests=(9, 90))


def test_left_is_by_work_and_rate_is_of_the_cell():
    first, second = SMALL.cells()
    row = Row("one", ("perf",), SMALL)
    row.take(StageStarted("perf"), 0.0)
    row.take(Progress("perf", "a", 9, 99, Counters(9, 9, 0, 0, 72), first), 10.0)
    assert row.eta_s(10.0) == pytest.approx(10.0)  # 一半的工作用了十秒
    row.take(Progress("perf", "b", 9, 99, Counters(9, 9, 0, 0, 72), second), 10.0)
    assert row.rate(10.4) is None
    row.take(Progress("perf", "b", 49, 99, Counters(49, 49, 0, 0, 392), second), 12.0)
    assert row.rate(12.0) == pytest.approx(160.0)


def test_left_does_not_count_the_calibration():
    row = Row("one", ("perf",), SMALL)
    row.take(StageStarted("perf"), 0.0)
    row.take(Progress("perf", "calibrating", 0, 99), 100.0)
    row.take(Progress("perf", "a", 9, 99, Counters(9, 9), SMALL.cells()[0]), 110.0)
    assert row.eta_s(110.0) == pytest.approx(10.0)


def test_a_part_of_the_cells_is_reckoned_by_requests():
    row = Row("one", ("perf",), SMALL)
    row.take(StageStarted("perf"), 0.0)
    row.take(Progress("perf", "again", 0, 90, Counters(), SMALL.cells()[1]), 0.0)
    row.take(Progress("perf", "again", 45, 90, Counters(45, 45), SMALL.cells()[1]), 10.0)
    assert row.eta_s(10.0) == pytest.approx(10.0)


def test_an_exam_says_how_long_only_once_it_is_under_way():
    row = Row("one", ("accuracy",))
    row.take(StageStarted("accuracy"), 0.0)
    row.take(Progress("accuracy", note="score 1.000", done=1, total=1980), 1.0)
    assert row.eta_s(1.0) is None
    row.take(Progress("accuracy", note="score 0.700", done=990, total=1980), 10.0)
    assert row.eta_s(10.0) == pytest.approx(10.0)
    assert row.note == "score 0.700"


def test_the_phase_follows_the_outcomes(play):
    assert play.row().phase is Phase.WAITING
    assert play.climbing().phase is Phase.RUNNING
    assert play.passed("p").phase is Phase.PASSED
    assert play.failed().phase is Phase.FAILED
    assert play.row("c", Crash("worker_died", "killed")).phase is Phase.FAILED
    assert play.row("k", None).phase is Phase.KEPT
    skipped = play.row("s", play.finished("launch"), play.finished("perf", Status.CANCELLED), None)
    assert skipped.phase is Phase.STOPPED


def test_the_whole_is_foretold_only_from_what_is_known(play):
    waiting, done = play.row("w"), play.row("d", *play.through("launch"))
    done.began, done.ended = 100.0, 160.0
    last = Row("last", ("accuracy", "teardown"))
    last.take(StageStarted("accuracy"), 200.0)
    last.take(Progress("accuracy", done=50, total=100), 210.0)
    assert eta_s([last], 210.0) == pytest.approx(10.0)
    assert eta_s([last, waiting], 210.0) is None
    assert eta_s([last, waiting, done], 210.0) == pytest.approx(70.0)
    assert eta_s([waiting, done], 210.0) is None
