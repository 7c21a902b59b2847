"""压测的名词：档位（PerfSpec）、矩阵中的一点（Cell）、一个压测者的份额（Share）。"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field, model_validator

from rayeval.domain.model import Model
from rayeval.domain.schedule import Climb, Constant, Slice
from rayeval.domain.service import Endpoint

Backend = Literal["openai-chat", "openai"]
ControlMethod = Literal["queue", "climb"]


class ClimbSpec(Model):
    """爬坡参数，名字与单位同 acs-bench。"""

    mode: Literal["linear", "static"] = Field(
        default="linear",
        description="linear steps, or static: init for one interval, then the maximum",
    )
    growth_rate: int = Field(default=2, ge=0, description="permits added at each interval")
    growth_interval: int = Field(
        default=5000, gt=0, description="interval between steps, milliseconds"
    )
    init_concurrency: int | None = Field(
        default=1, ge=1, description="permits at the start; the cell's concurrency when null"
    )


class Sampling(Model):
    """请求里的采样参数，默认值同 acs-bench。"""

    temperature: float = Field(default=0.6, ge=0, description="sampling temperature")
    top_k: int | None = Field(default=8, description="top_k; not sent when null")
    top_p: float = Field(default=1.0, gt=0, le=1, description="nucleus mass")
    ignore_eos: bool = Field(default=True, description="ask for exactly output_length tokens")


class PerfSpec(Model):
    """一个性能档位：输入长度 × 输出长度 × 并发的矩阵与每个点的跑法。"""

    concurrency: tuple[int, ...] = Field(
        default=(1, 2, 4), min_length=1, description="requests in flight, one cell each"
    )
    input_length: tuple[int, ...] = Field(
        default=(128, 2048), min_length=1, description="prompt lengths, tokens"
    )
    output_length: tuple[int, ...] = Field(
        default=(128, 1024), min_length=1, description="completion lengths, tokens"
    )
    num_requests: tuple[int, ...] | None = Field(
        default=None,
        description="measured requests an epoch, one for each concurrency; wins over the next",
    )
    requests_per_stream: int = Field(
        default=16, ge=1, description="measured requests an epoch = this × concurrency"
    )
    warmup: int = Field(
        default=0, ge=0, description="warm-up requests before each cell, not measured"
    )
    epochs: int = Field(
        default=1, ge=1, description="repetitions of each cell, each with fresh prompts"
    )
    control_method: ControlMethod = Field(
        default="climb",
        description="queue: constant concurrency; climb: stepwise to the concurrency",
    )
    climb: ClimbSpec = Field(default=ClimbSpec(), description="how the climb rises")
    sampling: Sampling = Field(
        default=Sampling(), description="sampling parameters of each request"
    )
    backend: Backend = Field(
        default="openai-chat", description="openai-chat: /chat/completions; openai: /completions"
    )
    stream: bool = Field(default=True, description="stream replies; without, TTFT is undefined")
    timeout_s: float = Field(default=1000.0, gt=0, description="limit of one request, seconds")
    seed: int = Field(default=0, description="seed of the prompts")
    workers: int = Field(
        default=1,
        ge=1,
        description="load workers that share a cell; a climb uses at most its initial permits",
    )
    dataset_type: str = Field(default="random", description="label in file names and metrics")

    @model_validator(mode="after")
    def _check(self) -> PerfSpec:
        """num_requests 与 concurrency 成对，且不少于并发。"""
        if self.num_requests is not None:
            if len(self.num_requests) != len(self.concurrency):
                msg = (
                    f"num_requests has {len(self.num_requests)} values, concurrency has "
                    f"{len(self.concurrency)}; give one for each"
                )
                raise ValueError(msg)
            for number, permits in zip(self.num_requests, self.concurrency, strict=True):
                if number < permits:
                    msg = f"num_requests {number} is below concurrency {permits}; raise it"
                    raise ValueError(msg)
        climb = self.climb
        if (
            self.control_method == "climb"
            and (climb.mode, climb.growth_rate) == ("linear", 0)
            and (climb.init_concurrency or max(self.concurrency)) < max(self.concurrency)
        ):
            msg = (
                f"a linear climb with growth_rate 0 never leaves init_concurrency "
                f"{climb.init_concurrency}; set growth_rate, or init_concurrency: null"
            )
            raise ValueError(msg)
        if min(self.concurrency + self.input_length + self.output_length) < 1:
            msg = "concurrency, input_length and output_length take values from 1 on"
            raise ValueError(msg)
        return self

    def cells(self) -> tuple[Cell, ...]:
        """按输入长度、输出长度、并发的次序展开矩阵。"""
        numbers = self.num_requests or tuple(self.requests_per_stream * c for c in self.concurrency)
        return tuple(
            Cell(i, o, c, n)
            for i in self.input_length
            for o in self.output_length
            for c, n in zip(self.concurrency, numbers, strict=True)
        )

    def schedule(self, concurrency: int) -> Constant | Climb:
        """某一并发下的许可形状。"""
        if self.control_method == "queue":
            return Constant(concurrency)
        climb = self.climb
        init = concurrency if climb.init_concurrency is None else climb.init_concurrency
        return Climb(
            max_permits=concurrency,
            init=min(init, concurrency),
            rate=climb.growth_rate,
            interval_s=climb.growth_interval / 1000,
            mode=climb.mode,
        )


@dataclass(frozen=True, slots=True)
class Cell:
    """负载矩阵中的一点。长度以 token 计，`num_requests` 是每个 epoch 的测量请求数。"""

    input_length: int
    output_length: int
    concurrency: int
    num_requests: int

    @property
    def id(self) -> str:
        """稳定的名字，基线按它配对。"""
        return f"in{self.input_length}_out{self.output_length}_c{self.concurrency}"


@dataclass(frozen=True, slots=True)
class Share:
    """一个压测者在一个 cell 的一个 epoch 里的份额：它造请求、连接、计时所需的全部。

    预热与测量各自从 0 编号；各份的序号合起来恰为整体，不重不漏。测量请求按许可分：
    序号落在第几个峰值许可上，就归那个许可的主人，许可多的多做，大家同时做完。
    `prompt_words` 是校准过的提示词词数；None 为没有校准，按一词一 token 算。
    """

    endpoint: Endpoint
    cell: Cell
    spec: PerfSpec
    schedule: Slice
    epoch: int
    salt: str
    max_tokens_field: str = "max_tokens"
    prompt_words: int | None = None

    @property
    def worker(self) -> int:
        """第几个压测者，从 0 起。"""
        return self.schedule.worker

    def warmup_indices(self) -> range:
        """这一份的预热请求序号。"""
        return range(self.schedule.worker, self.spec.warmup, self.schedule.workers)

    def measured_indices(self) -> tuple[int, ...]:
        """这一份的测量请求序号，从 0 起。"""
        peak, workers = max(1, self.schedule.whole.peak), self.schedule.workers
        return tuple(
            index
            for index in range(self.cell.num_requests)
            if index % peak % workers == self.schedule.worker
        )


@dataclass(frozen=True, slots=True)
class Counters:
    """运行中可读的计数；只增不减，`in_flight` 除外。"""

    issued: int = 0
    done: int = 0
    failed: int = 0
    in_flight: int = 0
    tokens: int = 0

    def __add__(self, other: Counters) -> Counters:
        """多个压测者相加。"""
        return Counters(
            self.issued + other.issued,
            self.done + other.done,
            self.failed + other.failed,
            self.in_flight + other.in_flight,
            self.tokens + other.tokens,
        )


@dataclass(frozen=True, slots=True)
class WorkerHealth:
    """压测者自证：它有没有拖累测量。时间单位秒，CPU 是占一核的份额。

    `permits_asked` 是 ∫permits dt，`permits_delivered` 是 ∫in-flight dt（许可·秒，
    只算还有请求可发的时段）；`clock` 是时间戳来源（read 或 kernel）；
    `connections_dropped` 是断掉的连接，不论哪一边断的；`permits_peak` 是这一份许可的峰值。
    """

    worker: int
    node: str
    wall_s: float
    cpu_share: float
    loop_lag_p99_s: float
    loop_lag_max_s: float
    permits_asked: float
    permits_delivered: float
    connections_opened: int
    requests_issued: int
    retries: int
    clock: str
    connections_dropped: int = 0
    permits_peak: int = 0


@dataclass(frozen=True, slots=True)
class Certificate:
    """一个 cell 的证书：发生器是否守约。`ok` 为假的 cell 既不能让门禁过，也不能让它挂。"""

    ok: bool
    reasons: tuple[str, ...]
    workers: tuple[WorkerHealth, ...]
