"""SSE 解析：任意切分、各种断行、注释、缺空行的结尾。"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayeval.client.sse import SSEParser

STREAM = (
    ': comment\r\ndata: {"a":"你好🙂"}\r\n\r\n'
    "event: x\nid: 7\ndata:no blank\n\n"
    "data: two\rdata: lines\r\r"
    "retry: 5\n\n"
    "data:  kept blank\n\ndata\n\n"
    "data: [DONE]\n\n"
)
EVENTS = ['{"a":"你好🙂"}', "no blank", "two\nlines", " kept blank", "", "[DONE]"]


def parse(pieces):
    parser = SSEParser()
    events = [event for piece in pieces for event in parser.feed(piece)]
    return events + parser.flush()


def test_whole_stream_at_once():
    assert parse([STREAM.encode()]) == EVENTS


def test_byte_by_byte_gives_the_same_events():
    assert parse(bytes([byte]) for byte in STREAM.encode()) == EVENTS


@given(st.lists(st.integers(0, len(STREAM.encode())), max_size=12))
def test_any_cut_gives_the_same_events(cuts):
    data, places = STREAM.encode(), [0, *sorted(cuts), len(STREAM.encode())]
    assert parse(data[a:b] for a, b in pairwise(places)) == EVENTS


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=1)))
def test_what_is_written_is_what_is_read(values):
    data = "".join(f"data: {value}\n\n" for value in values).encode()
    assert parse([data]) == values


@pytest.mark.parametrize("tail", ["", "\n", "\r", "\r\n", "\n\n"])
def test_last_event_without_its_blank_line_is_delivered(tail):
    assert parse([f"data: a\n\ndata: [DONE]{tail}".encode()]) == ["a", "[DONE]"]


def test_crlf_cut_in_two_is_one_line_end():
    assert parse([b"data: a\r", b"\ndata: b\r", b"\n\r", b"\n"]) == ["a\nb"]


def test_byte_order_mark_is_no_content():
    assert parse([b"\xef\xbb", b"\xbfdata: a\n\n"]) == ["a"]


def test_bytes_that_are_not_utf8_become_replacement_characters():
    assert parse([b"data: \xff\xfe\n\n"]) == ["\ufffd\ufffd"]
