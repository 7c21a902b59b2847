"""备请求：开始之前造好一批字节，其余趁空闲接着造；内存有界，长跑也不先占满。"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Sequence

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
        self._share = share
        self._fillers = 0
        self._writer = RequestWriter(share)
        mark = hashlib.blake2b(share.salt.encode(), digest_size=6).hexdigest()
        self._mark = f"{mark}-e{share.epoch}-"
        self._numbers: deque[tuple[str, range]] = deque()
        self._ready: deque[Exchange] = deque()
        self._bytes = 0

    def add(self, phase: str, indices: Sequence[int]) -> None:
        """这些号码归我们了，排在后面；记的是段，号码再多也不占地方。"""
        if not isinstance(indices, range):
            self._numbers.extend((phase, range(index, index + 1)) for index in indices)
        elif indices:
            self._numbers.append((phase, indices))

    def stock(self, limit: int | None = None) -> bool:
        """造一些（`limit` 个；None 为造到上限）；返回是否还该接着造。"""
        while self._numbers and self._bytes < AHEAD_BYTES and limit != 0:
            exchange = self._build(*self._number())
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
        return self._build(*self._number())

    def filler(self) -> None:
        """排在最前面添一个垫场的：接着预热编号，各压测者错开，与谁的都不重。"""
        share, number = self._share, self._fillers
        self._fillers += 1
        index = share.spec.warmup + number * share.schedule.workers + share.worker
        exchange = self._build("warmup", index)
        self._bytes += len(exchange.payload)
        self._ready.appendleft(exchange)

    def _number(self) -> tuple[str, int]:
        """下一个号码。"""
        phase, indices = self._numbers[0]
        if len(indices) == 1:
            self._numbers.popleft()
        else:
            self._numbers[0] = phase, indices[1:]
        return phase, indices[0]

    def _build(self, phase: str, index: int) -> Exchange:
        """造一个。"""
        request_id = f"{self._mark}{phase[0]}{index}"
        payload = self._writer.write(phase, index, request_id)
        return Exchange(payload, request_id, index, phase)
