"""HTML 模板的环境：一律转义，看不见的字符一律换掉，未定义的变量是错误。"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup

_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)


@cache
def environment() -> jinja2.Environment:
    """模板在 rayeval/export/templates 里。"""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("rayeval.export", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalized,
    )
    made.filters["shown"] = shown
    return made


def seen(text: str) -> str:
    """不可信的文字：看不见的、改变书写方向的、UTF-8 装不下的字符换成替代符。"""
    return _UNSEEN.sub("\ufffd", text)


def shown(text: object, limit: int = 20_000) -> str:
    """至多 `limit` 个字符；截短的说少了多少。"""
    plain = str(text)
    if len(plain) <= limit:
        return plain
    return f"{plain[:limit]}\n[… {len(plain) - limit} characters left out]"


def _finalized(value: Any) -> Any:
    """模板里写出的每个值都先过这一道；已经是 HTML 的不动。"""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return seen(value)
