"""问一道题：发请求、有界重试、读回复；服务的一切怪样都折成 Answer。"""

from __future__ import annotations

import email.utils
import math
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

import httpx

from rayeval.accuracy import benchmarks
from rayeval.accuracy.throttle import Throttle
from rayeval.client.assemble import from_body
from rayeval.client.openai import Reply
from rayeval.domain.accuracy import Answer, Item, Shard
from rayeval.domain.service import Endpoint

FIRST_BACKOFF_S = 0.5
MAX_BACKOFF_S = 30.0
MAX_RETRY_AFTER_S = 60.0
TOO_MANY_REQUESTS = 429
UNAVAILABLE = 503
MAX_MESSAGE_CHARS = 500
MAX_LAST_LINE_CHARS = 200


class Chat(Protocol):
    """能发一次非流式对话的东西；OpenAIClient 即是。"""

    def chat(self, messages: list[dict[str, Any]], **params: Any) -> Reply:
        """发一次；传输错误抛 httpx.HTTPError，HTTP 状态在 Reply 里。"""
        ...


Pause = Callable[[float], bool]
"""等这么多秒；真即被叫停。"""


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


def ask(chat: Chat, shard: Shard, item: Item, throttle: Throttle, pause: Pause) -> Answer | None:
    """问一道题直到有结局；被叫停时为 None。

    只重试 429、5xx 与传输错误，至多 spec.max_retries 次；`content: null` 是一个（空的）回答，
    不重试。在途的位子由 `throttle` 给，退避时让出；`pause(秒)` 等待并说是否该停。
    `duration_s` 从第一次发出算起，含重试与等待。
    """
    bench = benchmarks.find(shard.spec.benchmark)
    messages = bench.messages(shard.template, item, shard.spec.system_message)
    dice = random.Random(item.index)
    begin, limited = None, 0
    for attempt in range(shard.spec.max_retries + 1):
        entered = throttle.enter()
        if entered is None:
            return None
        begin = time.monotonic() if begin is None else begin
        outcome = _guarded(chat, shard, messages, throttle, entered)
        limited += outcome.status == TOO_MANY_REQUESTS
        if not outcome.retryable or attempt == shard.spec.max_retries:
            break
        if pause(delay_s(attempt, outcome.retry_after_s, dice)):
            return None
    answer = Answer(
        index=item.index,
        example=item.example,
        repeat=item.repeat,
        correct=item.correct,
        prompt=_clean(messages[-1]["content"]),
        reply=outcome.reply,
        reasoning=outcome.reasoning,
        simple_evals=bench.simple_evals(outcome.reply),
        robust=bench.robust(outcome.reply),
        finish_reason=outcome.finish_reason,
        prompt_tokens=outcome.prompt_tokens,
        completion_tokens=outcome.completion_tokens,
        duration_s=time.monotonic() - (begin or 0.0),
        attempts=attempt + 1,
        error_class=outcome.error_class,
        error_message=outcome.error_message,
        domain=_clean(item.domain),
        chars=len(outcome.reply),
        shard=shard.index,
        rate_limited=limited,
    )
    answer = replace(answer, kind=kind_of(answer))
    return answer if shard.spec.include_questions else withhold(answer)


def kind_of(answer: Answer) -> str:
    """KINDS 之一；出错的为空串。只有空白的回复算空。"""
    if answer.error_class is not None:
        return ""
    if answer.simple_evals is not None:
        return "parsed"
    if answer.finish_reason == "length":
        return "truncated"
    if answer.reply.strip():
        return "unparsed"
    return "reasoning_only" if answer.reasoning.strip() else "empty"


def withhold(answer: Answer) -> Answer:
    """去掉会透出题面的：题、推理、回复的末行以外、服务的话里状态以后的部分。

    在作答的地方就去掉，题面于是不上路，也不落盘。
    """
    lines = answer.reply.strip().splitlines()
    return replace(
        answer,
        prompt="",
        reasoning="",
        reply=lines[-1][-MAX_LAST_LINE_CHARS:] if lines else "",
        error_message=answer.error_message.partition(":")[0],
    )


def delay_s(attempt: int, retry_after_s: float | None, dice: random.Random) -> float:
    """第 `attempt` 次（从 0 起）失败之后等几秒。

    指数退避 0.5·2ⁿ，封顶 30，再在其一半到全部之间随机，免得各线程同时回来；
    服务给了 Retry-After 就至少等那么久，但不超过 60：被测服务不能让我们睡一天。
    """
    ceiling = min(MAX_BACKOFF_S, FIRST_BACKOFF_S * 2.0 ** min(attempt, 16))
    backoff = ceiling * dice.uniform(0.5, 1.0)
    return max(backoff, min(retry_after_s or 0.0, MAX_RETRY_AFTER_S))


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


def _guarded(
    chat: Chat,
    shard: Shard,
    messages: list[dict[str, Any]],
    throttle: Throttle,
    entered: float,
) -> Outcome:
    """占着位子发一次，再把位子与看到的忙闲交还。"""
    outcome: Outcome | None = None
    try:
        outcome = _attempt(chat, shard, messages)
    finally:
        throttle.leave(
            entered,
            busy=outcome is not None and outcome.busy,
            well=outcome is not None and outcome.error_class is None,
            wait_s=min(outcome.retry_after_s or 0.0, MAX_RETRY_AFTER_S) if outcome else 0.0,
        )
    return outcome


def _attempt(chat: Chat, shard: Shard, messages: list[dict[str, Any]]) -> Outcome:
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
        reply=shard.endpoint.redact(_clean(message.content or "")),
        reasoning=shard.endpoint.redact(_clean(message.reasoning or "")),
        finish_reason=_clean(message.finish_reason)[:40] if message.finish_reason else None,
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
    text = endpoint.redact(_clean(message))[:MAX_MESSAGE_CHARS]
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


def _clean(text: str) -> str:
    """换掉落单的代理项：JSON 里写得出，UTF-8 与 Arrow 里放不下。字符数不变。"""
    return text.encode("utf-8", "replace").decode("utf-8")
