"""SSE 字节 → 事件；与 client.sse 同一规则，但只在字节上切，留给 JSON 解析器直接用。"""

from __future__ import annotations

MAX_EVENT = 16 * 1024 * 1024
"""一个事件的上限，字节。"""

_BOM = b"\xef\xbb\xbf"

Event = tuple[bytes, bytes]
"""(事件名, 数据)；没有名字时名为空。"""


class EventTooLong(Exception):  # noqa: N818 是被测服务的毛病，会成为数据
    """一个事件超过 MAX_EVENT。"""


class EventSplitter:
    """增量切事件：CR、LF、CRLF 皆可断行，空行派发，注释与空数据不派发。"""

    __slots__ = ("_fresh", "_held", "_size")

    def __init__(self, *, fresh: bool = True) -> None:
        """从流的开头开始；`fresh=False` 表示开头已经看过，没有 BOM。"""
        self._held: list[bytes] = []
        self._size = 0
        self._fresh = fresh

    def feed(self, data: bytes) -> list[Event]:
        """收下一段字节，返回其间派发的事件。"""
        if b"\n" not in data and b"\r" not in data:
            self._hold(data)
            return []
        text = b"".join(self._held) + data
        carry = b""
        if b"\r" in text:
            if text.endswith(b"\r"):  # 可能是 CRLF 的前一半
                text, carry = text[:-1], b"\r"
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if self._fresh:
            if len(text) < len(_BOM) and _BOM.startswith(text):
                self._held = [text + carry]
                return []
            text, self._fresh = text.removeprefix(_BOM), False
        *blocks, rest = text.split(b"\n\n")
        self._held, self._size = [], 0
        self._hold(rest + carry)
        return [event for block in blocks if (event := _event(block)) is not None]

    @property
    def resting(self) -> bool:
        """正停在两个事件之间。"""
        return not self._fresh and not any(self._held)

    def flush(self) -> list[Event]:
        """流已结束：交出没有以空行收尾的最后一个事件。"""
        rest, self._held = b"".join(self._held), []
        if self._fresh:
            rest = rest.removeprefix(_BOM)
        event = _event(rest.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
        return [] if event is None else [event]

    def _hold(self, data: bytes) -> None:
        """攒下不全的事件。"""
        self._size += len(data)
        if self._size > MAX_EVENT:
            raise EventTooLong(f"an event is longer than {MAX_EVENT} bytes")
        self._held.append(data)


def _event(block: bytes) -> Event | None:
    """一个空行之前的各行 → 事件；没有 data 行时为 None。"""
    if block.startswith(b"data:") and b"\n" not in block:
        return b"", block[5:].removeprefix(b" ")
    name, data = b"", []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.strip()
    return (name, b"\n".join(data)) if data else None
