"""三天的报告：上周、昨天、今天；两个场景，一个模型名带斜杠，一个是中文，今天少一个 cell。"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

from rayeval.domain.functional import CaseResult, Outcome
from rayeval.domain.load import Certificate, WorkerHealth
from rayeval.domain.report import (
    CacheVerdict,
    CellReport,
    RunReport,
    ScenarioReport,
    ServerMetrics,
    Stats,
)
from tests.unit.conftest import Reports

HOUR, DAY = 3600.0, 86400.0
AGES = {"week": 7 * DAY + 3 * HOUR, "yesterday": DAY + 3 * HOUR, "today": 0.0}
"""多久以前；多出的三小时让昨天的值不落进今天的窗口。"""
PACE = {"week": 1.0, "yesterday": 1.04, "today": 1.2}
"""延迟是上周的几倍；今天越过门禁的 10 %。"""


def run(day: str, now: float, first: str = "Qwen/Qwen3-32B", second: str = "通义千问") -> RunReport:
    """某一天的报告；`now` 是此刻（Unix 秒），`first`、`second` 是两个模型。"""
    ended = datetime.fromtimestamp(now - AGES[day], UTC)
    return Reports.run(
        _scenario("local_demo", first, "w8a8", day),
        _scenario("k8s_pd_demo", second, "", day),
        run_id=f"{ended:%Y%m%dT%H%M%SZ}-{day}",
        run_type="daily",
        started_at=(ended - timedelta(hours=1)).isoformat(timespec="seconds"),
        finished_at=ended.isoformat(timespec="seconds"),
        git={"commit": f"{day}0123456789abcdef"[:16], "branch": "main"},
    )


def _scenario(name: str, model: str, quant: str, day: str) -> ScenarioReport:
    """一个场景的一天；第二个场景快一倍。"""
    scale = PACE[day] * (1.0 if name == "local_demo" else 0.5)
    streams = (1, 4) if day == "today" else (1, 4, 8)
    failing = Outcome.FAIL if day == "today" else Outcome.PASS
    score = {"week": 0.62, "yesterday": 0.60, "today": 0.48}[day]
    return Reports.scenario(
        scenario=name,
        mode="local" if name == "local_demo" else "k8s-pd",
        model=model,
        quant=quant,
        cells=tuple(_cell(scale, streams_) for streams_ in streams),
        cases=(
            CaseResult("chat_core", "chat_core/hello[stream]", Outcome.PASS, 0.1),
            CaseResult("guided", 'guided/schema[{"a": 1}]', failing, 0.2, "no JSON"),
            CaseResult("reasoning", "reasoning/field", Outcome.SKIP, 0.0),
        ),
        accuracy=Reports.accuracy(score, low=score - 0.05, high=score + 0.05),
        time_to_ready_s=40.0 * scale,
        fingerprint={"engine": "vllm 0.9", "hardware": "x86_64, 8×NPU"},
    )


def _cell(scale: float, concurrency: int) -> CellReport:
    """一个 cell：样样都有。"""
    plain = Reports.cell(concurrency=concurrency)
    stats = {
        "ttft": _stats(0.2 * scale),
        "ttfa": _stats(0.9 * scale),
        "ttfb": _stats(0.01 * scale),
        "tpot": _stats(0.02 * scale),
        "tpot_sec": _stats(0.019 * scale),
        "first_gap": _stats(0.03 * scale),
        "itl": _stats(0.021 * scale),
        "e2e": _stats(5.0 * scale),
        "completion_tokens": _stats(128.0),
        "client_queue": _stats(0.004),
        "response": _stats(5.0 * scale + 0.004),
    }
    told = {"server_ttft": 0.15, "server_tpot": 0.018, "server_e2e": 4.8, "server_queue": 0.02}
    server = {key: _stats(value * scale) for key, value in told.items()}
    server["spec_accept_rate"] = _stats(0.7)
    summary = dataclasses.replace(
        plain.summary,
        stats=stats,
        qps=20.0 * concurrency / scale,
        output_throughput=640.0 * concurrency / scale,
        total_throughput=1280.0 * concurrency / scale,
        good_qps=15.0 * concurrency / scale,
        good_ratio=0.75,
        fail_ratio=0.02,
        timeout_ratio=0.01,
        errors={"timeout": 2, "http_500": 2},
        avg_reasoning_tokens=64.0,
        tokens_per_event=1.5,
        cache_hit_ratio=0.03,
        cache=CacheVerdict.COLD,
        server=ServerMetrics(source="vllm", stats=server),
    )
    health = WorkerHealth(0, "node", 10.0, 0.3, 0.001, 0.004, 40.0, 39.8, 4, 200, 0, "kernel")
    return CellReport(summary, Certificate(ok=True, reasons=(), workers=(health,)))


def _stats(middle: float) -> Stats:
    """围着 `middle` 的一族样本。"""
    return Stats(
        n=200,
        min=0.8 * middle,
        avg=middle,
        max=1.6 * middle,
        p50=0.98 * middle,
        p75=1.1 * middle,
        p90=1.2 * middle,
        p95=1.3 * middle,
        p99=1.5 * middle,
    )
