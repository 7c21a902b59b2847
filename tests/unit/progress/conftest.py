"""一个场景途中的事件，与看它们的几双眼睛。"""

import pytest

from rayeval.domain.events import CaseFinished, Progress, StageFinished, StageStarted
from rayeval.domain.functional import CaseResult, Outcome
from rayeval.domain.load import Counters
from rayeval.domain.perf import PerfSpec
from rayeval.domain.report import StageResult, Status
from rayeval.progress import Row

STAGES = ("launch", "ready", "functional", "perf", "accuracy", "teardown")
SPEC = PerfSpec(
    concurrency=(16, 128), input_length=(2048,), output_length=(1024,), epochs=3, warmup=4
)
HOSTILE = "bad \x1b[2J\x1b[31m\nnext \x07\x9b1m\u202eline [red]x[/red] \x7f"


def finished(stage, status=Status.PASS, reason="", seconds=12.0):
    return StageFinished(StageResult(stage, status, seconds, reason))


class Play:
    """造好的几个场景。"""

    stages, spec, hostile, finished = STAGES, SPEC, HOSTILE, staticmethod(finished)

    def row(self, name="one", *events, at=0.0):
        row = Row(name, STAGES, SPEC)
        for event in events:
            row.take(event, at)
        return row

    def through(self, *stages):
        return [e for stage in stages for e in (StageStarted(stage), finished(stage))]

    def climbing(self, name="qwen3_32b_tp8"):
        """压测途中：爬到一半，失败了几个。"""
        first = SPEC.cells()[0]
        row = self.row(name, *self.through("launch", "ready", "functional"), at=100.0)
        row.take(StageStarted("perf"), 100.0)
        for at, done in ((101.0, 200), (103.0, 400)):
            counters = Counters(done + 12, done, 17, 12, 100 * done, 13)
            note = f"{first.id} epoch 2/3"
            row.take(Progress("perf", note, done, 6924, counters, first, 2), at)
        return row

    def failed(self, name="broken", reason="3 of 84 cases did not pass"):
        return self.row(
            name,
            *self.through("launch", "ready"),
            StageStarted("functional"),
            finished("functional", Status.FAIL, reason),
            *self.through("perf", "accuracy", "teardown"),
            None,
            at=50.0,
        )

    def passed(self, name):
        return self.row(name, *self.through(*STAGES), None, at=50.0)

    def cases(self, good, bad):
        for n in range(good + bad):
            outcome = Outcome.PASS if n < good else Outcome.FAIL
            yield CaseFinished(CaseResult("s", f"s/{n}", outcome, 0.1))


@pytest.fixture
def play():
    return Play()
