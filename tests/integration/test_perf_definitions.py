"""每个量的定义，对着剧本自己的时刻：什么算首 token、什么不算、哪些没有定义、怎样合计。"""

from __future__ import annotations

import json

import pytest

from tests.integration.scripted import (
    CHUNKED,
    DONE,
    END,
    OK,
    Step,
    chunk,
    delta,
    event,
    healthy,
    hi,
    sized,
    stream,
    usage,
)

pytestmark = pytest.mark.solo

EARLY_S, LATE_S = 0.002, 0.06
"""读数比剧本写出的时刻最多早多少（两只钟）、晚多少（另外五个人也在用这台机器）。"""
ROLE, STOP = delta(role="assistant", content=""), delta("stop")
LENGTH = delta("length")


def near(seconds: float | None, scripted_s: float) -> bool:
    """与剧本写出的时刻相符。"""
    return seconds is not None and -EARLY_S <= seconds - scripted_s <= LATE_S


def text(value: str = "x ", finish: str | None = None) -> bytes:
    """一个有正文的块。"""
    return delta(finish, content=value)


def test_a_role_only_chunk_is_the_first_byte_and_not_the_first_token(measure):
    found = measure(stream(0.005, ROLE, 0.195, text("hello"), STOP, usage(1), DONE), number=1)
    row, ask = found.row, found.ask()
    assert near(row["ttfb_s"], ask.at(b"assistant"))
    assert row["ttfb_s"] < 0.1
    assert near(row["ttft_s"], ask.at(b"hello"))
    assert row["ttft_s"] > 0.19


NO_TOKEN = {
    "role": ROLE,
    "empty content": delta(content=""),
    "null content": delta(content=None),
    "empty reasoning": delta(reasoning="", reasoning_content=""),
    "an empty delta": delta(),
    "an empty list of tools": delta(tool_calls=[]),
    "a tool with an id only": delta(tool_calls=[{"index": 0, "id": "c1", "type": "function"}]),
    "a tool with empty arguments": delta(
        tool_calls=[{"index": 0, "function": {"name": None, "arguments": ""}}]
    ),
    "no choices": event({"choices": []}),
    "usage": usage(5),
    "a comment": b": ping\n\n",
    "an event without data": b"event: ping\nid: 7\nretry: 10\n\n",
    "empty text": event({"choices": [{"text": ""}]}),
}


@pytest.mark.parametrize("name", NO_TOKEN)
def test_what_is_no_token_event_moves_no_time(measure, name):
    nothing = NO_TOKEN[name]
    steps = stream(nothing, 0.06, text("one"), 0.03, nothing, 0.03, text("two"), nothing, STOP)
    found = measure(steps, number=1)
    row, ask = found.row, found.ask()
    assert (row["error_class"], row["token_events"]) == (None, 2)
    assert near(row["ttft_s"], ask.at(b"one"))
    assert near(row["last_token_s"], ask.at(b"two"))
    assert row["itl_s"] == [pytest.approx(0.06, abs=0.03)]


TOKEN = {
    "content": delta(content="x"),
    "a blank": delta(content=" "),
    "a line end": delta(content="\n"),
    "reasoning": delta(reasoning="x"),
    "reasoning_content": delta(reasoning_content="x"),
    "refusal": delta(refusal="no"),
    "a tool's name": delta(tool_calls=[{"index": 0, "function": {"name": "f"}}]),
    "a tool's arguments": delta(tool_calls=[{"index": 0, "function": {"arguments": "{"}}]),
    "the second of two tools": delta(
        tool_calls=[{"index": 0, "id": "a"}, {"index": 1, "function": {"arguments": "1"}}]
    ),
    "text": event({"choices": [{"text": "x"}]}),
    "content beside the finish": delta("stop", content="x"),
    "content beside usage": event(
        {"choices": [{"delta": {"content": "x"}}], "usage": {"completion_tokens": 1}}
    ),
    "content of the second choice": event(
        {"choices": [{"index": 0, "delta": {}}, {"index": 1, "delta": {"content": "x"}}]}
    ),
    "content behind the role": delta(role="assistant", content="x"),
}


@pytest.mark.parametrize("name", TOKEN)
def test_each_kind_of_token_event_counts_once(measure, name):
    found = measure(stream(ROLE, 0.03, TOKEN[name], STOP, DONE), number=1)
    row = found.row
    assert (row["error_class"], row["token_events"], row["completion_tokens"]) == (None, 1, 1)
    assert row["ttft_s"] == row["last_token_s"] > 0.025
    assert row["second_token_s"] is None
    only_reasoning = name.startswith("reasoning")
    assert (row["ttfa_s"] is None) == only_reasoning
    assert (row["last_reasoning_s"] is None) != only_reasoning


VARIANTS = {
    "reasoning": lambda word: {"reasoning": word},
    "reasoning_content": lambda word: {"reasoning_content": word},
    "both at once": lambda word: {"reasoning": word, "reasoning_content": word},
    "one of them null": lambda word: {
        "reasoning": None,
        "reasoning_content": word,
        "content": None,
    },
}


@pytest.mark.parametrize("name", VARIANTS)
def test_reasoning_counts_once_under_any_name_in_a_stream(measure, name):
    think = VARIANTS[name]
    steps = stream(
        ROLE,
        0.03,
        delta(**think("first")),
        0.03,
        delta(**think("last")),
        0.04,
        text("answer"),
        STOP,
        usage(3),
        DONE,
    )
    found = measure(steps, number=1)
    row, ask = found.row, found.ask()
    assert (row["error_class"], row["token_events"]) == (None, 3)
    assert (row["completion_tokens"], row["reasoning_tokens"], row["content_tokens"]) == (3, 2, 1)
    assert near(row["ttft_s"], ask.at(b"first"))
    assert near(row["ttfa_s"], ask.at(b"answer"))
    assert near(row["last_reasoning_s"], ask.at(b"last"))
    assert row["ttfa_s"] > row["last_reasoning_s"] > row["ttft_s"]


@pytest.mark.parametrize("name", VARIANTS)
def test_reasoning_in_a_whole_answer_is_an_output_by_itself(measure, name):
    message = {"role": "assistant", "content": None, **VARIANTS[name]("deep thought")}
    body = {
        "choices": [{"message": message, "finish_reason": "length"}],
        "usage": {
            "prompt_tokens": 9,
            "completion_tokens": 5,
            "completion_tokens_details": {"reasoning_tokens": 4},
        },
    }
    row = measure([sized(json.dumps(body).encode())], number=1, stream=False).row
    assert (row["error_class"], row["finish_reason"]) == (None, "length")
    assert (row["completion_tokens"], row["reasoning_tokens"], row["content_tokens"]) == (5, 4, 1)
    assert row["ttft_s"] is row["ttfa_s"] is None


def test_a_budget_spent_on_reasoning_is_a_success_without_ttfa(measure):
    thoughts = [delta(reasoning_content=f"r{n}") for n in range(3)]
    row = measure(stream(ROLE, *thoughts, LENGTH, usage(3), DONE), number=1).row
    assert (row["error_class"], row["finish_reason"]) == (None, "length")
    assert row["ttft_s"] is not None
    assert row["ttfa_s"] is None
    assert row["e2e_s"] is not None
    assert (row["reasoning_tokens"], row["content_tokens"]) == (3, 0)


def test_a_chunk_of_eight_tokens_is_one_event_and_eight_tokens(measure):
    parts: list[Step] = []
    for n in range(4):
        parts += [text(f"{n} " * 8), 0.04]
    found = measure(stream(*parts, STOP, usage(32), DONE), number=1)
    row, tpot = found.row, found.summary.stats["tpot"]
    assert row["completion_tokens"] / row["token_events"] == 8
    assert len(row["itl_s"]) == 3
    assert tpot.n == 1
    assert tpot.avg == pytest.approx((row["last_token_s"] - row["ttft_s"]) / 31)
    assert tpot.avg == pytest.approx(0.12 / 31, rel=0.5)


def test_tokens_come_from_usage_and_not_from_chunks(measure):
    # 13 个块，10 个是文本，用量说 10；再来一份用量说 20 的
    ten = [ROLE, *[text()] * 10, STOP]
    found = measure(lambda ask: stream(*ten, usage([10, 20][ask.order]), DONE), number=2)
    assert [row["completion_tokens"] for row in found.rows] == [10, 20]
    assert [row["token_events"] for row in found.rows] == [10, 10]
    assert {row["prompt_tokens"] for row in found.rows} == {9}
    assert found.summary.tokens_source == "usage"
    assert found.summary.output_throughput == pytest.approx(30 / found.summary.wall_s)
    assert found.summary.total_throughput == pytest.approx(48 / found.summary.wall_s)


def test_without_usage_tokens_are_events_and_the_source_says_so(measure):
    found = measure(stream(ROLE, *[text()] * 10, STOP, DONE), number=1)
    assert (found.row["completion_tokens"], found.row["tokens_source"]) == (10, "events")
    assert found.row["prompt_tokens"] is None
    assert found.summary.tokens_source == "events"


def test_some_with_usage_and_some_without_is_mixed(measure):
    tails = [[usage(2), DONE], [DONE]]
    found = measure(lambda ask: stream(text(), text(), STOP, *tails[ask.order]), number=2)
    assert found.summary.tokens_source == "mixed"


def test_an_undefined_ttft_is_excluded_and_never_zero(measure):
    hidden = stream(ROLE, STOP, usage(4), DONE)
    slow = stream(ROLE, 0.05, text("hello"), STOP, usage(1), DONE)
    found = measure(lambda ask: slow if ask.order % 3 == 0 else hidden, number=9)
    assert found.classes == [None] * 9
    ttft = found.summary.stats["ttft"]
    assert ttft.n == 3
    assert ttft.min > 0.045
    assert ttft.p50 > 0.045
    assert found.summary.stats["e2e"].n == 9


WHOLE = json.dumps(
    {
        "choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 7},
    }
).encode()


@pytest.mark.parametrize("asked", [True, False])
def test_a_whole_answer_has_e2e_and_no_ttft(measure, asked):
    # stream=True 而服务不流式，也是一样
    found = measure([0.05, sized(WHOLE)], number=2, stream=asked)
    for row in found.rows:
        assert row["error_class"] is None
        for name in ("ttft_s", "ttfa_s", "second_token_s", "last_token_s", "itl_s"):
            assert row[name] is None
        assert (row["token_events"], row["completion_tokens"]) == (0, 7)
        assert near(row["e2e_s"], found.ask(row).at(b"choices"))
    stats = found.summary.stats
    assert [stats[name].n for name in ("ttft", "tpot", "itl", "first_gap")] == [0] * 4
    assert stats["e2e"].n == 2
    assert found.server.asks[0].json["stream"] is asked


def test_ttft_and_the_gaps_add_up_to_the_last_token(measure):
    parts: list[Step] = []
    for n in range(8):
        parts += [0.004 * (n + 1), text(f"{n}")]
    found = measure(stream(*parts, 0.03, STOP, usage(8), DONE), number=3)
    for row in found.rows:
        assert len(row["itl_s"]) == 7
        assert row["ttft_s"] + sum(row["itl_s"]) == pytest.approx(row["last_token_s"], abs=1e-5)
        assert row["second_token_s"] == pytest.approx(row["ttft_s"] + row["itl_s"][0], abs=1e-5)
        assert row["e2e_s"] - row["last_token_s"] > 0.025
        ask = found.ask(row)
        assert near(row["last_token_s"], ask.at(b'"7"'))
        assert near(row["ttft_s"], ask.at(b'"0"'))


def test_an_error_object_after_200_is_a_failure_and_not_a_sample(measure):
    broken = stream(text(), event({"error": {"message": "oom"}}), DONE)
    found = measure(lambda ask: broken if ask.order else healthy(), number=4)
    assert found.classes == [None] + ["stream_error"] * 3
    assert found.summary.stats["ttft"].n == 1
    assert {row["error_message"] for row in found.rows[1:]} == {"oom"}


def test_an_answer_of_one_token_has_no_tpot_and_no_gap(measure):
    found = measure(stream(ROLE, text(), LENGTH, usage(1), DONE), number=4, output_length=(1,))
    stats = found.summary.stats
    assert found.summary.succeeded == stats["ttft"].n == stats["e2e"].n == 4
    for name in ("tpot", "tpot_sec", "itl", "first_gap"):
        assert (stats[name].n, stats[name].avg) == (0, None)
    assert found.server.asks[0].json["max_tokens"] == 1


def test_an_answer_of_two_tokens_has_tpot_and_no_second_tpot(measure):
    found = measure(stream(text(), 0.03, text(), STOP, usage(2), DONE), number=2)
    stats = found.summary.stats
    assert (stats["tpot"].n, stats["tpot_sec"].n) == (2, 0)
    assert stats["tpot"].avg == pytest.approx(stats["first_gap"].avg) == stats["itl"].avg
    assert 0.025 < stats["tpot"].avg < 0.08


def test_tpot_from_the_second_token_leaves_the_first_gap_out(measure):
    found = measure(stream(text(), 0.1, text(), 0.01, text(), STOP, usage(3), DONE), number=2)
    stats = found.summary.stats
    assert stats["first_gap"].min > 0.09
    assert stats["tpot_sec"].max < 0.08
    assert stats["tpot"].avg == pytest.approx((stats["first_gap"].avg + stats["tpot_sec"].avg) / 2)


def test_ttfb_is_the_first_data_event_and_no_comment_nor_the_head(measure):
    steps = stream(0.02, b": ping\n\n", 0.02, b"\n", 0.06, ROLE, 0.02, text("hello"), STOP, DONE)
    found = measure(steps, number=1)
    assert near(found.row["ttfb_s"], found.ask().at(b"assistant"))
    assert found.row["ttfb_s"] > 0.09


def test_e2e_ends_at_done_although_the_answer_ends_later(measure):
    found = measure(stream(text(), STOP, 0.03, DONE, 0.12, b": bye\n\n"), number=1)
    row, ask = found.row, found.ask()
    assert near(row["e2e_s"], ask.at(b"[DONE]"))
    assert row["e2e_s"] < 0.1


def test_e2e_without_done_ends_with_the_answer(measure):
    found = measure(stream(text(), STOP, 0.06), number=1)
    assert near(found.row["e2e_s"], found.ask().at(END))
    found = measure([OK + b"\r\n" + text() + STOP, 0.06, "close"], number=1)
    assert 0.055 < found.row["e2e_s"] < 0.15


def test_an_event_in_two_halves_has_the_time_of_its_second(measure):
    whole = text("hello")
    steps = stream(ROLE, 0.02, whole[:30], 0.06, whole[30:], STOP, DONE)
    found = measure(steps, number=1)
    assert near(found.row["ttft_s"], found.ask().at(whole[30:]))
    assert found.row["ttft_s"] > 0.075


def test_an_event_in_a_chunk_cut_in_two_has_the_time_of_its_second_half(measure):
    wire = chunk(text("hello"))
    steps = [CHUNKED, wire[:40], 0.06, wire[40:], chunk(STOP + DONE) + END]
    found = measure(steps, number=1)
    assert near(found.row["ttft_s"], found.ask().at(wire[40:]))
    assert found.row["ttft_s"] > 0.055


def test_the_client_adds_nothing_when_events_come_in_a_rush(measure):
    # 一次写出 64 个事件：同一个时刻，间隔为零，首 token 不晚于写出之后许久
    found = measure(stream(0.02, b"".join([text()] * 64), STOP, usage(64), DONE), number=1)
    row = found.row
    assert row["token_events"] == 64
    assert near(row["ttft_s"], found.ask().at(b"content"))
    assert sum(row["itl_s"]) < 0.03


def test_tokens_that_came_with_the_first_are_counted(measure):
    found = measure(stream(0.02, b"".join([text()] * 5), 0.03, text(), STOP, DONE), number=1)
    assert (found.row["token_events"], found.row["first_read_events"]) == (6, 5)
    found = measure(stream(text(), 0.03, text(), 0.03, text(), STOP, DONE), number=1)
    assert (found.row["token_events"], found.row["first_read_events"]) == (3, 1)


def test_completions_stream_their_text(measure):
    def said(value: str, reason: str | None = None) -> bytes:
        return event({"choices": [{"index": 0, "text": value, "finish_reason": reason}]})

    steps = stream(0.03, said("one"), 0.04, said("two"), said("", "length"), usage(2), DONE)
    found = measure(steps, number=1, backend="openai")
    row = found.row
    assert (row["error_class"], row["token_events"], row["finish_reason"]) == (None, 2, "length")
    assert near(row["ttft_s"], found.ask().at(b"one"))
    assert near(row["ttfa_s"], found.ask().at(b"one"))
    assert row["itl_s"][0] == pytest.approx(0.04, abs=0.03)


def test_cached_tokens_and_ids_of_the_service_are_kept(measure):
    head = b"X-Span-Id: s1\r\nX-Trace-Id: t1\r\nTransfer-Encoding: chunked\r\n\r\n"
    steps = stream(
        text(), STOP, usage(1, prompt_tokens_details={"cached_tokens": 8}), DONE, head=OK + head
    )
    row = measure(steps, number=1).row
    assert row["cached_tokens"] == 8
    assert (row["x_span_id"], row["trace_id"]) == ("s1", "t1")


# ---- 写法不同、意思相同 ----

PLAIN = [text("一"), text("2"), text("🙂"), text("4"), STOP, usage(4)]


def written(separator: bytes = b"\n", *, field: bytes = b"data: ", bom: bytes = b"") -> bytes:
    """同一份内容，按一种 SSE 写法写出。"""
    values = [part.removeprefix(b"data: ").rstrip(b"\n") for part in [*PLAIN, DONE]]
    return bom + b"".join(field + value + separator * 2 for value in values)


def in_lines(body: bytes) -> bytes:
    """JSON 里的空白处断成几行 data。"""
    return body.replace(b', "', b',\ndata: "')


DIALECTS: dict[str, bytes] = {
    "LF": written(),
    "CRLF": written(b"\r\n"),
    "CR": written(b"\r"),
    "no blank after the colon": written(field=b"data:"),
    "a byte order mark": written(bom=b"\xef\xbb\xbf"),
    "comments between": written().replace(b"data: {", b": ping\n\n: x\ndata: {"),
    "comments with CRLF": written(b"\r\n").replace(b"data: {", b": ping\r\n\r\ndata: {"),
    "ids, names and retry": written().replace(
        b"data: {", b"id: 1\nevent: message\nretry: 9\ndata: {"
    ),
    "names behind the data": written().replace(b"}\n\n", b"}\nevent: chunk\n\n"),
    "unknown fields": written().replace(b"data: {", b"x: y\ndatas: {}\nfoo\ndata: {"),
    "several data lines an event": in_lines(written()),
    "more blank lines": written(b"\n\n"),
    "no blank line at the very end": written().rstrip(b"\n"),
    "mixed line ends": written()[:70] + written()[70:].replace(b"\n\n", b"\r\n\n"),
}


def split_at(data: bytes, size: int) -> list[bytes]:
    """切成 `size` 字节一段。"""
    return [data[n : n + size] for n in range(0, len(data), size)]


def by_event(body: bytes) -> list[bytes]:
    """大致一个事件一段。"""
    head, *rest = body.split(b"data:")
    return [part for part in [head, *(b"data:" + piece for piece in rest)] if part]


FRAMINGS = {
    "one chunk": lambda body: [CHUNKED + chunk(body) + END],
    "an event a chunk": lambda body: [CHUNKED, *map(chunk, by_event(body)), END],
    "an event a chunk, one write": lambda body: [
        CHUNKED + b"".join(map(chunk, by_event(body))) + END
    ],
    "chunks of 11 bytes": lambda body: [CHUNKED + b"".join(map(chunk, split_at(body, 11))) + END],
    "chunks of one byte": lambda body: [CHUNKED + b"".join(map(chunk, split_at(body, 1))) + END],
    "writes of 5 bytes": lambda body: split_at(CHUNKED + chunk(body) + END, 5),
    "writes of one byte": lambda body: split_at(CHUNKED + chunk(body) + END, 1),
    "extensions and trailers": lambda body: [
        CHUNKED
        + b"".join(b"%04X;a=b\r\n%s\r\n" % (len(part), part) for part in by_event(body))
        + b"00;last\r\nX-Sum: 1\r\n\r\n"
    ],
    "Content-Length": lambda body: [sized(body)],
    "Content-Length in writes of 13": lambda body: split_at(sized(body), 13),
    "until the close": lambda body: [OK + b"\r\n", *split_at(body, 100), "close"],
}


def test_every_way_to_write_a_stream_means_the_same(measure):
    pairs = [(dialect, framing) for dialect in DIALECTS for framing in FRAMINGS]
    found = measure(
        lambda ask: FRAMINGS[pairs[ask.order][1]](DIALECTS[pairs[ask.order][0]]),
        permits=4,
        number=len(pairs),
    )
    wrong = [
        (pair, row["error_message"], row["token_events"], row["completion_tokens"])
        for pair, row in zip(pairs, found.rows, strict=True)
        if (row["error_class"], row["token_events"], row["completion_tokens"], row["finish_reason"])
        != (None, 4, 4, "stop")
    ]
    assert wrong == []
    assert found.haul.health.retries == 0


def test_a_cell_adds_up(measure):
    found = measure(lambda ask: stream(*hi(ask.order % 5 + 1)), permits=4, number=25, warmup=5)
    summary = found.summary
    assert (summary.issued, summary.succeeded) == (25, 25)
    measured = [row for row in found.rows if row["phase"] != "warmup"]
    total = sum(row["completion_tokens"] for row in measured)
    span = max(row["end_s"] for row in measured) - min(row["start_s"] for row in measured)
    assert summary.wall_s == pytest.approx(span)
    assert summary.output_throughput == pytest.approx(total / span)
    assert summary.stats["itl"].n == sum(row["token_events"] - 1 for row in measured)
    for stats in summary.stats.values():
        if stats.n:
            assert stats.min <= stats.avg <= stats.max
            assert stats.p50 <= stats.p75 <= stats.p90 <= stats.p95 <= stats.p99 <= stats.max
