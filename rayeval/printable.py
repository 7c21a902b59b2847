"""写给人看的：来路不明的文字里看不见的字符（控制、转义、改变书写方向的）换成空格；单数与复数。"""

from __future__ import annotations


def printable(text: str, keep: str = "") -> str:
    """逐字换，长短不变；`keep` 里的留着。"""
    return "".join(char if char.isprintable() or char in keep else " " for char in text)


def first_line(text: str, limit: int = 160) -> str:
    """第一个不空的行，至多 `limit` 字；没有则为空。"""
    return printable(text.strip().splitlines()[0])[:limit] if text.strip() else ""


def amount(count: int, noun: str) -> str:
    """1 check、2 checks；复数只是加 s 的那些词。"""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
