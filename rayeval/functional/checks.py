"""各套件共用的许诺：答全了、有内容、用量对、流写得对、工具调用成形、JSON 合式。"""

from __future__ import annotations

import json
from typing import Any

import jsonschema

from rayeval.client.assemble import ToolCall
from rayeval.functional.exchange import Exchange, Json
from rayeval.functional.expect import (
    CHAT,
    CHAT_CHUNK,
    CHAT_OBJECT,
    STRUCTURED,
    TEXT_OBJECT,
    TOOLS,
    broken,
    expect,
)

FINISH_REASONS = frozenset({"stop", "length", "tool_calls", "content_filter", "function_call"})


def answered(exchange: Exchange) -> None:
    """200，有 choice，每个都有合规的 finish_reason；流式则还要写得成形。"""
    expect(exchange, exchange.ok, "a valid request is answered with 200", CHAT)
    if exchange.streamed:
        _stream_is_readable(exchange)
    messages = exchange.completion.messages
    expect(exchange, messages, "the answer has at least one choice", CHAT_OBJECT)
    for message in messages:
        reason = message.finish_reason
        expect(
            exchange,
            reason in FINISH_REASONS,
            f"finish_reason of choice {message.index} is one of {sorted(FINISH_REASONS)}",
            CHAT_OBJECT,
            {"finish_reason": reason},
        )


def said_something(exchange: Exchange) -> None:
    """答全了，且有非空的内容；预算花在推理上的，以 length 收尾也算。"""
    answered(exchange)
    message = exchange.message
    thought_to_the_limit = bool(message.reasoning) and message.finish_reason == "length"
    expect(
        exchange,
        (message.content or "").strip() or thought_to_the_limit,
        "the answer has content that is not blank",
        CHAT_OBJECT,
        {"content": message.content, "finish_reason": message.finish_reason},
    )
    whole = message.finish_reason == "stop"
    expect(
        exchange,
        not whole or "\ufffd" not in f"{message.content}{message.reasoning}",
        "text is whole code points: no U+FFFD from a character cut in two",
        "Unicode Standard, 3.9 UTF-8",
        message.content or "",
    )


def usage_adds_up(exchange: Exchange, limit: int | None = None) -> Json:
    """usage 在场：两项都是正整数，total 是其和，completion 不超过 `limit`。返回它。"""
    usage = exchange.completion.usage or {}
    prompt, output, total = (
        usage.get(key) for key in ("prompt_tokens", "completion_tokens", "total_tokens")
    )
    counts = [value for value in (prompt, output, total) if type(value) is int and value > 0]
    promise = "usage has prompt_tokens, completion_tokens and total_tokens, all above zero"
    expect(exchange, len(counts) == 3, promise, CHAT_OBJECT, {"usage": usage})  # noqa: PLR2004 三项
    expect(
        exchange,
        counts[0] + counts[1] == counts[2],
        "total_tokens = prompt_tokens + completion_tokens",
        CHAT_OBJECT,
        {"usage": usage},
    )
    expect(
        exchange,
        limit is None or counts[1] <= limit,
        f"completion_tokens is at most the limit of {limit}",
        CHAT,
        {"usage": usage},
    )
    return usage


def stream_is_well_formed(exchange: Exchange, kind: str) -> None:
    """一个 choice 的流：种类名为 `kind`，自始至终一个 id，finish_reason 恰一次且在末尾。"""
    _stream_is_readable(exchange)
    kinds = sorted({str(chunk.get("object")) for chunk in exchange.chunks})
    where = CHAT_CHUNK if kind.startswith("chat") else TEXT_OBJECT
    promise = f'object is "{kind}" in every chunk'
    expect(exchange, kinds == [kind], promise, where, {"object": kinds}, strict=True)
    ids = exchange.completion.ids
    expect(exchange, len(ids) == 1, "each chunk of a stream has the same id", where, {"ids": ids})
    choices = _choices(exchange)
    ends = [at for at, choice in enumerate(choices) if choice.get("finish_reason")]
    promise = "finish_reason comes exactly once, in the choice's last chunk"
    expect(exchange, len(ends) == 1, promise, where, {"chunks that carry one": len(ends)})
    late = [choice for choice in choices[ends[0] + 1 :] if has_text(choice)]
    expect(exchange, not late, promise, where, {"text after it": late})


def has_text(choice: Json) -> bool:
    """这一块带着内容、推理、工具或旧接口的文本。"""
    delta = choice.get("delta")
    carriers = (delta if isinstance(delta, dict) else {}, choice)
    keys = ("content", "reasoning_content", "reasoning", "tool_calls", "text")
    return any(carrier.get(key) for carrier in carriers for key in keys)


def _choices(exchange: Exchange) -> list[Json]:
    """各块里的 choice，按到达次序；不成形的不算。"""
    found: list[Json] = []
    for chunk in exchange.chunks:
        choices = chunk.get("choices")
        found.extend(c for c in choices or [] if isinstance(c, dict))
    return found


def _stream_is_readable(exchange: Exchange) -> None:
    """是 SSE，每条数据都是 JSON，以 [DONE] 收尾。"""
    content_type = exchange.headers.get("content-type", "")
    expect(
        exchange,
        "text/event-stream" in content_type,
        "stream: true is answered with text/event-stream",
        CHAT,
        {"content-type": content_type},
    )
    expect(
        exchange,
        not exchange.undecodable,
        "each event's data is a JSON object",
        CHAT_CHUNK,
        {"undecodable": exchange.undecodable[:3]},
    )
    closed = any(message.finish_reason for message in exchange.completion.messages)
    promise = "a stream ends with data: [DONE]"  # 有 finish_reason 的，客户端也知道完了
    expect(exchange, exchange.done, promise, CHAT, exchange.text[-400:], strict=closed)


def well_formed_call(exchange: Exchange, call: ToolCall, tools: list[Json]) -> Any:
    """一次工具调用：有 id、type 是 function、名字在给出的工具里、参数合其 schema。返回参数。"""
    shown = {"id": call.id, "type": call.type, "name": call.name, "arguments": call.arguments}
    expect(exchange, call.id, "each tool call has an id", TOOLS, shown)
    expect(exchange, call.type == "function", 'type of a tool call is "function"', TOOLS, shown)
    schemas = {t["function"]["name"]: t["function"].get("parameters") or {} for t in tools}
    promise = f"the called function is one of {sorted(schemas)}"
    expect(exchange, call.name in schemas, promise, TOOLS, shown)
    return valid_json(exchange, call.arguments or "{}", schemas[call.name], "arguments", TOOLS)


def valid_json(
    exchange: Exchange, text: str, schema: Json, what: str, where: str = STRUCTURED
) -> Any:
    """`text` 是 JSON 且合 `schema`；返回解析出的值。"""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise broken(exchange, f"{what} is valid JSON ({error})", where, text) from error
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    validator = jsonschema.Draft202012Validator(schema, format_checker=checker)
    problem = jsonschema.exceptions.best_match(validator.iter_errors(value))
    said = "" if problem is None else f" ({problem.json_path}: {problem.message[:300]})"
    expect(exchange, problem is None, f"{what} satisfies the JSON Schema{said}", where, text)
    return value
