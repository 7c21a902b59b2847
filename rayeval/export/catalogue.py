"""指标的目录：每一族的名字、类型、单位、标签、说明；没有登记的绝不推送。

一次运行是一张快照，所以除分位数（summary）外全是 gauge；名字不带前缀。
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

IDENTITY = ("job", "scenario", "model", "quant", "backend", "run_type")
"""分组键：稳定的身份。一组整个替换，所以会变的（提交、run_id）不能在里头。"""
CELL = ("input_len", "output_len", "concurrency", "control_method", "dataset")
"""一个 cell 的标签。"""
QUANTILES = ("0.75", "0.9", "0.95", "0.99")
RUN = ("run_id", "commit", "branch", "mode", "provider", "engine", "hardware", "rayeval_version")
ACCURACY = ("benchmark", "prompt")

LATENCIES = {
    "ttfb": ("ttfb", "first data event after the request's first byte was sent"),
    "ttft": ("ttft", "first token event after the request's first byte was sent"),
    "ttfa": ("ttfa", "first answer event, reasoning left out, after the request was sent"),
    "tpot": ("tpot", "time per output token after the first"),
    "tpot_sec": ("tpot_from_second_token", "time per output token after the second"),
    "first_gap": ("first_token_gap", "time between the first and the second token event"),
    "itl": ("itl", "gap between token events, pooled"),
    "e2e": ("e2e", "whole request, until the stream's end"),
    "client_queue": ("client_queue", "wait for a permit, open loop only"),
    "response": ("response", "e2e plus client queue, open loop only"),
    "server_ttft": ("server_ttft", "TTFT as the service reports it"),
    "server_tpot": ("server_tpot", "TPOT as the service reports it"),
    "server_e2e": ("server_e2e", "request time as the service reports it"),
    "server_queue": ("server_queue", "queue time as the service reports it"),
}
"""报告里的键 → 指标名的主干与说明。"""


@dataclass(frozen=True, slots=True)
class Family:
    """一族指标；`labels` 是 IDENTITY 之外的标签，`unit` 是 OpenMetrics 的单位。"""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    kind: str = "gauge"

    @property
    def unit(self) -> str:
        """名字末尾的单位；没有则为空。"""
        last = self.name.rpartition("_")[2]
        return last if last in {"seconds", "ratio", "tokens"} else ""


def _latencies() -> Iterator[Family]:
    """各延迟的三族：分位数、均值、最大值。"""
    for stem, text in LATENCIES.values():
        yield Family(f"{stem}_seconds", f"{text}: quantiles, sum and count", CELL, "summary")
        yield Family(f"{stem}_avg_seconds", f"{text}: mean", CELL)
        yield Family(f"{stem}_max_seconds", f"{text}: maximum", CELL)


_LOAD = (
    Family("qps", "successful requests per second of the measured phase", CELL),
    Family("goodput_qps", "successes per second that meet every objective", CELL),
    Family("goodput_ratio", "successes that meet every objective, of issued", CELL),
    Family("output_tokens_per_second", "completion tokens of successes per second", CELL),
    Family("total_tokens_per_second", "prompt and completion tokens of successes per second", CELL),
    Family("failure_ratio", "failed of issued requests", CELL),
    Family("timeout_ratio", "timed out of issued requests", CELL),
    Family("failed_requests", "failed requests by error class", (*CELL, "error_class")),
    Family("issued_requests", "requests issued in the measured phase", CELL),
    Family("shed_requests", "requests due while the cap was reached, not issued", CELL),
    Family("measured_seconds", "first request to last completion of the measured phase", CELL),
    Family("prompt_avg_tokens", "prompt tokens, mean", CELL),
    Family("completion_avg_tokens", "completion tokens, mean", CELL),
    Family("reasoning_avg_tokens", "reasoning tokens, mean", CELL),
    Family("tokens_per_event", "tokens that one event carries, mean", CELL),
    Family("cache_hit_ratio", "prompt tokens served from the prefix cache", CELL),
    Family("spec_accept_avg_ratio", "speculative tokens that were accepted, mean", CELL),
)
_CERTIFICATE = (
    Family("cell_certified", "1: the load generator kept its promise; 0: it did not", CELL),
    Family("generator_permits_ratio", "permits delivered of asked", CELL),
    Family("generator_cpu_ratio", "CPU of the busiest load worker, share of a core", CELL),
    Family("generator_lag_p99_seconds", "bytes waited for the reader, worst worker's P99", CELL),
    Family("generator_lag_max_seconds", "bytes waited for the reader, maximum", CELL),
    Family("generator_slip_p99_seconds", "requests sent late, worst worker's P99", CELL),
    Family("generator_workers", "load workers that shared the cell", CELL),
)
_FUNCTIONAL = (
    Family("functional_pass_ratio", "passed of judged cases; skipped ones are not judged"),
    Family("functional_cases", "cases by outcome", ("outcome",)),
    Family(
        "functional_case_pass", "1: PASS, 0: FAIL or ERROR; skipped: absent", ("suite", "case_id")
    ),
)
_ACCURACY = (
    Family("accuracy_score", "score in simple-evals' definition; absent when invalid", ACCURACY),
    Family("accuracy_robust_score", "score with the robust extraction", ACCURACY),
    Family("accuracy_score_low", "lower end of the 95 % interval", ACCURACY),
    Family("accuracy_score_high", "upper end of the 95 % interval", ACCURACY),
    Family("accuracy_min_score", "score that the profile asks for", ACCURACY),
    Family("accuracy_valid", "1: the score counts; 0: too many requests failed", ACCURACY),
    Family("accuracy_unparsed_ratio", "answers without a readable letter", ACCURACY),
    Family("accuracy_truncated_ratio", "answers cut by the token limit", ACCURACY),
    Family("accuracy_error_ratio", "questions whose request failed for good", ACCURACY),
    Family("accuracy_answers", "questions asked, repeats included", ACCURACY),
)
_SCENARIO = (
    Family("run_info", "1; says which run the scenario's series come from", RUN),
    Family("run_end_timestamp_seconds", "when the run ended, Unix time"),
    Family("scenario_complete", "1: every planned stage took place without an error; 0: not"),
    Family("stage_pass", "1: PASS; 0: FAIL or ERROR; skipped or cancelled: absent", ("stage",)),
    Family("stage_seconds", "how long a stage took", ("stage",)),
    Family("time_to_ready_seconds", "launch to two generated tokens"),
    Family("gate_pass", "1: no finding fails the scenario; 0: one does"),
    Family("gate_findings", "findings of the gate by level", ("level",)),
)

CATALOGUE: dict[str, Family] = {
    family.name: family
    for family in (*_SCENARIO, *_FUNCTIONAL, *_latencies(), *_LOAD, *_ACCURACY, *_CERTIFICATE)
}
"""全部族，按名字；次序即写出的次序。"""
