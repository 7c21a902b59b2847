"""任意切分的读给出同一行；时刻只来自戳。"""

import gzip

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rayeval.perf.failure import Ending
from rayeval.perf.interpret import interpret

PIECES = (
    ("role", {"role": "assistant", "content": ""}),
    ("text", {"content": "你好🙂 world"}),
    ("reason", {"reasoning_content": "hm", "reasoning": "hm"}),
    ("tool", {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "{}"}}]}),
)
TAILS = ("done", "finish", "error", "cut", "nothing", "bad")


def answer(wire, names, tail, packing):
    deltas = dict(PIECES)
    body = b"".join(wire.delta(**deltas[name]) for name in names)
    body += {
        "done": wire.delta("stop") + wire.usage(5) + wire.DONE,
        "finish": wire.delta("length", content="z"),
        "error": wire.event({"error": {"message": "full"}}),
        "cut": wire.delta("stop")[:-9],
        "nothing": b"",
        "bad": b"data: {\n\n",
    }[tail]
    if packing == "chunked":
        step = 37
        parts = [body[i : i + step] for i in range(0, len(body), step)]
        return wire.CHUNKED + b"".join(map(wire.chunk, parts)) + wire.END
    if packing == "gzip":
        return wire.plain(gzip.compress(body), head=b"Content-Encoding: gzip\r\n")
    if packing == "close":
        return b"HTTP/1.1 200 OK\r\n\r\n" + body.replace(b"\n", b"\r\n")
    return b"HTTP/1.1 100 Continue\r\n\r\n" + wire.plain(body)


def row(reads):
    found = interpret(reads, 0.0, Ending.COMPLETE, 9.0)
    values = found._asdict() | {"itl_s": None if found.itl_s is None else len(found.itl_s)}
    values |= {"stamps": None, "counts": sum(found.counts), "first_read_events": None}
    return {
        k: (v is not None if k.endswith("_s") and k != "itl_s" else v) for k, v in values.items()
    }


@settings(max_examples=150, deadline=None)
@given(
    names=st.lists(st.sampled_from([name for name, _ in PIECES]), max_size=5),
    tail=st.sampled_from(TAILS),
    packing=st.sampled_from(["chunked", "length", "gzip", "close"]),
    cuts=st.lists(st.integers(1, 90), max_size=60),
)
def test_any_split_gives_the_same_row_up_to_stamps(wire, names, tail, packing, cuts):
    whole = answer(wire, names, tail, packing)
    reads, rest = [], whole
    for cut in cuts:
        reads.append((0.1 * len(reads), rest[:cut]))
        rest = rest[cut:]
    reads = [(stamp, data) for stamp, data in [*reads, (8.0, rest)] if data]
    assert row(reads) == row([(1.0, whole)])


def test_byte_by_byte_is_the_same_row(wire):
    for tail in TAILS:
        whole = answer(wire, ["role", "reason", "text", "tool"], tail, "chunked")
        bytewise = [(0.001 * n, whole[n : n + 1]) for n in range(len(whole))]
        assert row(bytewise) == row([(1.0, whole)])


def test_an_event_has_the_stamp_of_the_read_that_completed_it(wire):
    event = wire.delta("stop", content="x")
    head, rest = wire.CHUNKED + wire.chunk(event)[:-6], wire.chunk(event)[-6:]
    found = interpret([(1.0, head), (2.0, rest), (3.0, wire.END)], 0.5, Ending.COMPLETE, 3.0)
    assert np.isclose(found.ttft_s, 1.5)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=8), st.sampled_from(list(Ending)))
def test_garbage_never_raises(blocks, ending):
    heads = (
        b"",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\ndata: ",
        b"HTTP/1.1 500 x\r\n\r\n",
    )
    for head in heads:
        reads = [(float(n), block) for n, block in enumerate([head, *blocks]) if block]
        interpret(reads, 0.0, ending, 9.0)
