"""多的东西的列：每张 Arrow 表只有这里声明的一种形状。时间一律为秒。"""

from __future__ import annotations

import pyarrow as pa

REQUESTS = pa.schema(
    [
        # 身份
        ("request_id", pa.string()),
        ("index", pa.int64()),  # 在 epoch 内的序号；预热与测量各从 0 起
        ("epoch", pa.int32()),
        ("phase", pa.string()),  # warmup | ramp | plateau
        ("worker", pa.int32()),
        ("input_length", pa.int32()),
        ("output_length", pa.int32()),
        ("concurrency", pa.int32()),
        # 时间：*_time 是墙钟（Unix 秒，只作标签），其余是单调钟
        ("start_time", pa.float64()),
        ("end_time", pa.float64()),
        ("start_s", pa.float64()),  # t0，自测量的零点起；预热的为负
        ("end_s", pa.float64()),  # [DONE] 或关闭，同上
        ("scheduled_s", pa.float64()),  # 开环的计划时刻，同上；闭环为空
        ("client_queue_s", pa.float64()),
        ("ttfb_s", pa.float64()),
        ("ttft_s", pa.float64()),
        ("ttfa_s", pa.float64()),
        ("second_token_s", pa.float64()),  # 第二个 token 事件 − t0
        ("last_token_s", pa.float64()),  # 最后一个 token 事件 − t0
        ("last_reasoning_s", pa.float64()),  # 最后一个推理 token 事件 − t0
        ("e2e_s", pa.float64()),
        ("itl_s", pa.list_(pa.float32())),  # 相邻 token 事件的间隔
        ("clock", pa.string()),  # read | kernel
        # token
        ("token_events", pa.int32()),
        # 与首 token 事件同一次读到的 token 事件数：大于 1 时 ttft_s 是其中最晚者的戳
        ("first_read_events", pa.int32()),
        ("prompt_tokens", pa.int32()),
        ("cached_tokens", pa.int32()),
        ("completion_tokens", pa.int32()),
        ("reasoning_tokens", pa.int32()),
        ("content_tokens", pa.int32()),
        ("tokens_source", pa.string()),  # usage | events
        # 结局
        ("http_status", pa.int32()),
        ("error_class", pa.string()),  # 空 = 成功
        ("error_message", pa.string()),
        ("finish_reason", pa.string()),
        ("retries", pa.int32()),
        ("connection_reused", pa.bool_()),
        # 服务自报
        ("server_ttft_s", pa.float64()),
        ("server_tpot_s", pa.float64()),
        ("server_e2e_s", pa.float64()),
        ("spec_accept_rate", pa.float64()),  # 投机解码的接受率，0 到 1
        ("x_span_id", pa.string()),
        ("trace_id", pa.string()),
    ]
)
"""一行一个请求；未定义的量为 null，从不为 0 或 -1。"""


def of_cell(
    table: pa.Table,
    input_length: int,
    output_length: int,
    concurrency: int,
    *,
    measured: bool = False,
) -> pa.Table:
    """REQUESTS 表里一个 cell 的行；`measured` 去掉预热与我们自己叫停的。"""
    import pyarrow.compute as pc  # 只有事后翻旧账才用得着

    wanted = (
        (pc.field("input_length") == input_length)
        & (pc.field("output_length") == output_length)
        & (pc.field("concurrency") == concurrency)
    )
    if measured:
        stopped = pc.coalesce(pc.field("error_class"), pc.scalar("")) == "cancelled"
        wanted = wanted & (pc.field("phase") != "warmup") & ~stopped
    return table.filter(wanted)


ANSWERS = pa.schema(
    [
        ("index", pa.int64()),
        ("example", pa.int64()),
        ("repeat", pa.int32()),
        ("domain", pa.string()),
        ("correct", pa.string()),
        ("simple_evals", pa.string()),
        ("robust", pa.string()),
        ("score", pa.float64()),
        ("kind", pa.string()),  # KINDS 之一；出错的为空
        ("finish_reason", pa.string()),
        ("prompt_tokens", pa.int32()),
        ("completion_tokens", pa.int32()),
        ("chars", pa.int32()),
        ("error_class", pa.string()),
        ("error_message", pa.string()),
        ("prompt", pa.string()),
        ("reply", pa.string()),
        ("reasoning", pa.string()),
    ]
)
"""一行一次作答，按 index 排序；与分片、时间无关的都在这里，别的在 ANSWER_TIMES。"""

ANSWER_TIMES = pa.schema(
    [
        ("index", pa.int64()),
        ("shard", pa.int32()),
        ("attempts", pa.int32()),
        ("rate_limited", pa.int32()),  # 其中 429 的次数
        ("duration_s", pa.float64()),  # 自第一次发出，含重试与等待
    ]
)
"""一行一次作答：谁问的、问了几次、花了多久。"""

ERROR_CLASSES = (
    "connect",
    "timeout",
    "reset",
    "http_4xx",
    "http_5xx",
    "stream_error",
    "bad_json",
    "bad_http",
    "incomplete",
    "no_tokens",
    "service_lost",
    "cancelled",
)
"""请求失败的种类；`timeout` 计入 Timeout_Fail_Rate。"""


def empty_requests() -> pa.Table:
    """一张没有行的请求表。"""
    return REQUESTS.empty_table()
