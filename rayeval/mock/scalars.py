"""JSON Schema 的标量：数的界（含开区间）与倍数，字符串的格式、正则与长度，都真的满足。"""

from __future__ import annotations

import math
import random
import re
import uuid
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from rayeval.mock.pattern import matching
from rayeval.mock.refusal import Refused

_SPAN = 100
_CANDIDATES = 200
_HAN = re.compile(r"[\u3400-\u9fff]")
_ENGLISH = (
    "amber",
    "birch",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "grove",
    "harbour",
    "iris",
    "juniper",
)
_CHINESE = ("春江", "远山", "明月", "清风", "竹林", "稻田", "灯塔", "海港", "石桥", "晨雾")


def number(schema: dict[str, Any], rng: random.Random, *, whole: bool) -> int | float:
    """满足界与倍数的数；界内没有这样的数时抛 Refused。

    没有倍数要求的小数落在百分之一的格上，格太粗就取区间正中。
    """
    low, low_open = _bound(schema, "minimum", "exclusiveMinimum", max)
    high, high_open = _bound(schema, "maximum", "exclusiveMaximum", min)
    multiple = schema.get("multipleOf")
    step = None if multiple is None else Fraction(str(multiple))
    if step is not None and step <= 0:
        raise Refused("JSON Schema: multipleOf must be above zero", param="response_format")
    grid = step or (Fraction(1) if whole else Fraction(1, 100))
    if whole:
        grid = Fraction(grid.numerator)  # 既是整数又是它的倍数
    low, high = _span(low, high)
    first, last = math.ceil(low / grid), math.floor(high / grid)
    first += low_open and first * grid == low
    last -= high_open and last * grid == high
    if first <= last:
        return _pick(grid, first, last, rng, exact=step is not None and not whole)
    if not whole and step is None and low < high:
        return float((low + high) / 2)
    raise Refused("JSON Schema: no number is within its bounds", param="response_format")


def _bound(schema: dict[str, Any], closed: str, opened: str, tighter: Any) -> Any:
    """一侧的界与它是不是开的；第四稿的布尔写法也认。"""
    bound, strict = schema.get(closed), schema.get(opened)
    if isinstance(strict, bool):
        return (Fraction(str(bound)) if bound is not None else None), strict
    if strict is None:
        return (Fraction(str(bound)) if bound is not None else None), False
    edge = Fraction(str(strict))
    if bound is None or tighter(Fraction(str(bound)), edge) == edge:
        return edge, True
    return Fraction(str(bound)), False


def _span(low: Fraction | None, high: Fraction | None) -> tuple[Fraction, Fraction]:
    """补上缺席的一侧：离另一侧一百；都缺席为 1 到 100。"""
    if low is None and high is None:
        return Fraction(1), Fraction(_SPAN)
    if low is None:
        low = (high or Fraction(0)) - _SPAN
    return low, low + _SPAN if high is None else high


def _pick(grid: Fraction, first: int, last: int, rng: random.Random, *, exact: bool) -> int | float:
    """格上的一个数；`exact` 时要求浮点相除也是整数，校验器才不误判。"""
    for _ in range(_CANDIDATES):
        value = rng.randint(first, last) * grid
        if value.denominator == 1:
            return int(value)
        if not exact or (float(value) / float(grid)).is_integer():
            return float(value)
    return float(first * grid)


def string(schema: dict[str, Any], rng: random.Random, name: str = "") -> str:
    """满足 format、pattern、minLength、maxLength 的文字；长度按码位数；互相矛盾时抛 Refused。"""
    shortest = int(schema.get("minLength", 0))
    longest = schema.get("maxLength")
    if longest is not None and longest < shortest:
        raise Refused("JSON Schema: maxLength is below minLength", param="response_format")
    if isinstance(schema.get("pattern"), str):
        return matching(schema["pattern"], rng, shortest=shortest, longest=longest)
    if maker := _FORMATS.get(str(schema.get("format"))):
        return maker(rng)
    about = f"{name}{schema.get('title', '')}{schema.get('description', '')}"
    text = _words(rng, chinese=bool(_HAN.search(about)))
    while len(text) < shortest:
        text += _words(rng, chinese=bool(_HAN.search(about)))
    return text if longest is None else text[: int(longest)]


def _words(rng: random.Random, *, chinese: bool) -> str:
    """一两个词。"""
    pool, glue = (_CHINESE, "") if chinese else (_ENGLISH, " ")
    return glue.join(rng.sample(pool, rng.randint(1, 2)))


def _date(rng: random.Random) -> str:
    """一个存在的日子。"""
    return f"20{rng.randint(10, 39)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"


def _time(rng: random.Random) -> str:
    """一天里的时刻，带时区。"""
    return f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}:{rng.randint(0, 59):02d}Z"


_FORMATS: dict[str, Callable[[random.Random], str]] = {
    "date": _date,
    "time": _time,
    "date-time": lambda rng: f"{_date(rng)}T{_time(rng)}",
    "email": lambda rng: f"{rng.choice(_ENGLISH)}@example.com",
    "hostname": lambda rng: f"{rng.choice(_ENGLISH)}.example.com",
    "ipv4": lambda rng: f"192.0.2.{rng.randint(1, 254)}",
    "uri": lambda rng: f"https://example.com/{rng.choice(_ENGLISH)}",
    "uuid": lambda rng: str(uuid.UUID(int=rng.getrandbits(128), version=4)),
}
