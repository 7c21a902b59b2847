"""发一次请求、读一次回复：服务的一切怪样都折成 Outcome。"""

from __future__ import annotations

import email.utils
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

import httpx

from rayeval.client.assemble import from_body
from rayeval.client.openai import Reply
from rayeval.domain.accuracy import Shard
from rayeval.domain.service import Endpoint

TOO_MANY_REQUESTS = 429
UNAVAILABLE = 503
MAX_MESSAGE_CHARS = 500


class Chat(Protocol):
    """能发一次非流式对话的东西；OpenAIClient 即是。"""

    def chat(self, messages: list[dict[str, Any]], **params: Any) -> Reply:
        """发一次；传输错误抛 httpx.HTTPError，HTTP 状态在 Reply 里。"""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """一次尝试的结局；`error_class` 为 None 即成功。

    `retry_after_s` 是服务要求等的秒数，`status` 是没有成功的 HTTP 状态。
    """

    reply: str = ""
    reasoning: str = ""
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    error_class: str | None = None
    error_message: str = ""
    retryable: bool = False
    retry_after_s: float | None = None
    status: int | None = None

    @property
    def busy(self) -> bool:
        """服务嫌我们问得太多：429，或带着 Retry-After 的 503。"""
        asked_to_wait = self.status == UNAVAILABLE and self.retry_after_s is not None
        return self.status == TOO_MANY_REQUESTS or asked_to_wait


def attempt(chat: Chat, shard: Shard, messages: list[dict[str, Any]]) -> Outcome:
    """发一次请求；任何结果都是 Outcome。"""
    spec = shard.spec
    limit = {shard.max_tokens_field: spec.max_tokens}
    try:
        reply = chat.chat(messages, temperature=spec.temperature, stream=False, **limit)
    except httpx.HTTPError as error:
        message = f"{type(error).__name__}: {error}"
        return _failure(shard.endpoint, _transport_class(error), message, retryable=True)
    if not reply.ok:
        return _rejection(shard.endpoint, reply)
    return _read(shard, reply)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Retry-After 头的秒数；秒与 HTTP 日期两种写法都认，负数按 0，认不出为 None。"""
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            when = email.utils.parsedate_to_datetime(value)
        except (ValueError, TypeError, OverflowError):
            return None
        seconds = (when.replace(tzinfo=when.tzinfo or UTC) - now).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _rejection(endpoint: Endpoint, reply: Reply) -> Outcome:
    """非 2xx 的回复：429 与 5xx 可重试，3xx 不是我们认得的接口。"""
    kind = {4: "http_4xx", 5: "http_5xx"}.get(reply.status // 100, "bad_http")
    retryable = reply.status == TOO_MANY_REQUESTS or kind == "http_5xx"
    wait = retry_after(reply.headers, datetime.now(UTC)) if retryable else None
    message = f"HTTP {reply.status}: {reply.error_message}"
    failure = _failure(endpoint, kind, message, retryable=retryable, wait_s=wait)
    return replace(failure, status=reply.status)


def _read(shard: Shard, reply: Reply) -> Outcome:
    """2xx 的回复 → 正文、推理与用量；200 里的错误对象仍是失败。"""
    if not isinstance(reply.body, dict):
        return _failure(shard.endpoint, "bad_json", f"not a JSON object: {reply.text}")
    completion = from_body(reply.body, shard.reasoning_keys)
    if completion.error:
        return _failure(shard.endpoint, "stream_error", f"error object: {reply.error_message}")
    if not completion.messages:
        return _failure(shard.endpoint, "no_tokens", f"no choices: {reply.text}")
    message = completion.first
    usage = completion.usage or {}
    return Outcome(
        reply=shard.endpoint.redact(clean(message.content or "")),
        reasoning=shard.endpoint.redact(clean(message.reasoning or "")),
        finish_reason=clean(message.finish_reason)[:40] if message.finish_reason else None,
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
    )


def _failure(
    endpoint: Endpoint,
    kind: str,
    message: str,
    *,
    retryable: bool = False,
    wait_s: float | None = None,
) -> Outcome:
    """一次失败；话遮过密钥、截到 500 字。"""
    text = endpoint.redact(clean(message))[:MAX_MESSAGE_CHARS]
    return Outcome(error_class=kind, error_message=text, retryable=retryable, retry_after_s=wait_s)


def _transport_class(error: httpx.HTTPError) -> str:
    """传输错误属于 ERROR_CLASSES 的哪一种。"""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return "connect"
    if isinstance(error, httpx.TimeoutException):
        return "timeout"
    if isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError):
        return "reset"
    return "bad_http"


def _count(value: Any) -> int | None:
    """用量里的一个计数；不是 int32 放得下的非负整数就当没有。"""
    sound = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31
    return value if sound else None


def clean(text: str) -> str:
    """换掉落单的代理项：JSON 里写得出，UTF-8 与 Arrow 里放不下。字符数不变。"""
    return text.encode("utf-8", "replace").decode("utf-8")
