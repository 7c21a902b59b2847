"""快道与慢道说的是同一件事：同样的读，同样的戳，一样的每一列。"""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rayeval.perf.failure import Ending
from rayeval.perf.lane import Lane, learn
from rayeval.perf.plain import PlainReading
from rayeval.perf.reading import MAX_MISSES, Reading

ID = "chatcmpl-0123456789"
HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"
TEXTS = (" the", " a", "你好", "🙂", "", 'say "hi"', "a\nb", ID, " x" * 9, "\\", "\x7f", "data: ")


def chunk(body, size=None):
    return b"%x\r\n%s\r\n" % (len(body) if size is None else size, body)


def event(delta, name=ID, *, spaced=False, prefix=b"data: ", end=b"\n\n", **extra):
    body = {"id": name, "created": 7, "choices": [{"index": 0, "delta": delta} | extra]}
    separators = (", ", ": ") if spaced else (",", ":")
    text = json.dumps(body, ensure_ascii=False, separators=separators)
    return prefix + text.encode() + end


def read(reads, *, fast):
    reading = Reading(0.0) if fast else PlainReading(0.0)
    for stamp, data in reads:
        reading.feed(stamp, data)
    return reading, reading.finish(Ending.COMPLETE if reading.ended else Ending.CLOSED, 99.0)


def agree(reads):
    fast, slow = read(reads, fast=True), read(reads, fast=False)
    assert fast[1] == slow[1]
    assert (fast[0].ended, fast[0].reusable) == (slow[0].ended, slow[0].reusable)
    return fast


frames = st.one_of(
    st.sampled_from(TEXTS).map(lambda text: chunk(event({"content": text}))),
    st.sampled_from(TEXTS).map(lambda text: chunk(event({"reasoning_content": text}))),
    st.sampled_from(TEXTS).map(lambda text: chunk(event({"content": text}, spaced=True))),
    st.sampled_from(
        [
            chunk(event({"content": "a"}, "chatcmpl-9876543210")),
            chunk(event({"content": "a"}, end=b"\r\n\r\n")),
            chunk(event({"content": "a"}, prefix=b"data:")),
            chunk(event({"content": "a"}) + event({"content": "b"})),
            chunk(event({"content": "a"}), size=1),
            chunk(b": ping\n\n"),
            chunk(event({"role": "assistant", "content": ""})),
            chunk(event({"tool_calls": [{"function": {"arguments": "{"}}]})),
            chunk(event({"content": "z"}, finish_reason="stop")),
            chunk(b'data: {"error": {"message": "full"}}\n\n'),
            chunk(b"data: [DONE]\n\n"),
            chunk(event({"content": "a"}))[:-3],
            END,
        ]
    ),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(frames, max_size=14), st.lists(st.integers(1, 400), max_size=40), st.booleans())
def test_any_stream_in_any_reads_means_the_same_with_and_without_the_lane(parts, cuts, close):
    warm = [chunk(event({"content": text})) for text in (" the", " a")]
    whole = HEAD + b"".join(warm + parts) + (b"" if close else END)
    reads = []
    for number, cut in enumerate(cuts):
        reads.append((float(number), whole[:cut]))
        whole = whole[cut:]
    agree([(stamp, data) for stamp, data in [*reads, (50.0, whole)] if data])


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2000), st.binary(min_size=1, max_size=3), st.integers(0, 3))
def test_a_damaged_byte_is_seen_as_the_slow_path_sees_it(place, put, drop):
    parts = [chunk(event({"content": text})) for text in (" the", " a", " b", " c", " dd") * 3]
    whole = HEAD + b"".join(parts) + chunk(b"data: [DONE]\n\n") + END
    place %= len(whole)
    whole = whole[:place] + put + whole[place + drop :]
    agree([(1.0, whole[: len(HEAD) + 400]), (2.0, whole[len(HEAD) + 400 :])])


def test_byte_by_byte_is_the_same():
    parts = [chunk(event({"content": text})) for text in TEXTS]
    whole = HEAD + b"".join(parts) + chunk(b"data: [DONE]\n\n") + END
    agree([(float(n), whole[n : n + 1]) for n in range(len(whole))])


def test_a_long_stream_is_ridden_not_walked(monkeypatch):
    taken = []
    honest = Lane.take
    monkeypatch.setattr(
        Lane, "take", lambda self, data: taken.append(found := honest(self, data)) or found
    )
    parts = [chunk(event({"content": f" w{n}"})) for n in range(300)]
    whole = HEAD + b"".join(parts) + chunk(b"data: [DONE]\n\n") + END
    found = agree([(1.0, whole[:9000]), (2.0, whole[9000:])])[1]
    assert found.token_events == 300
    assert sum(number for number, _ in taken) >= 295


def test_the_lane_changes_from_reasoning_to_answer():
    parts = [chunk(event({"reasoning_content": f"r{n}"})) for n in range(20)]
    parts += [chunk(event({"content": f"c{n}"})) for n in range(20)]
    stamped = [(float(n), part) for n, part in enumerate(parts)]
    found = agree([(0.0, HEAD), *stamped, (60.0, chunk(b"data: [DONE]\n\n") + END)])[1]
    assert (found.ttft_s, found.ttfa_s, found.last_reasoning_s) == (0.0, 20.0, 19.0)


def test_size_lines_that_change_their_width_are_followed():
    parts = [chunk(event({"content": "x" * (120 + n % 40)})) for n in range(200)]
    found = agree([(1.0, HEAD + b"".join(parts) + END)])[1]
    assert found.token_events == 200


@pytest.mark.parametrize(
    "frame",
    [
        chunk(event({"content": ""})),
        chunk(event({"content": 'a"b'})),
        chunk(event({"content": "a", "reasoning": "b"})),
        chunk(event({"content": "a"}, finish_reason="stop")),
        chunk(event({"content": "a"}, name="short")),
        chunk(event({"content": ID})),
        chunk(event({"content": "a"}), size=7),
        chunk(b"data: [DONE]\n\n"),
        chunk(b'data: {"id":"chatcmpl-1234567","content":"a"}\n\n'),
    ],
)
def test_only_a_plain_token_event_teaches_an_envelope(frame):
    assert learn(frame) is None
    assert learn(chunk(event({"content": "a"}))) is not None


def test_a_stream_without_an_envelope_gives_up_learning():
    parts = [chunk(event({"content": f"a{n}"}, name=f"chatcmpl-{n:010d}")) for n in range(60)]
    reading, found = agree([(1.0, HEAD + b"".join(parts) + END)])
    assert found.token_events == 60
    assert reading._misses == MAX_MISSES
