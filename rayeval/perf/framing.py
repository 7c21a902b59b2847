"""HTTP/1.1 回复的边界：字节 → 头与正文，任意切分结果相同；纯，不碰套接字。"""

from __future__ import annotations

import re
from enum import Enum, auto

MAX_HEAD = 64 * 1024
"""头（含状态行）的上限，字节。"""
MAX_LINE = 8 * 1024
"""分块长度行与尾部字段一行的上限，字节。"""

_HEAD_END = re.compile(rb"\r?\n\r?\n")
_START = rb"HTTP/1\.([01]) +(\d{3})(?: [^\r\n]*)?"
_LINE = rb"[^\s:]+:[^\r\n]*"
_STATUS = re.compile(_START)
_FIELD = re.compile(_LINE)
_WELL_FORMED = re.compile(rb"%s(?:\r?\n%s)*" % (_START, _LINE))
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-")
_SWITCH = 101
"""改用别的协议：此后不再是 HTTP，这次回复到头为止。"""
_CRLF = b"\r\n"
_LAST = b"0\r\n\r\n"
_SIZE_DIGITS = 16
_MAX_SIZES = 4096
_sizes: dict[bytes, int] = {}
"""读过的长度行；一个服务的块就那么几种长短。"""


class BadHTTP(Exception):  # noqa: N818 是被测服务的毛病，会成为数据
    """收到的不是合法的 HTTP/1.1 回复；消息说明哪里不合法，`body` 是此前还合法的正文。"""

    body = b""


class Head:
    """回复的头：状态码、服务是否愿意留着连接；`get` 按小写名取头字段，重复的以逗号相连。"""

    __slots__ = ("_fields", "_lower", "_raw", "keep_alive", "status")

    def __init__(self, raw: bytes) -> None:
        """`raw` 是状态行与头字段（不含结尾空行）；不合法时抛 BadHTTP。续行与无冒号的行是错误。"""
        match = _WELL_FORMED.fullmatch(raw)
        if match is None:
            raise BadHTTP(_blame(raw))
        self._raw = raw
        self._lower = raw.lower()
        self._fields: dict[str, str] | None = None
        self.status = int(match[2])
        wish = (self.get("connection") or "").lower()
        self.keep_alive = "close" not in wish if match[1] == b"1" else "keep-alive" in wish
        if self.status == _SWITCH:
            self.keep_alive = False

    def get(self, name: str) -> str | None:
        """一个头字段的值；没有则为 None。"""
        mark = b"\n%s:" % name.encode()
        place = self._lower.find(mark)
        if place < 0:  # 多数字段没有
            return None
        start = place + len(mark)
        if self._lower.find(mark, start) < 0:  # 只有一个，不必全拆开
            stop = self._raw.find(b"\n", start)
            value = self._raw[start:stop] if stop >= 0 else self._raw[start:]
            return value.strip().decode("latin-1")
        if self._fields is None:
            self._fields = _split_fields(self._raw)
        return self._fields.get(name)

    @property
    def trace_id(self) -> str | None:
        """服务回的追踪号：自己的头，或 W3C traceparent 的第二段。"""
        if b"trace" not in self._lower:
            return None
        found = self.get("x-trace-id") or self.get("trace-id")
        match = _TRACEPARENT.match(self.get("traceparent") or "")
        return found or (match[1] if match else None)


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
    `ended` 为真后再来的字节记入 `excess`。`keep_body=False` 时不攒正文，只找边界。
    """

    __slots__ = ("_buffer", "_keep", "_left", "_mode", "by_close", "excess", "head")

    def __init__(self, *, keep_body: bool = True) -> None:
        """从头开始等一次回复。"""
        self.head: Head | None = None
        self.excess = False
        self.by_close = False
        self._keep = keep_body
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
        """收下一次读到的字节，返回其中的正文（`keep_body` 为假时总是空）。"""
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
            return data[start:] if self._keep else b""
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
            if head.status >= 200 or head.status == _SWITCH:  # noqa: PLR2004 HTTP 定义
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
        return body if self._keep else b""

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
            if self._left > len(_CRLF):
                step = min(self._left - len(_CRLF), size - pos)
                if self._keep:
                    pieces.append(data[pos : pos + step])
                pos += step
                self._left -= step
            elif self._left:
                if data[pos] != _CRLF[-self._left]:
                    raise BadHTTP("chunk does not end where its size says")
                pos += 1
                self._left -= 1
            else:
                end = data.find(_CRLF, pos)
                length = 0 if end < 0 else _chunk_size(data[pos:end])
                stop = end + len(_CRLF) + length
                if length and data.startswith(_CRLF, stop):  # 整块都在手上，最常见
                    if self._keep:
                        pieces.append(data[end + len(_CRLF) : stop])
                    pos = stop + len(_CRLF)
                else:
                    pos = self._next_chunk(data, pos)
        if pos < size or self._mode is _Mode.TRAILERS:
            self._take_trailers(data, pos)

    def _next_chunk(self, data: bytes, pos: int) -> int:
        """读一行分块长度；行不全时攒下。"""
        end = data.find(_CRLF, pos)
        if end < 0:
            self._hold(data, pos)
            return len(data)
        length = _chunk_size(data[pos:end])
        if length:
            self._left = length + len(_CRLF)
        else:
            self._mode = _Mode.TRAILERS
        return end + len(_CRLF)

    def _take_trailers(self, data: bytes, pos: int) -> None:
        """跳过尾部字段，直到空行；空行之后是多余字节。"""
        while self._mode is _Mode.TRAILERS and pos < len(data):
            end = data.find(_CRLF, pos)
            if end < 0:
                self._hold(data, pos)
                return
            if end == pos:
                self._mode = _Mode.ENDED
            pos = end + len(_CRLF)
        self.excess = self.ended and pos < len(data)

    def _hold(self, data: bytes, pos: int) -> None:
        """攒下不全的一行。"""
        if len(data) - pos > MAX_LINE:
            raise BadHTTP(f"chunk size line is longer than {MAX_LINE} bytes")
        self._buffer = data[pos:]


def _split_fields(raw: bytes) -> dict[str, str]:
    """各头字段；名小写，重复的以逗号相连。"""
    fields: dict[str, str] = {}
    for line in raw.decode("latin-1").replace("\r\n", "\n").split("\n")[1:]:
        name, _, value = line.partition(":")
        name, value = name.lower(), value.strip()
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields


def _blame(raw: bytes) -> str:
    """哪一行不合法。"""
    first, *lines = raw.replace(b"\r\n", b"\n").split(b"\n")
    if not _STATUS.fullmatch(first):
        return f"bad status line: {first[:80]!r}"
    bad = next((line for line in lines if not _FIELD.fullmatch(line)), b"")
    return f"bad header line: {bad[:80]!r}"


def _boundary(head: Head) -> tuple[_Mode, int]:
    """正文以什么为界，以及 Content-Length。"""
    if head.status in (_SWITCH, 204, 304):
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
    while (end := data.find(_CRLF, place)) >= 0:
        size = _sizes.get(data[place:end])
        if size is None or size == 0:
            break
        place = end + len(_CRLF) + size
        if not data.startswith(_CRLF, place):
            return False
        place += len(_CRLF)
    return data[place:] == _LAST


def _chunk_size(line: bytes) -> int:
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
