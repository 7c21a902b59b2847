"""请求体的字段：类型与范围，一处一查；错了说是哪个参数、要什么、给了什么。"""

from __future__ import annotations

import math
from typing import Any

from rayeval.mock.refusal import Refused

Json = dict[str, Any]


class Fields:
    """一个 JSON 对象的严格读者；缺席与 null 都取缺省，布尔值不是数。"""

    def __init__(self, body: Json) -> None:
        """记下对象。"""
        self.body = body

    def number(self, name: str, default: float, low: float, high: float = math.inf) -> float:
        """[low, high] 内的有限数。"""
        value = self.body.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong_type(name, "a number", value)
        if not low <= value <= high or math.isinf(value):
            raise out_of_range(name, low, high, value)
        return float(value)

    def integer(self, name: str, low: int, high: int | None = None) -> int | None:
        """[low, high] 内的整数；缺席为 None；1.0 这样的也算整数。"""
        value = self.body.get(name)
        if value is None:
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong_type(name, "an integer", value)
        if value < low or (high is not None and value > high):
            raise out_of_range(name, low, math.inf if high is None else high, value)
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """真或假。"""
        value = self.body.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise wrong_type(name, "a boolean", value)
        return value

    def mapping(self, name: str) -> Json:
        """JSON 对象；缺席为空。"""
        value = self.body.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise wrong_type(name, "an object", value)
        return value

    def text(self, name: str) -> str | None:
        """字符串；缺席为 None。"""
        value = self.body.get(name)
        if value is not None and not isinstance(value, str):
            raise wrong_type(name, "a string", value)
        return value

    def stops(self) -> tuple[str, ...]:
        """stop：一个字符串或一列；空串停在开头，没有意义，拒绝。"""
        value = self.body.get("stop")
        if value is None:
            return ()
        stops = [value] if isinstance(value, str) else value
        if not isinstance(stops, list) or not all(isinstance(stop, str) for stop in stops):
            raise wrong_type("stop", "a string or a list of strings", value)
        if "" in stops:
            raise Refused("stop cannot contain an empty string.", param="stop")
        return tuple(stops)

    def bias(self, vocabulary: int) -> dict[int, float]:
        """logit_bias：词元编号 → [-100, 100]。"""
        biases = {}
        for key, value in self.mapping("logit_bias").items():
            if not key.isascii() or not key.isdigit() or int(key) >= vocabulary:
                raise Refused(
                    f"logit_bias: key {key!r} is not a token id below {vocabulary}",
                    param="logit_bias",
                )
            biases[int(key)] = Fields({"logit_bias": value}).number("logit_bias", 0.0, -100, 100)
        return biases


def wrong_type(name: str, wanted: str, value: object) -> Refused:
    """类型不对。"""
    return Refused(f"{name} must be {wanted}, got {shown(value)}", param=name, why="type")


def out_of_range(name: str, low: float, high: float, value: object) -> Refused:
    """越界；措辞照 vLLM：must be at least / must be in。"""
    if math.isinf(high):
        message = f"{name} must be at least {low:g}, got {shown(value)}."
    else:
        message = f"{name} must be in [{low:g}, {high:g}], got {shown(value)}."
    return Refused(message, param=name, why="range")


def shown(value: object) -> str:
    """错误里展示的值，至多 80 个字符。"""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."  # noqa: PLR2004 展示的宽度
