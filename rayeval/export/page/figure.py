"""图的砖：Plotly 的一条线、一个轴、一张图，都是可以写成 JSON 的字典。

颜色与字体随页面的明暗由页面上的脚本去配；这里只说是第几种颜色。
文字可以是 {"en": …, "zh": …}，由页面按读者的语言取。
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rayeval.export.page.curves import Numbers

Trace = dict[str, Any]
Figure = dict[str, Any]
Words = str | Mapping[str, str]
"""一句话：不分语言的，或两种语言各一句。"""

COLOURS = (
    *("#3b82f6", "#f97316", "#10b981", "#ec4899", "#8b5cf6"),
    *("#eab308", "#06b6d4", "#ef4444", "#84cc16", "#a8a29e"),
)
"""明暗两种底色上都看得清的颜色，轮着用。"""


def both(en: str, zh: str) -> dict[str, str]:
    """两种语言各一句。"""
    return {"en": en, "zh": zh}


def plain(text: str) -> str:
    """不可信的文字：Plotly 会认一部分 HTML，尖括号与 & 都写成实体。"""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def colour(index: int) -> str:
    """第几种颜色。"""
    return COLOURS[index % len(COLOURS)]


def line(x: Sequence[Any], y: Numbers, name: Words, index: int, **more: Any) -> Trace:
    """一条线；`index` 是颜色。"""
    style = {"color": colour(index), "width": 2} | more.pop("line", {})
    known = {"type": "scatter", "mode": "lines", "x": list(x), "y": y, "name": name}
    return known | {"line": style} | more


def axis(title: Words, **more: Any) -> dict[str, Any]:
    """一个轴。"""
    return {"title": {"text": title}, **more}


def figure(traces: Sequence[Trace], x: dict[str, Any], y: dict[str, Any], **layout: Any) -> Figure:
    """一张图。"""
    return {"data": list(traces), "layout": {"xaxis": x, "yaxis": y, **layout}}
