"""套件进程写给 runner 的话：一行一个 JSON，两头共用这一份写法与读法。"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from rayeval.domain.functional import Capability, CaseResult, Evidence, Outcome, Support


@dataclass(frozen=True, slots=True)
class Collected:
    """收齐了要跑的用例；`deselected` 是被 -k 去掉的个数。"""

    ids: tuple[str, ...]
    deselected: int = 0


@dataclass(frozen=True, slots=True)
class Started:
    """一个用例在某个工人进程里开始了；runner 由此计时，超时则杀那个进程。"""

    case_id: str
    pid: int = 0


@dataclass(frozen=True, slots=True)
class Finished:
    """一个用例有了结局。"""

    case: CaseResult


@dataclass(frozen=True, slots=True)
class Stopped:
    """套件自己决定不再跑下去，或有文件没能收集。"""

    reason: str


@dataclass(frozen=True, slots=True)
class Lost:
    """一个工人进程没有好好退出；它手里的用例由 runner 记 ERROR。"""

    pid: int
    reason: str


Line = Collected | Started | Finished | Stopped | Lost
_KINDS: dict[str, type[Line]] = {
    kind.__name__.lower(): kind for kind in (Collected, Started, Finished, Stopped, Lost)
}


def encode(line: Line) -> bytes:
    """一行，含换行；全是 ASCII，孤立代理也写得出。"""
    return json.dumps({"kind": type(line).__name__.lower()} | asdict(line)).encode() + b"\n"


def decode(data: bytes) -> Line:
    """`encode` 的逆；不是一行完整的话则抛 ValueError。"""
    try:
        fields: dict[str, Any] = json.loads(data)
        kind = _KINDS[fields.pop("kind")]
        if kind is Finished:
            return Finished(_case(fields["case"]))
        if kind is Collected:
            fields["ids"] = tuple(fields["ids"])
        return kind(**fields)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a line of the functional plug-in: {data[:200]!r}") from error


def _case(fields: dict[str, Any]) -> CaseResult:
    """字典 → CaseResult。"""
    fields["outcome"] = Outcome(fields["outcome"])
    fields["strict"] = fields["strict"] and Outcome(fields["strict"])
    if capability := fields["capability"]:
        support = Support(capability["support"])
        fields["capability"] = Capability(**capability | {"support": support})
    fields["evidence"] = tuple(Evidence(**evidence) for evidence in fields["evidence"])
    return CaseResult(**fields)
