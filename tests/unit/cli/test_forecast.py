"""剩余时间：按工作量，不按请求数。"""

import pytest

from rayeval.domain.perf import OpenLoop, PerfSpec
from rayeval.forecast import Forecast


def test_requests_of_a_wide_cell_weigh_less():
    spec = PerfSpec(
        concurrency=(1, 10), input_length=(8,), output_length=(8,), num_requests=(10, 100)
    )
    forecast = Forecast(spec)
    assert forecast.share(0) == 0
    assert forecast.share(10) == pytest.approx(0.5)
    assert forecast.share(60) == pytest.approx(0.75)
    assert forecast.share(110) == pytest.approx(1)


def test_warmup_and_epochs_count():
    spec = PerfSpec(
        concurrency=(1,), input_length=(8,), output_length=(8,), num_requests=(8,), warmup=2
    )
    assert Forecast(spec).share(5) == pytest.approx(0.5)
    assert Forecast(spec.model_copy(update={"epochs": 2})).share(5) == pytest.approx(0.25)


def test_open_loop_lasts_as_long_as_its_requests():
    spec = PerfSpec(
        concurrency=(1, 10),
        input_length=(8,),
        output_length=(8,),
        num_requests=(10, 30),
        control_method="rate",
        open_loop=OpenLoop(request_rate=5),
    )
    assert Forecast(spec).share(10) == pytest.approx(0.25)
