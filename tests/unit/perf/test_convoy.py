"""车队与慢道说的是同一件事：块与事件怎样错开、正文怎样编码，都一样。"""

import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rayeval.perf.convoy import Convoy, form
from rayeval.perf.failure import Ending
from rayeval.perf.plain import PlainReading
from rayeval.perf.reading import MAX_MISSES, Reading

ID = "chatcmpl-0123456789"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
DONE = b"data: [DONE]\n\n"
TEXTS = (" the", " a", "你好", "🙂", "", 'say "hi"', "a\nb", ID, " x" * 9, "\\", "\x7f", "data: ")


def vllm(delta, **extra):
    return {"id": ID, "choices": [{"index": 0, "delta": delta} | extra]}


def llamacpp(delta, **extra):
    return {"choices": [{"index": 0, "delta": delta} | extra], "created": 7, "id": ID}


def nameless(delta, **extra):
    return {"choices": [{"delta": delta} | extra]}


ENGINES = [vllm, llamacpp, nameless]


def event(engine, delta, end=b"\n\n", prefix=b"data: ", **extra):
    text = json.dumps(engine(delta, **extra), ensure_ascii=False, separators=(",", ":"))
    return prefix + text.encode() + end


def chunked(body, sizes):
    pieces, place = [], 0
    while place < len(body):
        size = sizes[len(pieces) % len(sizes)]
        piece = body[place : place + size]
        pieces.append(b"%x\r\n%s\r\n" % (len(piece), piece))
        place += size
    return CHUNKED + b"".join(pieces) + b"0\r\n\r\n"


def read(kind, reads, ending):
    reading = kind(0.0)
    for stamp, data in reads:
        reading.feed(stamp, data)
    return reading, reading.finish(Ending.COMPLETE if reading.ended else ending, 99.0)


def agree(reads, ending=Ending.CLOSED):
    fast, slow = (read(kind, reads, ending) for kind in (Reading, PlainReading))
    assert fast[1] == slow[1]
    assert (fast[0].ended, fast[0].reusable) == (slow[0].ended, slow[0].reusable)
    assert fast[0].events == slow[0].events
    return fast


def odd_events(engine):
    return st.one_of(
        st.sampled_from(TEXTS).map(lambda text: event(engine, {"content": text})),
        st.sampled_from(TEXTS).map(lambda text: event(engine, {"reasoning_content": text})),
        st.sampled_from(
            [
                event(engine, {"content": "a"}, end=b"\r\n\r\n"),
                event(engine, {"content": "a"}, prefix=b"data:"),
                event(engine, {"content": "a"}, prefix=b"event: x\ndata: "),
                event(engine, {"content": "a"}, finish_reason="stop"),
                event(engine, {"role": "assistant", "content": ""}),
                event(engine, {"content": "a"}, end=b"\n"),
                b": ping\n\n",
                b"\n",
                b'event: error\ndata: {"message": "full"}\n\n',
                b'data: {"error": {"message": "full"}}\n\n',
                b"data: {oops\n\n",
                DONE,
            ]
        ),
    )


@settings(max_examples=300, deadline=None)
@given(st.data(), st.sampled_from(ENGINES))
def test_any_events_in_any_chunks_and_reads_mean_the_same(data, engine):
    warm = [event(engine, {"content": text}) for text in (" the", " a", " b")]
    body = b"".join(warm + data.draw(st.lists(odd_events(engine), max_size=14)))
    whole = chunked(body, data.draw(st.lists(st.integers(1, 900), min_size=1, max_size=6)))
    reads = []
    for number, cut in enumerate(data.draw(st.lists(st.integers(1, 900), max_size=20))):
        reads.append((float(number), whole[:cut]))
        whole = whole[cut:]
    agree([(stamp, part) for stamp, part in [*reads, (50.0, whole)] if part])


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 3000), st.binary(min_size=1, max_size=3), st.integers(0, 3))
def test_a_damaged_byte_is_seen_as_the_slow_path_sees_it(place, put, drop):
    body = b"".join(event(vllm, {"content": t}) for t in (" the", " a", " b", " c", " dd") * 4)
    place %= len(body)
    body = body[:place] + put + body[place + drop :] + DONE
    agree([(1.0, chunked(body, [len(body)]))])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("sizes", [[100_000], [1448], [37, 901]])
def test_a_long_stream_rides_in_the_convoy(monkeypatch, engine, sizes):
    taken = []
    honest = Convoy.take
    monkeypatch.setattr(
        Convoy, "take", lambda self, body: taken.append(found := honest(self, body)) or found
    )
    body = b"".join(event(engine, {"content": f" w{n}"}) for n in range(400)) + DONE
    found = agree([(1.0, chunked(body, sizes))])[1]
    assert found.token_events == 400
    if sizes != [37, 901]:
        assert sum(number for number, _ in taken) >= 300


def test_compressed_and_close_delimited_streams_ride_too():
    body = b"".join(event(vllm, {"content": f" w{n}"}) for n in range(100)) + DONE
    zipped = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n" + gzip.compress(body)
    for whole in (zipped, b"HTTP/1.1 200 OK\r\n\r\n" + body):
        assert agree([(1.0, whole)])[1].token_events == 100


def test_the_convoy_follows_a_stream_from_reasoning_to_answer():
    events = [event(vllm, {"reasoning_content": f"r{n}"}) for n in range(30)]
    events += [event(vllm, {"content": f"c{n}"}) for n in range(30)]
    half = b"".join(events[:30])
    found = agree([(1.0, CHUNKED), (2.0, chunked(half, [9999])[len(CHUNKED) : -5])])[1]
    assert (found.token_events, found.ttfa_s) == (30, None)
    found = agree([(1.0, chunked(b"".join(events) + DONE, [99999]))])[1]
    assert (found.token_events, found.ttfa_s, found.last_reasoning_s) == (60, 1.0, 1.0)


@pytest.mark.parametrize(
    "lesson",
    [
        event(vllm, {"content": ""}),
        event(vllm, {"content": 'a"b'}),
        event(vllm, {"content": "a", "reasoning": "b"}),
        event(vllm, {"content": "a"}, finish_reason="stop"),
        event(vllm, {"content": "a"}, end=b"\r\n\r\n"),
        event(vllm, {"content": "a"}, prefix=b"event: x\ndata: "),
        DONE,
    ],
)
def test_only_a_plain_token_event_forms_a_convoy(lesson):
    assert form(lesson) is None
    assert form(event(vllm, {"content": "a"})) is not None


def test_a_stream_without_an_envelope_gives_up_learning():
    events = [event(lambda d, n=n: vllm(d) | {"n": n}, {"content": "a"}) for n in range(60)]
    reading, found = agree([(1.0, chunked(b"".join(events) + DONE, [99999]))])
    assert found.token_events == 60
    assert reading._misses == MAX_MISSES
