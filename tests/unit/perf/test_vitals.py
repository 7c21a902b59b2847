import asyncio
import gc
import time

import pytest
import uvloop

from rayeval.perf.vitals import Vitals, collector_held


@pytest.mark.parametrize("factory", [uvloop.new_event_loop, asyncio.new_event_loop])
def test_a_stall_of_the_loop_shows_as_lag(factory):
    vitals = Vitals()

    async def stalled():
        vitals.start(asyncio.get_running_loop())
        await asyncio.sleep(0.05)
        time.sleep(0.05)  # noqa: ASYNC251 正是要卡住循环
        await asyncio.sleep(0.02)
        vitals.stop()

    loop = factory()
    loop.run_until_complete(stalled())
    loop.close()
    assert vitals.lag_max_s() > 0.040
    assert vitals.wall_s > 0.1
    assert 0 <= vitals.cpu_share < 1


def test_a_stall_that_lasts_to_the_end_counts():
    vitals = Vitals()

    async def stalled():
        vitals.start(asyncio.get_running_loop())
        time.sleep(0.06)  # noqa: ASYNC251 正是要卡住循环
        vitals.stop()

    loop = asyncio.new_event_loop()
    loop.run_until_complete(stalled())
    loop.close()
    assert vitals.lag_max_s() > 0.040


def test_the_collector_is_held_while_any_worker_measures():
    assert gc.isenabled()
    with collector_held():
        with collector_held():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
