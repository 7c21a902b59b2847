"""HTTP/1.1 回复的头：状态行与头字段，合法才成。"""

from __future__ import annotations

import re

SWITCH = 101
"""改用别的协议：此后不再是 HTTP，这次回复到头为止。"""
_START = rb"HTTP/1\.([01]) +(\d{3})(?: [^\r\n]*)?"
_LINE = rb"[^\s:]+:[^\r\n]*"
_STATUS = re.compile(_START)
_FIELD = re.compile(_LINE)
_WELL_FORMED = re.compile(rb"%s(?:\r?\n%s)*" % (_START, _LINE))
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-")


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
        if self.status == SWITCH:
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
