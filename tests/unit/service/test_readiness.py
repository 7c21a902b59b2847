"""阶梯与预算：假的钟、假的服务。"""

import pytest

from rayeval.domain.service import Endpoint
from rayeval.errors import LaunchError, NotReadyError
from rayeval.service.backoff import Budget
from rayeval.service.readiness import await_ready


class Never:
    """永远在等的服务；`dies_after` 秒后死。"""

    endpoint = Endpoint("http://h:1/v1", "m")

    def __init__(self, dies_after=None):
        self.now = 0.0
        self.asked = []
        self.dies_after = dies_after

    def settle(self):
        self.asked.append(self.now)
        return "1 of 2 ready"

    def death(self):
        return "exited" if self.dies_after is not None and self.now >= self.dies_after else None

    def log_tail(self):
        return "last words"

    def sleep(self, seconds):
        self.now += seconds


@pytest.mark.parametrize("seconds", [0.5, 20.0, 1200.0])
def test_the_budget_is_used_up_and_never_exceeded(seconds):
    service = Never()
    budget = Budget(seconds, lambda: service.now)
    with pytest.raises(NotReadyError, match="1 of 2 ready") as error:
        list(await_ready(service, health_path="/h", budget=budget, sleep=service.sleep))
    assert service.now == pytest.approx(seconds)
    assert service.asked[-1] == pytest.approx(seconds)
    assert f"({seconds:g} s)" in str(error.value)
    assert error.value.log_tail == "last words"


def test_each_word_of_the_wait_says_how_long_it_may_last():
    service = Never()
    budget = Budget(1200, lambda: service.now)
    service.now = 20.0  # 启动用去的
    waits = await_ready(service, health_path="/h", budget=budget, sleep=service.sleep)
    assert [next(waits).limit_s for _ in range(5)] == [1180.0] * 5


def test_a_death_while_waiting_is_seen_within_a_slice():
    service = Never(dies_after=100.0)
    budget = Budget(1200, lambda: service.now)
    with pytest.raises(LaunchError, match="exited before it was ready"):
        list(await_ready(service, health_path="/h", budget=budget, sleep=service.sleep))
    assert service.now - 100.0 <= 1.0
