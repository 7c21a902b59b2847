"""时限：总的、首字节的、两次读之间的；不给每个请求定闹钟，到最早的期限才看一遍。"""

from __future__ import annotations

from math import inf

from rayeval.domain.perf import PerfSpec
from rayeval.perf.exchange import Exchange


class Limits:
    """一份负载的各种时限。"""

    def __init__(self, spec: PerfSpec) -> None:
        """取出三个时限，没有的为无穷。"""
        self._total = spec.timeout_s
        self._first = spec.first_byte_timeout_s or inf
        self._idle = spec.idle_timeout_s or inf
        self.shortest = min(self._total, self._first, self._idle)

    def deadline(self, exchange: Exchange) -> tuple[float, str]:
        """（这个请求最早的期限，过了怎么说）；期限随着它读到字节而后移。"""
        best = exchange.t0_s + self._total
        words = f"no complete answer within {self._total:g} s"
        last = exchange.reading.last_s
        if last is None:
            if exchange.t0_s + self._first < best:
                best = exchange.t0_s + self._first
                words = f"not one byte of an answer within {self._first:g} s"
        elif last + self._idle < best:
            best = last + self._idle
            words = f"the answer stood still for {self._idle:g} s"
        return best, words
