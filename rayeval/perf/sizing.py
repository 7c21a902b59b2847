"""要几个压测者：按量出来的能力定，档位里写明的优先。"""

from __future__ import annotations

from math import ceil

from rayeval.domain.perf import PerfSpec

STREAMS = 256
"""一个压测者管这么多流还有余裕：1,024 个流、每流每秒一百个 token 时一个核已近满，
而读得晚一点，首 token 的戳就可能是第二个的。"""
REQUESTS_PER_S = 2000.0
"""一个压测者按时发出的请求数上限的五分之一左右，每秒：开环要准时，不能满着跑。"""
MOST = 64
"""至多这么多个压测者。"""


def needed_workers(spec: PerfSpec, concurrency: int) -> int:
    """一个并发用得着几个压测者，至少一个，不多于并发：每 256 个流一个；开环还按速率。"""
    wanted = spec.workers
    if wanted is None:
        wanted = ceil(concurrency / STREAMS)
        if spec.open_loop is not None:
            wanted = max(wanted, ceil(spec.open_loop.request_rate / REQUESTS_PER_S))
    return max(1, min(wanted, concurrency, MOST))


def enough_workers(spec: PerfSpec, cores: int) -> int:
    """一个档位备几个压测者：够最大的 cell 用；没有写明时给别人留一个核。"""
    wanted = max(needed_workers(spec, concurrency) for concurrency in spec.concurrency)
    return wanted if spec.workers is not None else max(1, min(wanted, cores - 1))
