"""HTTP/1.1 回复的边界：字节 → 头与正文，任意切分结果相同；纯，不碰套接字。"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

MAX_HEAD = 64 * 1024
"""头（含状态行）的上限，字节。"""
MAX_LINE = 8 * 1024
"""分块长度行与尾部字段一行的上限，字节。"""

_HEAD_END = re.compile(rb"\r?\n\r?\n")
_STATUS = re.compile(rb"HTTP/1\.([01]) +(\d{3})(?: [^\r\n]*)?$")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-")
_MAX_HEADS = 64
_heads: dict[bytes, Head] = {}
"""读过的头：一个服务的头往往个个一样。"""
_CRLF = b"\r\n"
_MAX_SIZES = 4096
_sizes: dict[bytes, int] = {}
"""读过的长度行；一个服务的块就那么几种长短。"""


class BadHTTP(Exception):  # noqa: N818 是被测服务的毛病，会成为数据
    """收到的不是合法的 HTTP/1.1 回复；消息说明哪里不合法，`body` 是此前还合法的正文。"""

    body = b""


@dataclass(frozen=True, slots=True)
class Head:
    """回复的头：状态码、小写名的头字段、服务是否愿意留着连接。"""

    status: int
    headers: dict[str, str]
    keep_alive: bool

    @property
    def trace_id(self) -> str | None:
        """服务回的追踪号：自己的头，或 W3C traceparent 的第二段。"""
        for name in ("x-trace-id", "trace-id"):
            if name in self.headers:
                return self.headers[name]
        match = _TRACEPARENT.match(self.headers.get("traceparent", ""))
        return match[1] if match else None


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

    __slots__ = ("_buffer", "_keep", "_left", "_mode", "excess", "head")

    def __init__(self, *, keep_body: bool = True) -> None:
        """从头开始等一次回复。"""
        self.head: Head | None = None
        self.excess = False
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

    def close(self) -> bool:
        """对端不再发：返回这次回复是否因此完整（以关闭为界者）。"""
        if self._mode is _Mode.UNTIL_CLOSE:
            self._mode = _Mode.ENDED
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
            head = _known_head(data[start : match.start()])
            start = match.end()
            if head.status >= 200 or head.status == 101:  # noqa: PLR2004 HTTP 定义
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


def _known_head(raw: bytes) -> Head:
    """见过的头不再读第二遍。"""
    head = _heads.get(raw)
    if head is None:
        head = parse_head(raw)
        if len(_heads) >= _MAX_HEADS:
            _heads.clear()
        _heads[raw] = head
    return head


def parse_head(raw: bytes) -> Head:
    """状态行与头字段（不含结尾空行）→ Head；不合法时抛 BadHTTP。

    重复的字段以逗号相连；续行与没有冒号的行是错误。
    """
    first, *lines = raw.replace(b"\r\n", b"\n").split(b"\n")
    match = _STATUS.match(first)
    if match is None:
        raise BadHTTP(f"bad status line: {first[:80]!r}")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not name or name != name.strip():
            raise BadHTTP(f"bad header line: {line[:80]!r}")
        key, text = name.decode("latin-1").lower(), value.decode("latin-1").strip()
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    wish = headers.get("connection", "").lower()
    keep_alive = "close" not in wish if match[1] == b"1" else "keep-alive" in wish
    return Head(int(match[2]), headers, keep_alive)


def _boundary(head: Head) -> tuple[_Mode, int]:
    """正文以什么为界，以及 Content-Length。"""
    if head.status in (204, 304):
        return _Mode.ENDED, 0
    coding = head.headers.get("transfer-encoding", "").lower()
    if coding:
        return (_Mode.CHUNKED if coding.endswith("chunked") else _Mode.UNTIL_CLOSE), 0
    if "content-length" not in head.headers:
        return _Mode.UNTIL_CLOSE, 0
    lengths = {text.strip() for text in head.headers["content-length"].split(",")}
    length = lengths.pop()
    if lengths or not (length.isascii() and length.isdigit()):
        raise BadHTTP(f"bad Content-Length: {head.headers['content-length'][:80]!r}")
    return (_Mode.LENGTH if int(length) else _Mode.ENDED), int(length)


def _chunk_size(line: bytes) -> int:
    """分块长度行 → 长度；扩展不看。"""
    known = _sizes.get(line)
    if known is not None:
        return known
    field = line.split(b";", 1)[0].strip()
    try:
        if field.isalnum() and field[:2].lower() != b"0x":
            length = int(field, 16)
            if len(_sizes) < _MAX_SIZES:
                _sizes[line] = length
            return length
    except ValueError:
        pass
    raise BadHTTP(f"bad chunk size: {line[:40]!r}")
