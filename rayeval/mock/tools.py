"""工具调用：该不该调、调哪个、调几次、参数写什么。"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from rayeval.mock.call import Call, Tool
from rayeval.mock.dice import shuffler
from rayeval.mock.refusal import Refused
from rayeval.mock.schema import NO_HINT, SchemaWriter, dump

_CITIES = (
    "New York", "San Francisco", "Los Angeles", "Hong Kong", "London", "Paris", "Berlin", "Tokyo",
    "Beijing", "Shanghai", "Shenzhen", "Guangzhou", "Hangzhou", "Boston", "Chicago", "Seattle",
    "Madrid", "Rome", "Moscow", "Sydney", "Singapore", "Seoul", "Toronto", "Dubai",
    "北京", "上海", "广州", "深圳", "杭州", "成都", "武汉", "西安", "南京", "香港", "台北",
    "东京", "巴黎", "伦敦", "纽约", "柏林",
)  # fmt: skip
_ALIASES: dict[str, tuple[str, ...]] = {
    "weather": ("weather", "forecast", "temperature", "rain", "天气", "气温", "下雨"),
    "forecast": ("weather", "forecast", "天气", "预报"),
    "time": ("time", "clock", "几点", "时间"),
    "date": ("date", "today", "日期", "今天", "几号"),
    "calculate": ("calculate", "compute", "plus", "times", "sum", "计算", "等于", "乘", "加"),
    "calc": ("calculate", "compute", "计算", "等于"),
    "add": ("add", "plus", "sum", "加", "求和"),
    "multiply": ("multiply", "times", "product", "乘"),
    "search": ("search", "look up", "find", "搜索", "查找", "查一下"),
    "stock": ("stock", "share", "股票", "股价"),
    "email": ("email", "mail", "邮件"),
    "translate": ("translate", "translation", "翻译"),
}
_COMMON_WORDS = """
get the and for with from current given this that about tool function value info set list use name
data user make call return returns into your you are can what how its a an in of to tell please
specified certain any one
"""
_STOP_WORDS = frozenset(_COMMON_WORDS.split())
_PLACE = re.compile(r"city|location|place|城市|地点|地区", re.I)
_FORMULA = re.compile(r"expr|formula|equation|算式|表达式", re.I)
_QUERY = re.compile(r"query|question|text|keyword|message|content|关键词|问题|内容", re.I)
_ARITHMETIC = re.compile(r"\d[\d\s.+\-*/×÷()%]*[+\-*/×÷%][\d\s.+\-*/×÷()]*\d")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_NAMED_PLACE = re.compile(r"\b(?:in|for|at|of) ([A-Z][a-z]+(?: [A-Z][a-z]+)*)")
_PLAIN_LIMITS = ("pattern", "format", "const", "enum", "minLength", "maxLength")
_NUMBER_LIMITS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")


@dataclass(frozen=True, slots=True)
class Invocation:
    """一次调用：函数名与 JSON 文本的参数。"""

    name: str
    arguments: str


def invocations(call: Call, request: str, key: int) -> list[Invocation]:
    """这一轮该有的调用；auto 下不沾边、或刚拿到工具结果时，一个也没有。"""
    if call.tool_choice == "none":
        return []
    if call.tool_choice == "auto":
        if call.turns[-1].role != "user":
            return []
        chosen = [tool for tool in call.tools if _concerned(tool, request)]
    elif call.tool_choice == "named":
        chosen = [tool for tool in call.tools if tool.name == call.forced_tool]
    else:
        chosen = [tool for tool in call.tools if _concerned(tool, request)] or call.tools[:1]
    many = call.parallel_tools and call.tool_choice != "named"
    made = [one for tool in chosen for one in _made(tool, request, key, many=many)]
    return made if call.parallel_tools else made[:1]


def _made(tool: Tool, request: str, key: int, *, many: bool) -> list[Invocation]:
    """一个工具的调用；提到几座城、又要城市参数的，一城一次。"""
    places = _places(request)
    wants_place = any(_PLACE.search(name) for name in tool.parameters.get("properties") or {})
    rounds = places if many and wants_place and len(places) > 1 else places[:1] or [""]
    made = []
    for place in rounds:
        clues = _Clues(request, place)
        writer = SchemaWriter(tool.parameters, shuffler(key, tool.name, place), clues.hint)
        try:
            made.append(Invocation(tool.name, dump(writer.value())))
        except Refused as refused:
            message = f"parameters of tool {tool.name!r}: {refused.message}"
            raise Refused(message, param="tools") from None
    return made


def _concerned(tool: Tool, request: str) -> bool:
    """提问与这个工具有关：名字里的词（或它的同义词）出现，或描述里的词出现两个。"""
    lowered = request.lower()
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", tool.name)
    for word in _significant(spaced):
        if any(_occurs(alias, lowered) for alias in _ALIASES.get(word, (word,))):
            return True
    found = {word for word in _significant(tool.description) if _occurs(word, lowered)}
    han = set(re.findall(r"(?=([\u4e00-\u9fff]{2}))", tool.description))
    return len(found) + len({pair for pair in han if pair in request} - {"获取", "查询"}) > 1


def _significant(text: str) -> list[str]:
    """有分量的英文词。"""
    words = re.findall(r"[a-z]{3,}", text.lower().replace("_", " "))
    return [word for word in words if word not in _STOP_WORDS]


def _occurs(word: str, lowered: str) -> bool:
    """英文按整词（容许复数），中文按子串。"""
    if word.isascii():
        return re.search(rf"\b{re.escape(word)}(?:s|es)?\b", lowered) is not None
    return word in lowered


def _places(request: str) -> list[str]:
    """提到的城市，按出现的先后。"""
    known = [city for city in _CITIES if re.search(re.escape(city), request, re.I)]
    found = sorted(known, key=lambda city: request.lower().index(city.lower()))
    if found:
        return found
    match = _NAMED_PLACE.search(request)
    return [match.group(1)] if match else []


class _Clues:
    """提问里可当参数的东西；数字按出现的次序一个属性用一个。"""

    def __init__(self, request: str, place: str) -> None:
        """找出数字。"""
        self._request = request
        self._place = place
        self._numbers = [float(text) for text in _NUMBER.findall(request)]

    def hint(self, name: str, schema: dict[str, Any]) -> Any:
        """给一个属性出主意；没有把握满足 Schema 就不出。"""
        kind = schema.get("type")
        if isinstance(schema.get("enum"), list):
            return self._mentioned(schema["enum"])
        if kind in {"integer", "number"} and self._numbers:
            return self._number(schema, whole=kind == "integer")
        if kind != "string":
            return NO_HINT
        if schema.get("format") == "date" and (match := _DATE.search(self._request)):
            return match.group()
        if any(limit in schema for limit in _PLAIN_LIMITS):
            return NO_HINT
        return self._string(f"{name} {schema.get('description', '')}", name)

    def _mentioned(self, members: list[Any]) -> Any:
        """提问里提到的那个枚举值。"""
        lowered = self._request.lower()
        for member in members:
            if isinstance(member, str) and member and _occurs(member.lower(), lowered):
                return member
        return NO_HINT

    def _number(self, schema: dict[str, Any], *, whole: bool) -> Any:
        """下一个数字；有界或该是整数而不是的，不用它。"""
        if any(limit in schema for limit in _NUMBER_LIMITS):
            return NO_HINT
        value = self._numbers[0]
        if whole and not value.is_integer():
            return NO_HINT
        self._numbers.pop(0)
        return int(value) if value.is_integer() else value

    def _string(self, about: str, name: str) -> Any:
        """地点、算式、日期或整句。"""
        if _PLACE.search(about):
            return self._place or _CITIES[0]
        if _FORMULA.search(about) and (match := _ARITHMETIC.search(self._request)):
            return match.group().strip()
        if "date" in name.lower() and (match := _DATE.search(self._request)):
            return match.group()
        return self._request[:200] if _QUERY.search(name) else NO_HINT
