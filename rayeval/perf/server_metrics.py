"""服务自述的时间与计数：一个 cell 前后各看一次 /metrics，取其差。

看不到、看不懂、服务重启过都不是错误：那些量就是未定义，缘故写在 `note` 里。
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pyarrow as pa
import pyarrow.compute as pc

from rayeval.client.openai import trust
from rayeval.domain.report import ServerMetrics, Stats
from rayeval.domain.service import Endpoint
from rayeval.perf.dialects import DIALECTS, PROCESS_START, WANTED, Dialect
from rayeval.perf.exposition import (
    Page,
    buckets,
    growth,
    quantile,
    read_page,
    restarted,
    total,
)

TIMEOUT_S = 2.0
"""看一次的总时限，秒：连接、慢慢滴的头与正文都在内。"""
MAX_PAGE = 16 * 1024 * 1024
"""一页的上限，字节。"""
_LOOKS = 3
"""服务的账比我们的少时，再看几次：有的引擎先发末块后记账。"""
_PAUSE_S = 0.1

_RESTARTED = "the service restarted during the cell; its counters began anew"


@dataclass(frozen=True, slots=True)
class OurCounts:
    """我们数到的：成功的请求与它们的 token，预热在内。"""

    requests: int = 0
    prompt_tokens: int = 0
    generation_tokens: int = 0
    cached_tokens: int = 0


class ServerWatch:
    """看住一个 cell：`before()`，跑，`after(table)`。从不抛异常，每次至多 TIMEOUT_S 秒。"""

    def __init__(self, endpoint: Endpoint, timeout_s: float = TIMEOUT_S) -> None:
        """只记下地址。"""
        self._endpoint = endpoint
        self._timeout_s = timeout_s
        self._before: Page | str = "/metrics was not read before the cell"

    def before(self) -> None:
        """cell 开始之前看一次。"""
        self._before = self._look()

    def after(self, table: pa.Table) -> ServerMetrics:
        """cell 结束之后看一次；`table` 是这个 cell 全部的 REQUESTS 行。看不到时 source 为空。"""
        if isinstance(self._before, str):
            return ServerMetrics(note=self._before)
        ours, found = count_ours(table), ServerMetrics()
        for look in range(_LOOKS):
            if look:
                time.sleep(_PAUSE_S)
            page = self._look()
            if isinstance(page, str):
                return ServerMetrics(note=page)
            found = fold(self._before, page, ours)
            if found.generation_tokens is None or not _behind(found, ours):
                break
        return found

    def _look(self) -> Page | str:
        """看一次；看不到则是一句缘故。"""
        try:
            text = asyncio.run(_fetch(self._endpoint, self._timeout_s))
        except (TimeoutError, httpx.TimeoutException):
            return f"/metrics did not answer within {self._timeout_s:g} s"
        except Exception as error:  # noqa: BLE001 服务怎么作怪都不能坏了测量
            why = f"{type(error).__name__}: {error!s:.200}"
            return self._endpoint.redact(f"/metrics could not be read: {why}")
        page = read_page(text, WANTED, self._endpoint.model)
        return page or "/metrics has no metric that rayeval knows"


async def _fetch(endpoint: Endpoint, timeout_s: float) -> str:
    """GET {root}/metrics 的正文；不是 200、太长时抛 ValueError，超时抛 TimeoutError。"""
    async with (
        asyncio.timeout(timeout_s),
        httpx.AsyncClient(
            headers=endpoint.auth_headers(),
            timeout=timeout_s,
            trust_env=False,
            verify=trust(endpoint.root_url),
        ) as client,
        client.stream("GET", f"{endpoint.root_url}/metrics") as reply,
    ):
        if reply.status_code != httpx.codes.OK:
            raise ValueError(f"HTTP {reply.status_code}")
        body = bytearray()
        async for piece in reply.aiter_bytes():
            body += piece
            if len(body) > MAX_PAGE:
                raise ValueError(f"longer than {MAX_PAGE} bytes")
        return body.decode("utf-8", "replace")


def count_ours(table: pa.Table) -> OurCounts:
    """REQUESTS 表 → 我们数到的；失败的请求服务也许没算完，不数。"""
    success = pc.is_null(table["error_class"])

    def added(name: str) -> int:
        """成功各行的一列之和。"""
        return int(pc.sum(pc.if_else(success, table[name], None)).as_py() or 0)

    return OurCounts(
        requests=int(pc.sum(success).as_py() or 0),
        prompt_tokens=added("prompt_tokens"),
        generation_tokens=added("completion_tokens"),
        cached_tokens=added("cached_tokens"),
    )


def _behind(found: ServerMetrics, ours: OurCounts) -> bool:
    """服务的账还没记完。"""
    return (found.generation_tokens or 0) < ours.generation_tokens


def fold(before: Page, after: Page, ours: OurCounts) -> ServerMetrics:
    """前后两页与我们的计数 → ServerMetrics；纯函数。"""
    dialect = next((d for d in DIALECTS if not d.samples.isdisjoint(after)), None)
    if dialect is None:
        return ServerMetrics(note="/metrics has no metric that rayeval knows")
    if restarted(before, after, PROCESS_START):
        return ServerMetrics(dialect.source, _RESTARTED)
    stats: dict[str, Stats] = {}
    names: dict[str, str] = {}
    for key, name, found in _families(dialect, before, after):
        stats[key], names[key] = found, name
    requests, prompt, generation, hits = (
        total(before, after, group)
        for group in (
            dialect.requests,
            dialect.prompt_tokens,
            dialect.generation_tokens,
            dialect.cache_hits,
        )
    )
    queries = total(before, after, dialect.cache_queries)
    expected = ours.prompt_tokens
    if dialect.prompt_skips_cache:
        if prompt is not None and hits is not None:
            prompt = queries = prompt + hits
        else:
            expected -= ours.cached_tokens
    agrees = {
        "requests": _ratio(requests, ours.requests),
        "prompt_tokens": _ratio(prompt, expected),
        "generation_tokens": _ratio(generation, ours.generation_tokens),
    }
    return ServerMetrics(
        source=dialect.source,
        stats=stats,
        names=names,
        requests=_whole(requests),
        prompt_tokens=_whole(prompt),
        generation_tokens=_whole(generation),
        agrees={name: ratio for name, ratio in agrees.items() if ratio is not None},
        cache_hit_ratio=_ratio(hits, queries),
    )


def _families(dialect: Dialect, before: Page, after: Page) -> Iterator[tuple[str, str, Stats]]:
    """各族：（键，出自哪个指标，统计）；没有观测的不给。"""
    for key, group in dialect.histograms.items():
        for name in group:
            found = _histogram(before, after, name)
            if found is not None:
                yield key, name, found
                break
    spent, made = (
        total(before, after, group) for group in (dialect.decode_seconds, dialect.generation_tokens)
    )
    if (average := _ratio(spent, made)) is not None:
        yield "server_tpot", dialect.decode_seconds[0], Stats(int(made or 0), avg=average)
    yield from _acceptance(dialect, before, after)


def _histogram(before: Page, after: Page, name: str) -> Stats | None:
    """一个直方图的增量 → 统计；最小与最大值它没有。没有格子（或格子重置过）就只有均值。"""
    count, spent = (total(before, after, (f"{name}_{part}",)) for part in ("count", "sum"))
    average = _ratio(spent, count)
    if average is None:
        return None
    cells = buckets(growth(before, after, f"{name}_bucket") or {})
    p50, p75, p90, p95, p99 = (quantile(cells, q) for q in (0.5, 0.75, 0.9, 0.95, 0.99))
    return Stats(int(count or 0), None, average, None, p50, p75, p90, p95, p99)


def _acceptance(dialect: Dialect, before: Page, after: Page) -> Iterator[tuple[str, str, Stats]]:
    """投机解码的接受率：计数器之比；只有量表的引擎取它最后的值。"""
    drafted = total(before, after, dialect.drafted)
    rate = _ratio(total(before, after, dialect.accepted), drafted)
    if rate is not None:
        yield "spec_accept_rate", dialect.accepted[0], Stats(int(drafted or 0), avg=min(1.0, rate))
        return
    for name in dialect.accept_gauge:
        values = [value for value in after.get(name, {}).values() if 0 < value <= 1]
        if values:
            yield "spec_accept_rate", name, Stats(len(values), avg=sum(values) / len(values))
            return


def _ratio(part: float | None, whole: float | None) -> float | None:
    """比；任一未定义或分母为零为 None。"""
    return part / whole if part is not None and whole is not None and whole > 0 else None


def _whole(value: float | None) -> int | None:
    """计数是整数。"""
    return None if value is None else round(value)
