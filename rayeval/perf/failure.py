"""一次请求为什么算失败：由线上的结局与内容定出 ERROR_CLASSES 之一；纯函数。"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from rayeval.client.openai import explain
from rayeval.perf.tally import Tally, count, decode

MAX_MESSAGE = 300
"""错误消息留下的长度，字符；隐去密钥之后才截，免得截剩半个密钥。"""
_QUOTE = 16 * 1024
"""引用原文的上限，字节。"""

Failure = tuple[str, str]
"""(种类，原话)。"""


class Ending(StrEnum):
    """线上是怎样结束的；与意义无关。"""

    COMPLETE = "complete"
    CLOSED = "closed"
    RESET = "reset"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    CONNECT = "connect"
    BAD_HTTP = "bad_http"


_CUTS = {
    Ending.TIMEOUT: ("timeout", "no complete answer within the time-out"),
    Ending.CANCELLED: ("cancelled", "cut by us"),
    Ending.RESET: ("reset", "connection reset"),
}
"""没有走到 [DONE] 时，这些结束各是哪种失败、没有原话时怎么说。"""


class Facts(NamedTuple):
    """判断成败要看的事实。

    `status` 为 0 表示连头都没有；`broken` 是 HTTP 或编码不合法之处；`done` 是见过 [DONE]；
    `bad_json` 是第一个解不开的事件，`truncated` 是断在一个事件当中；
    `body` 是不是事件流的正文，`whole` 是它读成了 JSON 对象。
    """

    ending: Ending
    detail: str
    status: int
    broken: str | None
    done: bool
    bad_json: str | None
    truncated: bool
    body: bytes
    whole: bool


def classify(facts: Facts, tally: Tally) -> Failure | None:
    """失败的种类与原话；成功为 None。服务亲口说的先于传输层看到的，传输先于内容。"""
    if facts.ending is Ending.CONNECT:
        return "connect", facts.detail
    return _said(facts, tally) or _cut(facts) or _malformed(facts) or _lacking(facts, tally)


def trim(data: bytes) -> str:
    """留在消息里的一小段原文。"""
    return data[:_QUOTE].decode("utf-8", "replace")


def _said(facts: Facts, tally: Tally) -> Failure | None:
    """服务自己报的错：HTTP 状态，或流里的错误对象。"""
    if facts.status >= 400:  # noqa: PLR2004 HTTP 定义
        kind = "http_4xx" if facts.status < 500 else "http_5xx"  # noqa: PLR2004 HTTP 定义
        return kind, _refusal(facts.body) or f"HTTP {facts.status} without a body"
    if tally.error is not None:
        return "stream_error", tally.error
    return None


def _refusal(body: bytes) -> str:
    """HTTP 错误体里的话。"""
    try:
        parsed = decode(body)
    except ValueError:
        parsed = None
    return explain(parsed, trim(body))


def _cut(facts: Facts) -> Failure | None:
    """线上出的事：不合法的 HTTP；没有走到 [DONE] 就超时、被取消、被重置、没答就关。"""
    if facts.broken is not None or facts.ending is Ending.BAD_HTTP:
        return "bad_http", facts.broken or facts.detail
    if facts.done:
        return None
    if facts.ending in _CUTS:
        kind, message = _CUTS[facts.ending]
        return kind, facts.detail or message
    if not facts.status:
        return "reset", facts.detail or "connection closed before an answer"
    return None


def _malformed(facts: Facts) -> Failure | None:
    """答了，但不是该有的样子。"""
    if facts.status >= 300 or facts.status == 101:  # noqa: PLR2004 HTTP 定义
        return "bad_http", f"HTTP {facts.status} instead of an answer; does base_url redirect?"
    if facts.bad_json is not None:
        return "bad_json", f"an event is not a JSON object: {facts.bad_json}"
    if facts.body and not facts.whole:
        kind = "incomplete" if facts.ending is Ending.CLOSED else "bad_json"
        return kind, f"the answer is not a JSON object: {trim(facts.body)}"
    return None


def _lacking(facts: Facts, tally: Tally) -> Failure | None:
    """样子都对，但没有走到头，或什么也没有生成。

    没有文本而用量说有 token（只生成了特殊 token）不算零 token。
    """
    if facts.truncated:
        return "incomplete", "the answer was cut inside an event"
    if not (facts.whole or facts.done or tally.finish_reason):
        return "incomplete", "the answer ended without finish_reason or [DONE]"
    if not tally.has_output and not count(tally.usage, "completion_tokens"):
        return "no_tokens", "the answer has no token"
    return None
