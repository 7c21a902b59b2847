"""准确率阶段：分片去问，收答、记分；死了的分片只重问没答到的。"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, replace

from rayeval.accuracy import aggregate, external
from rayeval.accuracy.shard import answer_shard
from rayeval.accuracy.shards import make_shards
from rayeval.accuracy.spread import interval
from rayeval.domain.accuracy import Accuracy, AccuracySpec, Answer, Exam, Shard
from rayeval.domain.events import Answered, AnswersFinished, Event, Progress
from rayeval.domain.report import Status
from rayeval.domain.scenario import Scenario
from rayeval.domain.service import Endpoint
from rayeval.pipeline.executor import Executor, Kind, Profile

SHARD_RETRIES = 3
"""分片的工作进程死掉后重来的次数；重来只问还没答到的。"""
PROGRESS_S = 0.25
"""进度至多这么密，秒：一题一条会与答案争路。"""
MOST_REASONS = 4

Outcomes = Generator[Event, None, tuple[Status, str]]


@dataclass(frozen=True, slots=True)
class Room:
    """考场：考什么、问谁、在哪里跑、服务还活着没有。"""

    scenario: Scenario
    spec: AccuracySpec
    exam: Exam | None
    endpoint: Endpoint
    executor: Executor
    pulse: Callable[[], None]


class Book:
    """答题的账：每题一次，长文本不留。"""

    def __init__(self, exam: Exam) -> None:
        """中断的那次答好的，开头就在账上。"""
        self.exam = exam
        self.answers: dict[int, Answer] = {answer.index: answer for answer in exam.answered}
        self._right = sum(aggregate.score(answer) for answer in self.answers.values())

    @property
    def left(self) -> list[int]:
        """还没有答的题次。"""
        return [item.index for item in self.exam.items if item.index not in self.answers]

    def add(self, answer: Answer) -> bool:
        """记一次；已有的不再记，返回假：一题从不算两遍。"""
        if answer.index in self.answers:
            return False
        self.answers[answer.index] = replace(answer, prompt="", reply="", reasoning="")
        self._right += aggregate.score(answer)
        return True

    def rest(self, shard: Shard) -> Shard:
        """死了的分片剩下的那些题。"""
        items = tuple(item for item in shard.items if item.index not in self.answers)
        return replace(shard, items=items)

    def running(self) -> str:
        """一句话：至今的分数与大致的区间（Wilson，按题次独立算，只作进度）。"""
        count = len(self.answers)
        mean = self._right / count if count else 0.0
        low, high = interval(mean, 0.0, count)
        return f"score {mean:.3f} [{low:.3f}, {high:.3f}]"


def examine(room: Room) -> Outcomes:
    """考完、算分；有效且达到 min_score 即 PASS。"""
    if room.exam is None:
        score, trouble = (yield from _delegate(room)), ""
    else:
        book = Book(room.exam)
        trouble = yield from _ask_all(room, book)
        score = aggregate.aggregate(list(book.answers.values()), room.spec, room.exam)
    yield AnswersFinished(score)
    return _verdict(score, trouble)


def _delegate(room: Room) -> Generator[Event, None, Accuracy]:
    """交给外部的 simple-evals；边等边转它的话，完了转它的答。"""
    course = external.run_external(room.spec, room.endpoint, room.pulse)
    with closing(course):
        while True:
            try:
                yield Progress("accuracy", note=next(course))
            except StopIteration as end:
                score, answers = end.value
                break
    for answer in answers:
        yield Answered(answer)
    found: Accuracy = score
    return found


def _ask_all(room: Room, book: Book) -> Generator[Event, None, str]:
    """把没答的题散到各分片去问；返回没能走完的分片的一句话，没有则为空。"""
    wanted = set(book.left)
    items = [item for item in book.exam.items if item.index in wanted]
    shards = make_shards(
        items,
        room.spec,
        room.endpoint,
        template=book.exam.template,
        max_tokens_field=room.scenario.provider.max_tokens_field,
        reasoning_keys=room.scenario.reasoning.keys,
    )
    profile = Profile(Kind.SHARD, width=len(shards), retries=SHARD_RETRIES, renew=book.rest)
    trouble, done, told_at = "", 0, float("-inf")
    for emission in room.executor.fan_out(answer_shard, shards, profile, pulse=room.pulse):
        if emission.crash is not None:
            trouble = f"shard {emission.index} ended early: {emission.crash.message}"
        if emission.event is None or not book.add(emission.event):
            continue
        done += 1
        yield Answered(emission.event)
        if (now := time.monotonic()) - told_at >= PROGRESS_S or done == len(items):
            told_at = now
            yield Progress("accuracy", note=book.running(), done=done, total=len(items))
    return trouble


def _verdict(score: Accuracy, trouble: str) -> tuple[Status, str]:
    """结论 → 阶段的结局与一句理由。"""
    if score.ok:
        return Status.PASS, trouble
    if not score.valid:
        counted = sorted(score.errors, key=lambda pair: -pair[1])[:MOST_REASONS]
        classes = ", ".join(f"{name} {count}" for name, count in counted)
        failed = f"{score.error_ratio:.0%} of the requests failed ({classes or 'no questions'})"
        return Status.FAIL, f"{failed}; {trouble}" if trouble else failed
    return Status.FAIL, f"score {score.score:.3f} is below min_score {score.min_score}"
