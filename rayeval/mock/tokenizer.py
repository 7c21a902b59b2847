"""自带的分词：不要词表，编号可逆，拼回去与原文一字不差。

英文四个字母一段（可带前导空格），数字三位一段，其余每个码位一个词元；
由多个码位组成的表情（家庭、国旗、肤色）因此是好几个词元，但一个码位从不被劈开。
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_PIECE = re.compile(r" ?[A-Za-z]{1,4}|[0-9]{1,3}|[\s\S]")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANK = {letter: position for position, letter in enumerate(_LETTERS, start=1)}
_BASE = len(_LETTERS)
_DIGITS_FROM = 0x110000
_WORDS_FROM = _DIGITS_FROM + 100 + 1000
_WORDS: int = sum(_BASE**length for length in range(1, 5)) + 1
_SPECIAL_FROM = _WORDS_FROM + 2 * _WORDS
_SPECIALS = ("<|system|>", "<|user|>", "<|assistant|>", "<|tool|>", "<|end|>")
VOCABULARY = _SPECIAL_FROM + len(_SPECIALS)
END = "<|end|>"
_TWO, _THREE = 2, 3


def split(text: str) -> list[str]:
    """文本 → 词元文本；相连即原文。"""
    pieces: list[str] = _PIECE.findall(text)
    return pieces


def count(text: str) -> int:
    """文本的词元数。"""
    return len(split(text))


def encode(text: str) -> list[int]:
    """文本 → 词元编号，都在 [0, VOCABULARY) 内。"""
    return [_number(piece) for piece in split(text)]


def decode(ids: Sequence[int]) -> str:
    """词元编号 → 文本；特殊词元写成它的名字；编号越界抛 ValueError。"""
    return "".join(map(_piece, ids))


def special(name: str) -> int:
    """特殊词元的编号；不认识的角色按 user。"""
    return _SPECIAL_FROM + _SPECIALS.index(name if name in _SPECIALS else "<|user|>")


def _number(piece: str) -> int:
    """一个词元文本的编号。"""
    if len(piece) == 1:
        return ord(piece)
    if piece[0].isdigit():
        return _DIGITS_FROM + (0 if len(piece) == _TWO else 100) + int(piece)
    word = piece.removeprefix(" ")
    value: int = 0
    for letter in word:
        value = value * _BASE + _RANK[letter]
    return _WORDS_FROM + 2 * value + (piece[0] == " ")


def _piece(number: int) -> str:
    """一个编号的词元文本。"""
    if not 0 <= number < VOCABULARY:
        raise ValueError(f"token id {number} is out of vocabulary")
    if number < _DIGITS_FROM:
        return chr(number)
    if number < _WORDS_FROM:
        rest = number - _DIGITS_FROM
        return f"{rest:02d}" if rest < 100 else f"{rest - 100:03d}"  # noqa: PLR2004 见编号的布局
    if number >= _SPECIAL_FROM:
        return _SPECIALS[number - _SPECIAL_FROM]
    value, blank = divmod(number - _WORDS_FROM, 2)
    letters = ""
    while value > 0:
        value, rank = divmod(value - 1, _BASE)
        letters = _LETTERS[rank] + letters
    return (" " if blank else "") + letters
