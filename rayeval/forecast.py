"""压测还剩多久：请求不等价，高并发的 cell 一个请求只占一小截时间。"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

from rayeval.domain.perf import Cell, PerfSpec
from rayeval.domain.report import NO_STATS, CellSummary
from rayeval.domain.schedule import Climb, Constant


@dataclass(frozen=True, slots=True)
class Tempo:
    """测完的一个 cell 里一个请求要多久，秒：首 token 之前，与其后的 `output_length` 个。"""

    input_length: int
    output_length: int
    concurrency: int
    first_s: float
    rest_s: float

    def latency_s(self, output_length: int) -> float:
        """要 `output_length` 个 token 的一个请求要多久。"""
        return self.first_s + self.rest_s * output_length / self.output_length

    def distance(self, cell: Cell) -> float:
        """与一个 cell 差几倍：并发，其次输入长度；输出长度另算。"""
        return abs(log(self.concurrency / cell.concurrency)) + abs(
            log(self.input_length / cell.input_length)
        )


class Forecast:
    """按档位把“做完几个请求”换成“做完几成”。

    开环的 cell 要 请求数 ÷ 速率 这么久。闭环起初只知道工作量，请求数 × 输出长度 ÷ 并发；
    测完一个 cell 就知道了首 token 与其后各要多久，没测的照最像的那个算，爬坡也算进去。
    cell 按次序做。
    """

    def __init__(self, spec: PerfSpec) -> None:
        """还一个 cell 也没测完。"""
        self._spec = spec
        self._cells = spec.cells()
        self._tempos: list[Tempo] = []
        self._spans = [self._cell_span(cell) for cell in self._cells]

    @property
    def requests(self) -> int:
        """全程要发的请求，含预热；只测一部分（接着跑、复测）的总数与此不同。"""
        return sum(self._requests(cell) for cell in self._cells)

    def learn(self, summary: CellSummary) -> None:
        """测完了一个 cell；一个成功也没有的学不到什么。"""
        first, whole = (summary.stats.get(key, NO_STATS).avg for key in ("ttft", "e2e"))
        if not whole:
            return
        shape = (summary.input_length, summary.output_length, summary.concurrency)
        first = min(first or 0.0, whole)
        self._tempos.append(Tempo(*shape, first, whole - first))
        self._spans = [self._cell_span(cell) for cell in self._cells]

    def share(self, done: int) -> float:
        """前 `done` 个请求占全程的几成，0 到 1。"""
        reached = 0.0
        for cell, whole in zip(self._cells, self._spans, strict=True):
            requests = self._requests(cell)
            if done < requests:
                epochs, rest = divmod(done, requests // self._spec.epochs)
                reached += whole * epochs / self._spec.epochs + self._span(cell, rest)
                break
            reached += whole
            done -= requests
        return reached / sum(self._spans)

    def _requests(self, cell: Cell) -> int:
        """一个 cell 要发的请求，含各轮的预热。"""
        return (cell.num_requests + self._spec.warmup) * self._spec.epochs

    def _cell_span(self, cell: Cell) -> float:
        """一个 cell 要多久；各轮都从坡底爬起。"""
        return self._spec.epochs * self._span(cell, cell.num_requests + self._spec.warmup)

    def _span(self, cell: Cell, requests: int) -> float:
        """一轮的前 `requests` 个要多久；还没有测完的 cell 时单位不定，只用来相比。"""
        spec = self._spec
        if spec.open_loop is not None:
            return requests / spec.open_loop.request_rate
        if not self._tempos:
            return requests * cell.output_length / cell.concurrency
        like = min(reversed(self._tempos), key=lambda tempo: tempo.distance(cell))
        latency_s, schedule = like.latency_s(cell.output_length), spec.schedule(cell.concurrency)
        warm = min(requests, spec.warmup)
        warming = warm * latency_s / schedule.permits_at(0.0)
        return warming + _until(schedule, (requests - warm) * latency_s)


def _until(schedule: Constant | Climb, work: float) -> float:
    """许可从零点积到 `work`（许可·秒）的时刻。"""
    at = 0.0
    while (change := schedule.next_change(at)) is not None:
        gained = schedule.permits_at(at) * (change - at)
        if gained >= work:
            break
        work, at = work - gained, change
    return at + work / schedule.permits_at(at)
