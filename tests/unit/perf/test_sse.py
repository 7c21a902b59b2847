import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayeval.client.sse import SSEParser
from rayeval.perf import sse
from rayeval.perf.sse import EventSplitter, EventTooLong


def events(*pieces):
    splitter = EventSplitter()
    found = [event for piece in pieces for event in splitter.feed(piece)]
    return found + splitter.flush()


def test_data_without_blank_comments_crlf_and_many_events_a_read():
    stream = (
        b": ping\r\n\r\ndata:{}\r\n\r\nid: 3\r\ndata: a\r\ndata: b\r\n\r\nevent: error\ndata: x\n\n"
    )
    assert events(stream) == [(b"", b"{}"), (b"", b"a\nb"), (b"error", b"x")]


def test_the_last_event_counts_without_its_blank_line():
    assert events(b"data: a\n\ndata: b") == [(b"", b"a"), (b"", b"b")]
    assert events(b"data: b\n") == [(b"", b"b")]


def test_a_carriage_return_at_the_end_of_a_read_may_be_half_a_line_end():
    assert events(b"data: a\r", b"\n\r", b"\ndata: b\r", b"\r") == [(b"", b"a"), (b"", b"b")]


def test_the_byte_order_mark_is_not_content():
    assert events(b"\xef", b"\xbb", b"\xbfdata: a\n\n") == [(b"", b"a")]
    assert events(b"\xef\xbb\xbfdata: a") == [(b"", b"a")]


def test_an_event_without_end_is_refused(monkeypatch):
    monkeypatch.setattr(sse, "MAX_EVENT", 100)
    with pytest.raises(EventTooLong):
        events(b"data: ", b"x" * 101)


LINES = st.sampled_from(
    [
        b"data: {}",
        b"data:x",
        b"data",
        b"data:  y",
        b": c",
        b"event: e",
        b"id: 1",
        b"",
        b"",
        "data: 你🙂".encode(),
    ]
)


@given(
    st.lists(st.tuples(LINES, st.sampled_from([b"\n", b"\r\n", b"\r"])), max_size=12),
    st.lists(st.integers(1, 12), max_size=40),
)
def test_any_split_gives_what_the_reference_parser_gives(lines, cuts):
    stream = b"".join(line + end for line, end in lines)
    reference = SSEParser()
    wanted = reference.feed(stream) + reference.flush()
    pieces, rest = [], stream
    for cut in cuts:
        pieces.append(rest[:cut])
        rest = rest[cut:]
    found = [data.decode() for _, data in events(*[p for p in [*pieces, rest] if p])]
    assert found == wanted
