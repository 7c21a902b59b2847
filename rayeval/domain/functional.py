"""功能测试的名词：要跑什么（FunctionalSpec），一个用例的结果（CaseResult）。"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import Field

from rayeval.domain.model import Model

SUITES: tuple[str, ...] = (
    "chat_core",
    "completions_core",
    "params_boundary",
    "function_call",
    "guided",
    "reasoning",
)


PROBE_SUITE = "capabilities"
"""能力探测的套件名；它先于别的套件跑，不在 SUITES 里。"""
EVERY_SUITE = "*"
"""不是套件：只数各套件有几个用例的那件任务。"""

FEATURES: tuple[str, ...] = (
    *("completions", "echo", "function_call", "tools", "tool_choice_required"),
    *("tool_choice_named", "tool_choice_none", "parallel_tool_calls"),
    *("json_object", "guided", "guided_keywords", "guided_choice", "guided_regex", "guided_json"),
    *("structured_outputs", "grammar", "regex"),
    *("reasoning", "thinking_switch", "reasoning_effort", "stream_usage"),
    *("max_tokens", "max_completion_tokens", "min_tokens", "ignore_eos", "stop", "n"),
    *("temperature", "top_p", "top_k", "min_p", "seed", "logit_bias", "logprobs", "top_logprobs"),
    *("presence_penalty", "frequency_penalty", "repetition_penalty"),
)
"""场景的 features 可以声明的名字；用户自己的用例所关的，另以 x_ 开头。"""
OWN_FEATURE = "x_"


class Outcome(StrEnum):
    """用例的四种结局。"""

    PASS = "PASS"  # noqa: S105 不是密码
    FAIL = "FAIL"
    SKIP = "SKIP"
    ERROR = "ERROR"


class Support(StrEnum):
    """服务对一个参数的态度；UNKNOWN 是没能查明（出错），或收下了却无从看出有没有用。"""

    SUPPORTED = "supported"
    REJECTED = "rejected"
    IGNORED = "ignored"
    FLAKY = "flaky"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Capability:
    """一项能力的探测结论：场景怎样声明（None 没说）、观察到什么、凭什么。"""

    name: str
    support: Support
    declared: bool | None = None
    why: str = ""


class ParamRange(Model):
    """一个请求参数的边界：哪些值必须成功，哪些必须 4xx。"""

    valid: tuple[float | int | str | bool | None, ...] = Field(
        default=(), description="values that must be accepted"
    )
    invalid: tuple[float | int | str | bool | None, ...] = Field(
        default=(), description="values that must be answered with a 4xx"
    )


class FunctionalSpec(Model):
    """一次功能测试：哪些套件、多少并行、每个用例多久、参数边界。"""

    suites: tuple[str, ...] = Field(
        default=SUITES, description="suites to run, in this order; all when absent"
    )
    paths: tuple[str, ...] = Field(
        default=(), description="folders or files of your own pytest cases, run as one more suite"
    )
    select: str | None = Field(default=None, description="pytest -k expression")
    workers: int = Field(default=2, ge=1, description="suites that run side by side")
    concurrency: int = Field(
        default=4, ge=1, description="cases of one suite that run side by side"
    )
    probe: bool = Field(
        default=True, description="find out which parameters the service supports, before suites"
    )
    case_timeout_s: float = Field(default=120.0, gt=0, description="limit of one case, seconds")
    params: dict[str, ParamRange] = Field(
        default_factory=dict, description="boundary values by parameter name, for params_boundary"
    )


@dataclass(frozen=True, slots=True)
class SuiteSize:
    """一个套件收齐了：它要跑 `cases` 个用例，-k 去掉的不算。"""

    suite: str
    cases: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """一次往返的留痕：请求体、状态码、回复（截短、去密）。"""

    method: str
    path: str
    request: str
    status: int | None
    reply: str


@dataclass(frozen=True, slots=True)
class CaseResult:
    """一个用例的结局；`case_id` 稳定，形如 chat_core/stream_equals_non_stream[seed]。

    `outcome` 是宽判（compat）：客户端真正要的；`strict` 是严判：OpenAI 规范写明的，None 即
    与宽判相同；`strict_message` 是只有严判才怪罪的话。`retries` 是传输出错后重来的请求数。
    """

    suite: str
    case_id: str
    outcome: Outcome
    duration_s: float
    message: str = ""
    evidence: tuple[Evidence, ...] = ()
    strict: Outcome | None = None
    strict_message: str = ""
    retries: int = 0
    capability: Capability | None = None

    @property
    def strict_only(self) -> bool:
        """只有严判才怪罪：宽判没有说它不好。"""
        return self.strict is Outcome.FAIL and self.outcome not in (Outcome.FAIL, Outcome.ERROR)

    def verdict(self, *, strict: bool) -> Outcome:
        """严判或宽判的结局。"""
        return self.strict if strict and self.strict is not None else self.outcome

    def said(self, *, strict: bool) -> str:
        """那一种判法的说明。"""
        return self.strict_message if strict and self.strict is not None else self.message


def capability_map(cases: Iterable[CaseResult]) -> tuple[Capability, ...]:
    """用例里的探测结论，按名字排；同名的取后来的。"""
    found = {case.capability.name: case.capability for case in cases if case.capability}
    return tuple(found[name] for name in sorted(found))


@dataclass(frozen=True, slots=True)
class SuiteTask:
    """一个套件进程所需的全部，可序列化后送往任一节点；`context_json` 含密钥，不进 repr。"""

    suite: str
    target: str
    spec: FunctionalSpec
    context_json: str = field(repr=False)
