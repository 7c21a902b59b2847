"""simple-evals 的 HTML 页 → 逐题：对话、正确字母、读出的字母、得分。"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser


@dataclass(slots=True)
class Example:
    """页面上正在读的一题。"""

    said: dict[str, str]
    correct: str = ""
    extracted: str = ""
    score: float = 0.0


class Page(HTMLParser):
    """从页面里认出各题：`<pre>` 里是对话，随后三段 `<p>` 是字母与得分。

    页面里模型的话是转义过的，冒不出标签来；没有正确字母的（不是选择题）不收。
    """

    def __init__(self) -> None:
        """还没有题。"""
        super().__init__(convert_charrefs=True)
        self.examples: list[Example] = []
        self._now = Example({})
        self._role = ""
        self._in: str | None = None
        self._text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """记下谁在说话；`pre` 与 `p` 里的字要收。"""
        words = (dict(attrs).get("class") or "").split()
        self._role = next((r for r in ("user", "assistant", "system") if r in words), self._role)
        if tag in {"pre", "p"}:
            self._in, self._text = tag, []

    def handle_data(self, data: str) -> None:
        """收字。"""
        if self._in is not None:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        """一段收完。"""
        if tag != self._in:
            return
        text, self._in = "".join(self._text), None
        if tag == "pre":
            self._now.said[self._role] = text
        else:
            self._fact(text)

    def _fact(self, text: str) -> None:
        """`Correct Answer: C` 这样的一段；得分是一题的最后一段。"""
        name, colon, value = text.partition(":")
        if not colon:
            return
        match name.strip():
            case "Correct Answer":
                self._now.correct = value.strip()
            case "Extracted Answer":
                self._now.extracted = value.strip()
            case "Score" if re.fullmatch(r"[01](?:\.\d+)?", value.strip()):
                self._now.score = float(value)
                if self._now.correct:
                    self.examples.append(self._now)
                self._now, self._role = Example({}), ""
