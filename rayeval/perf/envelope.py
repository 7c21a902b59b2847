"""信封：引擎的流里，除了内容以外总是一样的那些字节。怎么从一个事件认出它，怎么验它。"""

from __future__ import annotations

import re

from rayeval.perf.tally import Tally, decode

NAME = re.compile(rb'"id" ?: ?"([^"\\\x00-\x1f]{6,80})"')
"""流的 id。"""
PLAIN = re.compile(rb'[^"\\\x00-\x1f]+')
"""JSON 字符串里不用转义的、非空的内容。"""
MAX_PIECES = 50_000
"""一张验过的表里至多这么多段：内存有界。"""
_TEXT = re.compile(
    rb'"(?:content|reasoning_content|reasoning|refusal|text)" ?: ?"([^"\\\x00-\x1f]+)"'
)


def sole_text(body: bytes) -> tuple[int, int] | None:
    """一个块里唯一的一段内容在哪里（起，止）；没有，或不止一段，则为 None。"""
    texts = [match.span(1) for match in _TEXT.finditer(body)]
    return texts[0] if len(texts) == 1 else None


def token_kind(sample: bytes) -> tuple[bool, bool] | None:
    """`sample` 是放了一个字的信封，按慢道的定义读：（是回答，是推理）。

    不恰是一个 token 事件、还说了别的事（用量、结束、出错），则为 None。
    """
    tally = Tally()
    try:
        chunk = decode(sample)
    except ValueError:
        return None
    if isinstance(chunk, dict):
        tally.chunk(1.0, chunk)
    other = tally.usage or tally.report or tally.finish_reason or tally.error
    if tally.events != 1 or other:
        return None
    return tally.answer_events > 0, tally.last_reasoning_s is not None
