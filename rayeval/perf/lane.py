"""快道：认得一个流自己的信封，整段整段地数 token 事件；逐字节对得上才算，对不上的交还慢道。

引擎的流几乎全由同一个信封组成：长度行、`data: {"id":"…`、固定的字段、内容、固定的收尾。
从流自己的一个事件学会信封（先按慢道的定义验过它的意义），以后的字节按其中的 id 劈开：
劈出的每一段都是“内容 + 收尾 + 下一个长度行”，一样的段不必看第二遍。长度行与内容的长短
逐个核对，所以结果与一个字节一个字节地读完全相同（随机切分的测试守着）。
"""

from __future__ import annotations

import re

from rayeval.perf.tally import Effect, Tally, decode

_FRAME = re.compile(rb"([0-9A-Fa-f]{1,6})\r\n(data: ?)(\{[^\r\n]*\})\n\n\r\n", re.DOTALL)
_ID = re.compile(rb'"id" ?: ?"([^"\\\x00-\x1f]{6,80})"')
_TEXT = re.compile(
    rb'"(?:content|reasoning_content|reasoning|refusal|text)" ?: ?"([^"\\\x00-\x1f]+)"'
)
_PLAIN = re.compile(rb'[^"\\\x00-\x1f]+')
_SIZE = re.compile(rb"[0-9A-Fa-f]{1,6}")
_CRLF = b"\r\n"
_DONE = b"[DONE]\n\n\r\n"
_MAX_SHAPES = 16
_MAX_PIECES = 50_000
MAX_CARRY = 64 * 1024
"""攒着的半个事件的上限，字节；再长就交给慢道。"""


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

    def __init__(self, before: bytes, between: bytes, after: bytes, width: int) -> None:
        """还没有验过的段。"""
        self.before = before
        self.between = between
        self.after = after
        self.width = width
        self.answer = self.reasoning = False
        self.heads: dict[bytes, int] = {}
        self.owns: dict[bytes, int] = {}
        self.nexts: dict[bytes, int] = {}
        self.tails: set[bytes] = set()

    def examined(self, sample: bytes) -> bool:
        """`sample` 是放了一个字的信封：按慢道的定义，只许是一个 token 事件，别无他事。"""
        tally = Tally()
        try:
            chunk = decode(sample)
        except ValueError:
            return False
        if isinstance(chunk, dict):
            tally.chunk(1.0, chunk)
        self.answer = tally.answer_events > 0
        self.reasoning = tally.last_reasoning_s is not None
        other = tally.usage or tally.report or tally.finish_reason or tally.error
        return tally.events == 1 and not other

    def head(self, piece: bytes) -> int | None:
        """“长度行 + 前段”→ id 之后该有多少字节（含块尾的 CRLF）；不像就为 None。"""
        want = self.heads.get(piece)
        if want is None and piece.endswith(self.before):
            size = piece[: len(piece) - len(self.before)]
            if size.endswith(_CRLF) and _SIZE.fullmatch(size[:-2]):
                want = int(size[:-2], 16) - len(self.before) - self.width + len(_CRLF)
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
            and _PLAIN.fullmatch(piece, len(self.between), end) is not None
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
        if len(self.tails) > _MAX_PIECES or len(self.owns) > _MAX_PIECES:
            for table in (self.heads, self.owns, self.nexts, self.tails):
                table.clear()

    def joint(self, piece: bytes) -> int:
        """一段末尾“长度行 + 前段”的长度。"""
        before = len(self.before) + len(_CRLF)
        return len(piece) - 1 - piece.rfind(b"\n", 0, max(0, len(piece) - before))


_shapes: dict[tuple[bytes, bytes, bytes, int], Shape | None] = {}
_sizes: dict[bytes, int] = {}
"""读过的长度行；最多十六的六次方种，实际上就那么几种长短。"""
_MAX_EFFECTS = 4096
_effects: dict[bytes, Effect] = {}
"""见过的不平常的块（角色、结束、用量）→ 意义；id 已抠去。"""
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


def whole_event(frame: bytes) -> bytes | None:
    """恰好一个没有名字、一行数据的事件占一整个块 → 它的数据；不是则为 None。"""
    end = frame.find(_CRLF)
    if end < 0:
        return None
    line = frame[:end]
    size = _sizes.get(line)
    if size is None:
        if not _SIZE.fullmatch(line):
            return None
        size = _sizes[line] = int(line, 16)
    start = end + len(_CRLF)
    body = frame[start : -len(_CRLF)]
    whole = size == len(body) and body.startswith(b"data:") and body.endswith(b"\n\n")
    if not whole or b"\n" in body[:-2] or b"\r" in body:
        return None
    return body[5:-2].removeprefix(b" ")


def known_effect(frame: bytes) -> Effect | None:
    """恰好一个事件占一整个块，而且除了 id 之外一模一样的见过 → 它的意义；否则先看懂它。

    id 不影响意义；别的字节哪怕差一个也是另一种。看不懂的、服务报错的、[DONE] 都为 None。
    """
    if frame.endswith(_DONE):
        return None
    name = _ID.search(frame)
    key = frame if name is None else frame.replace(name[1], b"\0" * len(name[1]))
    effect = _effects.get(key)
    if effect is None and b"\0" not in frame:
        effect = _understood(frame)
        if effect is not None:
            if len(_effects) >= _MAX_EFFECTS:
                _effects.clear()
            _effects[key] = effect
    return effect


def _understood(frame: bytes) -> Effect | None:
    """一个事件占一整个块 → 它的意义。"""
    event = whole_event(frame)
    try:
        chunk = None if event is None else decode(event)
    except ValueError:
        return None
    if not isinstance(chunk, dict):
        return None
    tally = Tally()
    tally.chunk(1.0, chunk)
    return tally.effect()


def learn(frame: bytes) -> Lane | None:
    """从一个完整的块（长度行到块尾的 CRLF）学信封；它不是一个平常的 token 事件则为 None。"""
    match = _FRAME.fullmatch(frame)
    if match is None or int(match[1], 16) != len(match[2]) + len(match[3]) + 2:
        return None
    body = match[3]
    name, texts = _ID.search(body), list(_TEXT.finditer(body))
    if name is None or len(texts) != 1 or texts[0].start(1) < name.end(1):
        return None
    text, needle = texts[0], name[1]
    if frame.count(needle) != 1:
        return None
    before, between = match[2] + body[: name.start(1)], body[name.end(1) : text.start(1)]
    key = (before, between, body[text.end(1) :] + b"\n\n\r\n", len(needle))
    if key not in _shapes:
        if len(_shapes) >= _MAX_SHAPES:
            del _shapes[next(iter(_shapes))]
        shape = Shape(*key)
        fit = shape.examined(body[: text.start(1)] + b"x" + body[text.end(1) :])
        _shapes[key] = shape if fit else None
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
    if data.count(needle, start, max(stop, end)) != 1 or not _PLAIN.fullmatch(needle):
        return None
    return Lane(needle, shape)


def _unfinished(rest: bytes) -> bool:
    """只是半个块：还没有完整的事件，也不会是结束块。"""
    return rest.count(b"\n") <= 1 and rest[-1:] not in b"\r\n"
