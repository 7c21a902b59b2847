"""看板：各行、各面板、各查询；一行一个函数，次序即显示的次序。"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard, DashboardCursorSync

from dashboards.source.panels import (
    FAILING,
    FEWER,
    GREEN,
    HALF,
    LATE,
    PASS_FAIL,
    QUARTER,
    RED,
    SLOWER,
    THIRD,
    WHOLE,
    Look,
    Panel,
    Query,
    bars,
    lines,
    rows,
    tiles,
)
from dashboards.source.promql import cell_legend, latest, legend, metric, ratio
from dashboards.source.variables import variables
from rayeval.export.catalogue import CATALOGUE

UID = "rayeval"
PASSED = {"1": ("PASS", GREEN), "0": ("FAIL", RED)}
YES_NO = {"1": ("yes", GREEN), "0": ("no", RED)}


def build() -> Dashboard:
    """整块看板；同样的源总造出同样的看板。"""
    made = (
        dashboard.Dashboard("rayeval")
        .uid(UID)
        .description("Regression runs of LLM inference services: today, yesterday, last week")
        .tags(["rayeval", "llm"])
        .timezone("browser")
        .time("now-14d", "now")
        .refresh("5m")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .editable()
    )
    for variable in variables():
        made.with_variable(variable)
    number = 0
    for title, panels in ROWS.items():
        number += 1
        made.with_row(dashboard.Row(title).id(number))
        for panel in panels():
            number += 1
            made.with_panel(panel.id(number))
    return made.build()


def as_json() -> str:
    """看板的 JSON，末尾有换行。"""
    return json.dumps(build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


def _now(name: str, offset: str = "") -> str:
    """一族最近的值。"""
    return latest(metric(name), offset)


def overview() -> Iterator[Panel]:
    """裁决、是否完整、多久没跑、多久没推、哪次运行。"""
    look = Look(unit="none", width=QUARTER, height=6)
    told = [Query(_now("gate_pass"), legend("run_type"))]
    yield tiles("Gate", told, replace(look, bands=PASS_FAIL), PASSED)
    told = [Query(_now("scenario_complete"), legend("run_type"))]
    yield tiles("Measured completely", told, replace(look, bands=PASS_FAIL), YES_NO)
    end = latest(metric("run_end_timestamp_seconds"), window="14d")
    age = [Query(f"time() - {end}", legend("run_type"))]
    note = "A daily run is stale after 36 hours."
    yield tiles("Age of the newest run", age, replace(look, unit="s", bands=LATE, note=note), {})
    pushed = 'push_time_seconds{scenario=~"$scenario",run_type=~"$run_type"}'
    failed = pushed.replace("push_time", "push_failure_time")
    told = [Query(f"({pushed} > bool {failed})", legend("run_type", "job"))]
    note = "Written by the Pushgateway itself; no prefix."
    yield tiles("Last push", told, replace(look, bands=PASS_FAIL, note=note), PASSED)
    columns = ("scenario", "run_type", "run_id", "model", "quant", "branch", "commit", "engine")
    told_by = Query(metric("run_info"), "")
    yield rows("Runs on the board", told_by, Look(unit="none", height=7), columns, {})
    bad = metric("gate_findings", more='level=~"fail|warn|inconclusive"')
    query = Query(latest(bad), legend("level"))
    yield lines("Findings of the gate", [query], Look(unit="none", width=QUARTER, height=7))
    query = Query(_now("time_to_ready_seconds"), legend("run_type"))
    yield lines("Time to ready", [query], Look(width=QUARTER, height=7))


def functional() -> Iterator[Panel]:
    """功能：通过率、各结局、红绿表。"""
    ratio_look = Look(unit="percentunit", width=THIRD, top=1)
    yield lines(
        "Pass ratio", [Query(_now("functional_pass_ratio"), legend("run_type"))], ratio_look
    )
    counts = Query(_now("functional_cases"), legend("outcome"))
    yield lines("Cases by outcome", [counts], Look(unit="none", width=THIRD))
    stages = Query(_now("stage_pass"), legend("stage"))
    yield bars("Stages", [stages], Look(unit="none", width=THIRD, bands=PASS_FAIL, top=1))
    columns = ("scenario", "suite", "case_id")
    cases = Query(metric("functional_case_pass"), "")
    yield rows("Cases", cases, Look(unit="none", width=WHOLE, height=10), columns, PASSED)


def latency() -> Iterator[Panel]:
    """延迟：按分位数，一种一格。"""
    for title, stem in (("TTFT", "ttft"), ("TTFA", "ttfa"), ("TPOT", "tpot"), ("ITL", "itl")):
        query = Query(_now(f"{stem}_seconds"), cell_legend(quantile=True))
        yield lines(title, [query], Look(note=CATALOGUE[f"{stem}_seconds"].help))
    query = Query(_now("e2e_seconds"), cell_legend(quantile=True))
    yield lines("E2E", [query], Look(note=CATALOGUE["e2e_seconds"].help))
    yield lines(
        "TTFT and E2E, mean and maximum",
        [
            Query(_now(f"{stem}_{kind}_seconds"), cell_legend(text=f"{stem} {kind}"))
            for stem in ("ttft", "e2e")
            for kind in ("avg", "max")
        ],
        Look(),
    )


def throughput() -> Iterator[Panel]:
    """吞吐：QPS、token、goodput、失败。"""
    yield lines("QPS", [Query(_now("qps"), cell_legend())], Look(unit="reqps"))
    tokens = [
        Query(_now("output_tokens_per_second"), cell_legend(text="output")),
        Query(_now("total_tokens_per_second"), cell_legend(text="total")),
    ]
    yield lines("Tokens per second", tokens, Look(unit="none"))
    good = [Query(_now("goodput_qps"), cell_legend())]
    yield lines("Goodput", good, Look(unit="reqps", width=THIRD))
    share = [Query(_now("goodput_ratio"), cell_legend())]
    yield lines("Goodput, share", share, Look(unit="percentunit", width=THIRD, top=1))
    failures = [
        Query(_now("failure_ratio"), cell_legend(text="failed")),
        Query(_now("timeout_ratio"), cell_legend(text="timed out")),
    ]
    note = "The gate fails above 5 %."
    look = Look(unit="percentunit", width=THIRD, bands=FAILING, note=note)
    yield lines("Failure ratio", failures, look)


def against() -> Iterator[Panel]:
    """今天、昨天、上周，与对上周之比；阈值同门禁。"""
    compared = (
        ("TTFT", "ttft_seconds", "s", SLOWER),
        ("E2E", "e2e_seconds", "s", SLOWER),
        ("QPS", "qps", "reqps", FEWER),
        ("Output tokens per second", "output_tokens_per_second", "none", FEWER),
    )
    for title, name, unit, bands in compared:
        quantile = name.endswith("_seconds")
        days = [
            Query(_now(name, offset), cell_legend(quantile=quantile, text=text))
            for offset, text in (("", "today"), ("1d", "-1d"), ("7d", "-7d"))
        ]
        yield lines(f"{title}: today, -1d, -7d", days, Look(unit=unit))
        for offset in ("1d", "7d"):
            query = Query(ratio(metric(name), offset), cell_legend(quantile=quantile))
            look = Look(unit="percentunit", width=QUARTER, bands=bands, note="Bands as the gate's.")
            yield bars(f"{title}: today to -{offset}", [query], look)


def server() -> Iterator[Panel]:
    """服务端自报的，与客户端量到的并排。"""
    for title, stem in (("TTFT", "ttft"), ("TPOT", "tpot"), ("E2E", "e2e")):
        both = [
            Query(_now(f"{stem}_seconds"), cell_legend(quantile=True, text="client")),
            Query(_now(f"server_{stem}_seconds"), cell_legend(quantile=True, text="server")),
        ]
        yield lines(f"{title}, client and server", both, Look(width=THIRD))
    waits = [Query(_now("server_queue_avg_seconds"), cell_legend())]
    yield lines("Queue in the server, mean", waits, Look(width=THIRD))
    hits = [Query(_now("cache_hit_ratio"), cell_legend())]
    yield lines("Prefix-cache hits", hits, Look(unit="percentunit", width=THIRD, top=1))
    accepted = [Query(_now("spec_accept_avg_ratio"), cell_legend())]
    yield lines(
        "Speculative tokens accepted", accepted, Look(unit="percentunit", width=THIRD, top=1)
    )


def accuracy() -> Iterator[Panel]:
    """准确率：分数与区间、是否算数、对上周之差。"""
    band = [
        Query(_now(name), legend("benchmark", text=text))
        for name, text in (
            ("accuracy_score", "score"),
            ("accuracy_score_low", "95 % low"),
            ("accuracy_score_high", "95 % high"),
            ("accuracy_min_score", "asked for"),
        )
    ]
    note = "Score in simple-evals' definition, with its 95 % interval, clustered by question."
    yield lines("Score with interval", band, Look(unit="percentunit", note=note, top=1))
    days = [
        Query(_now("accuracy_score", offset), legend("benchmark", text=text))
        for offset, text in (("", "today"), ("1d", "-1d"), ("7d", "-7d"))
    ]
    yield bars("Score: today, -1d, -7d", days, Look(unit="percentunit", width=QUARTER, top=1))
    valid = [Query(_now("accuracy_valid"), legend("benchmark"))]
    yield tiles("Score counts", valid, Look(unit="none", width=QUARTER, bands=PASS_FAIL), YES_NO)
    robust = [Query(_now("accuracy_robust_score"), legend("benchmark"))]
    yield lines("Score, robust extraction", robust, Look(unit="percentunit", top=1))
    troubles = [
        Query(_now(f"accuracy_{name}_ratio"), legend("benchmark", text=name))
        for name in ("unparsed", "truncated", "error")
    ]
    yield lines("Answers without a letter, cut or failed", troubles, Look(unit="percentunit"))


def certificate() -> Iterator[Panel]:
    """证书：压测发生器守约没有；不守约的 cell 不作数。"""
    kept = [Query(_now("cell_certified"), cell_legend())]
    look = Look(unit="none", width=HALF, bands=PASS_FAIL)
    yield tiles("Certificate", kept, look, {"1": ("kept", GREEN), "0": ("broken", RED)})
    permits = [Query(_now("generator_permits_ratio"), cell_legend())]
    yield lines("Permits delivered of asked", permits, Look(unit="percentunit"))
    lag = [
        Query(_now("generator_lag_p99_seconds"), cell_legend(text="P99")),
        Query(_now("generator_lag_max_seconds"), cell_legend(text="max")),
    ]
    yield lines("Bytes waited for the reader", lag, Look(width=THIRD))
    slip = [Query(_now("generator_slip_p99_seconds"), cell_legend())]
    yield lines("Requests sent late, P99", slip, Look(width=THIRD))
    cpu = [Query(_now("generator_cpu_ratio"), cell_legend())]
    yield lines("CPU of the busiest load worker", cpu, Look(unit="percentunit", width=THIRD))


ROWS: dict[str, Callable[[], Iterator[Panel]]] = {
    "Overview": overview,
    "Functional": functional,
    "Today against yesterday and last week": against,
    "Latency": latency,
    "Throughput": throughput,
    "Server side beside client side": server,
    "Accuracy": accuracy,
    "Load generator": certificate,
}
"""各行，按次序。"""
