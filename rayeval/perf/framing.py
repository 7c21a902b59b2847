"""HTTP/1.1 回复的边界：字节 → 头与正文，任意切分结果相同；纯，不碰套接字。"""

from __future__ import annotations

import re
from enum import Enum, auto

from rayeval.perf.head import SWITCH, BadHTTP, Head

MAX_HEAD = 64 * 1024
"""头（含状态行）的上限，字节。"""
MAX_LINE = 8 * 1024
"""分块长度行与尾部字段一行的上限，字节。"""

_HEAD_END = re.compile(rb"\r?\n\r?\n")
CRLF = b"\r\n"
_LAST = b"0\r\n\r\n"
_SIZE_DIGITS = 16
_MAX_SIZES = 4096
_sizes: dict[bytes, int] = {}
"""读过的长度行；一个服务的块就那么几种长短。"""


class _Mode(Enum):
    """正文以什么为界。"""

    HEAD = auto()
    LENGTH = auto()
    CHUNKED = auto()
    TRAILERS = auto()
    UNTIL_CLOSE = auto()
    ENDED = auto()


class Framer:
    """增量地切出一次回复。

    `feed` 收下一次读到的字节，返回其中的正文；不合法时抛 BadHTTP。
    `ended` 为真后再来的字节记入 `excess`。
    """

    __slots__ = ("_buffer", "_left", "_mode", "by_close", "excess", "head")

    def __init__(self) -> None:
        """从头开始等一次回复。"""
        self.head: Head | None = None
        self.excess = False
        self.by_close = False
        self._mode = _Mode.HEAD
        self._buffer = b""
        self._left = 0

    @property
    def ended(self) -> bool:
        """回复已完整。"""
        return self._mode is _Mode.ENDED

    @property
    def between_chunks(self) -> bool:
        """分块正文里，正停在一个块的开头。"""
        return self._mode is _Mode.CHUNKED and not self._left and not self._buffer

    @property
    def reusable(self) -> bool:
        """回复完整、没有多余字节、服务也愿意：连接可以再用。"""
        return self.ended and not self.excess and self.head is not None and self.head.keep_alive

    def feed(self, data: bytes) -> bytes:
        """收下一次读到的字节，返回其中的正文。"""
        if self._buffer:
            data, self._buffer = self._buffer + data, b""
        start = 0
        if self._mode is _Mode.HEAD:
            start = self._take_heads(data)
            if start < 0:
                return b""
        if self._mode is _Mode.CHUNKED or self._mode is _Mode.TRAILERS:
            return self._dechunk(data, start)
        if self._mode is _Mode.LENGTH:
            return self._take_length(data, start)
        if self._mode is _Mode.UNTIL_CLOSE:
            return data[start:]
        self.excess = self.excess or len(data) > start
        return b""

    def end(self, data: bytes) -> bool:
        """停在块的开头时，`data` 恰是最简单的结束块就到此完整；返回是不是。"""
        if data == _LAST and self.between_chunks:
            self._mode = _Mode.ENDED
            return True
        return False

    def close(self) -> bool:
        """对端不再发：返回这次回复是否因此完整（以关闭为界者）。"""
        if self._mode is _Mode.UNTIL_CLOSE:
            self._mode = _Mode.ENDED
            self.by_close = True
            return True
        return self.ended

    def _take_heads(self, data: bytes) -> int:
        """读头，跳过 1xx；返回正文起点，头还不全时攒下并返回 −1。"""
        start = 0
        while True:
            prefix = data[start : start + 7]
            if prefix != b"HTTP/1."[: len(prefix)]:
                raise BadHTTP(f"not an HTTP/1 answer: {data[start : start + 40]!r}")
            match = _HEAD_END.search(data, start)
            if match is None:
                if len(data) - start > MAX_HEAD:
                    raise BadHTTP(f"answer head is longer than {MAX_HEAD} bytes")
                self._buffer = data[start:]
                return -1
            head = Head(data[start : match.start()])
            start = match.end()
            if head.status >= 200 or head.status == SWITCH:  # noqa: PLR2004 HTTP 定义
                self.head = head
                self._mode, self._left = _boundary(head)
                return start

    def _take_length(self, data: bytes, start: int) -> bytes:
        """正文以 Content-Length 为界。"""
        body = data[start : start + self._left]
        self._left -= len(body)
        if self._left == 0:
            self._mode = _Mode.ENDED
            self.excess = len(data) > start + len(body)
        return body

    def _dechunk(self, data: bytes, pos: int) -> bytes:
        """拆分块；坏了也交出坏处之前的正文：先到的事件先算，与读的切分无关。"""
        pieces: list[bytes] = []
        try:
            self._take_chunks(data, pos, pieces)
        except BadHTTP as error:
            error.body = b"".join(pieces)
            raise
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _take_chunks(self, data: bytes, pos: int, pieces: list[bytes]) -> None:
        """逐块；`_left` 是当前块还差的字节，含块尾的 CRLF。"""
        size = len(data)
        while pos < size and self._mode is _Mode.CHUNKED:
            if self._left > len(CRLF):
                step = min(self._left - len(CRLF), size - pos)
                pieces.append(data[pos : pos + step])
                pos += step
                self._left -= step
            elif self._left:
                if data[pos] != CRLF[-self._left]:
                    raise BadHTTP("chunk does not end where its size says")
                pos += 1
                self._left -= 1
            else:
                end = data.find(CRLF, pos)
                length = 0 if end < 0 else chunk_size(data[pos:end])
                stop = end + len(CRLF) + length
                if length and data.startswith(CRLF, stop):  # 整块都在手上，最常见
                    pieces.append(data[end + len(CRLF) : stop])
                    pos = stop + len(CRLF)
                else:
                    pos = self._next_chunk(data, pos)
        if pos < size or self._mode is _Mode.TRAILERS:
            self._take_trailers(data, pos)

    def _next_chunk(self, data: bytes, pos: int) -> int:
        """读一行分块长度；行不全时攒下。"""
        end = data.find(CRLF, pos)
        if end < 0:
            self._hold(data, pos)
            return len(data)
        length = chunk_size(data[pos:end])
        if length:
            self._left = length + len(CRLF)
        else:
            self._mode = _Mode.TRAILERS
        return end + len(CRLF)

    def _take_trailers(self, data: bytes, pos: int) -> None:
        """跳过尾部字段，直到空行；空行之后是多余字节。"""
        while self._mode is _Mode.TRAILERS and pos < len(data):
            end = data.find(CRLF, pos)
            if end < 0:
                self._hold(data, pos)
                return
            if end == pos:
                self._mode = _Mode.ENDED
            pos = end + len(CRLF)
        self.excess = self.ended and pos < len(data)

    def _hold(self, data: bytes, pos: int) -> None:
        """攒下不全的一行。"""
        if len(data) - pos > MAX_LINE:
            raise BadHTTP(f"chunk size line is longer than {MAX_LINE} bytes")
        self._buffer = data[pos:]


def _boundary(head: Head) -> tuple[_Mode, int]:
    """正文以什么为界，以及 Content-Length。"""
    if head.status in (SWITCH, 204, 304):
        return _Mode.ENDED, 0
    coding = (head.get("transfer-encoding") or "").lower()
    if coding:
        return (_Mode.CHUNKED if coding.endswith("chunked") else _Mode.UNTIL_CLOSE), 0
    told = head.get("content-length")
    if told is None:
        return _Mode.UNTIL_CLOSE, 0
    lengths = {text.strip() for text in told.split(",")}
    length = lengths.pop()
    if lengths or not (length.isascii() and length.isdigit()):
        raise BadHTTP(f"bad Content-Length: {told[:80]!r}")
    return (_Mode.LENGTH if int(length) else _Mode.ENDED), int(length)


def closes(data: bytes) -> bool:
    """`data` 从一个块的开头起，恰是若干整块加最简单的结束块；拿不准就说不是。"""
    place = 0
    while (end := data.find(CRLF, place)) >= 0:
        size = _sizes.get(data[place:end])
        if size is None or size == 0:
            break
        place = end + len(CRLF) + size
        if not data.startswith(CRLF, place):
            return False
        place += len(CRLF)
    return data[place:] == _LAST


def chunk_size(line: bytes) -> int:
    """分块长度行 → 长度；扩展不看。"""
    known = _sizes.get(line)
    if known is not None:
        return known
    field = line.split(b";", 1)[0].strip()
    try:
        if field.isalnum() and len(field) <= _SIZE_DIGITS and field[:2].lower() != b"0x":
            length = int(field, 16)
            if len(_sizes) < _MAX_SIZES:
                _sizes[line] = length
            return length
    except ValueError:
        pass
    raise BadHTTP(f"bad chunk size: {line[:40]!r}")
