"""报告 → 指标样本：纯函数。-1 与未定义的不写；数值的单位与目录相同，不做换算以外的算术。"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from rayeval.domain.accuracy import Accuracy
from rayeval.domain.functional import CaseResult, Outcome
from rayeval.domain.load import Certificate
from rayeval.domain.moment import unix_time
from rayeval.domain.report import (
    CellReport,
    CellSummary,
    RunReport,
    ScenarioReport,
    Stats,
    Status,
)
from rayeval.domain.verdict import Level, Verdict
from rayeval.export.catalogue import CATALOGUE, IDENTITY, LATENCIES, QUANTILES

_QUANTILE_FIELDS = dict(zip(QUANTILES, ("p75", "p90", "p95", "p99"), strict=True))


@dataclass(frozen=True, slots=True)
class Sample:
    """一个样本：族名、标签（含身份）、值；`suffix` 是 summary 的 _sum 或 _count。"""

    family: str
    labels: dict[str, str]
    value: float
    suffix: str = ""


def samples(report: RunReport, verdict: Verdict | None, job: str) -> list[Sample]:
    """一次运行的全部样本，按场景；没有裁决就没有 gate_* 两族。

    值总是有限且不小于 0；标签恰是目录里那一族的标签加上 IDENTITY。
    """
    return [
        sample
        for scenario in report.scenarios
        for sample in _complete(
            _scenario(report, scenario, verdict), identity(report, scenario, job)
        )
    ]


def identity(report: RunReport, scenario: ScenarioReport, job: str) -> dict[str, str]:
    """一个场景的分组键；值可以为空，也可以带 `/` 与中文。"""
    values = (job, scenario.scenario, scenario.model, scenario.quant, scenario.backend)
    return dict(zip(IDENTITY, (*values, report.run_type), strict=True))


Raw = tuple[str, float | None, dict[str, str]]
"""族名（summary 可带 :sum、:count）、值、身份之外的标签。"""


def _complete(found: Iterator[Raw], who: dict[str, str]) -> Iterator[Sample]:
    """补上身份，丢掉未定义的；标签与目录不符是我们自己的错。"""
    for name, value, labels in found:
        if value is None or not math.isfinite(value) or value < 0:
            continue
        family, _, suffix = name.partition(":")
        stated = set(labels) - {"quantile"}
        if stated != set(CATALOGUE[family].labels):
            msg = f"metric {family} is catalogued with other labels than {sorted(stated)}"
            raise AssertionError(msg)
        yield Sample(family, {**who, **labels}, float(value), suffix)


def _scenario(
    report: RunReport, scenario: ScenarioReport, verdict: Verdict | None
) -> Iterator[Raw]:
    """一个场景的样本。"""
    yield "run_info", 1.0, _run_labels(report, scenario)
    yield "run_end_timestamp_seconds", unix_time(report.finished_at), {}
    yield "scenario_complete", float(scenario.complete), {}
    yield "time_to_ready_seconds", scenario.time_to_ready_s, {}
    for stage in scenario.stages:
        if stage.status in {Status.PASS, Status.FAIL, Status.ERROR}:
            yield "stage_pass", float(stage.status is Status.PASS), {"stage": stage.stage}
            yield "stage_seconds", stage.seconds, {"stage": stage.stage}
    if verdict is not None:
        yield from _gate(scenario, verdict)
    yield from _functional(scenario.cases)
    for cell in scenario.cells:
        labels = _cell_labels(cell.summary)
        yield from ((name, value, {**labels, **own}) for name, value, own in _cell(cell))
    if scenario.accuracy is not None:
        labels = {"benchmark": scenario.accuracy.dataset_name, "prompt": scenario.accuracy.prompt}
        yield from ((name, value, labels) for name, value in _accuracy(scenario.accuracy))


def _run_labels(report: RunReport, scenario: ScenarioReport) -> dict[str, str]:
    """来历：不知道的为空，Prometheus 视空标签为没有。"""
    return {
        "run_id": report.run_id,
        "commit": report.git.get("commit", ""),
        "branch": report.git.get("branch", ""),
        "mode": scenario.mode,
        "provider": scenario.provider,
        "engine": scenario.fingerprint.get("engine", ""),
        "hardware": scenario.fingerprint.get("hardware", ""),
        "rayeval_version": report.versions.get("rayeval", ""),
    }


def _gate(scenario: ScenarioReport, verdict: Verdict) -> Iterator[Raw]:
    """门禁对这个场景的发现。"""
    levels = [f.level for f in verdict.findings if f.scenario == scenario.scenario]
    yield "gate_pass", float(Level.FAIL not in levels), {}
    for level in Level:
        yield "gate_findings", float(levels.count(level)), {"level": level.value}


def _functional(cases: tuple[CaseResult, ...]) -> Iterator[Raw]:
    """功能用例：宽判的结局。跑过才有；跳过的不算判过。"""
    if not cases:
        return
    counts = {outcome: sum(c.outcome is outcome for c in cases) for outcome in Outcome}
    judged = len(cases) - counts[Outcome.SKIP]
    yield "functional_pass_ratio", counts[Outcome.PASS] / judged if judged else None, {}
    for outcome, count in counts.items():
        yield "functional_cases", float(count), {"outcome": outcome.value}
    verdicts = {(case.suite, case.case_id): case.outcome for case in cases}
    for (suite, case_id), outcome in verdicts.items():
        if outcome is not Outcome.SKIP:
            passed = float(outcome is Outcome.PASS)
            yield "functional_case_pass", passed, {"suite": suite, "case_id": case_id}


def _cell_labels(summary: CellSummary) -> dict[str, str]:
    """一个 cell 的标签。"""
    return {
        "input_len": str(summary.input_length),
        "output_len": str(summary.output_length),
        "concurrency": str(summary.concurrency),
        "control_method": summary.control_method,
        "dataset": summary.dataset_type,
    }


def _cell(cell: CellReport) -> Iterator[Raw]:
    """一个 cell 的样本，标签还没有带上 cell 的。"""
    summary = cell.summary
    for key, stats in _all_stats(summary).items():
        if key in LATENCIES:
            yield from _latency(LATENCIES[key][0], stats)
    yield from ((name, value, {}) for name, value in _load(summary))
    for error_class, count in summary.errors.items():
        yield "failed_requests", float(count), {"error_class": error_class}
    yield from ((name, value, {}) for name, value in _certificate(cell.certificate))


def _all_stats(summary: CellSummary) -> dict[str, Stats]:
    """客户端与服务端的各族；两处都有时以 cell 的为准。"""
    told = summary.server.stats if summary.server is not None else {}
    return {**told, **{key: stats for key, stats in summary.stats.items() if stats.n}}


def _latency(stem: str, stats: Stats) -> Iterator[Raw]:
    """一种延迟：summary 的分位数、总和、个数，与均值、最大值两族。"""
    if stats.n == 0 or stats.avg is None:
        return
    for quantile, field in _QUANTILE_FIELDS.items():
        yield f"{stem}_seconds", getattr(stats, field), {"quantile": quantile}
    yield f"{stem}_seconds:sum", stats.avg * stats.n, {}
    yield f"{stem}_seconds:count", float(stats.n), {}
    yield f"{stem}_avg_seconds", stats.avg, {}
    yield f"{stem}_max_seconds", stats.max, {}


def _load(summary: CellSummary) -> Iterator[tuple[str, float | None]]:
    """吞吐、失败、token。"""
    nothing = Stats()
    yield "qps", summary.qps
    yield "goodput_qps", summary.good_qps
    yield "goodput_ratio", summary.good_ratio
    yield "output_tokens_per_second", summary.output_throughput
    yield "total_tokens_per_second", summary.total_throughput
    yield "failure_ratio", summary.fail_ratio
    yield "timeout_ratio", summary.timeout_ratio
    yield "issued_requests", float(summary.issued)
    yield "shed_requests", float(summary.shed)
    yield "measured_seconds", summary.wall_s
    yield "prompt_avg_tokens", summary.avg_prompt_tokens
    yield "completion_avg_tokens", summary.stats.get("completion_tokens", nothing).avg
    yield "reasoning_avg_tokens", summary.avg_reasoning_tokens
    yield "tokens_per_event", summary.tokens_per_event
    yield "cache_hit_ratio", summary.cache_hit_ratio
    yield "spec_accept_avg_ratio", _all_stats(summary).get("spec_accept_rate", nothing).avg


def _certificate(certificate: Certificate) -> Iterator[tuple[str, float | None]]:
    """发生器的自证；几个压测者取最差的。"""
    yield "cell_certified", float(certificate.ok)
    workers = certificate.workers
    if not workers:
        return
    asked = sum(worker.permits_asked for worker in workers)
    delivered = sum(worker.permits_delivered for worker in workers)
    yield "generator_permits_ratio", delivered / asked if asked else None
    yield "generator_cpu_ratio", max(worker.cpu_share for worker in workers)
    yield "generator_lag_p99_seconds", max(worker.loop_lag_p99_s for worker in workers)
    yield "generator_lag_max_seconds", max(worker.loop_lag_max_s for worker in workers)
    yield "generator_slip_p99_seconds", max(worker.slip_p99_s for worker in workers)
    yield "generator_workers", float(len(workers))


def _accuracy(accuracy: Accuracy) -> Iterator[tuple[str, float | None]]:
    """准确率；无效的那次没有分数，只说无效与缘故。"""
    yield "accuracy_valid", float(accuracy.valid)
    if accuracy.valid:
        yield "accuracy_score", accuracy.score
        yield "accuracy_robust_score", accuracy.robust_score
        yield "accuracy_score_low", accuracy.low
        yield "accuracy_score_high", accuracy.high
    yield "accuracy_min_score", accuracy.min_score
    yield "accuracy_unparsed_ratio", accuracy.unparsed_ratio
    yield "accuracy_truncated_ratio", accuracy.truncated_ratio
    yield "accuracy_error_ratio", accuracy.error_ratio
    yield "accuracy_answers", float(accuracy.n)
