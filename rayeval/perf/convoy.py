"""车队：一段正文里一连串同样信封的事件，一口气数完。

一个块里装好几个事件的引擎，或攒了几个再转发的代理（它们的块与事件对不齐），走不了快道；
但正文里相邻两个内容之间的字节总是一样的。按那些字节劈开，劈出的就是一个个内容：内容里若有
引号、反斜杠或控制字符，便不是寻常的事件，从那里起交还慢道。
"""

from __future__ import annotations

from rayeval.perf.envelope import MAX_PIECES, PLAIN, sole_text, token_kind

_PREFIX = b"data:"
_END = b"\n\n"

_plain: set[bytes] = set()
"""验过的内容；引擎的词表就那么大。"""


class Convoy:
    """一个流的信封：内容之前与之后的字节，以及它算回答还是推理。"""

    __slots__ = ("_after", "_before", "_joint", "answer", "reasoning")

    def __init__(self, before: bytes, after: bytes, kind: tuple[bool, bool]) -> None:
        """`before`、`after` 是一个事件里内容两边的字节；`kind` 是（是回答，是推理）。"""
        self._before = before
        self._after = after
        self._joint = after + before
        self.answer, self.reasoning = kind

    def take(self, body: bytes) -> tuple[int, bytes]:
        """`body` 从一个事件的开头起：（开头连着几个寻常的 token 事件，余下的字节）。"""
        if not body.startswith(self._before):
            return 0, body
        pieces = body[len(self._before) :].split(self._joint)
        last = pieces.pop()
        number = len(pieces) if _plain.issuperset(pieces) else _admit(pieces)
        if number < len(pieces):
            left = [*pieces[number:], last]
            return number, self._before + self._joint.join(left)
        end = last.find(self._after)
        if end < 0 or _admit([last[:end]]) == 0:
            return number, self._before + last
        return number + 1, last[end + len(self._after) :]


def form(event: bytes) -> Convoy | None:
    """从一个事件（含结尾的空行）认出信封；它不是一个寻常的 token 事件则为 None。"""
    if not event.startswith(_PREFIX) or b"\n" in event[: -len(_END)] or b"\r" in event:
        return None
    span = sole_text(event)
    if span is None:
        return None
    before, after = event[: span[0]], event[span[1] :]
    kind = token_kind((before + b"x" + after)[len(_PREFIX) :])
    return None if kind is None else Convoy(before, after, kind)


def _admit(pieces: list[bytes]) -> int:
    """从头起连着有几段是寻常的内容；是的记下来。"""
    if len(_plain) > MAX_PIECES:
        _plain.clear()
    for number, piece in enumerate(pieces):
        if piece not in _plain:
            if PLAIN.fullmatch(piece) is None:
                return number
            _plain.add(piece)
    return len(pieces)
