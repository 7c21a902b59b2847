"""runner 与它的子进程：死、挂、空、坏、被提前关掉，各有各的说法。"""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from pydantic import SecretStr

from rayeval.domain.functional import FunctionalSpec, Outcome, SuiteSize
from rayeval.domain.service import Endpoint
from rayeval.functional import runner
from rayeval.functional.context import bare_scenario
from rayeval.functional.counting import counting_task
from rayeval.functional.runner import suite_tasks
from tests.suites import run_suite

KEY = "sk-runner-secret"
ENDPOINT = Endpoint("http://127.0.0.1:9/v1", "m", SecretStr(KEY))


@pytest.fixture
def suite(tmp_path):
    """写一个用户的套件，给出它的任务。"""

    def write(source, **spec):
        path = tmp_path / "test_mine.py"
        path.write_text(source, encoding="utf-8")
        limits = {"case_timeout_s": 20.0, "concurrency": 1} | spec
        made = FunctionalSpec(suites=(), paths=(str(path),), **limits)
        return suite_tasks(bare_scenario(ENDPOINT, {}), ENDPOINT, made)[0]

    return write


def outcomes(cases):
    return {case.case_id: case.outcome for case in cases}


@pytest.mark.parametrize(("select", "cases"), [(None, 3), ("not odd", 2)])
def test_a_suite_says_first_how_many_cases_it_will_run(suite, select, cases):
    source = "import pytest\ndef test_a(): pass\ndef test_b(): pytest.skip()\ndef test_odd(): pass"
    first, *rest = runner.run_suite(suite(source, select=select))
    assert first == SuiteSize("mine", cases)
    assert len(rest) == cases


@pytest.mark.parametrize("select", [None, "stream or guided"])
def test_built_in_suites_are_counted_ahead_without_running_a_case(select):
    spec = FunctionalSpec(suites=("guided", "reasoning"), select=select)
    scenario = bare_scenario(ENDPOINT, {"guided": False, "reasoning": False})
    counted = list(runner.run_suite(counting_task(scenario, ENDPOINT, spec)))
    running = [runner.run_suite(task) for task in suite_tasks(scenario, ENDPOINT, spec)]
    assert counted == [next(said) for said in running]
    for said in running:
        said.close()


def test_each_outcome_of_pytest_has_its_own(suite):
    task = suite("""
import pytest
def test_good(): pass
def test_bad(): assert 1 == 2, "one is not two"
def test_away(): pytest.skip("not today")
def test_odd(): {}["missing"]
@pytest.fixture
def broken(): raise RuntimeError("no fixture")
def test_setup(broken): pass
@pytest.fixture
def messy():
    yield
    raise RuntimeError("no teardown")
def test_teardown(messy): pass
def test_bad_and_messy(messy): assert False
@pytest.mark.parametrize("x", [1, 2])
class TestGroup:
    def test_member(self, x): pass
""")
    cases = {case.case_id: case for case in run_suite(task)}
    assert outcomes(cases.values()) == {
        "mine/good": Outcome.PASS,
        "mine/bad": Outcome.FAIL,
        "mine/away": Outcome.SKIP,
        "mine/odd": Outcome.ERROR,
        "mine/setup": Outcome.ERROR,
        "mine/teardown": Outcome.ERROR,
        "mine/bad_and_messy": Outcome.FAIL,
        "mine/TestGroup.member[1]": Outcome.PASS,
        "mine/TestGroup.member[2]": Outcome.PASS,
    }
    assert "one is not two" in cases["mine/bad"].message
    assert cases["mine/away"].message == "not today"
    assert "KeyError: 'missing'" in cases["mine/odd"].message
    assert "test_mine.py:6" in cases["mine/odd"].message


def test_cases_come_while_the_suite_still_runs(suite, tmp_path):
    gate = tmp_path / "gate"
    task = suite(f"""
import pathlib, time
def test_first(): pass
def test_second():
    while not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.01)
""")
    cases = run_suite(task)
    assert next(cases).case_id == "mine/first"
    gate.touch()
    assert [case.case_id for case in cases] == ["mine/second"]


def test_folder_with_several_files_keeps_their_cases_apart(tmp_path):
    folder = tmp_path / "extra"
    (folder / "deep").mkdir(parents=True)
    for name in ("test_a.py", "test_b.py", "deep/test_a.py"):
        (folder / name).write_text("def test_same(scenario): assert scenario.id", encoding="utf-8")
    spec = FunctionalSpec(suites=(), paths=(str(folder),))
    (task,) = suite_tasks(bare_scenario(ENDPOINT, {}), ENDPOINT, spec)
    assert outcomes(run_suite(task)) == dict.fromkeys(
        ["extra/a.same", "extra/b.same", "extra/deep.a.same"], Outcome.PASS
    )


def test_child_that_dies_leaves_an_error_with_its_last_words(suite):
    task = suite("""
import os, sys
def test_good(): pass
def test_deadly(endpoint):
    print("last words", endpoint.api_key.get_secret_value(), file=sys.__stderr__, flush=True)
    os._exit(9)
def test_next(): pass
""")
    cases = list(run_suite(task))
    assert outcomes(cases) == {
        "mine/good": Outcome.PASS,
        "mine/deadly": Outcome.ERROR,
        "mine/next": Outcome.PASS,
    }
    assert "exit code 9" in cases[1].message
    assert "last words" in cases[1].message
    assert KEY not in repr(cases)


def test_slow_case_is_cut_and_the_next_one_runs(suite):
    task = suite(
        "import time\ndef test_slow(): time.sleep(60)\ndef test_next(): pass", case_timeout_s=0.3
    )
    cases = list(run_suite(task))
    assert outcomes(cases) == {"mine/slow": Outcome.ERROR, "mine/next": Outcome.PASS}
    assert "exceeded its limit of 0.3 s" in cases[0].message


def test_two_hangs_in_a_row_end_the_suite(suite):
    task = suite(
        "import time\n" + "".join(f"def test_{n}(): time.sleep(60)\n" for n in range(4)),
        case_timeout_s=0.2,
    )
    cases = list(run_suite(task))
    assert {case.outcome for case in cases} == {Outcome.ERROR}
    assert ["not run" in case.message for case in cases] == [False, False, True, True]
    assert "the service hangs" in cases[-1].message


def test_case_that_ignores_its_alarm_is_killed_from_outside(suite, monkeypatch):
    monkeypatch.setattr(runner, "_GRACE_S", 0.2)
    task = suite(
        """
import signal, time
def test_deaf():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM, signal.SIGINT})
    time.sleep(60)
def test_next(): pass
""",
        case_timeout_s=0.3,
    )
    begin = time.monotonic()
    cases = list(run_suite(task))
    assert outcomes(cases) == {"mine/deaf": Outcome.ERROR, "mine/next": Outcome.PASS}
    assert "it was killed" in cases[0].message
    assert time.monotonic() - begin < 15


MEET = """
import pathlib, time
def meet(mine, other, folder=pathlib.Path({folder!r})):
    (folder / mine).touch()
    while not (folder / other).exists(): time.sleep(0.01)
"""


def test_cases_of_a_suite_run_side_by_side(suite, tmp_path):
    source = MEET.format(folder=str(tmp_path)) + """
def test_a(): meet("a", "b")
def test_b(): meet("b", "a")
"""
    both = suite(source, concurrency=2)
    assert outcomes(run_suite(both)) == {"mine/a": Outcome.PASS, "mine/b": Outcome.PASS}
    for name in "ab":
        (tmp_path / name).unlink()
    one_by_one = suite(source, concurrency=1, case_timeout_s=0.5)
    assert outcomes(run_suite(one_by_one))["mine/a"] is Outcome.ERROR


def test_case_marked_alone_runs_after_all_others_one_at_a_time(suite, tmp_path):
    log = tmp_path / "log"
    task = suite(
        f"""
import pathlib, pytest
def note(text):
    with open({str(log)!r}, "a") as file: file.write(text + "\\n")
@pytest.mark.alone
@pytest.mark.parametrize("x", [1, 2])
def test_alone(x): note("in"); note("out")
@pytest.mark.parametrize("x", range(6))
def test_crowd(x): note("crowd")
""",
        concurrency=4,
    )
    assert set(outcomes(run_suite(task)).values()) == {Outcome.PASS}
    lines = log.read_text(encoding="utf-8").split()
    assert lines == ["crowd"] * 6 + ["in", "out"] * 2


def test_module_and_session_fixtures_are_made_once_a_worker_and_put_away(suite, tmp_path):
    log = tmp_path / "log"
    task = suite(f"""
import pytest
def note(text):
    with open({str(log)!r}, "a") as file: file.write(text + "\\n")
@pytest.fixture(scope="module")
def thing():
    note("made"); yield 1; note("put_away")
@pytest.mark.parametrize("x", range(5))
def test_it(thing, x): pass
""")
    assert set(outcomes(run_suite(task)).values()) == {Outcome.PASS}
    assert log.read_text(encoding="utf-8").split() == ["made", "put_away"]


def test_neighbours_of_a_dead_case_keep_their_outcomes(suite):
    task = suite(
        """
import os, pytest
@pytest.mark.parametrize("x", range(12))
def test_it(x):
    if x % 4 == 1: os._exit(7)
""",
        concurrency=3,
    )
    found = outcomes(run_suite(task))
    assert len(found) == 12
    assert sorted(k for k, v in found.items() if v is not Outcome.PASS) == [
        "mine/it[1]",
        "mine/it[5]",
        "mine/it[9]",
    ]


def test_suite_without_cases_is_an_error(suite):
    (case,) = run_suite(suite("x = 1"))
    assert (case.case_id, case.outcome) == ("mine/session", Outcome.ERROR)
    assert "no case ran" in case.message


def test_file_that_cannot_be_imported_is_an_error_that_says_why(suite):
    (case,) = run_suite(suite("import no_such_module_anywhere"))
    assert case.outcome is Outcome.ERROR
    assert "no_such_module_anywhere" in case.message


def test_expression_that_matches_nothing_is_a_skip_that_says_so(suite):
    (case,) = run_suite(suite("def test_a(): pass", select="nothing_like_it"))
    assert (case.case_id, case.outcome) == ("mine/session", Outcome.SKIP)
    assert "nothing_like_it" in case.message


def test_expression_that_is_malformed_is_one_error_that_shows_it(suite):
    (case,) = run_suite(suite("def test_a(): pass", select="a=b and ("))
    assert (case.case_id, case.outcome) == ("mine/session", Outcome.ERROR)
    assert "a=b and (" in case.message


def test_grandchild_left_by_a_case_is_gone_when_the_suite_ends(suite, tmp_path):
    pids = tmp_path / "pids"
    task = suite(f"""
import pathlib, subprocess, sys
def test_litters():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    pathlib.Path({str(pids)!r}).write_text(str(child.pid))
""")
    list(run_suite(task))
    assert gone(int(pids.read_text(encoding="utf-8")))


def test_case_that_quits_pytest_leaves_the_rest_as_errors(suite):
    task = suite("""
import pytest
def test_quits(): pytest.exit("enough")
def test_never(): pass
""")
    assert outcomes(run_suite(task)) == {"mine/quits": Outcome.ERROR, "mine/never": Outcome.ERROR}


def test_closing_early_kills_the_child_and_its_children(suite, tmp_path):
    pids = tmp_path / "pids"
    task = suite(f"""
import os, pathlib, subprocess, sys
def test_first():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    pathlib.Path({str(pids)!r}).write_text(f"{{os.getpid()}} {{child.pid}}")
def test_second(): __import__("time").sleep(600)
""")
    cases = run_suite(task)
    next(cases)
    cases.close()
    for pid in pids.read_text(encoding="utf-8").split():
        assert gone(int(pid))


def gone(pid):
    """进程已不在，或只剩一个没人收的尸体。"""
    for _ in range(200):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:  # noqa: PTH123 /proc
                if file.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


def test_key_is_neither_in_argv_nor_in_the_environment_nor_in_a_file(suite, tmp_path):
    task = suite("""
import os, pathlib
def test_looks_around(endpoint):
    key = endpoint.api_key.get_secret_value()
    me = pathlib.Path("/proc/self")
    assert key.encode() not in (me / "cmdline").read_bytes()
    assert key.encode() not in (me / "environ").read_bytes()
    open_files = [os.readlink(fd) for fd in (me / "fd").iterdir() if fd.is_symlink()]
    assert not [f for f in open_files if f.startswith("/") and pathlib.Path(f).is_file()
                and key in pathlib.Path(f).read_text(errors="replace")]
""")
    (case,) = run_suite(task)
    assert (case.outcome, case.message) == (Outcome.PASS, "")


def test_pytest_settings_around_it_do_not_reach_the_suite(suite, tmp_path, monkeypatch):
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    (tmp_path / "pytest.py").write_text("raise SystemExit('the wrong pytest')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")
    monkeypatch.setenv("PYTEST_PLUGINS", "no_such_plugin")
    assert outcomes(run_suite(suite("def test_a(): pass"))) == {"mine/a": Outcome.PASS}


def test_plain_pytest_runs_cases_with_the_plug_in(start_mock, tmp_path):
    mock = start_mock("--api-key", KEY)
    path = tmp_path / "test_own.py"
    path.write_text(
        "def test_hello(client, stream):\n    assert client.chat('Hello', stream=stream).ok\n"
    )
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "rayeval.functional.plugin", str(path)]
    env = os.environ | {"RAYEVAL_API_KEY": KEY}
    flags = ["--rayeval-url", mock.base_url, "--rayeval-model", "mock", "-c", os.devnull]
    done = subprocess.run([*argv, *flags], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    alone = subprocess.run(
        [*argv, "-c", os.devnull], env=env, capture_output=True, text=True, check=False
    )
    assert "give --rayeval-url URL and --rayeval-model NAME" in alone.stdout


def test_a_case_of_ones_own_is_told_by_what_it_promised(suite):
    task = suite('''
from rayeval.functional.expect import broken
def test_plain():
    """Answers in German."""
    assert "hello" == "hallo"
def test_silent(): assert 1 == 2
def test_ours(client):
    """The docstring is not needed."""
    raise AssertionError("said by itself")
''')
    heads = {case.case_id: case.message.splitlines()[0] for case in run_suite(task)}
    assert heads["mine/plain"].startswith("expected: Answers in German; came: assert 'hello'")
    assert heads["mine/silent"].startswith("assert 1 == 2")
    assert "came: said by itself" in heads["mine/ours"]


@pytest.mark.parametrize(
    ("source", "head"),
    [
        ("import absent_package", ":1: ModuleNotFoundError: No module named 'absent_package'"),
        ("def f():\n    return 1\nx = 1 / 0", ":3: ZeroDivisionError: division by zero"),
        ("def test_a(:", ":1: SyntaxError: invalid syntax"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_by_its_error_and_line(suite, source, head):
    (case,) = run_suite(suite(source))
    first = case.message.splitlines()[0]
    assert first.startswith("cannot collect ")
    assert first.endswith(head)
