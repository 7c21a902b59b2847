"""压测报告 → acs-bench 形状的 CSV 字节；时间为秒，未定义为 −1，按列名写。"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from rayeval.domain.report import CellReport, CellSummary
from rayeval.export.acs_columns import (
    REQUESTS_CONTRACT,
    REQUESTS_OURS,
    contract_columns,
    own_columns,
    setting_columns,
)

CONCURRENCY_BACKEND = "threading-pool"
"""文件名里的并发后端：写 acs-bench 的默认值，认名字的工具才找得到；我们其实不用线程池。"""
UNDEFINED = -1
"""CSV 里的未定义。"""

_UNSAFE = re.compile(r"[^\w.+=@-]+")
_BOM = b"\xef\xbb\xbf"


def requests_name(
    summary: CellSummary, time: str, concurrency_backend: str = CONCURRENCY_BACKEND
) -> str:
    """逐请求文件的名字；`time` 形如 YYYYmmddTHHMMSS。"""
    return (
        f"requests_{_safe(summary.provider)}_{_safe(summary.dataset_type)}"
        f"_{_safe(summary.control_method)}_concurrency{summary.concurrency}"
        f"_{concurrency_backend}_input{summary.input_length}_output{summary.output_length}"
        f"_{time}.csv"
    )


def summary_name(
    summary: CellSummary, time: str, concurrency_backend: str = CONCURRENCY_BACKEND
) -> str:
    """汇总文件的名字，取任一 cell 的提供方与控制方式；`time` 形如 YYYYmmddTHHMMSS。"""
    who = f"{_safe(summary.provider)}_{_safe(summary.control_method)}"
    return f"summary_{who}_{concurrency_backend}_{time}.csv"


def requests_csv(table: pa.Table, summary: CellSummary, *, bom: bool = False) -> bytes:
    """REQUESTS 表 → 一行一个测量请求的 CSV（预热只在 Parquet 里），列见 REQUESTS_CONTRACT。

    `bom` 为真时以 utf-8-sig 写，好让表格软件认出编码。
    """
    rows = table.filter(pc.not_equal(table["phase"], "warmup"))
    columns = {**_contract(rows, summary), **_ours(rows)}
    names = [*REQUESTS_CONTRACT, *REQUESTS_OURS]
    return _write(pa.table([_defined(columns[name]) for name in names], names=names), bom=bom)


def summary_csv(cells: Sequence[CellReport], *, bom: bool = False) -> bytes:
    """各 cell 的汇总 → 一行一个 cell 的 CSV：79 个契约列，然后是我们的。"""
    rows = [summary_row(cell) for cell in cells]
    if not rows:
        return b""
    arrays = [_defined(pa.array([row[name] for row in rows])) for name in rows[0]]
    return _write(pa.table(arrays, names=list(rows[0])), bom=bom)


def summary_row(report: CellReport) -> dict[str, object]:
    """一个 cell 的一行。"""
    return {
        **contract_columns(report.summary),
        **own_columns(report.summary),
        "Certificate": "ok" if report.certificate.ok else "failed",
        "Certificate_Reasons": "; ".join(report.certificate.reasons),
    }


def _contract(rows: pa.Table, summary: CellSummary) -> dict[str, pa.ChunkedArray]:
    """契约的列。`Output_Steps` 是 token 事件数。"""
    ttft, last = rows["ttft_s"], rows["last_token_s"]
    completion, events = rows["completion_tokens"], rows["token_events"]
    failed = pc.is_valid(rows["error_class"])
    return {
        "Start_Time": rows["start_time"],
        "End_Time": rows["end_time"],
        "Prompt_Tokens": rows["prompt_tokens"],
        "Reasoning_Tokens": rows["reasoning_tokens"],
        "Content_Tokens": rows["content_tokens"],
        "Completion_Tokens": completion,
        "Total_Tokens": pc.add(rows["prompt_tokens"], completion),
        "TTFT": ttft,
        "TPOT": per_token(pc.subtract(last, ttft), completion, events, skip=1),
        "TPOT_From_Second_Decode_Token": per_token(
            pc.subtract(last, rows["second_token_s"]), completion, events, skip=2
        ),
        "TIME_BETWEEN_FIRST_AND_SECOND_TOKEN(s)": pc.subtract(rows["second_token_s"], ttft),
        "Reasoning_Time": pc.subtract(rows["last_reasoning_s"], ttft),
        "Content_Time": pc.subtract(last, rows["ttfa_s"]),
        "Total_Time(s)": pc.if_else(failed, None, rows["e2e_s"]),
        "Total_Decode_Time(s)": pc.subtract(last, ttft),
        **{name: _constant(value, rows) for name, value in setting_columns(summary).items()},
        "x_span_id": rows["x_span_id"],
        "trace_id": rows["trace_id"],
        "SERVER_TTFT(s)": rows["server_ttft_s"],
        "SERVER_TPOT(s)": rows["server_tpot_s"],
        "Output_Steps": events,
    }


def _ours(rows: pa.Table) -> dict[str, pa.ChunkedArray]:
    """我们的列；没有错误、没有结束原因就是空，不是 −1。"""
    return {
        "Request_Id": rows["request_id"],
        "Epoch": rows["epoch"],
        "Phase": rows["phase"],
        "Worker": rows["worker"],
        "Scheduled_Time": rows["scheduled_s"],
        "Client_Queue(s)": rows["client_queue_s"],
        "TTFB(s)": rows["ttfb_s"],
        "TTFA(s)": rows["ttfa_s"],
        "Cached_Prompt_Tokens": rows["cached_tokens"],
        "HTTP_Status": rows["http_status"],
        "Error_Class": pc.fill_null(rows["error_class"], ""),
        "Finish_Reason": pc.fill_null(rows["finish_reason"], ""),
    }


def per_token(
    span: pa.ChunkedArray, completion: pa.ChunkedArray, events: pa.ChunkedArray, *, skip: int
) -> pa.ChunkedArray:
    """时长 ÷（生成 token 数 − skip）；token 或 token 事件不多于 skip 时未定义。"""
    enough = pc.and_(pc.greater(completion, skip), pc.greater(events, skip))
    tokens = pc.if_else(enough, pc.subtract(completion, skip), None)
    return pc.divide(span, pc.cast(tokens, pa.float64()))


def _constant(value: object, rows: pa.Table) -> pa.Array:
    """每行都一样的列。"""
    if value is None:
        return pa.nulls(rows.num_rows)
    return pa.repeat(value, rows.num_rows)


def _defined(column: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    """未定义写成 −1；文本列也是。"""
    if pa.types.is_null(column.type):
        return pa.array([UNDEFINED] * len(column), pa.int64())
    text = pa.types.is_string(column.type)
    return pc.fill_null(column, str(UNDEFINED) if text else UNDEFINED)


def _write(table: pa.Table, *, bom: bool) -> bytes:
    """表 → CSV 字节。表头自己写：pyarrow 会给每个列名加引号；列名里没有要转义的字符。"""
    buffer = io.BytesIO()
    buffer.write((_BOM if bom else b"") + ",".join(table.column_names).encode() + b"\n")
    options = pa_csv.WriteOptions(include_header=False, quoting_style="needed")
    pa_csv.write_csv(table, buffer, options)
    return buffer.getvalue()


def _safe(text: str) -> str:
    """文件名里的一段：斜杠与空白都换成下划线。"""
    return _UNSAFE.sub("_", text).strip("._") or "unnamed"
