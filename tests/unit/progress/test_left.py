"""压测的剩余时间：一个延迟与并发无关的服务，长短、并发混着的 cell，按计划推演。"""

import heapq

import pytest

from rayeval.domain.events import CellFinished, Progress, StageStarted
from rayeval.domain.load import Counters
from rayeval.domain.perf import PerfSpec
from rayeval.progress import Row
from tests.unit.conftest import make_cell, make_stats

MIXED = {"concurrency": (1, 4, 16), "input_length": (128,), "output_length": (32, 512)}
SERVICES = {"even": (0.3, 0.02), "slow to begin": (2.0, 0.005), "quick to begin": (0.01, 0.03)}


def epoch(schedule, requests, latency_s, begin):
    """一轮里各请求做完的时刻：有许可就发。"""
    flying, now, issued = [], 0.0, 0
    while issued < requests or flying:
        while issued < requests and len(flying) < schedule.permits_at(now):
            heapq.heappush(flying, now + latency_s)
            issued += 1
        change = schedule.next_change(now) if issued < requests else None
        if change is not None and change < flying[0]:
            now = change
        else:
            now = heapq.heappop(flying)
            yield begin + now


def played(spec, ttft, tpot):
    """整个阶段的（时刻，事件）。"""
    now, done = 0.0, 0
    total = sum(cell.num_requests for cell in spec.cells()) * spec.epochs
    yield now, StageStarted("perf")
    yield now, Progress("perf", "calibrating", 0, total)
    for cell in spec.cells():
        latency_s = ttft + cell.output_length * tpot
        for _ in range(spec.epochs):
            schedule = spec.schedule(cell.concurrency)
            for at in epoch(schedule, cell.num_requests, latency_s, now):
                now, done = at, done + 1
                yield now, Progress("perf", cell.id, done, total, Counters(done, done), cell)
        shape = {"input_length": cell.input_length, "output_length": cell.output_length}
        stats = {"ttft": make_stats(ttft), "e2e": make_stats(latency_s)}
        report = make_cell(concurrency=cell.concurrency, stats=stats, **shape)
        yield now, CellFinished(report, None)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("control", ["queue", "climb"])
@pytest.mark.parametrize("epochs", [1, 2])
def test_left_of_mixed_cells_is_near_the_truth_after_two_of_them(service, control, epochs):
    spec = PerfSpec(**MIXED, control_method=control, epochs=epochs)
    ttft, tpot = SERVICES[service]
    events = list(played(spec, ttft, tpot))
    end, longest = events[-1][0], ttft + 512 * tpot
    row, cells, told = Row("one", ("perf",), spec), 0, {}
    for at, event in events:
        row.take(event, at)
        cells += isinstance(event, CellFinished)
        if cells >= 2 and end - at > longest:  # 末了不到一个请求的工夫，粒度就这么粗
            told[end - at] = row.eta_s(at)  # 同一刻做完的几个，算最后一个之后的
    assert len(told) > 20
    off = [(truth, left) for truth, left in told.items() if abs(left - truth) > 0.3 * truth]
    assert not off


def test_left_does_not_grow_while_a_long_request_is_under_way():
    spec = PerfSpec(concurrency=(1,), input_length=(8,), output_length=(512,), num_requests=(4,))
    row = Row("one", ("perf",), spec)
    row.take(StageStarted("perf"), 0.0)
    for at, done in ((0.0, 0), (20.0, 1), (30.0, 1)):
        counters = Counters(done + 1, done, 0, 1)
        row.take(Progress("perf", "c", done, 4, counters, spec.cells()[0]), at)
    assert row.eta_s(39.0) == pytest.approx(60.0)


def test_a_cell_without_a_success_teaches_nothing():
    spec = PerfSpec(**MIXED)
    row = Row("one", ("perf",), spec)
    row.take(StageStarted("perf"), 0.0)
    total = sum(cell.num_requests for cell in spec.cells())
    row.take(Progress("perf", "c", 0, total, Counters(), spec.cells()[0]), 0.0)
    row.take(Progress("perf", "c", 16, total, Counters(16, 16, 16), spec.cells()[0]), 10.0)
    before = row.eta_s(10.0)
    row.take(CellFinished(make_cell(ttft=None, e2e=None), None), 10.0)
    assert row.eta_s(10.0) == before
