"""请求表 → 一个 cell 的汇总：整列地算，不逐行走；未定义的样本不参与，从不当作零。"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rayeval.domain.perf import Cell, PerfSpec
from rayeval.domain.report import NO_STATS, CellSummary, ServerMetrics, Stats
from rayeval.perf.cache_verdict import cache_verdict
from rayeval.perf.columns import Floats, Mask, Masks, floats, masks, mean, total
from rayeval.perf.pooled import describe_lists

_QUANTILES = (0.50, 0.75, 0.90, 0.95, 0.99)
_FROM_SERVER = ("server_ttft", "server_tpot", "server_e2e", "spec_accept_rate")

_SAID = 160
"""一种失败的原话至多留这么多字符。"""


def summarise(
    table: pa.Table,
    cell: Cell,
    spec: PerfSpec,
    *,
    provider: str,
    execution_time: str,
    server: ServerMetrics | None = None,
    shed: int = 0,
) -> CellSummary:
    """REQUESTS 表 → CellSummary，定义见 spec §6.3。

    预热不算；被我们自己叫停的（cancelled）既不算发出也不算失败，只在 `errors` 里留数。
    `wall_s` 逐 epoch 取“第一个 t0 到最后一个结束”再相加：各 epoch 之间的空当不是负载；
    几个压测者的时刻都自同一个“开始”起，直接可比。分位数在合并后的原始行上线性插值。
    表可以是许多块：不拼接，每列用完即弃。
    """
    rows = masks(table, open_loop=spec.control_method == "rate")
    stats, plateau, good = _families(table, rows, spec)
    errors = _count_errors(table, rows.measured)
    wall, flat = _wall(table, rows.measured), _wall(table, rows.flat)
    issued, succeeded = int(rows.issued.sum()), int(rows.success.sum())
    completion = floats(table, "completion_tokens")[rows.success]
    prompt = floats(table, "prompt_tokens")[rows.success]
    made, read = total(completion), total(prompt)
    hit_ratio = _hit_ratio(table, rows.success, server)
    timed_out = errors.get("timeout", 0)
    return CellSummary(
        input_length=cell.input_length,
        output_length=cell.output_length,
        concurrency=cell.concurrency,
        num_requests=cell.num_requests,
        execution_time=execution_time,
        wall_s=wall,
        issued=issued,
        succeeded=succeeded,
        failed=issued - succeeded,
        timed_out=timed_out,
        qps=_rate(succeeded, wall),
        output_throughput=_rate(made, wall),
        total_throughput=_rate(made + read, wall),
        fail_ratio=_rate(issued - succeeded, issued),
        timeout_ratio=_rate(timed_out, issued),
        stats=_with_server(stats, server),
        plateau=plateau,
        avg_prompt_tokens=mean(prompt),
        avg_reasoning_tokens=mean(floats(table, "reasoning_tokens")[rows.success]),
        avg_content_tokens=mean(floats(table, "content_tokens")[rows.success]),
        tokens_source=_source(table, rows.success),
        errors=errors,
        said=_first_messages(table, rows.measured),
        unstreamed=_unstreamed(table, rows, spec),
        backend=spec.backend,
        temperature=spec.sampling.temperature,
        top_k=spec.sampling.top_k,
        top_p=spec.sampling.top_p,
        control_method=spec.control_method,
        growth_rate=spec.climb.growth_rate if spec.control_method == "climb" else 0,
        epochs=spec.epochs,
        provider=provider,
        dataset_type=spec.dataset_type,
        plateau_qps=_rate(int(rows.plateau.sum()), flat) if flat > 0 else None,
        slo={str(name): ms for name, ms in spec.goodput.items()},
        good_qps=None if good is None else _rate(good, wall),
        good_ratio=None if good is None else _rate(good, issued),
        shed=shed,
        tokens_per_event=_tokens_per_event(table, rows.success),
        server=server,
        cache=cache_verdict(
            hit_ratio, shared_tokens=spec.shared_prefix, prompt_tokens=mean(prompt)
        ),
        cache_hit_ratio=hit_ratio,
    )


def describe(samples: npt.NDArray[np.floating]) -> Stats:
    """样本 → 统计；NaN（未定义）不参与，没有样本时除 n 外皆为 None。"""
    undefined = np.isnan(samples)
    kept = samples[~undefined] if undefined.any() else samples.copy()
    if not kept.size:
        return NO_STATS
    low, high = float(kept.min()), float(kept.max())
    average = min(high, max(low, float(kept.mean(dtype=np.float64))))
    points = np.quantile(kept, _QUANTILES, overwrite_input=True)
    return Stats(int(kept.size), low, average, high, *(float(point) for point in points))


def _families(
    table: pa.Table, rows: Masks, spec: PerfSpec
) -> tuple[dict[str, Stats], dict[str, Stats], int | None]:
    """各族统计、平台段的各族统计、达到全部目标的成功者的数目（没有目标为 None）。

    未定义的量不算达到目标：NaN 与什么比都不成立。
    """
    stats, plateau = {}, {}
    good = rows.success.copy()
    limits_s: dict[str, float] = {name: ms / 1000 for name, ms in spec.goodput.items()}
    for name, samples in _samples(table):
        stats[name] = describe(samples[rows.success])
        plateau[name] = stats[name] if rows.all_flat else describe(samples[rows.plateau])
        if name in limits_s:
            good &= samples <= limits_s[name]
    itl = table["itl_s"]
    stats["itl"] = describe_lists(itl, rows.success, _QUANTILES)
    plateau["itl"] = (
        stats["itl"] if rows.all_flat else describe_lists(itl, rows.plateau, _QUANTILES)
    )
    return stats, plateau, int(good.sum()) if limits_s else None


def _samples(table: pa.Table) -> Iterator[tuple[str, Floats]]:
    """各族的样本，一行一个，未定义为 NaN；键同 CellSummary.stats，ITL 不在内。

    TPOT 要两个 token、也要两个 token 事件：全挤在一个事件里的回复看不出每 token 的时间，
    记零会拖低分位数。TPOT_SEC 同理要三个。
    """
    ttft, second, last = (
        floats(table, f"{name}_s") for name in ("ttft", "second_token", "last_token")
    )
    completion, events = floats(table, "completion_tokens"), floats(table, "token_events")
    yield "ttft", ttft
    yield "tpot", _per_token(last - ttft, completion, events, skip=1)
    yield "tpot_sec", _per_token(last - second, completion, events, skip=2)
    yield "first_gap", second - ttft
    yield "completion_tokens", completion
    del ttft, second, last, completion, events
    e2e, queue = floats(table, "e2e_s"), floats(table, "client_queue_s")
    yield "e2e", e2e
    yield "client_queue", queue
    yield "response", e2e + queue
    del e2e, queue
    for name in ("ttfb", "ttfa", "server_ttft", "server_tpot", "server_e2e"):
        yield name, floats(table, f"{name}_s")
    yield "spec_accept_rate", floats(table, "spec_accept_rate")


def _per_token(span: Floats, completion: Floats, events: Floats, *, skip: int) -> Floats:
    """时长 ÷（token 数 − skip）；token 或事件不多于 skip 时未定义。"""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = span / (completion - skip)
    found[~((completion > skip) & (events > skip))] = np.nan
    return found


def _with_server(stats: dict[str, Stats], server: ServerMetrics | None) -> dict[str, Stats]:
    """各行没有自报的族，取服务在 /metrics 里的。"""
    found = {} if server is None else server.stats
    fill = {key: found[key] for key in _FROM_SERVER if key in found and not stats[key].n}
    return stats | fill


def _hit_ratio(table: pa.Table, success: Mask, server: ServerMetrics | None) -> float | None:
    """提示词 token 里来自前缀缓存的份额：先看各行报的 cached_tokens，再看 /metrics。"""
    cached, prompt = floats(table, "cached_tokens"), floats(table, "prompt_tokens")
    told = success & ~np.isnan(cached) & ~np.isnan(prompt)
    read = total(prompt[told])
    if read > 0:
        return min(1.0, total(cached[told]) / read)
    return None if server is None else server.cache_hit_ratio


def _tokens_per_event(table: pa.Table, success: Mask) -> float | None:
    """成功者的 token 数 ÷ token 事件数；没有事件为 None。"""
    completion, events = floats(table, "completion_tokens"), floats(table, "token_events")
    told = success & (events > 0) & (completion > 0)
    seen = total(events[told])
    return total(completion[told]) / seen if seen else None


def _wall(table: pa.Table, wanted: Mask) -> float:
    """各 epoch 的墙钟之和，秒。"""
    epochs = floats(table, "epoch")[wanted]
    starts, ends = floats(table, "start_s")[wanted], floats(table, "end_s")[wanted]
    spans = []
    for epoch in np.unique(epochs[~np.isnan(epochs)]):
        here = epochs == epoch
        spans.append(float(ends[here].max() - starts[here].min()))
    return sum(spans)


def _count_errors(table: pa.Table, measured: Mask) -> dict[str, int]:
    """失败种类 → 数目，按名排。"""
    failed = pc.filter(table["error_class"], pa.array(measured)).drop_null()
    counts = pc.value_counts(failed).to_pylist()
    return dict(sorted((item["values"], item["counts"]) for item in counts))


def _first_messages(table: pa.Table, measured: Mask) -> dict[str, str]:
    """失败种类 → 头一个这样失败的请求的原话，截短。"""
    columns = table.select(["error_class", "error_message"]).filter(pa.array(measured))
    failed = columns.filter(pc.is_valid(columns["error_class"]))
    grouped = failed.group_by("error_class", use_threads=False)
    found = grouped.aggregate([("error_message", "first")]).to_pylist()
    return {row["error_class"]: (row["error_message_first"] or "")[:_SAID] for row in found}


def _unstreamed(table: pa.Table, rows: Masks, spec: PerfSpec) -> int:
    """要了流、成功了、却没有首 token 时间的有几个：服务没理会 stream。"""
    return int(np.isnan(floats(table, "ttft_s")[rows.success]).sum()) if spec.stream else 0


def _source(table: pa.Table, success: Mask) -> str:
    """token 数从哪来：usage、events、两者都有时为 mixed，没有为空。"""
    sources = table["tokens_source"]
    if not success.all():
        sources = pc.filter(sources, pa.array(success))
    found = pc.unique(sources).drop_null().to_pylist()
    return found[0] if len(found) == 1 else ("mixed" if found else "")


def _rate(amount: float, over: float) -> float:
    """比率；分母为零时为零。"""
    return amount / over if over > 0 else 0.0
