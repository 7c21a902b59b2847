"""热路径的 HTTP：每种合法的写法都读得对，每种不合法的都是 bad_http，而且都不殃及下一个请求。"""

from __future__ import annotations

import gzip
import json
import zlib

import pytest
from pydantic import SecretStr

from rayeval.domain.service import Endpoint
from rayeval.errors import UsageError
from tests.integration.conftest import reap, run_guarded, share_of
from tests.integration.scripted import (
    CHUNKED,
    DONE,
    END,
    OK,
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

BODY = b"".join(hi(3))
GOOD = healthy(3)[0]
WHOLE = json.dumps(
    {
        "choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 3},
    }
).encode()


def cut(data: bytes, size: int) -> list[bytes]:
    """每次写 `size` 字节。"""
    return [data[n : n + size] for n in range(0, len(data), size)]


def lines(*extra: bytes, body: bytes = chunk(BODY) + END, first: bytes = b"HTTP/1.1 200 OK"):
    """自己写头的一次回复。"""
    return [b"\r\n".join([first, *extra, b"", b""]) + body]


def held(*extra: bytes, body: bytes = b"data:", first: bytes = b"HTTP/1.1 200 OK"):
    """同上，之后连接留着。"""
    return [*lines(*extra, body=body, first=first), "hang"]


def chunk_as(written: bytes, data: bytes) -> bytes:
    """长度行照写的一个块。"""
    return written + b"\r\n" + data + b"\r\n"


SIZE = b"%x" % len(BODY)
FAKE_END = b": not the end\r\n0\r\n\r\n"
"""长得像空块的注释与空行：在正文里合法，断在它上面的读不许当作回复的结尾。"""

KEPT = {
    "chunked in one write": healthy(3),
    "chunk by chunk": stream(*hi(3)),
    "byte by byte": cut(GOOD, 1),
    "seven bytes a write": cut(GOOD, 7),
    "100 Continue first": [b"HTTP/1.1 100 Continue\r\n\r\n" + GOOD],
    "102 with fields, then 103, apart": [
        b"HTTP/1.1 102 Processing\r\nX-A: 1\r\n\r\n",
        0.005,
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n",
        0.005,
        GOOD,
    ],
    "extensions": [CHUNKED + chunk_as(SIZE + b";name=val;flag", BODY) + b"0;last\r\n\r\n"],
    "quoted extension": [CHUNKED + chunk_as(SIZE + b'; q="a;b, 0"', BODY) + END],
    "blank before the extension": [CHUNKED + chunk_as(SIZE + b" ;x", BODY) + END],
    "upper case hex": [CHUNKED + chunk_as(SIZE.upper(), BODY) + END],
    "leading zeros": [CHUNKED + chunk_as(SIZE.zfill(12), BODY) + b"0000\r\n\r\n"],
    "trailers": [CHUNKED + chunk(BODY) + b"0\r\nX-Sum: abc\r\nX-Two: 0\r\n\r\n"],
    "a trailer that comes late": [CHUNKED + chunk(BODY) + b"0\r\nX-S", 0.02, b"um: a\r\n\r\n"],
    "last chunk alone": [CHUNKED + chunk(BODY), 0.02, END],
    "last chunk byte by byte": [
        CHUNKED + chunk(BODY),
        *(step for byte in cut(END, 1) for step in (0.004, byte)),
    ],
    "chunk end apart from its data": [CHUNKED + chunk(BODY)[:-2], 0.02, b"\r\n" + END],
    "chunk end split": [CHUNKED + chunk(BODY)[:-1], 0.02, b"\n" + END],
    "size line split": [
        CHUNKED + SIZE[:1],
        0.01,
        SIZE[1:] + b"\r",
        0.01,
        b"\n" + BODY + b"\r\n0",
        b"\r\n\r\n",
    ],
    "several events a chunk": [CHUNKED + chunk(BODY) + END],
    "an event over two chunks": [CHUNKED + chunk(BODY[:70]), 0.01, chunk(BODY[70:]) + END],
    "a likeness of the end in one chunk": [
        CHUNKED + chunk(FAKE_END),
        0.03,
        b"".join(map(chunk, hi(3))) + END,
    ],
    "a likeness of the end before its own CRLF": [
        CHUNKED + chunk(FAKE_END + BODY + FAKE_END)[:-2],
        0.03,
        b"\r\n" + END,
    ],
    "a likeness of the end over two reads": [
        CHUNKED + b"%x\r\n" % len(FAKE_END + BODY) + FAKE_END[:-4],
        0.02,
        FAKE_END[-4:],
        0.02,
        BODY + b"\r\n" + END,
    ],
    "Content-Length": [sized(BODY)],
    "Content-Length in pieces": [OK + b"Content-Length: %d\r\n\r\n" % len(BODY), *cut(BODY, 50)],
    "Content-Length said twice alike": lines(
        b"Content-Length: %d" % len(BODY), b"Content-Length: %d" % len(BODY), body=BODY
    ),
    "whole JSON instead of a stream": [sized(WHOLE)],
    "whole JSON in chunks": [CHUNKED + chunk(WHOLE[:20]) + chunk(WHOLE[20:]) + END],
    "odd case of names": lines(b"TRANSFER-encoding:ChunkED"),
    "blanks and tabs around values": lines(b"Transfer-Encoding: \t chunked \t"),
    "no reason phrase": lines(b"Transfer-Encoding: chunked", first=b"HTTP/1.1 200"),
    "empty reason phrase": lines(b"Transfer-Encoding: chunked", first=b"HTTP/1.1 200 "),
    "another 2xx": lines(b"Transfer-Encoding: chunked", first=b"HTTP/1.1 201 Created"),
    "chunked beside Content-Length": lines(b"Content-Length: 3", b"Transfer-Encoding: chunked"),
    "a long head below the limit": lines(b"X-Pad: " + b"p" * 60_000, b"Transfer-Encoding: chunked"),
    "many fields": lines(*(b"X-%d: y" % n for n in range(500)), b"Transfer-Encoding: chunked"),
    "Latin-1 in a field": lines(b"Server: caf\xe9", b"Transfer-Encoding: chunked"),
    "head byte by byte": [*cut(CHUNKED, 1), chunk(BODY) + END],
    "HTTP/1.0 that keeps alive": lines(
        b"Connection: Keep-Alive",
        b"Content-Length: %d" % len(BODY),
        body=BODY,
        first=b"HTTP/1.0 200 OK",
    ),
    "gzip, whole": [sized(gzip.compress(WHOLE), head=b"Content-Encoding: gzip\r\n")],
    "gzip of a stream, whole": [sized(gzip.compress(BODY), head=b"Content-Encoding: gzip\r\n")],
    "x-gzip": [sized(gzip.compress(BODY), head=b"Content-Encoding: x-gzip\r\n")],
    "deflate": [sized(zlib.compress(BODY), head=b"Content-Encoding: deflate\r\n")],
    "identity": [sized(BODY, head=b"Content-Encoding: Identity\r\n")],
    "gzip byte by byte": cut(sized(gzip.compress(BODY), head=b"Content-Encoding: GZIP\r\n"), 1),
}


@pytest.mark.parametrize("name", KEPT)
def test_a_whole_answer_is_a_success_and_its_connection_goes_on(measure, name):
    found = measure(KEPT[name], number=3)
    assert found.classes == [None, None, None], found.rows[0]["error_message"]
    assert {row["completion_tokens"] for row in found.rows} == {3}
    assert {row["tokens_source"] for row in found.rows} == {"usage"}
    if "data: " in repr(KEPT[name]) and "zip" not in name:
        assert {row["token_events"] for row in found.rows} == {3}
    assert (found.server.connections, len(found.server.asks)) == (1, 3)
    assert [row["connection_reused"] for row in found.rows] == [False, True, True]
    assert {row["retries"] for row in found.rows} == {0}


CLOSED = {
    "close-delimited stream": [OK + b"\r\n" + BODY, "close"],
    "close-delimited in pieces": [OK + b"\r\n", *cut(BODY, 40), 0.01, "close"],
    "close-delimited JSON": [b"HTTP/1.1 200 OK\r\n\r\n" + WHOLE, "close"],
    "HTTP/1.0, close-delimited": [b"HTTP/1.0 200 OK\r\n\r\n" + BODY, "close"],
    "HTTP/1.0 with a length": [
        b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY,
        "hang",
    ],
    "Connection: close, chunked": [
        *lines(b"Connection: close", b"Transfer-Encoding: chunked"),
        "hang",
    ],
    "connection: CLOSE, sized": [sized(BODY, head=b"connection: CLOSE\r\n"), "hang"],
    "Connection: a list with close": [sized(BODY, head=b"Connection: x, close\r\n"), "hang"],
    "excess bytes": [GOOD + b"x", "hang"],
    "excess CRLF": [GOOD + b"\r\n", "hang"],
    "a second answer nobody asked for": [GOOD + GOOD, "hang"],
    "excess after Content-Length": [sized(BODY) + b"HTTP/1.1 500 No\r\n\r\n", "hang"],
}


@pytest.mark.parametrize("name", CLOSED)
def test_a_connection_that_is_done_with_is_not_used_again(measure, name):
    found = measure(CLOSED[name], number=3)
    assert found.classes == [None, None, None], found.rows[0]["error_message"]
    assert (found.server.connections, len(found.server.asks)) == (3, 3)
    assert not any(row["connection_reused"] for row in found.rows)
    assert {row["completion_tokens"] for row in found.rows} == {3}


def after(data: bytes, *then) -> list:
    """两次写出，中间隔一会，让两次读分开。"""
    return [data, 0.02, *then]


LONG = b"x" * 66_000
BAD = {
    "an endless head": after(b"HTTP/1.1 200 OK\r\nX-Pad: " + LONG, "hang"),
    "a head that is too long and then whole": after(
        b"HTTP/1.1 200 OK\r\nX-Pad: " + LONG, b"\r\nContent-Length: 0\r\n\r\n", "hang"
    ),
    "an endless status line": after(b"HTTP/1.1 200 " + LONG, "hang"),
    "an endless size line": after(CHUNKED + b"5;" + b"x" * 20_000, "hang"),
    "an endless trailer": after(CHUNKED + chunk(BODY[:60]) + b"0\r\nX: " + LONG, "hang"),
    "letters beyond f": [CHUNKED + chunk_as(b"5g", b"data:") + END, "hang"],
    "0x before the size": [CHUNKED + chunk_as(b"0x5", b"data:") + END, "hang"],
    "a negative size": [CHUNKED + chunk_as(b"-5", b"data:") + END, "hang"],
    "a signed size": [CHUNKED + chunk_as(b"+5", b"data:") + END, "hang"],
    "an underscore in the size": [CHUNKED + chunk_as(b"0_5", b"data:") + END, "hang"],
    "an empty size line": [CHUNKED + b"\r\n" + END, "hang"],
    "only an extension": [CHUNKED + chunk_as(b";x", b"data:") + END, "hang"],
    "two sizes": [CHUNKED + chunk_as(b"5 5", b"data:") + END, "hang"],
    "a size nobody can mean": [CHUNKED + chunk_as(b"F" * 17, b"data:") + END, "hang"],
    "a chunk longer than it says": [CHUNKED + chunk_as(b"3", b"data:") + END, "hang"],
    "a chunk shorter than it says": [CHUNKED + chunk_as(b"8", b"data:") + END, "hang"],
    "negative Content-Length": held(b"Content-Length: -5", body=b""),
    "signed Content-Length": held(b"Content-Length: +5"),
    "words as Content-Length": held(b"Content-Length: five"),
    "empty Content-Length": held(b"Content-Length:"),
    "fractional Content-Length": held(b"Content-Length: 5.0"),
    "a list as Content-Length": held(b"Content-Length: 5, 6"),
    "conflicting Content-Length": held(b"Content-Length: 5", b"Content-Length: 6"),
    "garbage": [b"garbage\r\n\r\n", "hang"],
    "garbage without a line end": [b"\x00\x01\x02\x03", "hang"],
    "a TLS alert": [b"\x15\x03\x01\x00\x02\x02\x46", "close"],
    "another protocol": [b"SSH-2.0-OpenSSH_9.6\r\n", "hang"],
    "ICY": [b"ICY 200 OK\r\n\r\n", "hang"],
    "HTTP/2 in clear": [b"HTTP/2 200\r\n\r\n", "hang"],
    "HTTP/0.9": [b"<html>hello</html>", "close"],
    "a status of two digits": held(b"Content-Length: 0", first=b"HTTP/1.1 20 OK", body=b""),
    "a status in letters": held(b"Content-Length: 0", first=b"HTTP/1.1 OK", body=b""),
    "a field without a colon": held(b"Content-Length 5"),
    "a field without a name": held(b": 5", b"Content-Length: 0", body=b""),
    "a blank before the colon": held(b"Content-Length : 5"),
    "a folded field": held(b"X-A: 1", b"  two", b"Content-Length: 0", body=b""),
    "an unknown encoding": [sized(BODY, head=b"Content-Encoding: br\r\n")],
    "two encodings": [sized(BODY, head=b"Content-Encoding: gzip, br\r\n")],
    "gzip that is none": [sized(BODY, head=b"Content-Encoding: gzip\r\n")],
    "gzip that breaks": [
        sized(gzip.compress(BODY)[:10] + b"\xff" * 40, head=b"Content-Encoding: gzip\r\n")
    ],
    "301": [sized(b"", "301 Moved", b"Location: /v1/elsewhere\r\n")],
    "302": [sized(b"see there", "302 Found", b"Location: http://127.0.0.1:1/v1\r\n")],
    "307": [sized(b"", "307 Temporary Redirect", b"Location: /\r\n")],
    "308": [sized(b"", "308 Permanent Redirect", b"Location: /\r\n")],
    "304": [b"HTTP/1.1 304 Not Modified\r\n\r\n"],
    "101": [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "hang"],
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_an_answer_in_http_is_bad_http_and_the_cell_goes_on(measure, name):
    steps = BAD[name]
    found = measure(
        lambda ask: steps if ask.order % 2 == 0 else healthy(3), number=4, timeout_s=1.5
    )
    assert found.classes == ["bad_http", None, "bad_http", None], found.rows[0]["error_message"]
    assert len(found.server.asks) == 4
    assert found.wall_s < 1
    for ask in found.server.asks:
        if ask.order % 2 == 0 and steps[-1] == "hang":
            assert found.server.turns(ask.connection) == ask.turn + 1


def test_a_redirect_says_so_and_is_not_followed(measure):
    found = measure([sized(b"", "307 Temporary Redirect", b"Location: /x\r\n")], number=2)
    assert found.classes == ["bad_http"] * 2
    assert all("307" in row["error_message"] for row in found.rows)
    assert all("redirect" in row["error_message"] for row in found.rows)
    assert {row["http_status"] for row in found.rows} == {307}
    assert len(found.server.asks) == 2


def test_an_unknown_encoding_is_named(measure):
    found = measure([sized(BODY, head=b"Content-Encoding: zstd\r\n")], number=1)
    assert "zstd" in found.row["error_message"]


@pytest.mark.parametrize("end", ["close", "reset"])
def test_a_kept_connection_that_ends_in_silence_is_asked_again_once_on_a_new_one(measure, end):
    found = measure(lambda ask: [end] if ask.turn == 1 else healthy(), number=4)
    assert found.classes == [None] * 4
    assert [row["retries"] for row in found.rows] == [0, 1, 1, 1]
    assert found.haul.health.retries == 3
    assert (len(found.server.asks), found.server.connections) == (7, 4)
    assert found.summary.succeeded == found.summary.issued == 4


def test_a_kept_connection_that_ends_while_it_rests_costs_no_request(measure):
    # 回复之后立刻关：下一个请求不论撞没撞上，都该成功
    found = measure([*healthy(), "close"], number=8, permits=2)
    assert found.classes == [None] * 8
    assert found.summary.failed == 0


@pytest.mark.parametrize("end", ["close", "reset"])
@pytest.mark.parametrize("bytes_first", [b"H", b"HTTP/1.1 200 OK\r\n", CHUNKED, CHUNKED + b"5"])
def test_an_answer_that_began_is_never_asked_again(measure, end, bytes_first):
    steps = [bytes_first, 0.02, end]
    found = measure(lambda ask: steps if ask.order == 1 else healthy(), number=3)
    assert found.classes[0] is found.classes[2] is None
    assert found.classes[1] in ({"reset"} if end == "reset" else {"reset", "incomplete"})
    assert [row["retries"] for row in found.rows] == [0, 0, 0]
    assert len(found.server.asks) == 3


@pytest.mark.parametrize("end", ["reset", "half"])
def test_a_whole_answer_counts_whatever_the_connection_does_next(measure, end):
    # 不隔一会：RST 或 FIN 与回复前后脚到
    found = measure([*healthy(), end], number=6, permits=2)
    assert found.classes == [None] * 6
    assert {row["token_events"] for row in found.rows} == {3}


@pytest.mark.parametrize(
    "steps", [["half"], [CHUNKED[:30], "half"], stream(delta(content="a"), "half")]
)
def test_half_a_close_in_an_answer_is_its_end(measure, steps):
    found = measure(lambda ask: steps if ask.order == 1 else healthy(), number=3, timeout_s=2)
    assert found.classes[0] is found.classes[2] is None
    assert found.classes[1] in ("reset", "incomplete")
    assert found.wall_s < 1


def test_a_refusal_in_the_middle_of_a_long_request_is_the_services_word(measure, scripted):
    refusal = sized(b"too long", "413 Too Large", b"Connection: close\r\n")
    server = scripted(lambda ask: [refusal, "hang"], reads_bodies=False)
    found = measure(server, number=2, input_length=(20_000,))
    assert found.classes == ["http_4xx"] * 2
    assert {row["error_message"] for row in found.rows} == {"too long"}


def test_a_long_request_to_a_slow_reader_arrives_whole(measure):
    found = measure(healthy(), number=3, permits=3, input_length=(60_000,))
    assert found.classes == [None] * 3
    for ask in found.server.asks:
        assert len(ask.json["messages"][0]["content"]) > 60_000


def test_silence_is_retried_once_and_no_more(measure):
    found = measure(lambda ask: ["close"] if ask.order else healthy(), number=3)
    assert found.classes == [None, "reset", "reset"]
    assert max(row["retries"] for row in found.rows) == 1
    assert len(found.server.asks) == 3 + sum(row["retries"] for row in found.rows)


@pytest.mark.parametrize("status", ["408 Request Timeout", "429 Slow Down", "503 Busy"])
def test_a_refusal_is_never_asked_again(measure, status):
    found = measure([sized(b"busy", status, b"Retry-After: 0\r\n")], number=3)
    assert set(found.classes) == {"http_5xx" if status[0] == "5" else "http_4xx"}
    assert {row["error_message"] for row in found.rows} == {"busy"}
    assert {row["http_status"] for row in found.rows} == {int(status[:3])}
    assert len(found.server.asks) == 3


def test_a_streamed_gzip_keeps_the_times_of_its_events(measure):
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)

    def packed(data: bytes) -> bytes:
        return packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)

    first, second = packed(delta(content="a")), packed(delta("stop", content="b"))
    last = packed(usage(2) + DONE) + packer.flush()
    head = OK + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    steps = stream(0.03, first, 0.05, second, 0.05, last, head=head)
    row = measure(steps, number=1).row
    assert (row["error_class"], row["token_events"], row["completion_tokens"]) == (None, 2, 2)
    assert 0.025 < row["ttft_s"] < 0.07
    assert row["itl_s"][0] == pytest.approx(0.05, abs=0.03)
    assert row["e2e_s"] > row["last_token_s"] + 0.02


def test_a_base_url_keeps_its_path_and_the_host_its_port(measure, scripted):
    server = scripted(lambda ask: healthy())
    url = server.base_url.replace("/v1", "/deep/er/v1")
    found = measure(server, base_url=url, number=1)
    ask = found.ask()
    assert ask.head.split(b"\r\n")[0] == b"POST /deep/er/v1/chat/completions HTTP/1.1"
    assert ask.header("host") == [f"127.0.0.1:{server.port}"]


def test_ipv6(measure, scripted):
    server = scripted(lambda ask: healthy(), host="::1")
    found = measure(server, number=2)
    assert found.classes == [None, None]
    assert found.server.asks[0].header("host") == [f"[::1]:{server.port}"]


def test_a_name_with_two_addresses_is_tried_at_both(measure, scripted):
    server = scripted(lambda ask: healthy())
    url = server.base_url.replace("127.0.0.1", "localhost")  # ::1 那边没有人听
    assert measure(server, base_url=url, number=2).classes == [None, None]


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".test"])
def test_a_host_that_cannot_be_a_name_is_no_crash(loader, host):
    share, worker = share_of(f"http://{host}:80/v1", number=2), loader()
    try:
        worker.prepare(share)
    except UsageError as error:
        assert host[:20] in str(error)  # noqa: PT017 两种说法都成立
        return
    found = reap(worker, share, None, run_guarded(worker))
    assert found.classes == ["connect"] * 2


def test_completions_go_to_their_own_path(measure):
    steps = stream(event({"choices": [{"text": "hi", "finish_reason": "stop"}]}), usage(1), DONE)
    found = measure(steps, number=1, backend="openai")
    assert found.row["error_class"] is None
    assert found.ask().head.startswith(b"POST /v1/completions HTTP/1.1\r\n")
    assert found.ask().json["prompt"]


def test_headers_and_key_are_sent_exactly_once_as_written(measure, scripted):
    server = scripted(lambda ask: healthy())
    extra = (("X-Tenant", 'a b; c="d"'), ("x-trace", "0=,;:"), ("User-Agent", "mine/1"))
    endpoint = Endpoint(server.base_url, "m", SecretStr("sk-0/+=key"), extra)
    found = measure(server, endpoint=endpoint, number=2)
    for ask in found.server.asks:
        for name, value in [*extra, ("Authorization", "Bearer sk-0/+=key")]:
            assert ask.header(name.lower()) == [value]
        for name in ("host", "content-type", "content-length", "accept-encoding", "x-request-id"):
            assert len(ask.header(name)) == 1
        assert ask.header("accept-encoding") == ["identity"]
        assert ask.header("content-length") == [str(len(ask.body))]
        assert ask.header("transfer-encoding") == []
        assert ask.json["stream"] is True


def test_request_ids_differ_over_warmup_workers_and_epochs(measure, scripted):
    server = scripted(lambda ask: healthy())
    sent = set()
    for worker_epoch in range(2):
        found = measure(server, epoch=worker_epoch, number=5, permits=2, warmup=2)
        ids = [row["request_id"] for row in found.rows]
        assert len(ids) == 7
        sent |= set(ids)
    assert len(sent) == 14
    assert sent == {ask.request_id for ask in server.asks}


SECRET = "sk-0123456789abcdefghijklmnopqrstuvwxyz"
ECHOES = {
    "a JSON error": lambda key: [sized(b'{"error":{"message":"bad key %s"}}' % key, "401 No")],
    "a plain error": lambda key: [sized(b"bad key %s" % key, "403 No")],
    "an error event": lambda key: stream(event({"error": f"bad key {key.decode()}"})),
    "a named error event": lambda key: stream(b"event: error\ndata: bad %s\n\n" % key),
    "a broken event": lambda key: stream(b"data: <%s>\n\n" % key, DONE),
    "an HTML page": lambda key: [sized(b"<p>%s</p>" % key)],
    "the first line": lambda key: [b"%s\r\n\r\n" % key, "hang"],
    "a status line": lambda key: [b"HTTP/1.1 2 %s\r\n\r\n" % key, "hang"],
    "a header line": lambda key: [b"HTTP/1.1 200 OK\r\n%s\r\n\r\n" % key, "hang"],
    "a size line": lambda key: [CHUNKED + b"%s\r\n" % key, "hang"],
    "an encoding": lambda key: [sized(b"", head=b"Content-Encoding: %s\r\n" % key)],
    "a length": lambda key: [b"HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n" % key, "hang"],
    "an unknown error object": lambda key: stream(event({"error": {"code": 1, "k": key.decode()}})),
}
ECHOES |= {
    f"an error that is cut at {size} characters": (
        lambda key, size=size: [sized(b"x" * (size - 20) + key, "401 No")]
    )
    for size in (40, 80, 200, 256, 300, 500, 512, 1000)
}


@pytest.mark.parametrize("name", ECHOES)
def test_a_secret_that_the_service_says_back_is_in_no_row(measure, scripted, name):
    server = scripted(lambda ask: ECHOES[name](ask.header("authorization")[0][7:].encode()))
    endpoint = Endpoint(server.base_url, "m", SecretStr(SECRET))
    found = measure(server, endpoint=endpoint, number=1)
    assert found.row["error_class"] is not None
    shown = repr(found.rows) + repr(found.haul)
    # 盖在截断之后会留下半截密钥
    assert SECRET[:12] not in shown
    assert SECRET[-12:] not in shown


def test_a_secret_header_that_is_said_back_is_in_no_row(measure, scripted):
    server = scripted(lambda ask: [sized(b"no " + ask.header("x-token")[0].encode(), "403 No")])
    endpoint = Endpoint(server.base_url, "m", headers=(("X-Token", 'tok"en\\-12345678'),))
    found = measure(server, endpoint=endpoint, number=1)
    assert "12345678" not in repr(found.rows)
