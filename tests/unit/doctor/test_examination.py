"""体检的骨架：并排、限时、不被一项带倒；退出码与表。"""

import io
import threading

import pytest
from rich.console import Console

from rayeval.doctor.examination import Check, examine
from rayeval.doctor.finding import Finding, State, exit_code, ok
from rayeval.doctor.table import table, verdict
from rayeval.errors import ClusterError


def test_checks_go_side_by_side_and_a_silent_one_is_a_failure():
    meet, never = threading.Barrier(2, timeout=10), threading.Event()

    def wait():
        meet.wait()
        return ok("met")

    def hang():
        never.wait()
        return ok("never")

    todo = (Check("a", wait), Check("b", wait), Check("silent", hang, 2))
    found = {finding.name: finding for finding in examine(todo, limit_s=1.0)}
    never.set()
    assert (found["a"].state, found["b"].state) == (State.OK, State.OK)
    silent = found["silent"]
    assert (silent.state, silent.exit_code) == (State.FAIL, 2)
    assert "no answer within 1 s" in silent.seen
    assert silent.mend


def test_a_checks_own_mishap_takes_no_other_with_it():
    def crash():
        raise ZeroDivisionError("by zero")

    def refuse():
        raise ClusterError("no cluster; start one")

    todo = (Check("crash", crash), Check("refuse", refuse), Check("fine", lambda: ok("fine")))
    found = {finding.name: finding for finding in examine(todo)}
    assert found["crash"].state is State.WARN
    assert "ZeroDivisionError" in found["crash"].seen
    assert (found["refuse"].state, found["refuse"].mend) == (State.FAIL, "start one")
    assert found["fine"].state is State.OK


def finding(state, code=3, seen="seen", mend="mend it"):
    return Finding("name", state, seen, mend, code)


@pytest.mark.parametrize(
    ("findings", "code"),
    [
        ([], 0),
        ([finding(State.OK), finding(State.WARN), finding(State.SKIP, 2)], 0),
        ([finding(State.FAIL, 3)], 3),
        ([finding(State.FAIL, 3), finding(State.FAIL, 2)], 2),
    ],
)
def test_configuration_is_2_and_the_rest_is_3(findings, code):
    assert exit_code(findings) == code


def drawn(*findings):
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(table(findings))
    console.print(verdict(findings))
    return console.export_text()


def test_the_table_fits_80_columns_and_says_the_mend_below():
    long = finding(State.FAIL, seen="/a/very/long/path/" * 12, mend="mend " * 30)
    text = drawn(long, finding(State.WARN), finding(State.OK, mend=""))
    assert max(map(len, text.splitlines())) <= 80
    assert "→ mend it" in text
    assert text.splitlines()[-1] == "1 thing to mend, 1 to know about"
    assert drawn(finding(State.OK)).splitlines()[-1] == "nothing to mend"


def test_what_was_seen_can_neither_steer_the_terminal_nor_pass_for_markup():
    text = drawn(finding(State.FAIL, seen="[red]\x1b[2Jx", mend="\x07m"))
    assert "[red] [2Jx" in text
    assert "\x1b" not in text
    assert "\x07" not in text
