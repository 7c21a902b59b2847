import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayeval.perf.framing import MAX_HEAD, Framer
from rayeval.perf.head import BadHTTP

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def feed(*pieces):
    framer = Framer()
    return framer, b"".join(framer.feed(piece) for piece in pieces)


def test_chunked_body_with_extensions_and_trailers():
    framer, body = feed(CHUNKED + b"5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nX-T: 1\r\n\r\n")
    assert body == b"hello world"
    assert framer.ended
    assert framer.reusable


@given(st.lists(st.integers(1, 80), max_size=30), st.lists(st.binary(min_size=1, max_size=30)))
def test_any_split_of_a_chunked_answer_gives_the_same_body_and_the_same_end(cuts, blocks):
    answer = CHUNKED + b"".join(b"%x\r\n%s\r\n" % (len(b), b) for b in blocks)
    answer += b"0\r\nA: b\r\n\r\n"
    pieces, rest = [], answer
    for cut in cuts:
        pieces.append(rest[:cut])
        rest = rest[cut:]
    pieces = [piece for piece in [*pieces, rest] if piece]
    framer = Framer()
    body = b""
    for position, piece in enumerate(pieces):
        assert not framer.ended, "ended before its last byte"
        body += framer.feed(piece)
        assert framer.ended == (position == len(pieces) - 1)
    assert body == b"".join(blocks)
    assert not framer.excess


def test_content_length_ends_the_answer_and_keeps_the_connection():
    framer, body = feed(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", b"lo")
    assert (body, framer.reusable) == (b"hello", True)


def test_bytes_after_the_end_make_the_connection_unusable():
    for answer in (CHUNKED + b"0\r\n\r\nHTTP", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab"):
        framer, _ = feed(answer)
        assert framer.ended
        assert not framer.reusable


def test_informational_answers_are_skipped():
    framer, body = feed(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    )
    assert body == b"ok"
    assert framer.head.status == 200


def test_close_delimited_answer_is_whole_only_at_the_close():
    framer, body = feed(b"HTTP/1.1 200 OK\r\n\r\nabc", b"def")
    assert body == b"abcdef"
    assert not framer.ended
    assert framer.close()
    assert framer.ended


def test_closing_inside_a_chunked_answer_is_not_its_end():
    framer, _ = feed(CHUNKED + b"5\r\nhel")
    assert not framer.close()


@pytest.mark.parametrize(
    ("head", "alive"),
    [
        (b"HTTP/1.1 200 OK\r\n", True),
        (b"HTTP/1.1 200 OK\r\nConnection: Close\r\n", False),
        (b"HTTP/1.0 200 OK\r\n", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n", True),
    ],
)
def test_keep_alive_follows_version_and_header(head, alive):
    framer, _ = feed(head + b"Content-Length: 0\r\n\r\n")
    assert framer.reusable is alive


def test_no_content_ends_with_its_head():
    assert feed(b"HTTP/1.1 204 No Content\r\n\r\n")[0].ended


def test_bare_line_feeds_in_the_head_are_tolerated():
    framer, body = feed(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok")
    assert (body, framer.ended) == (b"ok", True)


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        CHUNKED + b"zz\r\n",
        CHUNKED + b"0x5\r\nhello\r\n",
        CHUNKED + b"-5\r\nhello\r\n",
        CHUNKED + b"\r\nhello\r\n",
        CHUNKED + b"3\r\nhello\r\n",
        CHUNKED + b"3\r\nhelXX0\r\n\r\n",
        CHUNKED + b"9" * 9000,
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * (MAX_HEAD + 1),
    ],
)
def test_what_is_not_http_is_said_to_be_bad(answer):
    with pytest.raises(BadHTTP):
        feed(answer)
