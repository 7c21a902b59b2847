"""账本：请求、词元、在途、迟到；服务凭它自证是否守了时。"""

from __future__ import annotations

from collections import Counter
from typing import Any

from rayeval.mock.metrics import Metrics
from rayeval.mock.settings import Settings

_BUCKET_NS = 10_000
_BUCKETS = 20_000
_MS = 1_000_000


class Lateness:
    """迟到的分布：10 微秒一格，到 200 毫秒；更迟的进末格，最大值另记。"""

    def __init__(self) -> None:
        """从零开始。"""
        self._counts = [0] * (_BUCKETS + 1)
        self.count = 0
        self.max_ns = 0

    def add(self, late_ns: int) -> None:
        """记下一次；按约定从不早到，负数按 0。"""
        late_ns = max(0, late_ns)
        self._counts[min(late_ns // _BUCKET_NS, _BUCKETS)] += 1
        self.count += 1
        self.max_ns = max(self.max_ns, late_ns)

    def quantile_ms(self, q: float) -> float:
        """分位数的上界，毫秒；没有样本为 0。"""
        rank, seen = q * self.count, 0
        for bucket, number in enumerate(self._counts):
            seen += number
            if number and seen >= rank:
                return min((bucket + 1) * _BUCKET_NS, self.max_ns) / _MS
        return 0.0


class Ledger:
    """一个服务一本；issued = done + refused + aborted + in_flight 总成立。"""

    def __init__(self, settings: Settings) -> None:
        """开账。"""
        self.settings = settings
        self.metrics = Metrics(settings.models[0])
        self.lateness = Lateness()
        self.by_path: Counter[str] = Counter()
        self.by_status: Counter[str] = Counter()
        self.issued = self.done = self.refused = self.aborted = 0
        self.in_flight = self.max_in_flight = 0
        self.connections = self.open_connections = 0
        self.tokens = self.prompt_tokens = 0

    def begin(self) -> None:
        """收到一次生成请求。"""
        self.issued += 1
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)

    def end(self, outcome: str, *, prompt_tokens: int = 0, tokens: int = 0) -> None:
        """一次生成请求了结；outcome 是 done、refused、aborted 之一。"""
        self.in_flight -= 1
        setattr(self, outcome, getattr(self, outcome) + 1)
        self.prompt_tokens += prompt_tokens
        self.tokens += tokens

    def kept_promise(self) -> bool:
        """迟到的 P99 是否在容忍之内；没许诺时间的总是守约。"""
        return self.lateness.quantile_ms(0.99) <= self.settings.late_ms

    def verdict(self) -> str | None:
        """没守约时的一句话；守约为 None。"""
        if self.kept_promise():
            return None
        late = self.lateness
        return (
            f"timing promise NOT kept: {late.count} tokens, "
            f"late p99 {late.quantile_ms(0.99):.2f} ms, max {late.max_ns / _MS:.2f} ms, "
            f"tolerance {self.settings.late_ms:g} ms; fewer streams or a quieter machine mend it"
        )

    def snapshot(self) -> dict[str, Any]:
        """/mock/stats 的全部。"""
        late = self.lateness
        return {
            "issued": self.issued,
            "in_flight": self.in_flight,
            "max_in_flight": self.max_in_flight,
            "done": self.done,
            "refused": self.refused,
            "aborted": self.aborted,
            "tokens": self.tokens,
            "prompt_tokens": self.prompt_tokens,
            "connections": self.connections,
            "open_connections": self.open_connections,
            "requests": dict(self.by_path),
            "statuses": dict(self.by_status),
            "paced_tokens": late.count,
            "late_max_ms": late.max_ns / _MS,
            "late_p99_ms": late.quantile_ms(0.99),
            "late_p50_ms": late.quantile_ms(0.5),
            "tolerance_ms": self.settings.late_ms,
            "kept_promise": self.kept_promise(),
        }
