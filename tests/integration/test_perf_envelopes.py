"""引擎的流几乎全由同一个信封组成：一长串一样的事件里混进一个不一样的，也不许数错。"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.scripted import CHUNKED, DONE, END, Step, chunk, healthy, sized

pytestmark = pytest.mark.solo

NAME = "chatcmpl-0123456789abcdef"
OTHER = "chatcmpl-fedcba9876543210"
Json = dict[str, Any]


def vllm(delta: Json, finish: str | None = None, name: str = NAME) -> Json:
    """vLLM 的块。"""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    kind = "chat.completion.chunk"
    return {"id": name, "object": kind, "created": 1, "model": "m", "choices": [choice]}


def sglang(delta: Json, finish: str | None = None, name: str = NAME) -> Json:
    """SGLang 的块：空的推理字段也写出来，用量为 null。"""
    delta = {"role": None, "content": None, "reasoning_content": None, "tool_calls": None, **delta}
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "matched_stop": None}
    return {"id": name, "created": 1, "choices": [choice], "usage": None}


def llamacpp(delta: Json, finish: str | None = None, name: str = NAME) -> Json:
    """llama.cpp 的块：id 在内容之后，时间戳每块不同。"""
    llamacpp.ticks += 1  # type: ignore[attr-defined]
    choice = {"finish_reason": finish, "index": 0, "delta": delta}
    return {"choices": [choice], "created": 10**9 + llamacpp.ticks, "id": name, "model": "m"}  # type: ignore[attr-defined]


llamacpp.ticks = 0  # type: ignore[attr-defined]


def plain(delta: Json, finish: str | None = None, name: str = NAME) -> Json:
    """没有 id 的块。"""
    return {"choices": [{"delta": delta, "finish_reason": finish}]}


ENGINES = {"vllm": vllm, "sglang": sglang, "llamacpp": llamacpp, "plain": plain}
Engine = Callable[..., Json]


def event(value: Any, *, spaced: bool = False) -> bytes:
    """一个值 → 一个事件；引擎多半不写空白。"""
    separators = (", ", ": ") if spaced else (",", ":")
    return (
        b"data: " + json.dumps(value, ensure_ascii=False, separators=separators).encode() + b"\n\n"
    )


def said(engine: Engine, text: str) -> bytes:
    """一个内容块的事件。"""
    return event(engine({"content": text}))


def raw(engine: Engine, written: bytes) -> bytes:
    """内容照写的一个块的事件。"""
    return said(engine, "@@").replace(b"@@", written)


# 名字 → (那个不一样的事件, 它带来几个 token 事件, 结局)
ODD: dict[str, tuple[Callable[[Engine], bytes], int, str | None]] = {
    "nothing odd": (lambda e: b"", 0, None),
    "the id as content": (lambda e: said(e, NAME), 1, None),
    "the id twice in the content": (lambda e: said(e, f"{NAME} {NAME}"), 1, None),
    "a quote": (lambda e: said(e, 'a "quoted" word'), 1, None),
    "a quote at the end": (lambda e: said(e, '"'), 1, None),
    "a backslash": (lambda e: said(e, "\\"), 1, None),
    "an escaped line end": (lambda e: said(e, "a\n\n\r\nb"), 1, None),
    "escaped in hex": (lambda e: raw(e, b"\\u4f60"), 1, None),
    "a likeness of the envelope's end": (lambda e: said(e, '"}}]}'), 1, None),
    "a likeness of an event": (lambda e: said(e, "data: [DONE]"), 1, None),
    "a likeness of a finish": (lambda e: said(e, '"finish_reason":"abort"'), 1, None),
    "four byte characters": (lambda e: said(e, "🙂" * 9), 1, None),
    "bytes that are no UTF-8": (lambda e: raw(e, b"\xff\xfe"), 1, None),
    "a long content": (lambda e: said(e, "长" * 9000), 1, None),
    "an empty content": (lambda e: said(e, ""), 0, None),
    "a null content": (lambda e: event(e({"content": None})), 0, None),
    "a number as content": (lambda e: event(e({"content": 5})), 0, None),
    "a content that is overruled": (lambda e: raw(e, b'a","content":"'), 0, None),
    "an empty content that is overruled": (lambda e: raw(e, b'","content":"b'), 1, None),
    "a raw line end in a string": (lambda e: raw(e, b"a\x01b"), 0, "bad_json"),
    "a missing brace": (lambda e: said(e, "a").replace(b"}\n\n", b" \n\n"), 0, "bad_json"),
    "a brace too many": (lambda e: said(e, "a").replace(b"}\n\n", b"}}\n\n"), 0, "bad_json"),
    "another id of the same length": (lambda e: event(e({"content": "a"}, None, OTHER)), 1, None),
    "another engine's event": (lambda e: event({"choices": [{"text": "a"}]}), 1, None),
    "with blanks": (lambda e: event(e({"content": "a"}), spaced=True), 1, None),
    "no blank after data": (lambda e: said(e, "a").replace(b"data: ", b"data:"), 1, None),
    "CRLF": (lambda e: said(e, "a").replace(b"\n\n", b"\r\n\r\n"), 1, None),
    "three line ends": (lambda e: said(e, "a") + b"\n", 1, None),
    "a name": (lambda e: b"event: message\n" + said(e, "a"), 1, None),
    "named error": (lambda e: b"event: error\n" + said(e, "a"), 1, "stream_error"),
    "a comment": (lambda e: b": ping\n\n", 0, None),
    "a comment before it": (lambda e: b": ping\n\n" + said(e, "a"), 1, None),
    "two events at once": (lambda e: said(e, "a") + said(e, "b"), 2, None),
    "reasoning": (lambda e: event(e({"reasoning_content": "r"})), 1, None),
    "reasoning beside content": (
        lambda e: event(e({"reasoning_content": "r", "content": "c"})),
        1,
        None,
    ),
    "a tool call": (
        lambda e: event(e({"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]})),
        1,
        None,
    ),
    "a role": (lambda e: event(e({"role": "assistant", "content": ""})), 0, None),
    "an early finish": (lambda e: event(e({"content": "a"}, "length")), 1, None),
    "an abort": (lambda e: event(e({"content": "a"}, "abort")), 1, "stream_error"),
    "an error beside": (
        lambda e: event(e({"content": "a"}) | {"error": {"message": "no"}}),
        1,
        "stream_error",
    ),
    "an error": (lambda e: event({"id": NAME, "error": {"message": "no"}}), 0, "stream_error"),
    "null choices": (lambda e: event(e({}) | {"choices": None}), 0, None),
    "two choices": (
        lambda e: event(e({"content": "a"}) | {"choices": [{"delta": {"content": "a"}}] * 2}),
        1,
        None,
    ),
}


def by_event(parts: list[bytes]) -> list[Step]:
    """一个事件一块，一次写一块；每几块停一下，让读分开。"""
    steps: list[Step] = [CHUNKED]
    for n, part in enumerate(parts):
        steps += [chunk(part), 0.001] if n % 6 == 5 else [chunk(part)]
    return [*steps, END]


def at_once(parts: list[bytes]) -> list[Step]:
    """一个事件一块，一次写完。"""
    return [CHUNKED + b"".join(map(chunk, parts)) + END]


def in_pieces(size: int) -> Callable[[list[bytes]], list[Step]]:
    """一个事件一块，每次写 `size` 字节。"""

    def frame(parts: list[bytes]) -> list[Step]:
        [whole] = at_once(parts)
        assert isinstance(whole, bytes)
        return [whole[n : n + size] for n in range(0, len(whole), size)]

    return frame


def in_pairs(parts: list[bytes]) -> list[Step]:
    """两个事件一块。"""
    pairs = [b"".join(parts[n : n + 2]) for n in range(0, len(parts), 2)]
    return [CHUNKED, *map(chunk, pairs), END]


def by_length(parts: list[bytes]) -> list[Step]:
    """以 Content-Length 为界。"""
    return [sized(b"".join(parts))]


FRAMINGS = {
    "by event": by_event,
    "at once": at_once,
    "97 bytes a write": in_pieces(97),
    "1000 bytes a write": in_pieces(1000),
    "in pairs": in_pairs,
    "by length": by_length,
}
BEFORE, AFTER = 9, 8


def answer(engine: Engine, odd: bytes, tail: list[bytes]) -> list[bytes]:
    """一长串内容，中间插进 `odd`，以 `tail` 收尾。"""
    first = event(engine({"role": "assistant", "content": ""}))
    before = [said(engine, f" w{n * n}") for n in range(BEFORE)]
    after = [said(engine, f" v{n}") for n in range(AFTER)]
    return [first, *before, *([odd] if odd else []), *after, *tail]


@pytest.mark.parametrize("engine_name", ENGINES)
@pytest.mark.parametrize("framing", FRAMINGS)
def test_one_odd_event_in_a_long_stream_is_seen_for_what_it_is(measure, engine_name, framing):
    engine, names = ENGINES[engine_name], list(ODD)

    def playbook(ask) -> list[Step]:
        odd, _, _ = ODD[names[ask.order]]
        tail = [event(engine({}, "stop")), DONE]
        return FRAMINGS[framing](answer(engine, odd(engine), tail))

    found = measure(playbook, permits=2, number=len(names), timeout_s=3)
    seen = {
        name: (row["token_events"], row["error_class"])
        for name, row in zip(names, found.rows, strict=True)
    }
    assert seen == {name: (BEFORE + AFTER + more, kind) for name, (_, more, kind) in ODD.items()}
    reasons = {row["finish_reason"] for row in found.rows if row["error_class"] is None}
    assert reasons == {"stop"}


@pytest.mark.parametrize("engine_name", ENGINES)
def test_what_comes_after_done_does_not_count(measure, engine_name):
    engine = ENGINES[engine_name]
    late = [said(engine, " late")] * 3
    parts = answer(engine, b"", [event(engine({}, "stop")), DONE])
    together = [CHUNKED + b"".join(map(chunk, parts + late)) + END]
    apart = [CHUNKED + b"".join(map(chunk, parts)), 0.02, *map(chunk, late), 0.02, END]
    found = measure(lambda ask: apart if ask.order % 2 else together, number=4)
    assert found.classes == [None] * 4
    assert {row["token_events"] for row in found.rows} == {BEFORE + AFTER}
    assert all(row["last_token_s"] <= row["e2e_s"] for row in found.rows)
    assert all(row["e2e_s"] < 0.02 + row["last_token_s"] for row in found.rows)


@pytest.mark.parametrize("engine_name", ENGINES)
@pytest.mark.parametrize("off", [-1, 1, 16])
def test_a_size_line_that_lies_in_mid_stream_is_bad_http(measure, engine_name, off):
    engine = ENGINES[engine_name]
    parts = answer(engine, b"", [event(engine({}, "stop")), DONE])
    frames = [chunk(part) for part in parts]
    size, data = len(parts[12]), parts[12]
    frames[12] = b"%x\r\n%s\r\n" % (size + off, data)
    apart: list[Step] = [CHUNKED]
    for frame in frames:
        apart += [frame, 0.001]
    scripts = {0: [CHUNKED + b"".join(frames) + END], 1: [*apart, END], 2: healthy()}
    found = measure(lambda ask: scripts[ask.order % 3], number=6, timeout_s=1.5)
    assert found.classes == ["bad_http", "bad_http", None] * 2
    for row in (found.rows[0], found.rows[1]):
        assert BEFORE <= row["token_events"] <= BEFORE + AFTER


@pytest.mark.parametrize("engine_name", ENGINES)
@pytest.mark.parametrize("end", ["reset", "close", "hang"])
def test_a_cut_in_mid_stream_keeps_the_whole_events_before_it(measure, engine_name, end):
    engine = ENGINES[engine_name]
    kind = {"reset": "reset", "close": "incomplete", "hang": "timeout"}[end]
    parts = [said(engine, f" w{n}") for n in range(10)]
    whole = CHUNKED + b"".join(map(chunk, parts))
    cuts = [len(whole) - back for back in (0, 1, 2, 3, 5, 40)]
    found = measure(
        lambda ask: [whole[: cuts[ask.order]], 0.01, end],
        permits=3,
        number=len(cuts),
        timeout_s=0.3,
    )
    assert set(found.classes) == {kind}
    # 块尾的 CRLF 与事件的空行缺了也许还算得上一个事件；再往前缺就一定不算
    assert all(row["token_events"] in (9, 10) for row in found.rows[:4])
    assert found.rows[0]["token_events"] == 10
    assert [row["token_events"] for row in found.rows[4:]] == [9, 9]


def test_an_envelope_learnt_from_one_service_fits_no_other(measure):
    # 交替着来：同一个压测者里，学会的信封不许套到别人的流上
    engines = list(ENGINES.values())

    def playbook(ask) -> list[Step]:
        engine = engines[ask.order % len(engines)]
        name = f"chatcmpl-{ask.order:016d}"
        parts = [event(engine({"content": f" {n}"}, None, name)) for n in range(ask.order % 7 + 1)]
        return by_event([*parts, event(engine({}, "stop", name)), DONE])

    found = measure(playbook, permits=4, number=84)
    assert found.classes == [None] * 84
    assert [row["token_events"] for row in found.rows] == [n % 7 + 1 for n in range(84)]


def test_reasoning_that_turns_into_an_answer_keeps_both_times(measure):
    thoughts = [event(vllm({"reasoning_content": f"r{n}"})) for n in range(8)]
    words = [event(vllm({"content": f"c{n}"})) for n in range(8)]
    steps: list[Step] = [CHUNKED, *map(chunk, thoughts), 0.05, *map(chunk, words)]
    found = measure([*steps, chunk(event(vllm({}, "stop"))), chunk(DONE) + END], number=2)
    for row in found.rows:
        assert (row["token_events"], row["reasoning_tokens"], row["content_tokens"]) == (16, 8, 8)
        assert row["ttfa_s"] - row["last_reasoning_s"] > 0.04
        assert row["ttfa_s"] > row["ttft_s"] + 0.04
