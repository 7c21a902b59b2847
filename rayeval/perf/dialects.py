"""各家引擎在 /metrics 里的名字：一家一行；同一样东西的几个名字，新的、准的在前。"""

from __future__ import annotations

from dataclasses import dataclass

Names = tuple[str, ...]
PROCESS_START = "process_start_time_seconds"


@dataclass(frozen=True, slots=True)
class Dialect:
    """一家引擎的指标名；空为它没有。

    `ttft`、`tpot`、`e2e`、`queue` 是直方图（秒）；其余是计数器。`tpot` 先取每个请求的均值，
    没有才取逐 token 的间隔。`decode_seconds` 是只有总和的来源；`accept_gauge` 是接受率的量表。
    `prompt_skips_cache`：prompt_tokens 不含缓存命中的，合起来才是全部。
    """

    source: str
    ttft: Names = ()
    tpot: Names = ()
    e2e: Names = ()
    queue: Names = ()
    requests: Names = ()
    prompt_tokens: Names = ()
    generation_tokens: Names = ()
    cache_queries: Names = ()
    cache_hits: Names = ()
    drafted: Names = ()
    accepted: Names = ()
    accept_gauge: Names = ()
    decode_seconds: Names = ()
    prompt_skips_cache: bool = False

    @property
    def histograms(self) -> dict[str, Names]:
        """ServerMetrics.stats 的键 → 直方图的名字。"""
        return {
            "server_ttft": self.ttft,
            "server_tpot": self.tpot,
            "server_e2e": self.e2e,
            "server_queue": self.queue,
        }

    @property
    def counters(self) -> Names:
        """全部计数器与量表的样本名。"""
        return (
            *self.requests,
            *self.prompt_tokens,
            *self.generation_tokens,
            *self.cache_queries,
            *self.cache_hits,
            *self.drafted,
            *self.accepted,
            *self.accept_gauge,
            *self.decode_seconds,
        )

    @property
    def samples(self) -> frozenset[str]:
        """这一家的全部样本名；认得出一个就算是它。"""
        suffixes = ("_bucket", "_sum", "_count")
        names = (name for group in self.histograms.values() for name in group)
        return frozenset(self.counters) | {name + end for name in names for end in suffixes}


VLLM = Dialect(
    source="vllm",
    ttft=("vllm:time_to_first_token_seconds",),
    tpot=(
        "vllm:request_time_per_output_token_seconds",
        "vllm:inter_token_latency_seconds",
        "vllm:time_per_output_token_seconds",
    ),
    e2e=("vllm:e2e_request_latency_seconds",),
    queue=("vllm:request_queue_time_seconds",),
    requests=("vllm:request_success_total",),
    prompt_tokens=("vllm:prompt_tokens_total",),
    generation_tokens=("vllm:generation_tokens_total",),
    cache_queries=(
        "vllm:prefix_cache_queries_total",
        "vllm:gpu_prefix_cache_queries_total",
    ),
    cache_hits=("vllm:prefix_cache_hits_total", "vllm:gpu_prefix_cache_hits_total"),
    drafted=("vllm:spec_decode_num_draft_tokens_total",),
    accepted=("vllm:spec_decode_num_accepted_tokens_total",),
)
"""vLLM v0、v1 与 vLLM-Ascend。"""

SGLANG = Dialect(
    source="sglang",
    ttft=("sglang:time_to_first_token_seconds",),
    tpot=(
        "sglang:request_time_per_output_token_seconds",
        "sglang:inter_token_latency_seconds",
        "sglang:time_per_output_token_seconds",
    ),
    e2e=("sglang:e2e_request_latency_seconds",),
    queue=("sglang:queue_time_seconds",),
    requests=("sglang:num_requests_total",),
    prompt_tokens=("sglang:prompt_tokens_total",),
    generation_tokens=("sglang:generation_tokens_total",),
    cache_queries=("sglang:prompt_tokens_total",),
    cache_hits=("sglang:cached_tokens_total",),
    accept_gauge=("sglang:spec_accept_rate",),
)

TGI = Dialect(
    source="tgi",
    tpot=("tgi_request_mean_time_per_token_duration",),
    e2e=("tgi_request_duration",),
    queue=("tgi_request_queue_duration",),
    requests=("tgi_request_success_total", "tgi_request_success"),
    prompt_tokens=("tgi_request_input_length_sum",),
    generation_tokens=("tgi_request_generated_tokens_sum",),
)

TRTLLM = Dialect(
    source="trtllm",
    ttft=("trtllm_time_to_first_token_seconds",),
    tpot=("trtllm_time_per_output_token_seconds",),
    e2e=("trtllm_e2e_request_latency_seconds",),
    queue=("trtllm_request_queue_time_seconds",),
    requests=("trtllm_request_success_total",),
)

LMDEPLOY = Dialect(
    source="lmdeploy",
    ttft=("lmdeploy:time_to_first_token_seconds",),
    tpot=("lmdeploy:time_per_output_token_seconds", "lmdeploy:iter_token_latency"),
    e2e=("lmdeploy:e2e_request_latency_seconds",),
    queue=("lmdeploy:request_queue_time_seconds",),
    prompt_tokens=("lmdeploy:prompt_tokens_total",),
    generation_tokens=("lmdeploy:generation_tokens_total",),
)

LLAMACPP = Dialect(
    source="llamacpp",
    prompt_tokens=("llamacpp:prompt_tokens_total",),
    generation_tokens=("llamacpp:tokens_predicted_total",),
    cache_hits=("llamacpp:prompt_tokens_cached_total",),
    drafted=("llamacpp:spec_decode_num_draft_tokens_total",),
    accepted=("llamacpp:spec_decode_num_accepted_tokens_total",),
    decode_seconds=("llamacpp:tokens_predicted_seconds_total",),
    prompt_skips_cache=True,
)
"""只有总和：TPOT 仅有均值；TTFT 不知道分给几个请求，由各行的 timings 给。"""

MINDIE = Dialect(
    source="mindie",
    ttft=("time_to_first_token_seconds",),
    tpot=("time_per_output_token_seconds",),
    e2e=("e2e_request_latency_seconds",),
    requests=("request_success_total",),
    prompt_tokens=("prompt_tokens_total",),
    generation_tokens=("generation_tokens_total",),
    cache_queries=("all_radix_match_num",),
    cache_hits=("npu_radix_match_hit_num",),
)
"""MindIE：名字没有前缀，所以最后才试。"""

DIALECTS: tuple[Dialect, ...] = (VLLM, SGLANG, TGI, TRTLLM, LMDEPLOY, LLAMACPP, MINDIE)

WANTED: frozenset[str] = frozenset({PROCESS_START}).union(*(d.samples for d in DIALECTS))
"""要从页上读的全部样本名。"""
