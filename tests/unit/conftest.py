"""门禁测试用的报告：几样旋钮，其余取太平无事的值。"""

from dataclasses import replace

import pytest

from rayeval.domain.accuracy import Accuracy
from rayeval.domain.functional import CaseResult, Outcome
from rayeval.domain.load import Certificate
from rayeval.domain.report import (
    STAGES,
    CellReport,
    CellSummary,
    RunReport,
    ScenarioReport,
    StageResult,
    Stats,
    Status,
)


def make_stats(p99, n=200):
    return Stats(n, *(None if p99 is None else p99 for _ in range(8)))


def make_cell(ttft=1.0, e2e=10.0, qps=20.0, *, ok=True, concurrency=4, **changes):
    stats = {"ttft": make_stats(ttft), "e2e": make_stats(e2e)}
    summary = CellSummary(
        input_length=128,
        output_length=32,
        concurrency=concurrency,
        num_requests=200,
        execution_time="2026-01-01T00:00:00",
        wall_s=10.0,
        issued=200,
        succeeded=200,
        failed=0,
        timed_out=0,
        qps=qps,
        output_throughput=640.0,
        total_throughput=3200.0,
        fail_ratio=0.0,
        timeout_ratio=0.0,
        stats=stats,
        plateau=stats,
        avg_prompt_tokens=128.0,
        avg_reasoning_tokens=None,
        avg_content_tokens=32.0,
        tokens_source="usage",
        errors={},
        backend="openai-chat",
        temperature=0.6,
        top_k=8,
        top_p=1.0,
        control_method="climb",
        growth_rate=2,
        epochs=1,
        provider="demo",
        dataset_type="random",
    )
    reasons = () if ok else ("loop lag P99 0.2 s is above 0.005 s",)
    return CellReport(replace(summary, **changes), Certificate(ok, reasons, ()))


def make_accuracy(score=0.8, min_score=0.5, **changes):
    made = Accuracy(
        dataset_name="science_sample",
        prompt="rayeval",
        n=20,
        examples=5,
        repeats=4,
        score=score,
        std=0.4,
        stderr=0.09,
        low=0.6,
        high=0.98,
        robust_score=score,
        unparsed_ratio=0.0,
        truncated_ratio=0.0,
        error_ratio=0.0,
        mean_chars=12.0,
        debug=False,
        valid=True,
        min_score=min_score,
    )
    return replace(made, **changes)


def make_scenario(**changes):
    made = ScenarioReport(
        scenario="local_demo",
        mode="local",
        model="demo",
        quant="none",
        provider="demo",
        backend="openai-chat",
        optional=False,
        planned=STAGES,
        stages=tuple(StageResult(name, Status.PASS, 1.0) for name in STAGES),
        cases=(CaseResult("chat_core", "chat_core/hello", Outcome.PASS, 0.1),),
        cells=(make_cell(),),
        accuracy=make_accuracy(),
        time_to_ready_s=1.0,
        fingerprint={"engine": "mock", "gpu": "none"},
    )
    return replace(made, **changes)


def make_run(*scenarios, **changes):
    made = RunReport(
        run_id="20260101T000000",
        run_type="pr",
        started_at="2026-01-01T00:00:00+00:00",
        finished_at="2026-01-01T00:10:00+00:00",
        config_digest="0" * 64,
        versions={"rayeval": "0.1.0"},
        git={},
        scenarios=scenarios or (make_scenario(),),
    )
    return replace(made, **changes)


def with_stage(scenario, name, status, reason=""):
    stages = tuple(
        StageResult(name, status, 1.0, reason) if s.stage == name else s for s in scenario.stages
    )
    return replace(scenario, stages=stages)


class Reports:
    """各式报告的工厂。"""

    stats = staticmethod(make_stats)
    cell = staticmethod(make_cell)
    accuracy = staticmethod(make_accuracy)
    scenario = staticmethod(make_scenario)
    run = staticmethod(make_run)
    with_stage = staticmethod(with_stage)


@pytest.fixture
def reports():
    return Reports
