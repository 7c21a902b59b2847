"""一次往返：送出什么、回来什么、归一之后是什么；流式与非流式一个模样。"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rayeval.client.assemble import Completion, Message
from rayeval.client.openai import explain
from rayeval.domain.functional import Evidence

Json = dict[str, Any]
TRIM_CHARS = 4000
_UNAVAILABLE = frozenset({401, 403, 408, 425, 429})
_FIRST_ERROR, _FIRST_SERVER_ERROR, _LAST_ERROR = 400, 500, 599


class ServiceTrouble(Exception):  # noqa: N818 是服务此刻不行，不是本工具的错误
    """服务没能作答：5xx、限流、拒绝鉴权、超时、断线。用例记 ERROR，绝不当作“不支持”。"""


class CaseTimeout(ServiceTrouble):
    """用例超过了它的时限。"""


class ServiceGone(ServiceTrouble):
    """连都连不上：服务不在了。"""


@dataclass(slots=True)
class Exchange:
    """一次往返的全部；`status` 为 None 表示连状态行都没等到。

    `chunks` 与 `done` 只对流式有意义；`text` 是正文原样（流式为各事件的数据，一行一个）。
    `unanswered` 是传输出错（不是超时）而回复一个字节也没到，只有这种才重来；`unreachable`
    是连不上。`strict_broken` 是只有严判才怪罪的违约。
    """

    method: str
    path: str
    request: object
    streamed: bool
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    body: Any = None
    chunks: list[Json] = field(default_factory=list)
    undecodable: list[str] = field(default_factory=list)
    done: bool = False
    completion: Completion = field(default_factory=lambda: Completion([]))
    failure: str = ""
    unanswered: bool = False
    unreachable: bool = False
    strict_broken: list[str] = field(default_factory=list)

    @property
    def message(self) -> Message:
        """第 0 个 choice。"""
        return self.completion.first

    @property
    def verdict(self) -> int:
        """算数的状态码：200 之后流里送来错误对象，就按那个错误算（没写状态的算 500）。"""
        status = self.status or 0
        if status >= _FIRST_ERROR or not self.completion.error:
            return status
        code = self.completion.error
        code = code.get("code", code.get("status")) if isinstance(code, dict) else None
        code = int(code) if isinstance(code, str) and code.isdigit() else code
        known = isinstance(code, int) and _FIRST_ERROR <= code <= _LAST_ERROR
        return code if known and isinstance(code, int) else _FIRST_SERVER_ERROR

    @property
    def ok(self) -> bool:
        """2xx，且流里没有错误对象。"""
        return 200 <= self.verdict < 300  # noqa: PLR2004 HTTP 定义

    @property
    def rejected(self) -> bool:
        """请求本身被拒：4xx 里去掉鉴权、超时、限流。"""
        client_error = _FIRST_ERROR <= self.verdict < _FIRST_SERVER_ERROR
        return client_error and self.verdict not in _UNAVAILABLE

    @property
    def error_message(self) -> str:
        """服务怎样解释它的拒绝，不论用哪种形状写。"""
        error = self.completion.error
        body = {"error": error} if error and self.streamed else self.body
        return explain(body, self.text)

    @property
    def trouble(self) -> str:
        """服务此刻不行的话，一句话说是怎么不行；行则为空。"""
        if self.failure:
            return self.failure
        if self.verdict >= _FIRST_SERVER_ERROR or self.verdict in _UNAVAILABLE:
            place = "an error event in the stream" if self.verdict != self.status else "the answer"
            return f"HTTP {self.verdict} as {place}: {self.error_message[:300]}"
        return ""

    def came(self) -> str:
        """失败信息里“回来了什么”：状态与正文开头。"""
        return f"HTTP {self.status} {self.text[:1200]}" if self.status else self.failure

    def sent(self) -> str:
        """失败信息里“送出了什么”。"""
        return f"{self.method} {self.path} {request_text(self.request)[:1200]}"

    def evidence(self) -> Evidence:
        """留痕；正文截短。去密由收集它的人做。"""
        reply = self.text if not self.failure else f"{self.text}\n[{self.failure}]".lstrip()
        return Evidence(
            self.method,
            self.path,
            trim(request_text(self.request)),
            self.status,
            trim(reply),
        )


def request_text(request: object) -> str:
    """请求体的文本；没有体时为空。"""
    return "" if request is None else json.dumps(request, ensure_ascii=False)


def trim(text: str) -> str:
    """留头留尾，中间说明省了多少字；流的结尾（usage、[DONE]）往往才是要看的。"""
    if len(text) <= TRIM_CHARS:
        return text
    half = TRIM_CHARS // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"
