"""功能测试的名词：要跑什么（FunctionalSpec），一个用例的结果（CaseResult）。"""

from __future__ import annotations

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


class Outcome(StrEnum):
    """用例的四种结局。"""

    PASS = "PASS"  # noqa: S105 不是密码
    FAIL = "FAIL"
    SKIP = "SKIP"
    ERROR = "ERROR"


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
    case_timeout_s: float = Field(default=120.0, gt=0, description="limit of one case, seconds")
    params: dict[str, ParamRange] = Field(
        default_factory=dict, description="boundary values by parameter name, for params_boundary"
    )


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
    """一个用例的结局；`case_id` 稳定，形如 chat_core/stream_equals_non_stream[seed]。"""

    suite: str
    case_id: str
    outcome: Outcome
    duration_s: float
    message: str = ""
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class SuiteTask:
    """一个套件进程所需的全部，可序列化后送往任一节点；`context_json` 含密钥，不进 repr。"""

    suite: str
    target: str
    spec: FunctionalSpec
    context_json: str = field(repr=False)
