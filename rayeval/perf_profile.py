"""命令行的开关 → 压测档位；错处以开关的名字说，一次说全。"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rayeval.errors import UsageError
from rayeval.perf_flags import FLAGS, Flag

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from rayeval.domain.perf import PerfSpec

Given = Mapping[str, Any]
"""开关名（下划线写法）→ 命令行上的原文；没有给的为 None 或空。"""
CLOSED = {"", "inf", "infinity", "+inf"}
"""--request-rate 的这些写法就是闭环。"""
_CLIMB_ONLY = tuple(flag for flag in FLAGS if flag.field.startswith("climb."))
_RATE_ONLY = tuple(flag for flag in FLAGS if flag.field.startswith("open_loop."))[1:]
_SAYINGS = {
    "int_parsing": "a whole number",
    "float_parsing": "a number",
    "int_from_float": "a whole number",
}


def perf_spec(given: Given) -> PerfSpec:
    """开关 → 档位；不成立时抛 UsageError，一次说全，一行一处，都以开关的名字说。"""
    from pydantic import ValidationError

    from rayeval.domain.perf import PerfSpec

    problems = list(_conflicts(given))
    if problems:
        raise UsageError("\n".join(problems))
    fields = _fields(given)
    try:
        return PerfSpec.model_validate(fields)
    except ValidationError as error:
        details = error.errors(include_url=False)
        lines = dict.fromkeys(_told(d) for d in details if d["type"] != "too_short")
        raise UsageError("\n".join(lines)) from None


def _conflicts(given: Given) -> Iterator[str]:
    """开关之间的规矩。"""
    climbs, rate = bool(given.get("use_climb")), _rate(given)
    if climbs and rate:
        yield f"--request-rate {rate} and --use-climb exclude each other; drop one"
    if rate and not given.get("concurrency"):
        yield "--request-rate needs --concurrency, the cap of requests in flight; like -c 256"
    for flags, needed, there in (
        (_CLIMB_ONLY, "--use-climb", climbs),
        (_RATE_ONLY, "--request-rate", bool(rate)),
    ):
        for flag in flags:
            if not there and given.get(flag.name) is not None:
                yield f"{flag.long} has no effect without {needed}; add it, or drop {flag.long}"
    backend = given.get("concurrency_backend") or "threading-pool"
    if backend != "threading-pool":
        yield f"--concurrency-backend {backend!r}: only threading-pool is known; drop it"
    for flag in FLAGS:
        yield from _bad_list(flag, given.get(flag.name) or ())


def _bad_list(flag: Flag, values: Sequence[str]) -> Iterator[str]:
    """一串整数：都从 1 起；矩阵的一维里没有重复的值，否则两个 cell 同名。"""
    if not flag.many or flag.field == "goodput":
        return
    parts = _split(values)
    for part in dict.fromkeys(parts):
        if re.fullmatch(r"-\d+|0+", part):
            yield f"{flag.long}: expected whole numbers from 1 on, got {part!r}"
        if parts.count(part) > 1 and part.isdigit() and flag.field != "num_requests":
            yield f"{flag.long}: {part} is there twice; remove one"


def _fields(given: Given) -> dict[str, Any]:
    """开关的原文 → PerfSpec 的字段树；数字还是文本，由 pydantic 去读。"""
    method = "climb" if given.get("use_climb") else "rate" if _rate(given) else "queue"
    fields: dict[str, Any] = {"control_method": method}
    for flag in FLAGS:
        value = given.get(flag.name)
        value = flag.default if value in (None, [], ()) else value
        if not flag.field or value is None or _idle(flag, method):
            continue
        *path, last = flag.field.split(".")
        node = fields
        for step in path:
            node = node.setdefault(step, {})
        node[last] = _objectives(list(value)) if last == "goodput" else _plain(flag, value)
    counts = fields.get("num_requests")
    if counts is not None and len(counts) == 1:  # 一个数管全部的 cell
        fields["num_requests"] = counts * len(fields["concurrency"])
    return fields


def _idle(flag: Flag, method: str) -> bool:
    """这种跑法用不上的开关。"""
    return flag.field.startswith("open_loop.") and method != "rate"


def _plain(flag: Flag, value: Any) -> Any:
    """一个开关的值：一串拆开；none 是不要；不带值的开关是真假。"""
    if flag.many:
        return _split([value] if isinstance(value, str) else value)
    if not flag.metavar:
        return value if isinstance(value, bool) else True
    return None if value == "none" else value


def _split(values: Sequence[str]) -> list[str]:
    """`1,2` 与重复都是一串；逗号之间的空白不算。"""
    return [part.strip() for value in values for part in value.split(",")]


def _objectives(values: list[str]) -> dict[str, str]:
    """一串 `ttft:50` → 各指标的限值，还是文本；形状不对抛 UsageError。"""
    pairs = [part.partition(":") for part in _split(values)]
    wrong = next((f"{a}{colon}{b}" for a, colon, b in pairs if not (a and b)), None)
    if wrong is not None:
        raise UsageError(f"--goodput {wrong!r}: expected METRIC:MILLISECONDS, like ttft:50")
    return {metric.strip().lower(): limit.strip() for metric, _, limit in pairs}


def _rate(given: Given) -> str:
    """开环的速率；闭环为空串。"""
    rate = str(given.get("request_rate") or "").strip()
    return "" if rate.lower() in CLOSED else rate


def _told(error: ErrorDetails) -> str:
    """pydantic 的一条错误，以开关的名字说。"""
    words = [step for step in error["loc"] if isinstance(step, str) and step != "[key]"]
    if not words:
        return _renamed(error["msg"].removeprefix("Value error, "))
    if words[0] == "goodput":
        expected = _expected(error)
        return f"--goodput {':'.join(words[1:])!r}: expected METRIC:MILLISECONDS, {expected}"
    flag = next(flag for flag in FLAGS if flag.field == ".".join(words))
    expected = "whole numbers, like 1,2,4" if flag.many else _expected(error)
    return f"{flag.long}: expected {expected}, got {str(error['input'])!r}"


def _expected(error: ErrorDetails) -> str:
    """期望的样子。"""
    if error["type"] == "literal_error":
        return "one of " + ", ".join(re.findall(r"'([^']*)'", error["ctx"]["expected"]))
    limit = error["msg"].removeprefix("Input should be ")
    return _SAYINGS.get(error["type"], f"a number {limit}")


def _renamed(message: str) -> str:
    """话里的字段名换成开关名；YAML 的 null 在命令行上写 none。"""
    for flag in FLAGS:
        last = flag.field.rpartition(".")[2]
        if "_" in last or last in {"concurrency", "goodput"}:
            message = re.sub(rf"(?<![\w-]){last}\b", flag.long, message)
    return message.replace(": null", " none")
