"""一次回复里服务自报的时间：各引擎写在最后一块的不同地方，这里归一成秒。"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_MS, _US = 1e-3, 1e-6
_ABSURD = 1e12
_PLACES = frozenset(
    {"timings", "prefill_time", "decode_time_arr", "meta_info", "time_info", "metrics"}
)
_PLAIN = frozenset(
    {
        *("prompt_tokens", "completion_tokens", "total_tokens", "reasoning_tokens"),
        *("prompt_tokens_details", "completion_tokens_details"),
    }
)
"""usage 里只有这些，就没有可认的时间：绝大多数回复在此返回。"""


@dataclass(frozen=True, slots=True)
class ServerTimes:
    """服务自报的一次请求；没有报的为 None。时间为秒，接受率 0 到 1。"""

    ttft_s: float | None = None
    tpot_s: float | None = None
    e2e_s: float | None = None
    spec_accept_rate: float | None = None


NO_TIMES = ServerTimes()

Source = Mapping[str, Any]


def server_times(source: object) -> ServerTimes:
    """最后一块（或其中的 usage）→ ServerTimes；什么形状都不崩，认不出就是 NO_TIMES。

    认得：llama.cpp 的 timings、MindIE 的 prefill_time 与 decode_time_arr、usage 或 time_info 里的
    queue/prompt/completion/total_time（秒）、SGLang 的 meta_info，以及名字自带单位的
    ttft_ms、tpot_ms、e2e_s 之类。llama.cpp 的 TTFT 是它算提示词的时间，不含排队。
    """
    if not isinstance(source, Mapping):
        return NO_TIMES
    usage = _mapping(source.get("usage"))
    if _PLACES.isdisjoint(source) and (source if usage is None else usage).keys() <= _PLAIN:
        return NO_TIMES
    usage = source if usage is None else usage
    for read, place in (
        (_llamacpp, source.get("timings")),
        (_mindie, source if "prefill_time" in source or "decode_time_arr" in source else None),
        (_sglang, source.get("meta_info")),
        (_phases, _joined(usage, source.get("time_info"))),
        (_phases, usage if "completion_time" in usage or "total_time" in usage else None),
        (_named, source.get("metrics")),
        (_named, usage),
    ):
        found = _read(read, place)
        if found != NO_TIMES:
            return found
    return NO_TIMES


def _read(read: Callable[[Source], ServerTimes], place: object) -> ServerTimes:
    """在一处读；不是对象就没有。"""
    return read(place) if isinstance(place, Mapping) else NO_TIMES


def _llamacpp(timings: Source) -> ServerTimes:
    """llama.cpp：毫秒。"""
    prompt, predicted = _number(timings, "prompt_ms"), _number(timings, "predicted_ms")
    made = _number(timings, "predicted_n")
    per_token = _number(timings, "predicted_per_token_ms")
    if per_token is None and predicted is not None and made:
        per_token = predicted / made
    drafted, accepted = _number(timings, "draft_n"), _number(timings, "draft_n_accepted")
    return ServerTimes(
        ttft_s=_scaled(prompt, _MS),
        tpot_s=_scaled(per_token if made is None or made > 1 else None, _MS),
        e2e_s=_scaled(None if prompt is None or predicted is None else prompt + predicted, _MS),
        spec_accept_rate=_share(accepted, drafted),
    )


def _mindie(chunk: Source) -> ServerTimes:
    """MindIE：首 token 与其后每个 token 的毫秒。"""
    prefill = _number(chunk, "prefill_time")
    gaps = _numbers(chunk.get("decode_time_arr"))
    whole = None if prefill is None else prefill + sum(gaps)
    return ServerTimes(
        ttft_s=_scaled(prefill, _MS),
        tpot_s=_scaled(sum(gaps) / len(gaps), _MS) if gaps else None,
        e2e_s=_scaled(whole, _MS),
    )


def _sglang(info: Source) -> ServerTimes:
    """SGLang：meta_info 里的秒与比率。"""
    rate = _number(info, "spec_accept_rate")
    return ServerTimes(
        e2e_s=_number(info, "e2e_latency"),
        spec_accept_rate=rate if rate is not None and rate <= 1 else None,
    )


def _phases(times: Source) -> ServerTimes:
    """各阶段的秒：首 token = 排队 + 提示词；总时间有的含排队有的不含，取大者。"""
    queue = _number(times, "queue_time") or 0.0
    prompt, decode = _number(times, "prompt_time"), _number(times, "completion_time")
    made = _number(times, "completion_tokens")
    whole = _number(times, "total_time")
    parts = None if prompt is None or decode is None else queue + prompt + decode
    ends = [value for value in (whole, parts) if value is not None]
    return ServerTimes(
        ttft_s=None if prompt is None else queue + prompt,
        tpot_s=decode / made if decode is not None and made is not None and made > 1 else None,
        e2e_s=max(ends) if ends else None,
    )


def _named(times: Source) -> ServerTimes:
    """名字自带单位的：ttft_ms、server_ttft_s、time_to_first_token_seconds…"""
    return ServerTimes(
        ttft_s=_suffixed(times, "ttft", "server_ttft", "time_to_first_token"),
        tpot_s=_suffixed(times, "tpot", "server_tpot", "time_per_output_token"),
        e2e_s=_suffixed(times, "e2e", "server_e2e", "e2e_latency"),
        spec_accept_rate=_share(_number(times, "spec_accept_rate"), 1.0),
    )


def _suffixed(times: Source, *names: str) -> float | None:
    """第一个有的“名字_单位”，换成秒。"""
    for name in names:
        for unit, scale in (("ms", _MS), ("s", 1.0), ("seconds", 1.0), ("us", _US)):
            value = _number(times, f"{name}_{unit}")
            if value is not None:
                return value * scale
    return None


def _number(source: Source, name: str) -> float | None:
    """像话的非负数；布尔、文本、NaN、大得离谱的都不算。"""
    value = source.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < _ABSURD else None


def _numbers(value: object) -> list[float]:
    """列表里的非负数；有一个不像数就整个不要。"""
    items = value if isinstance(value, list) else []
    found = [_number({"": item}, "") for item in items]
    return [item for item in found if item is not None] if None not in found else []


def _share(part: float | None, whole: float | None) -> float | None:
    """比率；不在 0 到 1 之间为 None。"""
    if part is None or not whole or part > whole:
        return None
    return part / whole


def _scaled(value: float | None, scale: float) -> float | None:
    """换单位。"""
    return None if value is None else value * scale


def _joined(usage: Source, times: object) -> Source | None:
    """时间另在一处的，token 数仍在 usage 里。"""
    return {**usage, **times} if isinstance(times, Mapping) else None


def _mapping(value: object) -> Source | None:
    """是对象才要。"""
    return value if isinstance(value, Mapping) else None
