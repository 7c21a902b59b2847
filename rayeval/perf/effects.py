"""见过的块：不平常的事件（角色、结束、用量）也就那么几种，看懂一次便记住。"""

from __future__ import annotations

from rayeval.perf.envelope import NAME
from rayeval.perf.framing import CRLF, chunk_size
from rayeval.perf.head import BadHTTP
from rayeval.perf.tally import Effect, Tally, decode

_DONE = b"[DONE]\n\n\r\n"
_MAX_EFFECTS = 4096
_effects: dict[bytes, Effect] = {}
"""见过的块 → 意义；id 已抠去。"""


def known_effect(frame: bytes) -> Effect | None:
    """恰好一个事件占一整个块，而且除了 id 之外一模一样的见过 → 它的意义；否则先看懂它。

    id 不影响意义；别的字节哪怕差一个也是另一种。看不懂的、服务报错的、[DONE] 都为 None。
    """
    if frame.endswith(_DONE):
        return None
    name = NAME.search(frame)
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


def whole_event(frame: bytes) -> bytes | None:
    """恰好一个没有名字、一行数据的事件占一整个块 → 它的数据；不是则为 None。"""
    end = frame.find(CRLF)
    if end < 0:
        return None
    try:
        size = chunk_size(frame[:end])
    except BadHTTP:
        return None
    body = frame[end + len(CRLF) : -len(CRLF)]
    whole = size == len(body) and body.startswith(b"data:") and body.endswith(b"\n\n")
    if not whole or b"\n" in body[:-2] or b"\r" in body:
        return None
    return body[5:-2].removeprefix(b" ")
