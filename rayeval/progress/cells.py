"""终端的一行有多少格：汉字占两格，所以补足、折行、省略都按格数，不按字数。"""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size


def pad(text: str, width: int) -> str:
    """右边补足到 `width` 格。"""
    return text + " " * (width - cell_len(text))


def middle(text: str, width: int, cut: str) -> str:
    """太长的从中间省略：名字的头尾都有用。"""
    if cell_len(text) <= width:
        return text
    keep = max(2, width - cell_len(cut))
    return _head(text, (keep + 1) // 2) + cut + _head(text[::-1], keep // 2)[::-1]


def wrap(text: str, width: int, most: int, cut: str) -> list[str]:
    """折成每行至多 `width` 格的至多 `most` 行，尽量在空白处折；放不下的以 `cut` 收尾。"""
    lines: list[str] = []
    rest = text.strip()
    while rest:
        if len(lines) == most - 1 and cell_len(rest) > width:
            return [*lines, _head(rest, width - cell_len(cut)).rstrip() + cut]
        line = _head(rest, width)
        if len(line) < len(rest) and rest[len(line)] != " " and " " in line[width // 2 :]:
            line = line[: line.rindex(" ")]
        lines.append(line.rstrip())
        rest = rest[len(line) :].lstrip()
    return lines


def _head(text: str, width: int) -> str:
    """开头放得进 `width` 格的那些字，不多补。"""
    if cell_len(text) <= width:
        return text
    head = set_cell_size(text, width)
    return head if text.startswith(head) else head[:-1]
