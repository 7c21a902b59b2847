"""对数概率：由词元与位置定下的、自洽的数（被选的最大，各概率之和不过 1）。"""

from __future__ import annotations

import math
from typing import Any

from rayeval.mock.dice import roll

_RIVALS: tuple[str, ...] = (
    *("，", " the", "。", " a", "的", ".", " is", "是", " and", "在", " of", "了"),
    *(",", " to", " in", "和", " it", "有", "\n", " for", "这", " on", "我", " that"),
)


def chosen(piece: str, position: int) -> float:
    """被选词元的对数概率，在 (-0.7, 0) 内：它至少占一半。"""
    return -0.001 - (roll(piece, position) % 680) / 1000


def ranked(piece: str, position: int, top: int) -> list[tuple[str, float]]:
    """概率从高到低的前 top 个，第一个是被选的。"""
    best = chosen(piece, position)
    rest = 1 - math.exp(best)
    rivals = [rival for rival in _RIVALS if rival != piece]
    turn = roll(position, piece) % len(rivals)
    ordered = rivals[turn:] + rivals[:turn]
    share = [(rival, math.log(rest / 2 ** (k + 1))) for k, rival in enumerate(ordered)]
    return [(piece, best), *share][:top]


def chat_entry(piece: str, position: int, top: int) -> dict[str, Any]:
    """chat 的一项：词元、对数概率、字节、备选。"""
    entry = _token(piece, chosen(piece, position))
    entry["top_logprobs"] = [_token(text, value) for text, value in ranked(piece, position, top)]
    return entry


def text_block(pieces: list[str], top: int, offset: int, start: int, blind: int = 0) -> Any:
    """completions 的一块：四个等长的表；前 `blind` 个（echo 的首词元）没有概率。

    `offset` 是第一个词元在全文中的字符位置，`start` 是它的序号。
    """
    offsets, where = [], offset
    for piece in pieces:
        offsets.append(where)
        where += len(piece)
    scored = [None if k < blind else chosen(p, start + k) for k, p in enumerate(pieces)]
    tops = [
        None if k < blind else dict(ranked(p, start + k, max(1, top))) for k, p in enumerate(pieces)
    ]
    return {
        "text_offset": offsets,
        "token_logprobs": scored,
        "tokens": pieces,
        "top_logprobs": tops,
    }


def _token(text: str, value: float) -> dict[str, Any]:
    """词元、对数概率与 UTF-8 字节。"""
    return {"token": text, "logprob": value, "bytes": list(text.encode())}
