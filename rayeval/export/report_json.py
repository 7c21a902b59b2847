"""RunReport 与 JSON 字节互换：有限的数原样往返；JSON 里绝不出现 NaN 与 Infinity。"""

from __future__ import annotations

import json
import math
import re
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from rayeval.domain.report import SCHEMA_VERSION, RunReport
from rayeval.errors import UsageError

_SURROGATES = re.compile("[\ud800-\udfff]")


def encode(report: RunReport) -> bytes:
    """RunReport → UTF-8 JSON。

    NaN 与无穷写成 null；服务送来的孤立代理项写成 U+FFFD（UTF-8 里写不下它）。
    """
    plain = _storable(_adapter().dump_python(report, mode="json"))
    text = json.dumps(plain, ensure_ascii=False, allow_nan=False, indent=1)
    return text.encode() + b"\n"


def decode(data: bytes, name: str = "report.json") -> RunReport:
    """JSON → RunReport；不是报告、版本不识、字段缺失都抛 UsageError，`name` 写进错误里。

    必须是数而写着 null 的地方读作 NaN：它当初就不是一个数。
    """
    try:
        plain = json.loads(data)
    except (ValueError, RecursionError) as error:
        msg = f"{name}: not JSON ({error}); give a report.json that a run has written"
        raise UsageError(msg) from error
    if not isinstance(plain, dict):
        msg = f"{name}: not a run report; give a report.json that a run has written"
        raise UsageError(msg)
    version = plain.get("schema_version")
    if version != SCHEMA_VERSION:
        msg = (
            f"{name}: schema_version is {version!r}, this rayeval reads {SCHEMA_VERSION}; "
            "read it with the version that wrote it, or measure again"
        )
        raise UsageError(msg)
    return _validate(plain, name)


def _validate(plain: dict[str, Any], name: str) -> RunReport:
    """验形状；第一次只把“该是数却为 null”补成 NaN，其余的错照报。"""
    try:
        return _adapter().validate_python(plain)
    except ValidationError as error:
        for problem in error.errors():
            if problem["type"] == "float_type" and problem["input"] is None:
                _put(plain, problem["loc"], math.nan)
    try:
        return _adapter().validate_python(plain)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        msg = (
            f"{name}: {where}: {first['msg']} ({error.error_count()} problems in all); "
            "give a report.json as a run has written it"
        )
        raise UsageError(msg) from error


def _put(plain: Any, path: tuple[int | str, ...], value: float) -> None:
    """按路径改写一个叶子；路径走不通（联合类型的标签）就放着，留给下一次校验去报。"""
    for part in path[:-1]:
        try:
            plain = plain[part]
        except (KeyError, IndexError, TypeError):
            return
    if isinstance(plain, dict | list):
        plain[path[-1]] = value  # type: ignore[index]  # 路径来自校验器，类型与容器相配


def _storable(value: Any) -> Any:
    """JSON 与 UTF-8 都装得下的同样的值。"""
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value)
    return value


@cache
def _adapter() -> TypeAdapter[RunReport]:
    """RunReport 的（反）序列化器；造它要几十毫秒，用到才造。"""
    return TypeAdapter(RunReport)
