"""报告：驱动端把事件折成的、可存盘可读回的结论；门禁与导出只看它。"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from rayeval.domain.accuracy import Accuracy
from rayeval.domain.functional import CaseResult, Outcome
from rayeval.domain.load import Certificate

SCHEMA_VERSION = 1
"""报告的形状版本；不同版本之间不比较。"""

ENOUGH_FOR_P99 = 100
"""样本少于此数的 P99 要标出来。"""


class Status(StrEnum):
    """一个阶段的结局。"""

    PASS = "PASS"  # noqa: S105 不是密码
    FAIL = "FAIL"
    ERROR = "ERROR"
    SKIPPED = "SKIPPED"
    CANCELLED = "CANCELLED"


STAGES: tuple[str, ...] = ("launch", "ready", "functional", "perf", "accuracy", "teardown")
"""阶段的次序。"""


@dataclass(frozen=True, slots=True)
class StageResult:
    """一个阶段的结局；`reason` 说明为何不是 PASS，`log_tail` 是服务日志末尾。"""

    stage: str
    status: Status
    seconds: float = 0.0
    reason: str = ""
    log_tail: str = ""


@dataclass(frozen=True, slots=True)
class ReadyStep:
    """就绪阶梯的一级：自启动起，何时开始等、何时上去（秒），试了几次，最后在等什么。"""

    rung: str
    from_s: float
    reached_s: float
    attempts: int = 1
    waited_for: str = ""


@dataclass(frozen=True, slots=True)
class Stats:
    """一族样本的汇总；n 为 0 时其余皆为 None。分位数为线性插值。"""

    n: int = 0
    min: float | None = None
    avg: float | None = None
    max: float | None = None
    p50: float | None = None
    p75: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None

    @property
    def p99_is_thin(self) -> bool:
        """P99 只靠不足一百个样本：它几乎就是最大值，该标出来。"""
        return 0 < self.n < ENOUGH_FOR_P99 and self.p99 is not None


NO_STATS = Stats()


class CacheVerdict(StrEnum):
    """前缀缓存是否掺进了测量：规则见 perf/cache_verdict.py。"""

    COLD = "cold"
    WARM = "warm"
    CONTAMINATED = "contaminated"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ServerMetrics:
    """服务在一个 cell 期间的自述：/metrics 前后两次之差，预热也在内。

    `source` 是认出的引擎（vllm、sglang、tgi…）；空为没有，`note` 说明缘故。
    `stats` 的键：server_ttft server_tpot server_e2e server_queue spec_accept_rate，秒与比率；
    直方图有均值与分位数，只有总和的来源仅有均值；`names` 是各键出自哪个指标。
    `requests` 等是服务数到的增量；`agrees` 是它与我们所数之比（requests prompt_tokens
    generation_tokens）；`cache_hit_ratio` 是前缀缓存命中的份额，0 到 1。
    """

    source: str = ""
    note: str = ""
    stats: dict[str, Stats] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    requests: int | None = None
    prompt_tokens: int | None = None
    generation_tokens: int | None = None
    agrees: dict[str, float] = field(default_factory=dict)
    cache_hit_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class CellSummary:
    """一个 cell 的汇总：spec §6.3 的全部定义，未定义为 None。

    `wall_s` 是测量段从第一个 t0 到最后一个完成；`issued` 是其间发出的请求；
    吞吐与 qps 只数成功者。`stats` 的键：ttft tpot tpot_sec first_gap e2e ttfb ttfa itl
    completion_tokens server_ttft server_tpot server_e2e spec_accept_rate client_queue response
    （后两者只有开环才有：响应时间 = E2E + 客户端排队；server_* 先取各行自报的，没有才取
    `server` 的）；
    `plateau` 是只取平台段样本的同样汇总，`plateau_qps` 是平台段的成功数除以它的墙钟
    （没有平台段则为 None）；门禁读它们：爬坡占多少取决于请求数，PR 与每日并不相同。
    开环没有爬坡，测量的全是平台。
    `slo` 是目标，毫秒；`good_qps` 与 `good_ratio` 是达到全部目标的成功者 ÷ 墙钟、÷ 发出数，
    没有目标为 None；`shed` 是开环到点却因在途已满而没有发出的，不在 `issued` 之内。
    `tokens_per_event` 大于 1 时 ITL 是事件的间隔，不是 token 的。
    """

    input_length: int
    output_length: int
    concurrency: int
    num_requests: int
    execution_time: str
    wall_s: float
    issued: int
    succeeded: int
    failed: int
    timed_out: int
    qps: float
    output_throughput: float
    total_throughput: float
    fail_ratio: float
    timeout_ratio: float
    stats: dict[str, Stats]
    plateau: dict[str, Stats]
    avg_prompt_tokens: float | None
    avg_reasoning_tokens: float | None
    avg_content_tokens: float | None
    tokens_source: str
    errors: dict[str, int]
    backend: str
    temperature: float
    top_k: int | None
    top_p: float
    control_method: str
    growth_rate: int
    epochs: int
    provider: str
    dataset_type: str
    plateau_qps: float | None = None
    slo: dict[str, float] = field(default_factory=dict)
    good_qps: float | None = None
    good_ratio: float | None = None
    shed: int = 0
    tokens_per_event: float | None = None
    server: ServerMetrics | None = None
    cache: CacheVerdict = CacheVerdict.UNKNOWN
    cache_hit_ratio: float | None = None
    said: dict[str, str] = field(default_factory=dict)
    unstreamed: int = 0

    @property
    def id(self) -> str:
        """稳定的名字，基线按它配对。"""
        return f"in{self.input_length}_out{self.output_length}_c{self.concurrency}"


@dataclass(frozen=True, slots=True)
class CellReport:
    """一个 cell：汇总与证书。"""

    summary: CellSummary
    certificate: Certificate


@dataclass(frozen=True, slots=True)
class ScenarioReport:
    """一个场景的全部结论。`fingerprint` 是硬件、引擎、参数等身份，不同则不可比。

    `confirmations` 是越界的 cell 的复测，不替代 `cells`。
    """

    scenario: str
    mode: str
    model: str
    quant: str
    provider: str
    backend: str
    optional: bool
    planned: tuple[str, ...]
    stages: tuple[StageResult, ...] = ()
    cases: tuple[CaseResult, ...] = ()
    cells: tuple[CellReport, ...] = ()
    confirmations: tuple[CellReport, ...] = ()
    accuracy: Accuracy | None = None
    time_to_ready_s: float | None = None
    ready_steps: tuple[ReadyStep, ...] = ()
    fingerprint: dict[str, str] = field(default_factory=dict)
    artifacts: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)

    def stage(self, name: str) -> StageResult | None:
        """某个阶段的结局；没有发生过则为 None。"""
        return next((s for s in self.stages if s.stage == name), None)

    def count(self, outcome: Outcome) -> int:
        """某种结局的用例数。"""
        return sum(case.outcome is outcome for case in self.cases)

    @property
    def complete(self) -> bool:
        """计划的阶段都发生了，且没有一个是 ERROR、SKIPPED 或 CANCELLED。"""
        broken = {Status.ERROR, Status.SKIPPED, Status.CANCELLED}
        results = {s.stage: s.status for s in self.stages}
        return all(name in results for name in self.planned) and not broken & set(results.values())


@dataclass(frozen=True, slots=True)
class RunReport:
    """一次运行的全部结论；存为 `runs/{ts}/report.json`。

    `narrowed` 是命令行只挑了一部分（--scenario、--stage）：这样的运行不能成为基线。
    `resumed` 是接着跑时照搬、没有重测的，一个场景一句。
    """

    run_id: str
    run_type: str
    started_at: str
    finished_at: str
    config_digest: str
    versions: dict[str, str]
    git: dict[str, str]
    scenarios: tuple[ScenarioReport, ...]
    interrupted: bool = False
    narrowed: bool = False
    resumed: tuple[str, ...] = ()
    schema_version: int = SCHEMA_VERSION
