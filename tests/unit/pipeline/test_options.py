"""意图 → Ray 选项的那张表。"""

import pytest

from rayeval.pipeline.executor import Kind
from rayeval_actors.options import LOAD_ACTOR, task_options


@pytest.mark.parametrize("kind", list(Kind))
def test_ray_never_retries_anything_by_itself(kind):
    assert task_options(kind, {})["max_retries"] == 0


@pytest.mark.parametrize("kind", list(Kind))
def test_waiting_work_holds_no_cpu(kind):
    assert task_options(kind, {})["num_cpus"] == 0


def test_scenario_asks_for_its_accelerators_and_custom_resources():
    options = task_options(Kind.SCENARIO, {"num_gpus": 2.0, "NPU": 8.0, "TPU": 0.0})
    assert options["num_gpus"] == 2.0
    assert options["resources"] == {"NPU": 8.0}


def test_load_actor_can_answer_while_it_runs():
    assert LOAD_ACTOR["max_concurrency"] > 1
    assert LOAD_ACTOR["max_restarts"] == 0
