"""快道：认得一个流自己的信封，整段整段地数 token 事件；逐字节对得上才算，对不上的交还慢道。

引擎的流几乎全由同一个信封组成：长度行、`data: {"id":"…`、固定的字段、内容、固定的收尾。
从流自己的一个事件学会信封（先按慢道的定义验过它的意义），以后的字节按其中的 id 劈开：
劈出的每一段都是“内容 + 收尾 + 下一个长度行”，一样的段不必看第二遍。长度行与内容的长短
逐个核对，所以结果与一个字节一个字节地读完全相同（随机切分的测试守着）。
"""

from __future__ import annotations

import re

from rayeval.perf.envelope import NAME, PLAIN, sole_text, token_kind
from rayeval.perf.shape import Shape

_FRAME = re.compile(rb"([0-9A-Fa-f]{1,6})\r\n(data: ?)(\{[^\r\n]*\})\n\n\r\n", re.DOTALL)
_MAX_SHAPES = 16
MAX_CARRY = 64 * 1024
"""攒着的半个事件的上限，字节；再长就交给慢道。"""

_shapes: dict[tuple[bytes, bytes, bytes, int], Shape | None] = {}
_recent: list[Shape] = []
"""最近学会的一种；新的流多半还是它。"""


class Lane:
    """一个流的快道。`take` 只在一个块的开头处调用。"""

    __slots__ = ("_carry", "_needle", "shape")

    def __init__(self, needle: bytes, shape: Shape) -> None:
        """`needle` 是这个流的 id。"""
        self._needle = needle
        self._carry = b""
        self.shape = shape

    def is_one(self, data: bytes) -> bool:
        """恰好是一个完整的、验过的事件：逐 token 的流几乎每次读都是。"""
        head, _, tail = data.partition(self._needle)
        shape = self.shape
        return shape.heads.get(head) == len(tail) and tail in shape.tails and not self._carry

    def take(self, data: bytes) -> tuple[int, bytes]:
        """（认出的完整事件数，余下的字节）；余下的从一个块的开头起，交给慢道。

        只差半截的事件自己攒着，等下一次读。
        """
        if not data:
            return 0, data
        if self._carry:
            data, self._carry = self._carry + data, b""
        number, rest = self._run(data, data.split(self._needle))
        if rest and len(rest) < MAX_CARRY and _unfinished(rest):
            self._carry = rest
            return number, b""
        return number, rest

    @property
    def empty(self) -> bool:
        """没有攒着半截。"""
        return not self._carry

    def flush(self) -> bytes:
        """交出攒着的半截。"""
        rest, self._carry = self._carry, b""
        return rest

    def _run(self, data: bytes, pieces: list[bytes]) -> tuple[int, bytes]:
        """从头数起，数到第一个对不上的为止。"""
        shape = self.shape
        want = shape.head(pieces[0])
        if want is None or len(pieces) < 2:  # noqa: PLR2004 一个 id 也没有
            return 0, data
        shape.trim()
        last, number = pieces.pop(), len(pieces) - 1
        del pieces[0]
        owns = list(map(shape.owns.get, pieces))
        done = self._admit(pieces, owns) if None in owns else number
        wants = [want]
        wants += map(shape.nexts.__getitem__, pieces[:done] if done < number else pieces)
        if owns[:done] != wants[:-1]:
            done = next(i for i, own in enumerate(owns) if own != wants[i])
        elif done == number and len(last) == wants[-1] and shape.is_tail(last):
            return done + 1, b""
        if not done:
            return 0, data
        after = pieces[done:]
        left = sum(map(len, after)) + (len(after) + 1) * len(self._needle) + len(last)
        return done, data[-left - shape.joint(pieces[done - 1]) :]

    def _admit(self, pieces: list[bytes], owns: list[int | None]) -> int:
        """没见过的段逐个验；返回从头起连着像的有几段。"""
        shape = self.shape
        while None in owns:
            at = owns.index(None)
            if not shape.admit(pieces[at]):
                return at
            owns[at] = shape.owns[pieces[at]]
        return len(pieces)


def learn(frame: bytes) -> Lane | None:
    """从一个完整的块（长度行到块尾的 CRLF）学信封；它不是一个平常的 token 事件则为 None。"""
    match = _FRAME.fullmatch(frame)
    if match is None or int(match[1], 16) != len(match[2]) + len(match[3]) + 2:
        return None
    body = match[3]
    name, text = NAME.search(body), sole_text(body)
    if name is None or text is None or text[0] < name.end(1):
        return None
    needle = name[1]
    if frame.count(needle) != 1:
        return None
    before, between = match[2] + body[: name.start(1)], body[name.end(1) : text[0]]
    key = (before, between, body[text[1] :] + b"\n\n\r\n", len(needle))
    if key not in _shapes:
        if len(_shapes) >= _MAX_SHAPES:
            del _shapes[next(iter(_shapes))]
        kind = token_kind(body[: text[0]] + b"x" + body[text[1] :])
        _shapes[key] = None if kind is None else Shape(*key, kind)
    found = _shapes[key]
    if found is None:
        return None
    _recent[:] = [found]
    return Lane(needle, found)


def recall(data: bytes, start: int = 0) -> Lane | None:
    """`start` 是一个块的开头：照最近学会的信封取出这个流的 id；不像则为 None。"""
    if not _recent:
        return None
    shape = _recent[0]
    place = data.find(b"\n", start) + 1
    if not data.startswith(shape.before, place):
        return None
    place += len(shape.before)
    end = place + shape.width
    if not data.startswith(shape.between, end):
        return None
    needle = data[place:end]
    stop = data.find(shape.after, end)
    if data.count(needle, start, max(stop, end)) != 1 or not PLAIN.fullmatch(needle):
        return None
    return Lane(needle, shape)


def _unfinished(rest: bytes) -> bool:
    """只是半个块：还没有完整的事件，也不会是结束块。"""
    return rest.count(b"\n") <= 1 and rest[-1:] not in b"\r\n"
