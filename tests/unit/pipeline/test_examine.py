"""准确率阶段：一题从不算两遍，死了的分片只重问剩下的，长文本不留在账上。"""

import dataclasses

import pytest

from rayeval.accuracy import benchmarks
from rayeval.domain.accuracy import AccuracySpec, Answer, Exam, Item
from rayeval.domain.events import Answered, AnswersFinished, Progress
from rayeval.domain.report import Status
from rayeval.domain.scenario import Mode, Provider, Scenario
from rayeval.domain.service import Endpoint, ExternalService
from rayeval.pipeline.examine import Room, examine
from rayeval.pipeline.executor import Crash, Emission

ITEMS = tuple(Item(n, n, 0, "", ("",) * 4, (0, 1, 2, 3), "B") for n in range(6))


def answer(index, letter="B"):
    return Answer(
        *(index, index, 0, "B", "Q?", "Answer: B", "hm", letter, letter, "stop", 1, 1, 0.1, 1)
    )


class Played:
    """照剧本发消息的执行者；记下重来之前会换成什么。"""

    def __init__(self, *script):
        self.script = script
        self.renewed = []

    def fan_out(self, fn, items, profile, *, pulse=None):
        for step in self.script:
            if step == "renew":
                self.renewed.append([item.index for item in profile.renew(items[0]).items])
            elif isinstance(step, Crash):
                yield Emission(0, items[0], crash=step)
            else:
                yield Emission(0, items[0], event=step)


@pytest.fixture
def sit():
    """`sit(executor, exam, **spec)`：考完一场，返回事件与结局。"""

    def run(executor, exam=None, **fields):
        scenario = Scenario(
            id="one",
            mode=Mode.EXTERNAL,
            model="m",
            served_model_name="m",
            provider=Provider(id="p"),
            service=ExternalService(base_url="http://127.0.0.1:1/v1"),
        )
        spec = AccuracySpec(dataset="x.csv", **{"shards": 1, **fields})
        endpoint = Endpoint("http://127.0.0.1:1/v1", "m")
        exam = exam or Exam(ITEMS, "{Question}", "rayeval")
        course = examine(Room(scenario, spec, exam, endpoint, executor, lambda: None))
        events = []
        try:
            while True:
                events.append(next(course))
        except StopIteration as end:
            return events, end.value

    return run


def test_what_comes_twice_counts_once_and_the_rest_alone_is_asked_again(sit):
    executor = Played(
        *(answer(0), answer(1), "renew"),
        *(answer(1, "C"), answer(0), answer(2), answer(3), answer(4), answer(5, "A")),
    )
    events, (status, reason) = sit(executor)
    assert executor.renewed == [[2, 3, 4, 5]]
    told = [event.answer.index for event in events if isinstance(event, Answered)]
    assert told == [0, 1, 2, 3, 4, 5]
    [finished] = [event for event in events if isinstance(event, AnswersFinished)]
    assert finished.accuracy.score == pytest.approx(5 / 6)
    assert (status, reason) == (Status.PASS, "")


def test_a_shard_that_never_came_back_leaves_errors_and_says_so(sit):
    crash = Crash("worker_died", "its Ray worker process died")
    events, (status, reason) = sit(Played(answer(0), crash))
    assert status is Status.FAIL
    assert reason == (
        "83% of the requests failed (incomplete 5); "
        "shard 0 ended early: its Ray worker process died"
    )
    assert events[-1].accuracy.errors == (("incomplete", 5),)


def test_what_was_answered_before_is_part_of_the_score(sit):
    kept = tuple(dataclasses.replace(answer(n), reply="") for n in range(5))
    exam = Exam(ITEMS, "{Question}", "rayeval", answered=kept)
    events, _ = sit(Played(answer(5, "A")), exam)
    assert events[-1].accuracy.resumed == 5
    assert events[-1].accuracy.score == pytest.approx(5 / 6)
    [progress] = [event for event in events if isinstance(event, Progress)]
    assert (progress.done, progress.total) == (1, 1)
    assert progress.note == "score 0.833 [0.436, 0.970]"


def test_a_score_below_the_minimum_fails(sit):
    answers = [answer(n, "B" if n < 3 else "A") for n in range(6)]
    assert sit(Played(*answers), min_score=0.5)[1] == (Status.PASS, "")
    status, reason = sit(Played(*answers), min_score=0.51)[1]
    assert (status, reason) == (Status.FAIL, "score 0.500 is below min_score 0.51")


def test_the_profile_knows_every_benchmark():
    for name in benchmarks.BENCHMARKS:
        assert AccuracySpec(dataset="x.csv", benchmark=name).benchmark == name
    with pytest.raises(ValueError, match=r"gpqa|mmlu"):
        AccuracySpec(dataset="x.csv", benchmark="other")
