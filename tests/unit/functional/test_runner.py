"""排任务与子进程的环境。"""

from __future__ import annotations

import os

from rayeval.domain.functional import SUITES, FunctionalSpec, Outcome, SuiteTask
from rayeval.domain.service import Endpoint
from rayeval.functional.context import bare_scenario
from rayeval.functional.process import child_environment
from rayeval.functional.runner import SUITES_DIR, suite_tasks
from tests.suites import run_suite

ENDPOINT = Endpoint("http://127.0.0.1:9/v1", "m")
SCENARIO = bare_scenario(ENDPOINT, {})


def test_every_suite_is_a_task_of_its_own():
    tasks = suite_tasks(SCENARIO, ENDPOINT, FunctionalSpec())
    assert tuple(task.suite for task in tasks) == SUITES
    assert all((SUITES_DIR / f"test_{task.suite}.py").exists() for task in tasks)


def test_user_paths_are_suites_with_names_of_their_own(tmp_path):
    paths = (str(tmp_path / "mine"), str(tmp_path / "test_mine.py"), str(tmp_path / "guided"))
    tasks = suite_tasks(SCENARIO, ENDPOINT, FunctionalSpec(suites=("guided",), paths=paths))
    assert [task.suite for task in tasks] == ["guided", "mine", "mine_2", "guided_2"]
    assert [task.target for task in tasks[1:]] == list(paths)


def test_suite_that_does_not_exist_is_an_error_that_names_it():
    (task,) = suite_tasks(SCENARIO, ENDPOINT, FunctionalSpec(suites=("poetry",)))
    (case,) = run_suite(task)
    assert (case.case_id, case.outcome) == ("poetry/session", Outcome.ERROR)
    assert "test_poetry.py" in case.message


def test_task_is_small_enough_to_ship_and_equal_when_rebuilt():
    (task,) = suite_tasks(SCENARIO, ENDPOINT, FunctionalSpec(suites=("guided",)))
    assert task == SuiteTask(task.suite, task.target, task.spec, task.context_json)


def test_child_is_free_of_the_parents_pytest_settings():
    env = {"PYTEST_ADDOPTS": "-x", "PYTEST_PLUGINS": "evil", "HOME": "/h", "PYTHONPATH": "/a"}
    child = child_environment(env, own=True)
    assert "PYTEST_ADDOPTS" not in child
    assert "PYTEST_PLUGINS" not in child
    assert child["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] == "1"
    assert child["HOME"] == "/h"
    assert child["PYTHONPATH"].split(os.pathsep)[-1] == "/a"
    assert "PYTEST_DISABLE_PLUGIN_AUTOLOAD" not in child_environment(env, own=False)
