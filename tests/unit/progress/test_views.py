"""按终端与开关选一种；行与 JSON 稀疏、没有控制字符；活表收起时不留痕迹。"""

import io
import json
import math

import pytest
from rich.console import Console

from rayeval.domain.events import CaseFinished, Progress, StageFinished, StageStarted
from rayeval.domain.functional import CaseResult, Outcome
from rayeval.domain.load import Counters
from rayeval.domain.perf import PerfSpec
from rayeval.domain.report import StageResult, Status
from rayeval.domain.run import ScenarioPlan
from rayeval.domain.service import Endpoint
from rayeval.functional.context import bare_scenario
from rayeval.pipeline.executor import Crash
from rayeval.progress import JsonView, LiveView, PlainView, Row, SilentView, choose_view
from rayeval.stopping import STOPPING

CELL = PerfSpec().cells()[0]
EVENTS = [
    StageStarted("perf"),
    *(Progress("perf", "c", n, 100, Counters(n, n, 1, 2, 10 * n, 3), CELL) for n in range(50)),
    StageFinished(StageResult("perf", Status.ERROR, 3.0, "lost\x1b[31m\nmore\x9b\x7f")),
    Crash("worker_died", "killed\x07"),
    None,
]


class Terminal(io.StringIO):
    """自称终端的一个流。"""

    encoding = "utf-8"

    def isatty(self):
        return True


def play(view):
    with view:
        for event in EVENTS:
            view.watch("one", event)
        view.watch("one", CaseFinished(CaseResult("s", "s/c", Outcome.FAIL, 0.1)))


def rows():
    return [Row("one", ("launch", "perf", "teardown"))]


@pytest.fixture(autouse=True)
def nobody_stopped():
    STOPPING.reset()
    yield
    STOPPING.reset()


def test_plain_view_is_sparse_and_free_of_control_characters():
    out = io.StringIO()
    play(PlainView(out, rows()))
    lines = out.getvalue().splitlines()
    assert len(lines) == 3
    assert "perf started" in lines[0]
    assert "perf ERROR 3.0 s: lost [31m more" in lines[1]
    assert "worker_died: killed" in lines[2]
    assert all(character.isprintable() for line in lines for character in line)


def test_plain_progress_comes_after_the_interval(monkeypatch):
    monkeypatch.setattr("rayeval.progress.plain.PACE_S", ((math.inf, 0.0),))
    out = io.StringIO()
    play(PlainView(out, rows()))
    line = out.getvalue().splitlines()[2]
    assert "permits 3" in line
    assert "in flight 2" in line
    assert "1/100" in line


def test_json_has_the_fields_a_machine_wants(monkeypatch):
    monkeypatch.setattr("rayeval.progress.plain.PACE_S", ((math.inf, 0.0),))
    out = io.StringIO()
    play(JsonView(out, rows()))
    told = [json.loads(line) for line in out.getvalue().splitlines()]
    assert {t["event"] for t in told} == {"stage_started", "progress", "stage_finished", "crashed"}
    [last] = [t for t in told if t["event"] == "progress"][-1:]
    wanted = {"scenario": "one", "stage": "perf", "done": 49, "total": 100, "in_flight": 2}
    wanted |= {"failed": 1, "permits": 3, "cell": CELL.id, "epoch": None}
    assert wanted.items() <= last.items()
    assert {"tokens_per_s", "eta_s", "message"} <= set(last)
    keys = {tuple(t) for t in told}
    assert len(keys) == 1, "every line has the same fields"
    assert all(c == "\n" or c.isprintable() for c in out.getvalue())


@pytest.mark.parametrize("view", [PlainView, JsonView])
def test_cases_and_their_total_are_in_each_kind_of_line(monkeypatch, view):
    monkeypatch.setattr("rayeval.progress.plain.PACE_S", ((math.inf, 0.0),))
    out = io.StringIO()
    with view(out, rows()) as seen:
        seen.watch("one", StageStarted("functional"))
        seen.watch("one", Progress("functional", "s/c", 77, 202))
    last = out.getvalue().splitlines()[-1]
    assert "77/202 cases" in last
    if view is JsonView:
        told = json.loads(last)
        assert (told["done"], told["total"], told["eta_s"]) == (77, 202, None)


@pytest.mark.parametrize("view", [PlainView, JsonView])
def test_stopping_is_one_line(view):
    out = io.StringIO()
    with view(out, rows()):
        STOPPING.heard()
    assert out.getvalue().count("\n") == 1
    assert "stopping" in out.getvalue()
    assert "nothing was started" in out.getvalue()


def test_plain_progress_is_sparser_the_longer_a_stage_lasts(monkeypatch):
    clock = iter(range(7200))
    monkeypatch.setattr("rayeval.progress.plain.time.monotonic", lambda: float(next(clock)))
    out = io.StringIO()
    view = PlainView(out, rows())
    view.watch("one", StageStarted("perf"))
    for n in range(7199):  # 两小时，每秒一次进展
        view.watch("one", Progress("perf", "c", n, 7200))
    said = out.getvalue().count("/7200")
    assert 11 + 36 + 100 < said < 13 + 37 + 112


def test_what_the_encoding_cannot_write_becomes_a_question_mark():
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    view = PlainView(out, rows())
    view.watch("one", StageFinished(StageResult("ready", Status.ERROR, 1.0, "é × 漢")))
    assert b"ready ERROR 1.0 s: ? ? ?" in raw.getvalue()


def plan():
    scenario = bare_scenario(Endpoint("http://127.0.0.1:1/v1", "m"), {})
    return ScenarioPlan(scenario=scenario, perf=PerfSpec())


CHOICES = [
    ({}, {}, LiveView),
    ({}, {"plain": True}, PlainView),
    ({}, {"as_json": True, "plain": True}, JsonView),
    ({}, {"quiet": True, "as_json": True}, SilentView),
    ({"TERM": "dumb"}, {}, PlainView),
    ({"NO_COLOR": "1"}, {}, LiveView),
]


@pytest.mark.parametrize(("env", "switches", "kind"), CHOICES)
def test_view_is_chosen_by_terminal_and_switches(env, switches, kind):
    console = Console(file=Terminal(), _environ={"TERM": "xterm", **env})
    assert type(choose_view(console, [plan()], **switches)) is kind


def test_a_pipe_gets_plain_lines_even_where_colours_are_forced():
    console = Console(file=io.StringIO(), _environ={"FORCE_COLOR": "1", "TERM": "xterm"})
    assert type(choose_view(console, [plan()])) is PlainView


def test_live_view_shows_the_cursor_again_whatever_happens():
    out = Terminal()
    console = Console(file=out, width=80, height=24, _environ={"TERM": "xterm"})
    view = LiveView(console, rows())

    def broken():
        with view:
            for event in EVENTS[:40]:
                view.watch("one", event)
            console.print(view.frame())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken()
    text = out.getvalue()
    assert "38/100" in text
    assert "\x1b[?25l" in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
