"""SSE 字节 → 数据行；纯函数式的增量解析，任意切分都给出同样的结果。"""

from __future__ import annotations

import codecs
import re

_LINE_END = re.compile(r"\r\n|\n|\r")


class SSEParser:
    """增量解析 text/event-stream。

    规则同 WHATWG：CR、LF、CRLF 皆可断行；`data:` 后至多去一个空格；同一事件的多行
    data 以换行相连；注释（冒号开头）与 data 之外的字段不产出事件；开头的 BOM 不算内容。
    流在事件中途结束时，`flush()` 把攒下的交出来（许多服务最后少一个空行）。
    """

    def __init__(self) -> None:
        """从空白开始。"""
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._text = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> list[str]:
        """喂入字节，返回其间完整的事件数据。"""
        self._text += self._decoder.decode(chunk)
        events: list[str] = []
        start = 0
        for match in _LINE_END.finditer(self._text):
            if match.group() == "\r" and match.end() == len(self._text):
                break  # 可能是 CRLF 的前一半，等下一段
            self._line(self._text[start : match.start()], events)
            start = match.end()
        self._text = self._text[start:]
        return events

    def flush(self) -> list[str]:
        """流已结束：交出没有以空行收尾的最后一个事件。"""
        events: list[str] = []
        tail = (self._text + self._decoder.decode(b"", final=True)).rstrip("\r\n")
        self._text = ""
        if tail:
            self._line(tail, events)
        self._line("", events)
        return events

    def _line(self, line: str, events: list[str]) -> None:
        """处理一行；空行派发事件。"""
        if not line:
            if self._data:
                events.append("\n".join(self._data))
                self._data = []
            return
        name, _, value = line.partition(":")
        if name == "data":
            self._data.append(value.removeprefix(" "))
