"""备请求：开始之前造好一批字节，其余趁空闲接着造；内存有界，长跑也不先占满。"""

from __future__ import annotations

import hashlib
from collections import deque

from rayeval.domain.load import Share
from rayeval.perf.exchange import Exchange
from rayeval.perf.target import RequestWriter

AHEAD_BYTES = 64 * 1024 * 1024
"""事先造好的请求至多这么多字节。"""
TOP_UP = 16
"""空闲时一口补这么多个。"""


class Feeder:
    """按序号给出请求；号码由外面发（`deal`），不够造时当场造。"""

    def __init__(self, share: Share) -> None:
        """请求号在一次运行里独一无二。"""
        self._writer = RequestWriter(share)
        mark = hashlib.blake2b(share.salt.encode(), digest_size=6).hexdigest()
        self._mark = f"{mark}-e{share.epoch}-"
        self._numbers: deque[tuple[str, int]] = deque()
        self._ready: deque[Exchange] = deque()
        self._bytes = 0

    def add(self, phase: str, start: int, stop: int, step: int = 1) -> None:
        """这些号码归我们了，排在后面。"""
        self._numbers.extend((phase, index) for index in range(start, stop, step))

    def stock(self, limit: int | None = None) -> bool:
        """造一些（`limit` 个；None 为造到上限）；返回是否还该接着造。"""
        while self._numbers and self._bytes < AHEAD_BYTES and limit != 0:
            exchange = self._build(*self._numbers.popleft())
            self._bytes += len(exchange.payload)
            self._ready.append(exchange)
            limit = None if limit is None else limit - 1
        return bool(self._numbers) and self._bytes < AHEAD_BYTES

    def take(self) -> Exchange:
        """下一个请求。"""
        if self._ready:
            exchange = self._ready.popleft()
            self._bytes -= len(exchange.payload)
            return exchange
        return self._build(*self._numbers.popleft())

    def filler(self, number: int) -> Exchange:
        """预热与测量之间不让许可空着的请求：按预热记，不在测量里。"""
        return self._build("warmup", -1 - number)

    def _build(self, phase: str, index: int) -> Exchange:
        """造一个。"""
        name = f"x{-index}" if index < 0 else f"{phase[0]}{index}"
        request_id = self._mark + name
        payload = self._writer.write(phase, index, request_id)
        return Exchange(payload, request_id, index, phase)
