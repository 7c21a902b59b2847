"""压测还剩多久：请求不等价，高并发的 cell 一个请求只占一小截时间。"""

from __future__ import annotations

from rayeval.domain.perf import Cell, PerfSpec


class Forecast:
    """按档位把“做完几个请求”换成“做完几成”。

    闭环的工作量是 请求数 × 输出长度 ÷ 并发，开环是 请求数 ÷ 速率；cell 按次序做。
    """

    def __init__(self, spec: PerfSpec) -> None:
        """算好每个 cell 的请求数（含预热）与工作量。"""
        self._cells = [(_requests(cell, spec), _work(cell, spec)) for cell in spec.cells()]
        self._whole = sum(work for _, work in self._cells)

    @property
    def requests(self) -> int:
        """全程要发的请求，含预热；只测一部分（接着跑、复测）的总数与此不同。"""
        return sum(number for number, _ in self._cells)

    def share(self, done: int) -> float:
        """前 `done` 个请求占全程的几成，0 到 1。"""
        reached = 0.0
        for requests, work in self._cells:
            reached += work * min(1.0, done / requests)
            done = max(0, done - requests)
        return reached / self._whole


def _requests(cell: Cell, spec: PerfSpec) -> int:
    """一个 cell 要发的请求，含各轮的预热。"""
    return (cell.num_requests + spec.warmup) * spec.epochs


def _work(cell: Cell, spec: PerfSpec) -> float:
    """一个 cell 的工作量；只用来与别的 cell 比。"""
    if spec.open_loop is not None:
        return _requests(cell, spec) / spec.open_loop.request_rate
    return _requests(cell, spec) * cell.output_length / cell.concurrency
