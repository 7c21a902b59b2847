"""SSE 帧与 HTTP 头尾的字节：每个请求只拼一次前后缀，每个词元只拼一次中段。"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode
DONE = b"data: [DONE]\n\n"
LAST_CHUNK = b"0\r\n\r\n"
EVENT_STREAM = "text/event-stream; charset=utf-8"
JSON = "application/json"


def dumps(value: Any) -> bytes:
    """JSON 字节，UTF-8，不转义中文。"""
    return _encode(value)


@lru_cache(maxsize=65536)
def quoted(text: str) -> bytes:
    """一个字符串的 JSON 写法；词元反复出现，所以记住。"""
    return _encode(text)


def event(value: Any) -> bytes:
    """一个 SSE 事件。"""
    return b"data: " + _encode(value) + b"\n\n"


def halves(value: Any, hole: str) -> tuple[bytes, bytes]:
    """一个 SSE 事件在 hole 字符串处（连同引号）劈成的前后两半。"""
    before, _, after = event(value).partition(_encode(hole))
    return before, after


def lane(frames: Iterator[bytes], finish: bytes) -> Iterator[bytes]:
    """一个候选的各步；收场块与末步同一次写出，没有词元的候选只有收场块一步。"""
    pending: bytes | None = None
    for frame in frames:
        if pending is not None:
            yield pending
        pending = frame
    yield (pending or b"") + finish


def abreast(lanes: list[Iterator[bytes]]) -> Iterator[bytes]:
    """各候选并排走，一步一份；短的先收场。"""
    if len(lanes) == 1:
        return lanes[0]
    return (b"".join(row) for row in itertools.zip_longest(*lanes, fillvalue=b""))


def chunk(data: bytes) -> bytes:
    """分块传输的一块；空数据没有块（零长的块意味着结束）。"""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def head(status: int, headers: list[tuple[str, str]]) -> bytes:
    """状态行与头，直到空行。"""
    lines = [f"HTTP/1.1 {int(status)} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
