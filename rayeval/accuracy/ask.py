"""问一道题：有界重试、让出位子、两种读法；服务的一切怪样都折成 Answer。"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from rayeval.accuracy import benchmarks
from rayeval.accuracy.attempt import TOO_MANY_REQUESTS, Chat, Outcome, attempt, clean
from rayeval.accuracy.throttle import Throttle
from rayeval.domain.accuracy import Answer, Item, Shard

FIRST_BACKOFF_S = 0.5
MAX_BACKOFF_S = 30.0
MAX_RETRY_AFTER_S = 60.0
MAX_LAST_LINE_CHARS = 200


Pause = Callable[[float], bool]
"""等这么多秒；真即被叫停。"""


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
    for turn in range(shard.spec.max_retries + 1):
        entered = throttle.enter()
        if entered is None:
            return None
        begin = time.monotonic() if begin is None else begin
        outcome = _guarded(chat, shard, messages, throttle, entered)
        limited += outcome.status == TOO_MANY_REQUESTS
        if not outcome.retryable or turn == shard.spec.max_retries:
            break
        if pause(delay_s(turn, outcome.retry_after_s, dice)):
            return None
    answer = Answer(
        index=item.index,
        example=item.example,
        repeat=item.repeat,
        correct=item.correct,
        prompt=clean(messages[-1]["content"]),
        reply=outcome.reply,
        reasoning=outcome.reasoning,
        simple_evals=bench.simple_evals(outcome.reply),
        robust=bench.robust(outcome.reply),
        finish_reason=outcome.finish_reason,
        prompt_tokens=outcome.prompt_tokens,
        completion_tokens=outcome.completion_tokens,
        duration_s=time.monotonic() - (begin or 0.0),
        attempts=turn + 1,
        error_class=outcome.error_class,
        error_message=outcome.error_message,
        domain=clean(item.domain),
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
        outcome = attempt(chat, shard, messages)
    finally:
        throttle.leave(
            entered,
            busy=outcome is not None and outcome.busy,
            well=outcome is not None and outcome.error_class is None,
            wait_s=min(outcome.retry_after_s or 0.0, MAX_RETRY_AFTER_S) if outcome else 0.0,
        )
    return outcome
