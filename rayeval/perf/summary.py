"""请求表 → 一个 cell 的汇总：整列地算，不逐行走；未定义的样本不参与，从不当作零。"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rayeval.domain.perf import Cell, PerfSpec
from rayeval.domain.report import CellSummary, Stats

_QUANTILES = (50, 75, 90, 95, 99)
_NEEDED = [
    *("phase", "epoch", "error_class", "start_s", "end_s", "tokens_source", "token_events"),
    *("ttfb_s", "ttft_s", "ttfa_s", "second_token_s", "last_token_s", "e2e_s", "itl_s"),
    *("prompt_tokens", "completion_tokens", "reasoning_tokens", "content_tokens"),
    *("server_ttft_s", "server_tpot_s"),
]

Floats = npt.NDArray[np.float64]


def summarise(
    table: pa.Table, cell: Cell, spec: PerfSpec, *, provider: str, execution_time: str
) -> CellSummary:
    """REQUESTS 表 → CellSummary，定义见 spec §6.3。

    预热不算；被我们自己叫停的（cancelled）既不算发出也不算失败，只在 `errors` 里留数。
    `wall_s` 逐 epoch 取“第一个 t0 到最后一个结束”再相加：各 epoch 之间的空当不是负载；
    几个压测者的时刻都自同一个“开始”起，直接可比。分位数在合并后的原始行上线性插值。
    """
    table = table.select(_NEEDED)
    measured = _where(table, pc.not_equal(table["phase"], "warmup"))
    errors = _count_errors(measured)
    rows = _where(measured, _keep(measured["error_class"], "cancelled"))
    success = _where(rows, pc.is_null(rows["error_class"]))
    plateau = _where(success, pc.equal(success["phase"], "plateau"))
    stats = stats_of(success)
    wall = _wall(measured)
    flat = _wall(_where(rows, pc.equal(rows["phase"], "plateau")))
    issued, succeeded = rows.num_rows, success.num_rows
    failed, timed_out = issued - succeeded, errors.get("timeout", 0)
    completion, prompt = _total(success, "completion_tokens"), _total(success, "prompt_tokens")
    return CellSummary(
        input_length=cell.input_length,
        output_length=cell.output_length,
        concurrency=cell.concurrency,
        num_requests=cell.num_requests,
        execution_time=execution_time,
        wall_s=wall,
        issued=issued,
        succeeded=succeeded,
        failed=failed,
        timed_out=timed_out,
        qps=_rate(succeeded, wall),
        output_throughput=_rate(completion, wall),
        total_throughput=_rate(completion + prompt, wall),
        fail_ratio=_rate(failed, issued),
        timeout_ratio=_rate(timed_out, issued),
        stats=stats,
        plateau=stats if plateau is success else stats_of(plateau),
        avg_prompt_tokens=_mean(success, "prompt_tokens"),
        avg_reasoning_tokens=_mean(success, "reasoning_tokens"),
        avg_content_tokens=_mean(success, "content_tokens"),
        tokens_source=_source(success),
        errors=errors,
        backend=spec.backend,
        temperature=spec.sampling.temperature,
        top_k=spec.sampling.top_k,
        top_p=spec.sampling.top_p,
        control_method=spec.control_method,
        growth_rate=spec.climb.growth_rate if spec.control_method == "climb" else 0,
        epochs=spec.epochs,
        provider=provider,
        dataset_type=spec.dataset_type,
        plateau_qps=_rate(plateau.num_rows, flat) if flat > 0 else None,
    )


def stats_of(rows: pa.Table) -> dict[str, Stats]:
    """成功的行 → 各族统计，键同 CellSummary.stats。

    TPOT 要两个 token、也要两个 token 事件：全挤在一个事件里的回复看不出每 token 的时间，
    记零会拖低分位数。TPOT_SEC 同理要三个。
    """
    ttft, second, last = (
        _floats(rows, f"{name}_s") for name in ("ttft", "second_token", "last_token")
    )
    completion, events = _floats(rows, "completion_tokens"), _floats(rows, "token_events")
    with np.errstate(divide="ignore", invalid="ignore"):
        tpot = (last - ttft) / (completion - 1)
        tpot_sec = (last - second) / (completion - 2)
    families: dict[str, npt.NDArray[np.floating]] = {
        "ttft": ttft,
        "tpot": tpot[(completion > 1) & (events > 1)],
        "tpot_sec": tpot_sec[(completion > 2) & (events > 2)],  # noqa: PLR2004 定义
        "first_gap": second - ttft,
        "e2e": _floats(rows, "e2e_s"),
        "ttfb": _floats(rows, "ttfb_s"),
        "ttfa": _floats(rows, "ttfa_s"),
        "itl": _flat(rows["itl_s"]),
        "completion_tokens": completion,
        "server_ttft": _floats(rows, "server_ttft_s"),
        "server_tpot": _floats(rows, "server_tpot_s"),
        "server_e2e": np.empty(0),
        "spec_accept_rate": np.empty(0),
    }
    return {name: describe(samples) for name, samples in families.items()}


def describe(samples: npt.NDArray[np.floating]) -> Stats:
    """样本 → 统计；NaN（未定义）不参与，没有样本时除 n 外皆为 None。"""
    undefined = np.isnan(samples)
    kept = samples[~undefined] if undefined.any() else samples
    if not kept.size:
        return Stats()
    points = np.percentile(kept, _QUANTILES)
    p50, p75, p90, p95, p99 = (float(point) for point in points)
    low, high = float(kept.min()), float(kept.max())
    average = min(high, max(low, float(kept.mean(dtype=np.float64))))
    return Stats(int(kept.size), low, average, high, p50, p75, p90, p95, p99)


def _floats(rows: pa.Table, name: str) -> Floats:
    """一列 → float64 数组，null 成 NaN。"""
    column = pc.cast(rows[name], pa.float64()).combine_chunks()
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)


def _flat(column: pa.ChunkedArray) -> npt.NDArray[np.float32]:
    """列表列 → 摊平的数组。"""
    flat = pc.list_flatten(column).combine_chunks()
    return np.asarray(flat.to_numpy(zero_copy_only=False), dtype=np.float32)


def _where(rows: pa.Table, wanted: pa.ChunkedArray) -> pa.Table:
    """符合的行；全都符合时就是原表，百万行的 ITL 不白抄一遍。"""
    return rows if pc.all(wanted, min_count=0).as_py() else rows.filter(wanted)


def _wall(rows: pa.Table) -> float:
    """各 epoch 的墙钟之和，秒。"""
    if not rows.num_rows:
        return 0.0
    spans = rows.group_by("epoch").aggregate([("start_s", "min"), ("end_s", "max")])
    span = pc.sum(pc.subtract(spans["end_s_max"], spans["start_s_min"])).as_py()
    return float(span)


def _keep(column: pa.ChunkedArray, unwanted: str) -> pa.ChunkedArray:
    """不等于 `unwanted` 的位置，null 也留。"""
    return pc.fill_null(pc.not_equal(column, unwanted), True)  # noqa: FBT003 pyarrow 的签名


def _count_errors(rows: pa.Table) -> dict[str, int]:
    """失败种类 → 数目，按名排。"""
    counts = pc.value_counts(rows["error_class"].combine_chunks().drop_null()).to_pylist()
    return dict(sorted((item["values"], item["counts"]) for item in counts))


def _source(rows: pa.Table) -> str:
    """token 数从哪来：usage、events、两者都有时为 mixed，没有为空。"""
    found = pc.unique(rows["tokens_source"]).drop_null().to_pylist()
    return found[0] if len(found) == 1 else ("mixed" if found else "")


def _total(rows: pa.Table, name: str) -> int:
    """一列之和，null 不计。"""
    return int(pc.sum(rows[name]).as_py() or 0)


def _mean(rows: pa.Table, name: str) -> float | None:
    """一列的均值；没有样本为 None。"""
    mean = pc.mean(rows[name]).as_py()
    return None if mean is None else float(mean)


def _rate(amount: float, over: float) -> float:
    """比率；分母为零时为零。"""
    return amount / over if over > 0 else 0.0
