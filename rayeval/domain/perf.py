"""压测的档位（PerfSpec）与它展开成的矩阵中的一点（Cell）。"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field, model_validator

from rayeval.domain.model import Model
from rayeval.domain.schedule import Climb, Constant

Backend = Literal["openai-chat", "openai"]
ControlMethod = Literal["queue", "climb", "rate"]
GoodputMetric = Literal["ttfb", "ttft", "ttfa", "tpot", "e2e"]


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


class OpenLoop(Model):
    """开环参数：到点就发，不等上一个回来。"""

    request_rate: float = Field(
        gt=0, description="requests per second, over all workers; the cell's concurrency is the cap"
    )
    arrival: Literal["gamma", "constant"] = Field(
        default="gamma", description="gaps between requests: gamma with the burstiness, or constant"
    )
    burstiness: float = Field(
        default=1.0,
        gt=0,
        description="shape of the gamma: 1 is Poisson, below 1 bursty, above 1 regular",
    )
    overflow: Literal["queue", "shed"] = Field(
        default="queue",
        description="a request due while the cap is reached waits (and its wait is a column), "
        "or is shed and counted",
    )


class Sampling(Model):
    """请求里的采样参数，默认值同 acs-bench。"""

    temperature: float = Field(default=0.6, ge=0, description="sampling temperature")
    top_k: int | None = Field(default=8, description="top_k; not sent when null")
    top_p: float = Field(default=1.0, gt=0, le=1, description="nucleus mass")
    ignore_eos: bool = Field(default=True, description="ask for exactly output_length tokens")
    min_tokens: bool = Field(
        default=False,
        description="send min_tokens = output_length; tried unasked where a service refuses "
        "ignore_eos",
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
        description="queue: constant concurrency; climb: stepwise to the concurrency; "
        "rate: open loop",
    )
    climb: ClimbSpec = Field(default=ClimbSpec(), description="how the climb rises")
    open_loop: OpenLoop | None = Field(
        default=None, description="the rate of control_method rate; null otherwise"
    )
    sampling: Sampling = Field(
        default=Sampling(), description="sampling parameters of each request"
    )
    backend: Backend = Field(
        default="openai-chat", description="openai-chat: /chat/completions; openai: /completions"
    )
    stream: bool = Field(default=True, description="stream replies; without, TTFT is undefined")
    timeout_s: float = Field(default=1000.0, gt=0, description="limit of one request, seconds")
    connect_timeout_s: float = Field(
        default=10.0, gt=0, description="limit of one connect, TLS handshake included, seconds"
    )
    first_byte_timeout_s: float | None = Field(
        default=None, gt=0, description="limit until an answer's first byte, seconds; null: none"
    )
    idle_timeout_s: float | None = Field(
        default=None, gt=0, description="limit between two reads of an answer, seconds; null: none"
    )
    goodput: dict[GoodputMetric, float] = Field(
        default={},
        description="service-level objectives, milliseconds, like {ttft: 500, tpot: 50}; "
        "a success that meets all of them is good",
    )
    tokenizer: str | None = Field(
        default=None,
        description="local tokenizer.json, or a folder that holds one, for prompt lengths; "
        "null: the service's /tokenize, else calibration",
    )
    shared_prefix: int = Field(
        default=0,
        ge=0,
        description="tokens at the start that all prompts of a cell share, of input_length",
    )
    seed: int = Field(default=0, description="seed of the prompts and of the arrivals")
    workers: int | None = Field(
        default=None,
        ge=1,
        le=64,
        description="load workers that share a cell; null: as many as the load needs",
    )
    dataset_type: str = Field(default="random", description="label in file names and metrics")

    @model_validator(mode="after")
    def _check(self) -> PerfSpec:
        """num_requests 与 concurrency 成对，且不少于并发；爬坡与开环各有各的参数。"""
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
        if (self.open_loop is not None) != (self.control_method == "rate"):
            msg = (
                "control_method rate needs open_loop: {request_rate: …}, and only rate has one; "
                "a rate and a climb exclude each other"
            )
            raise ValueError(msg)
        if self.shared_prefix >= min(self.input_length):
            msg = f"shared_prefix {self.shared_prefix} must stay below every input_length"
            if self.shared_prefix:
                raise ValueError(msg)
        if any(limit <= 0 for limit in self.goodput.values()):
            msg = "goodput takes milliseconds above 0"
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
        """某一并发下的许可形状；开环时并发是上限。"""
        if self.control_method != "climb":
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
