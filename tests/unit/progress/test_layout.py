"""活表的排版：80 列与 160 列、多个场景、敌意的话、ASCII、要停了。"""

import io

import pytest
from rich.cells import cell_len
from rich.console import Console, Group

from rayeval.domain.events import Progress, StageStarted
from rayeval.domain.report import Status
from rayeval.pipeline.executor import Crash
from rayeval.progress.layout import Window, picture
from rayeval.progress.words import ASCII, UNICODE


def shown(rows, width=80, height=24, glyphs=UNICODE, **window):
    made = Window(width, height, glyphs, now=103.0, began=40.0, **window)
    console = Console(record=True, width=width, file=io.StringIO())
    lines = picture(rows, made)
    console.print(Group(*lines))
    text = console.export_text()
    told = [line.rstrip() for line in text.splitlines()]
    assert len(told) == len(lines), "a line was wrapped"
    assert len(told) < height
    assert all(cell_len(line) <= width for line in told)
    return told


CLIMB = ["permits 13", "in flight 12", "400/6924", "failed 17", "tok/s", "left", "epoch 2/3"]
CLIMB += ["2048×1024", "concurrency 16", "perf 3 s"]


@pytest.mark.parametrize(("width", "lines"), [(80, 5), (160, 4)])
def test_everything_of_a_climb_is_there_at_80_and_at_160_columns(play, width, lines):
    told = shown([play.climbing()], width)
    assert len(told) == lines
    assert all(word in "\n".join(told) for word in CLIMB)
    assert "…" not in "".join(told)
    assert told[1].split()[:3] == ["qwen3_32b_tp8", "✓", "12"]
    assert told[-1] == "total: 1 running · elapsed 63 s"
    assert ("░░" in "".join(told)) == (width == 160)


def test_a_failure_shows_at_once_and_stays(play):
    row = play.failed()
    assert "  ✗ functional FAIL: 3 of 84 cases did not pass" in shown([row])
    row = play.row("gone", StageStarted("launch"), Crash("node_lost", "its Ray node died"))
    assert "  ✗ node_lost: its Ray node died" in shown([row])


def test_what_follows_a_failed_launch_is_not_repeated(play):
    skipped = [
        play.finished(s, Status.SKIPPED, "launch failed: x") for s in play.stages[1:5]
    ]  # 没有 teardown：没起来过
    row = play.row("one", StageStarted("launch"), play.finished("launch", Status.ERROR, "x"))
    for event in (*skipped, None):
        row.take(event, 1.0)
    told = "\n".join(shown([row]))
    assert told.count("failed: x") == 0
    assert "launch ERROR: x" in told
    assert told.count("–") == 5


def test_a_long_reason_takes_two_lines_and_no_more(play):
    told = shown([play.failed(reason="word " * 200)])
    assert len(told) == 5
    assert told[3].endswith("…")


def test_many_scenarios_running_first_then_failed_the_rest_counted(play):
    rows = [
        *(play.row(f"wait{n}") for n in range(30)),
        play.failed("bad"),
        *(play.passed(f"good{n}") for n in range(5)),
        play.climbing("busy"),
    ]
    told = shown(rows, height=12)
    assert len(told) == 11
    assert told[1].startswith("busy")
    assert told[4].startswith("bad")
    assert told[-3] == "+ 30 waiting, 3 passed"
    assert told[-2] == "total: 1 running · 1 failed · 30 waiting · 5 passed · elapsed 63 s"
    assert told[-1].startswith("about ")
    assert shown(rows, height=60)[1].startswith("wait0"), "the order of the matrix where all fit"


@pytest.mark.parametrize("height", [4, 5, 6, 8])
def test_a_tiny_window_still_holds_the_total(play, height):
    rows = [play.climbing(f"busy{n}") for n in range(5)]
    assert shown(rows, height=height)[-1].startswith("total: 5 running")


@pytest.mark.parametrize("width", [40, 60, 80, 160])
def test_long_names_keep_both_ends(play, width):
    name = "k8s_pd_qwen3_235b_a22b_instruct_fp8_h800_tp8_dp16_ep16_prefill4_decode8_long"
    told = shown([play.climbing(name), play.row("b" * 90)], width)
    assert told[1].startswith("k8s")
    assert told[1].split()[0].endswith("ng")


def test_hostile_text_cannot_steer_the_terminal(play):
    row = play.failed("one", play.hostile)
    busy = play.row("two", StageStarted("ready"), Progress("ready", play.hostile))
    crashed = play.row("three", Crash("exception", play.hostile))
    told = "".join(shown([row, busy, crashed]))
    assert all(character.isprintable() for character in told)
    assert "[red]x[/red]" in told


def test_ascii_stands_in_where_the_encoding_has_no_more(play):
    rows = [play.climbing(), play.failed(reason="word " * 200), play.passed("p"), play.row("w")]
    told = shown(rows, 160, glyphs=ASCII, stops=1)
    assert "".join(told).isascii()
    assert "2048x1024" in "".join(told)


def test_stopping_says_what_is_going_on(play):
    busy = play.climbing()
    told = shown([busy], stops=1)
    assert told[-2:] == [
        "STOPPING: ending the measurement, then tearing services down",
        "Ctrl-C again is safe and no faster",
    ]
    busy.take(play.finished("perf", Status.CANCELLED, "interrupted"), 104.0)
    busy.take(StageStarted("teardown"), 104.0)
    told = shown([busy], stops=2)
    assert told[-1] == "STOPPING: tearing down qwen3_32b_tp8 · heard you; still at it"


def test_the_wait_for_a_service_says_out_of_how_much(play):
    row = play.row("one", StageStarted("ready"), at=16.0)
    assert "ready 87 s" in "\n".join(shown([row]))
    said = "waiting for /health: Connection refused"
    row.take(Progress("ready", said, limit_s=1199.9), 90.0)
    assert f"ready 87 s of 20 min · {said}" in "\n".join(shown([row]))
    row.take(StageStarted("launch"), 102.0)
    assert "launch 1 s" in "\n".join(shown([row]))
    assert " of " not in "\n".join(shown([row]))


def test_cases_are_told_out_of_how_many_once_that_is_known(play):
    row = play.row("one", StageStarted("functional"), *play.cases(76, 1), at=90.0)
    row.take(Progress("functional", "s/76", 77), 91.0)
    assert "77 cases · not passed 1" in "\n".join(shown([row]))
    row.take(Progress("functional", "s/76", 77, 202), 92.0)
    told = "\n".join(shown([row]))
    assert "77/202 cases · not passed 1" in told
    assert "left" not in told, "cases are not alike: no time left is made up"


def test_cases_never_exceed_their_total(play):
    row = play.row("one", StageStarted("functional"), Progress("functional", "", 1, 2))
    for event in play.cases(3, 0):
        row.take(event, 91.0)
    assert "3/3 cases" in "\n".join(shown([row]))


def test_the_cases_not_passed_and_the_score_are_told(play):
    row = play.row("one", StageStarted("functional"), *play.cases(20, 3), at=90.0)
    assert "23 cases · not passed 3" in "\n".join(shown([row]))
    row = play.row("one", StageStarted("accuracy"), at=90.0)
    row.take(Progress("accuracy", "score 0.583 [0.512, 0.651]", 99, 198), 100.0)
    assert "99/198 · score 0.583 [0.512, 0.651] · 13 s left" in "\n".join(shown([row]))
