"""`rayeval perf` 的开关表：名字与缺省同 acs-bench。只含纯数据，`--help` 才快。"""

from __future__ import annotations

from dataclasses import dataclass

LOAD, CLIMB, RATE, REQUEST, LIMITS = "Load", "Climb", "Open loop", "Requests", "Limits"


@dataclass(frozen=True, slots=True)
class Flag:
    """一个开关：写法、去到 PerfSpec 的哪个字段（点分）、缺省的原文、归在帮助的哪一栏。

    `many` 的可以重复，也可以用逗号写成一串；没有 metavar 的是不带值的开关。
    """

    panel: str
    names: tuple[str, ...]
    field: str
    metavar: str
    default: str | None
    help: str
    many: bool = False

    @property
    def name(self) -> str:
        """参数名：第一个长名，减号换成下划线。"""
        return self.long.removeprefix("--").replace("-", "_")

    @property
    def long(self) -> str:
        """给人看的名字。"""
        return self.names[0].partition("/")[0]

    @property
    def usual(self) -> str:
        """帮助里说的缺省；`--a/--no-a` 的总有一个，别的没有缺省为空串。"""
        return self.default or self.names[0].partition("/--")[2]


def _numbers(*names: str, default: str | None, about: str, panel: str = LOAD) -> Flag:
    """一串整数的开关。"""
    flag = names[0].removeprefix("--").replace("-", "_")
    return Flag(panel, names, flag, "N,N…", default, about, many=True)


FLAGS: tuple[Flag, ...] = (
    _numbers(
        "--concurrency", "-c", default="1", about="Requests in flight; one cell each; repeatable."
    ),
    _numbers(
        "--num-requests",
        "-n",
        default=None,
        about="Measured requests of a cell and epoch, one value for each concurrency; default: "
        "requests-per-stream × concurrency.",
    ),
    _numbers("--input-length", "-il", default="128", about="Prompt lengths, tokens; repeatable."),
    _numbers("--output-length", "-ol", default="128", about="Output lengths, tokens; repeatable."),
    Flag(LOAD, ("--requests-per-stream",), "requests_per_stream", "N", "16", "See num-requests."),
    Flag(LOAD, ("--warmup", "-w"), "warmup", "N", "0", "Requests before a cell, not measured."),
    Flag(LOAD, ("--epochs", "-e"), "epochs", "N", "1", "Repetitions of a cell, prompts anew."),
    Flag(LOAD, ("--workers",), "workers", "N", None, "Load workers; default: as many as needed."),
    Flag(
        LOAD,
        ("--concurrency-backend", "-cb"),
        "",
        "NAME",
        "threading-pool",
        "acs-bench's name in the files' names; nothing else is known.",
    ),
    Flag(CLIMB, ("--use-climb", "-ub"), "", "", None, "Rise to the concurrency in steps."),
    Flag(CLIMB, ("--climb-mode", "-cm"), "climb.mode", "static|linear", "linear", "How it rises."),
    Flag(CLIMB, ("--growth-rate", "-gr"), "climb.growth_rate", "N", "0", "Permits added a step."),
    Flag(CLIMB, ("--growth-interval", "-gi"), "climb.growth_interval", "MS", "1000", "Step, ms."),
    Flag(
        CLIMB,
        ("--init-concurrency", "-ic"),
        "climb.init_concurrency",
        "N",
        "none",
        "Permits at the start; none: the concurrency.",
    ),
    Flag(
        RATE,
        ("--request-rate", "-r"),
        "open_loop.request_rate",
        "PER_S",
        "inf",
        "Requests per second over all workers, sent when due; concurrency is the cap.",
    ),
    Flag(
        RATE,
        ("--burstiness",),
        "open_loop.burstiness",
        "X",
        "1.0",
        "Shape of the gamma: 1 is Poisson, below bursty, above regular.",
    ),
    Flag(RATE, ("--arrival",), "open_loop.arrival", "gamma|constant", "gamma", "Gaps."),
    Flag(
        RATE,
        ("--overflow",),
        "open_loop.overflow",
        "queue|shed",
        "queue",
        "A request due while the cap is reached waits, or is dropped and counted.",
    ),
    Flag(
        REQUEST,
        ("--backend", "-b"),
        "backend",
        "openai-chat|openai",
        "openai-chat",
        "/chat/completions or /completions.",
    ),
    Flag(REQUEST, ("--temperature",), "sampling.temperature", "X", "0.6", "Sampling temperature."),
    Flag(REQUEST, ("--top-k",), "sampling.top_k", "N", "8", "Sampling top_k; none: not sent."),
    Flag(REQUEST, ("--top-p",), "sampling.top_p", "X", "1.0", "Nucleus mass."),
    Flag(
        REQUEST,
        ("--ignore-eos/--no-ignore-eos",),
        "sampling.ignore_eos",
        "",
        "ignore-eos",
        "Ask for exactly output-length tokens.",
    ),
    Flag(
        REQUEST,
        ("--min-tokens/--no-min-tokens",),
        "sampling.min_tokens",
        "",
        None,
        "Send min_tokens = output-length; tried unasked where ignore-eos is refused.",
    ),
    Flag(
        REQUEST,
        ("--stream/--no-stream",),
        "stream",
        "",
        "stream",
        "Stream the replies; without, TTFT is undefined.",
    ),
    Flag(REQUEST, ("--seed",), "seed", "N", "0", "Seed of prompts and arrivals."),
    Flag(
        REQUEST,
        ("--shared-prefix",),
        "shared_prefix",
        "N",
        "0",
        "Tokens at the start that all prompts of a cell share, of input-length.",
    ),
    Flag(
        REQUEST,
        ("--tokenizer",),
        "tokenizer",
        "PATH",
        None,
        "tokenizer.json or its folder, for prompt lengths; default: ask the service.",
    ),
    Flag(REQUEST, ("--dataset-type",), "dataset_type", "NAME", "random", "Label in files' names."),
    Flag(LIMITS, ("--timeout",), "timeout_s", "S", "1000", "Limit of one request, seconds."),
    Flag(LIMITS, ("--connect-timeout",), "connect_timeout_s", "S", "10", "Of one connect."),
    Flag(LIMITS, ("--first-byte-timeout",), "first_byte_timeout_s", "S", None, "Until the reply."),
    Flag(LIMITS, ("--idle-timeout",), "idle_timeout_s", "S", None, "Between reads of a reply."),
    Flag(
        LIMITS,
        ("--goodput",),
        "goodput",
        "METRIC:MS",
        None,
        "Service-level objective, like ttft:50; ttfb, ttft, ttfa, tpot or e2e; repeatable.",
        many=True,
    ),
)
