"""一次请求的意义：REQUESTS 里由回复内容决定的列，与其中 token 数的来历。"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rayeval.perf.failure import Failure
from rayeval.perf.head import Head
from rayeval.perf.tally import Tally, count
from rayeval.perf.usage_extras import server_times

_TOO_MANY = 2**31


class Meaning(NamedTuple):
    """一次请求的意义；名字与定义同 REQUESTS 的列，未定义为 None。`*_s` 自 t0 起，秒。

    `end_s` 是 [DONE] 或关闭的时刻减 t0，失败时是放弃的时刻。
    `stamps` 是有 token 事件的各次读的绝对时刻，`counts` 是各次读里的 token 事件数；
    它们在成列时才摊成 ITL。
    """

    end_s: float
    ttfb_s: float | None
    ttft_s: float | None
    ttfa_s: float | None
    second_token_s: float | None
    last_token_s: float | None
    last_reasoning_s: float | None
    e2e_s: float | None
    token_events: int
    first_read_events: int | None
    prompt_tokens: int | None
    cached_tokens: int | None
    completion_tokens: int | None
    reasoning_tokens: int | None
    content_tokens: int | None
    tokens_source: str | None
    http_status: int | None
    error_class: str | None
    error_message: str | None
    finish_reason: str | None
    x_span_id: str | None
    trace_id: str | None
    server_ttft_s: float | None
    server_tpot_s: float | None
    server_e2e_s: float | None
    spec_accept_rate: float | None
    stamps: list[float]
    counts: list[int]

    @property
    def itl_s(self) -> npt.NDArray[np.float32] | None:
        """相邻 token 事件的间隔，秒；不到两个事件为 None。"""
        if self.token_events < 2:  # noqa: PLR2004 定义
            return None
        return np.diff(np.repeat(self.stamps, self.counts)).astype(np.float32)


class Times(NamedTuple):
    """一次请求的几个绝对时刻，秒：上路、第一个事件、[DONE]、线上结束；没有的为 None。"""

    t0: float
    first_event: float | None
    done: float | None
    end: float


def conclude(tally: Tally, times: Times, head: Head | None, failure: Failure | None) -> Meaning:
    """累计的、时刻、头与成败 → 各列，时间换算成相对 t0 的秒。"""
    stamps, counts, t0 = tally.stamps, tally.counts, times.t0
    end = (times.end if failure is not None or times.done is None else times.done) - t0
    first = stamps[0] - t0 if stamps else None
    answered, reasoned = tally.first_answer_s, tally.last_reasoning_s
    tokens = token_counts(tally)
    server = server_times(tally.report)
    return Meaning(
        end,
        None if times.first_event is None else times.first_event - t0,
        first,
        None if answered is None else answered - t0,
        _second(stamps, counts, t0),
        stamps[-1] - t0 if stamps else None,
        None if reasoned is None else reasoned - t0,
        end if failure is None else None,
        tally.events,
        counts[0] if counts else None,
        tokens.prompt,
        tokens.cached,
        tokens.completion,
        tokens.reasoning,
        tokens.content,
        tokens.source,
        None if head is None else head.status,
        None if failure is None else failure[0],
        None if failure is None else failure[1],
        tally.finish_reason,
        None if head is None else head.get("x-span-id"),
        None if head is None else head.trace_id,
        server.ttft_s,
        server.tpot_s,
        server.e2e_s,
        server.spec_accept_rate,
        stamps,
        counts,
    )


def _second(stamps: list[float], counts: list[int], t0: float) -> float | None:
    """第二个 token 事件，自 t0 起。"""
    if not counts:
        return None
    if counts[0] > 1:
        return stamps[0] - t0
    return stamps[1] - t0 if len(stamps) > 1 else None


class TokenCounts(NamedTuple):
    """各种 token 的数目与来历；不知道的为 None。"""

    prompt: int | None
    cached: int | None
    completion: int | None
    reasoning: int | None
    content: int | None
    source: str | None


def token_counts(tally: Tally) -> TokenCounts:
    """token 数：先信用量，没有才数事件。

    引擎很少报推理 token 数；事件数与生成数一致时按事件分，否则不猜。
    """
    events = tally.events
    usage = tally.usage
    completion = _number(usage, "completion_tokens")
    source: str | None = "usage"
    if completion is None or (completion == 0 and tally.has_output):
        completion, source = events or None, "events"
    if completion is None:
        source = None
    reasoning = _reasoning(tally, completion, events)
    known = completion is not None and reasoning is not None
    return TokenCounts(
        prompt=_number(usage, "prompt_tokens"),
        cached=_cached(tally),
        completion=completion,
        reasoning=reasoning,
        content=max(0, (completion or 0) - (reasoning or 0)) if known else None,
        source=source,
    )


def _number(source: dict[str, Any], name: str) -> int | None:
    """一个非负整数；寻常的形状走近路。"""
    value = source.get(name)
    if type(value) is int and 0 <= value < _TOO_MANY:
        return value
    return None if value is None else count(source, name)


def _cached(tally: Tally) -> int | None:
    """命中前缀缓存的提示 token 数：用量里的，或 llama.cpp 的 timings 里的。"""
    if tally.usage.get("prompt_tokens_details") is not None:
        return count(tally.usage, "prompt_tokens_details", "cached_tokens")
    return count(tally.report, "timings", "cache_n") if "timings" in tally.report else None


def _reasoning(tally: Tally, completion: int | None, events: int) -> int | None:
    """推理 token 数；用量里的零与看到的推理相矛盾时不信用量。"""
    details = tally.usage.get("completion_tokens_details")
    reported = None if details is None else count(details, "reasoning_tokens")
    if completion is None or reported:
        return reported
    if tally.reasoning_events == 0:
        return 0 if events else reported
    return tally.reasoning_events if events == completion else None
