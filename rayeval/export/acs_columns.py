"""acs-bench 形状的 CSV 列：先是契约的列，依次不变；我们自己的在其后。"""

from __future__ import annotations

from rayeval.domain.report import NO_STATS, CellSummary, ServerMetrics, Stats

REQUESTS_CONTRACT: tuple[str, ...] = (
    "Start_Time",
    "End_Time",
    "Prompt_Tokens",
    "Reasoning_Tokens",
    "Content_Tokens",
    "Completion_Tokens",
    "Total_Tokens",
    "TTFT",
    "TPOT",
    "TPOT_From_Second_Decode_Token",
    "TIME_BETWEEN_FIRST_AND_SECOND_TOKEN(s)",
    "Reasoning_Time",
    "Content_Time",
    "Total_Time(s)",
    "Total_Decode_Time(s)",
    "Backend",
    "Temperature",
    "Top_K",
    "Top_P",
    "Control_Method",
    "Growth_Rate",
    "Rounds",
    "Num_Prompts",
    "x_span_id",
    "trace_id",
    "SERVER_TTFT(s)",
    "SERVER_TPOT(s)",
    "Output_Steps",
)
REQUESTS_OURS: tuple[str, ...] = (
    "Request_Id",
    "Epoch",
    "Phase",
    "Worker",
    "Scheduled_Time",
    "Client_Queue(s)",
    "TTFB(s)",
    "TTFA(s)",
    "Cached_Prompt_Tokens",
    "HTTP_Status",
    "Error_Class",
    "Finish_Reason",
)
"""requests_*.csv 的列。"""

_TOP = ("TP75", "TP90", "TP95", "TP99", "MAX", "AVG")
_HIGH = ("TP90", "TP95", "TP99", "MAX", "AVG")
_RANGE = ("TP90", "TP95", "TP99", "MIN", "MAX", "AVG")
_LOW = ("TP90", "TP95", "TP99", "MIN", "AVG")

_FIELDS = {"TP75": "p75", "TP90": "p90", "TP95": "p95", "TP99": "p99"}

Families = tuple[tuple[str, tuple[str, ...], str], ...]
"""（stats 的键，统计量，列名后缀）。"""

_LATENCIES: Families = (
    ("ttft", _TOP, "TTFT(s)"),
    ("tpot", _TOP, "TPOT(s)"),
    ("tpot_sec", _HIGH, "TPOT_SEC(s)"),
    ("first_gap", _RANGE, "TIME_BETWEEN_FIRST_AND_SECOND_TOKEN(s)"),
    ("e2e", _TOP, "E2E(s)"),
)
_LENGTHS: Families = (("completion_tokens", _LOW, "COMPLETION_TOKENS"),)
_SERVER: Families = (
    ("server_ttft", _TOP, "SERVER_TTFT(s)"),
    ("server_tpot", _TOP, "SERVER_TPOT(s)"),
    ("server_e2e", _TOP, "SERVER_E2E(s)"),
    ("spec_accept_rate", _RANGE, "SPEC_ACCEPT_RATE"),
)
_OPEN_LOOP: Families = (
    ("client_queue", _HIGH, "CLIENT_QUEUE(s)"),
    ("response", _HIGH, "RESPONSE(s)"),
)
_OWN: Families = (
    ("ttfa", _HIGH, "TTFA(s)"),
    ("itl", _HIGH, "ITL(s)"),
    ("ttfb", _HIGH, "TTFB(s)"),
)

Row = dict[str, object]


def family_columns(families: Families, stats: dict[str, Stats], prefix: str = "") -> Row:
    """几族统计 → 列名与值；没有样本的为 None。"""
    return {
        f"{prefix}{point}_{suffix}": getattr(
            stats.get(key, NO_STATS), _FIELDS.get(point, point.lower())
        )
        for key, points, suffix in families
        for point in points
    }


def contract_columns(summary: CellSummary) -> Row:
    """一个 cell 的 79 个契约列，依次；未定义为 None。"""
    return {
        "Execution_Time": summary.execution_time,
        "Input_Length": summary.input_length,
        "Output_Length": summary.output_length,
        "Concurrency": summary.concurrency,
        "Total_Token_Throughput(tokens/s)": summary.total_throughput,
        "Output_Token_Throughput(tokens/s)": summary.output_throughput,
        **family_columns(_LATENCIES, summary.stats),
        "Total_Time(s)": summary.wall_s,
        "QPS": summary.qps,
        "Fail_Rate": summary.fail_ratio,
        **setting_columns(summary),
        "Provider": summary.provider,
        **family_columns(_LENGTHS, summary.stats),
        "AVG_REASONING_TOKENS": summary.avg_reasoning_tokens,
        "AVG_CONTENT_TOKENS": summary.avg_content_tokens,
        "AVG_PROMPT_TOKENS": summary.avg_prompt_tokens,
        **family_columns(_SERVER, summary.stats),
    }


def setting_columns(summary: CellSummary) -> Row:
    """跑法的列，两种文件共用。"""
    return {
        "Backend": summary.backend,
        "Temperature": summary.temperature,
        "Top_K": summary.top_k,
        "Top_P": summary.top_p,
        "Control_Method": summary.control_method,
        "Growth_Rate": summary.growth_rate,
        "Rounds": summary.epochs,
        "Num_Prompts": summary.num_requests,
    }


def own_columns(summary: CellSummary) -> Row:
    """79 列之后我们自己的列；证书由调用者添上。"""
    return {
        "Timeout_Fail_Rate": summary.timeout_ratio,
        "Issued": summary.issued,
        "Succeeded": summary.succeeded,
        "Failed": summary.failed,
        "Timed_Out": summary.timed_out,
        "Tokens_Source": summary.tokens_source,
        "Dataset_Type": summary.dataset_type,
        **family_columns(_OWN, summary.stats),
        "Plateau_QPS": summary.plateau_qps,
        "Plateau_N": summary.plateau.get("e2e", NO_STATS).n,
        **family_columns(_LATENCIES, summary.plateau, "Plateau_"),
        "Goodput_SLO": ";".join(f"{name}:{limit:g}" for name, limit in summary.slo.items()),
        "Good_QPS": summary.good_qps,
        "Good_Ratio": summary.good_ratio,
        "Shed": summary.shed,
        **family_columns(_OPEN_LOOP, summary.stats),
        "Tokens_Per_Event": summary.tokens_per_event,
        "TTFT_N": summary.stats.get("ttft", NO_STATS).n,
        "E2E_N": summary.stats.get("e2e", NO_STATS).n,
        **server_columns(summary),
    }


def server_columns(summary: CellSummary) -> Row:
    """服务自述的列：来自哪种引擎、它数到的、与我们所数之比，以及缓存的结论。"""
    server = summary.server or ServerMetrics()
    return {
        "Server_Source": server.source,
        "Server_Note": server.note,
        "SERVER_TTFT_N": summary.stats.get("server_ttft", NO_STATS).n,
        **family_columns((("server_queue", _HIGH, "SERVER_QUEUE(s)"),), server.stats),
        "Server_Requests": server.requests,
        "Server_Prompt_Tokens": server.prompt_tokens,
        "Server_Completion_Tokens": server.generation_tokens,
        "Server_Requests_Agree": server.agrees.get("requests"),
        "Server_Prompt_Tokens_Agree": server.agrees.get("prompt_tokens"),
        "Server_Completion_Tokens_Agree": server.agrees.get("generation_tokens"),
        "Cache_Verdict": summary.cache.value,
        "Cache_Hit_Ratio": summary.cache_hit_ratio,
    }
