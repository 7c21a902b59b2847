"""终端上的话：非终端没有控制字符、行行稀疏；活表画得出。"""

import io
import json

import pytest
from rich.console import Console

from rayeval.domain.events import CaseFinished, Progress, StageFinished, StageStarted
from rayeval.domain.functional import CaseResult, Outcome
from rayeval.domain.load import Counters
from rayeval.domain.perf import PerfSpec
from rayeval.domain.report import StageResult, Status
from rayeval.forecast import Forecast
from rayeval.pipeline.executor import Crash
from rayeval.progress import LiveView, PlainView, Row, choose_view

EVENTS = [
    StageStarted("perf"),
    *(Progress("perf", "cell", n, 100, Counters(n, n, 1, 2, 10 * n)) for n in range(1, 50)),
    StageFinished(StageResult("perf", Status.ERROR, 3.0, "lost\x1b[31m\nmore")),
    Crash("worker_died", "killed"),
    None,
]


def play(view):
    with view:
        for event in EVENTS:
            view.watch("one", event)
        view.watch("one", CaseFinished(CaseResult("s", "s/c", Outcome.FAIL, 0.1)))


def test_plain_view_is_sparse_and_free_of_control_characters():
    lines = []
    play(PlainView(lines.append, {"one": None}))
    assert len(lines) == 3
    assert "perf started" in lines[0]
    assert "perf ERROR 3.0 s: lost [31m more" in lines[1]
    assert "worker_died: killed" in lines[2]
    assert all(character.isprintable() for line in lines for character in line)


def test_live_view_shows_stage_counts_and_outcomes():
    console = Console(file=io.StringIO(), force_terminal=True, width=160)
    view = LiveView(console, {"one": None, "two": None})
    with view:
        for event in EVENTS[:40]:
            view.watch("one", event)
        shown = io.StringIO()
        Console(file=shown, width=160).print(view._table())
    text = shown.getvalue()
    assert "39/100" in text
    assert "in flight 2" in text
    assert "waiting" in text
    assert text.splitlines()[1].rstrip().endswith(" s")


@pytest.mark.parametrize(
    ("quiet", "as_json", "lines"), [(False, False, 3), (False, True, 3), (True, False, 0)]
)
def test_view_is_chosen_by_terminal_and_switches(quiet, as_json, lines):
    out = io.StringIO()
    view = choose_view(Console(file=out), {"one": None}, quiet=quiet, as_json=as_json)
    play(view)
    told = out.getvalue().splitlines()
    assert len(told) == lines
    if as_json:
        assert json.loads(told[0])["scenario"] == "one"


def test_terminal_gets_the_live_view():
    console = Console(file=io.StringIO(), force_terminal=True)
    assert isinstance(choose_view(console, {"one": None}, quiet=False, as_json=False), LiveView)


def test_left_is_by_work_and_rate_is_of_the_cell():
    spec = PerfSpec(
        concurrency=(1, 10), input_length=(8,), output_length=(8,), num_requests=(9, 90)
    )
    first, second = spec.cells()
    row = Row(Forecast(spec))
    row.take(StageStarted("perf"))
    row.take(Progress("perf", "a epoch 1/1", 9, 99, Counters(9, 9, 0, 0, 72), first))
    assert row.note == "a"
    row.since -= 10  # 一半的工作用了十秒
    assert row.eta() == "10 s left"
    row.take(Progress("perf", "b", 9, 99, Counters(9, 9, 0, 0, 72), second))
    row.cell_since -= 2
    row.take(Progress("perf", "b", 49, 99, Counters(49, 49, 0, 0, 392), second))
    assert "160 tok/s" in row.amount()


def test_an_exam_says_how_long_only_once_it_is_under_way():
    row = Row()
    row.take(StageStarted("accuracy"))
    row.take(Progress("accuracy", note="score 1.000 ± 0.000", done=1, total=1980))
    assert row.eta() == ""
    row.take(Progress("accuracy", note="score 0.700 ± 0.100", done=990, total=1980))
    assert row.eta().endswith(" left")
    assert row.note == "score 0.700 ± 0.100"
