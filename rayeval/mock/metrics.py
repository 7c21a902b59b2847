"""/metrics：与 vLLM 同名的指标，Prometheus 文本格式。"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

_TTFT = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
_TTFT += [20, 40, 80, 160, 640, 2560]
_TPOT = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20]
_TPOT += [40, 80]
_E2E = [0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920]
_E2E += [7680]
_FINISHES = ("stop", "length", "abort", "error")


class Histogram:
    """一个直方图；上界含在格内，另有 +Inf。"""

    def __init__(self, name: str, text: str, bounds: Sequence[float]) -> None:
        """定下名字与各格上界。"""
        self.name, self._text, self._bounds = name, text, bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """记一个观测值，秒。"""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def lines(self, labels: str, alias: str | None = None) -> list[str]:
        """文本格式的各行；alias 是另起的名字。"""
        name = alias or self.name
        rows = [f"# HELP {name} {self._text}", f"# TYPE {name} histogram"]
        total = 0
        bounds = [repr(float(bound)) for bound in self._bounds] + ["+Inf"]
        for bound, number in zip(bounds, self._counts, strict=True):
            total += number
            rows.append(f'{name}_bucket{{le="{bound}",{labels}}} {total}')
        rows.append(f"{name}_sum{{{labels}}} {self._sum!r}")
        rows.append(f"{name}_count{{{labels}}} {total}")
        return rows


class Metrics:
    """vLLM 的各指标族；计数只增不减。"""

    def __init__(self, model: str) -> None:
        """全部从零开始；标签只有模型名与引擎号。"""
        escaped = model.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        self._labels = f'engine="0",model_name="{escaped}"'
        self.ttft = Histogram(
            "vllm:time_to_first_token_seconds", "Time to first token in seconds.", _TTFT
        )
        self.itl = Histogram(
            "vllm:inter_token_latency_seconds", "Inter-token latency in seconds.", _TPOT
        )
        self.tpot = Histogram(
            "vllm:request_time_per_output_token_seconds", "Mean TPOT of a request.", _TPOT
        )
        self.e2e = Histogram(
            "vllm:e2e_request_latency_seconds", "End to end request latency in seconds.", _E2E
        )
        self.finished: Counter[str] = Counter()

    def finish(self, reason: str) -> None:
        """一个候选以此收场；tool_calls 在引擎看来就是 stop。"""
        self.finished[reason if reason in _FINISHES else "stop"] += 1

    def render(self, *, running: int, prompt_tokens: int, tokens: int) -> bytes:
        """整页文本；在途数与词元数由账本给。"""
        rows = self._gauge("vllm:num_requests_running", "Number of requests running.", running)
        rows += self._gauge("vllm:num_requests_waiting", "Number of requests waiting.", 0)
        rows += self._counter(
            "vllm:prompt_tokens_total", "Prefill tokens processed.", prompt_tokens
        )
        rows += self._counter("vllm:generation_tokens_total", "Generation tokens.", tokens)
        # 它没有前缀缓存：查过的是全部提示词，命中的是零
        rows += self._counter(
            "vllm:prefix_cache_queries_total", "Prompt tokens looked up.", prompt_tokens
        )
        rows += self._counter("vllm:prefix_cache_hits_total", "Prompt tokens found.", 0)
        rows += self._success()
        for histogram in (self.ttft, self.itl, self.tpot, self.e2e):
            rows += histogram.lines(self._labels)
        # 旧版 vLLM 的名字，量的是同一件事
        rows += self.itl.lines(self._labels, "vllm:time_per_output_token_seconds")
        return ("\n".join(rows) + "\n").encode()

    def _gauge(self, name: str, text: str, value: float) -> list[str]:
        """一个量表。"""
        return [
            f"# HELP {name} {text}",
            f"# TYPE {name} gauge",
            f"{name}{{{self._labels}}} {value}",
        ]

    def _counter(self, name: str, text: str, value: int) -> list[str]:
        """一个计数。"""
        sample = f"{name}{{{self._labels}}} {value}"
        return [f"# HELP {name} {text}", f"# TYPE {name} counter", sample]

    def _success(self) -> list[str]:
        """按收场原因分的请求数。"""
        name = "vllm:request_success_total"
        rows = [f"# HELP {name} Count of successfully processed requests."]
        rows.append(f"# TYPE {name} counter")
        for reason in _FINISHES:
            labels = f'finished_reason="{reason}",{self._labels}'
            rows.append(f"{name}{{{labels}}} {self.finished[reason]}")
        return rows
