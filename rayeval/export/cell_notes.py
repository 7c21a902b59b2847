"""一个 cell 的数字之外要说的话：几句平白的英语，终端与 Markdown 共用。"""

from __future__ import annotations

from collections.abc import Iterator

from rayeval.domain.report import NO_STATS, CacheVerdict, CellReport, CellSummary, Stats
from rayeval.printable import amount

THIN_MARK = "*"
THIN_LEGEND = f"{THIN_MARK} P99 of fewer than 100 samples"
AGREES_WITHIN = 0.02
"""服务数到的与我们的差这么多才值得说。"""
_NOTABLE_WAIT_S = 0.001

_COUNTED = {
    "requests": "requests",
    "prompt_tokens": "prompt tokens",
    "generation_tokens": "completion tokens",
}


def cell_notes(cell: CellReport) -> Iterator[str]:
    """依次：失败的原话、爬坡没有到顶、缓存、丢弃与排队、服务的账对不上。证书的理由由读者自己放。"""
    summary = cell.summary
    yield from _failures(summary)
    yield from _ramp(summary)
    if summary.cache is CacheVerdict.CONTAMINATED and summary.cache_hit_ratio is not None:
        yield (
            f"cache contaminated: {summary.cache_hit_ratio:.0%} of the prompt tokens came from the "
            "prefix cache, so TTFT looks better than it is"
        )
    yield from _open_loop(summary)
    yield from _disagreements(summary)


def _ramp(summary: CellSummary) -> Iterator[str]:
    """没有爬到顶：名字里的并发没有出现过，数说的是更轻的负载。"""
    held = summary.plateau.get("e2e", NO_STATS).n
    if summary.succeeded and not held and "cancelled" not in summary.errors:
        yield (
            f"ramp only: never held {summary.concurrency} in flight; ask for more requests, "
            "a shorter climb.growth_interval, or control_method: queue"
        )


def _failures(summary: CellSummary) -> Iterator[str]:
    """每种失败一句：几个，头一个的原话；没有流的回复也说。"""
    for kind, number in summary.errors.items():
        if kind == "cancelled":
            yield f"interrupted with {amount(number, 'request')} in flight"
            continue
        words = summary.said.get(kind, "").strip()
        yield f"{number} × {kind}: {words}" if words else f"{number} × {kind}"
    if summary.unstreamed:
        yield f"{summary.unstreamed} answers did not come as a stream, so they have no TTFT"


def _open_loop(summary: CellSummary) -> Iterator[str]:
    """开环：丢弃了多少，等了多久。"""
    if summary.shed:
        yield f"{summary.shed} requests were shed: the concurrency was reached when they were due"
    waited = summary.stats.get("client_queue", NO_STATS)
    if waited.avg is not None and waited.avg > _NOTABLE_WAIT_S:
        response = summary.stats.get("response", NO_STATS)
        yield (
            f"requests waited {milliseconds(waited.avg)} ms on average before they were sent; "
            f"response time P99 {p99_text(response)} ms, that wait included"
        )


def _disagreements(summary: CellSummary) -> Iterator[str]:
    """服务数到的与我们数到的之比，差得多的才说。"""
    server = None if "cancelled" in summary.errors else summary.server
    for key, ratio in {} if server is None else server.agrees.items():
        if abs(ratio - 1) > AGREES_WITHIN:
            yield f"the service counts {ratio:.2f} × our {_COUNTED.get(key, key)}"


def has_thin_p99(cell: CellReport, *keys: str) -> bool:
    """这些族里有哪个的 P99 样本不足。"""
    return any(cell.summary.stats.get(key, NO_STATS).p99_is_thin for key in keys)


def p99_text(stats: Stats) -> str:
    """P99 的毫秒，样本不足的带记号。"""
    return milliseconds(stats.p99) + (THIN_MARK if stats.p99_is_thin else "")


def milliseconds(value: float | None) -> str:
    """秒 → 毫秒，未定义为 -。"""
    return "-" if value is None else f"{value * 1000:.1f}"
