"""快道认的信封：id 与内容两边的固定字节，连同长度行一起验过的段。"""

from __future__ import annotations

import re

from rayeval.perf.envelope import MAX_PIECES, PLAIN
from rayeval.perf.framing import CRLF

_SIZE = re.compile(rb"[0-9A-Fa-f]{1,6}")


class Shape:
    """一种信封：id 之前、id 与内容之间、内容之后的固定字节，与验过的段。

    `heads` 是“长度行 + 前段”→ id 之后该有的字节数；`owns` 与 `nexts` 是“内容 + 收尾 +
    下一个长度行 + 前段”→ 自己的内容加收尾有多长、下一段的该有多长；`tails` 是“内容 + 收尾”。
    `width` 是 id 的长度。
    """

    __slots__ = (
        "after",
        "answer",
        "before",
        "between",
        "heads",
        "nexts",
        "owns",
        "reasoning",
        "tails",
        "width",
    )

    def __init__(
        self, before: bytes, between: bytes, after: bytes, width: int, kind: tuple[bool, bool]
    ) -> None:
        """还没有验过的段。`kind` 是（是回答，是推理）。"""
        self.before = before
        self.between = between
        self.after = after
        self.width = width
        self.answer, self.reasoning = kind
        self.heads: dict[bytes, int] = {}
        self.owns: dict[bytes, int] = {}
        self.nexts: dict[bytes, int] = {}
        self.tails: set[bytes] = set()

    def head(self, piece: bytes) -> int | None:
        """“长度行 + 前段”→ id 之后该有多少字节（含块尾的 CRLF）；不像就为 None。"""
        want = self.heads.get(piece)
        if want is None and piece.endswith(self.before):
            size = piece[: len(piece) - len(self.before)]
            if size.endswith(CRLF) and _SIZE.fullmatch(size[:-2]):
                want = int(size[:-2], 16) - len(self.before) - self.width + len(CRLF)
                self.heads[piece] = want
        return want

    def is_tail(self, piece: bytes) -> bool:
        """是“内容 + 收尾”吗。"""
        if piece in self.tails:
            return True
        end = len(piece) - len(self.after)
        good = (
            piece.startswith(self.between)
            and piece.endswith(self.after)
            and PLAIN.fullmatch(piece, len(self.between), end) is not None
        )
        if good:
            self.tails.add(piece)
        return good

    def admit(self, piece: bytes) -> bool:
        """验一个新的段，像就记进表里。"""
        split = len(piece) - self.joint(piece)
        want = self.head(piece[split:])
        if want is None or not self.is_tail(piece[:split]):
            return False
        self.owns[piece], self.nexts[piece] = split, want
        return True

    def trim(self) -> None:
        """表太大就重来：内存有界。"""
        if len(self.tails) > MAX_PIECES or len(self.owns) > MAX_PIECES:
            for table in (self.heads, self.owns, self.nexts, self.tails):
                table.clear()

    def joint(self, piece: bytes) -> int:
        """一段末尾“长度行 + 前段”的长度。"""
        before = len(self.before) + len(CRLF)
        return len(piece) - 1 - piece.rfind(b"\n", 0, max(0, len(piece) - before))
