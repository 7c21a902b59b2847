"""字节一步的故障：断线、压缩、空回答、坏 JSON、写错的种类、进程死掉。"""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable

from rayeval.mock.frames import chunk
from rayeval.mock.playback import Sink

Cut = Callable[[], None]
_EXIT = 70
_PLAIN = "text/plain; charset=utf-8"


def whole(change: Callable[[bytes], bytes], kind: str | None = None) -> Callable[[Sink, Cut], Sink]:
    """攒齐整个回答，经 `change` 改过一次发出；`kind` 为 None 则种类照旧。"""

    def sink(sink: Sink, _cut: Cut) -> Sink:
        """一个攒着不发的出口。"""
        held: list[bytes] = []
        kinds: list[str] = []

        def write(data: bytes) -> None:
            """拆掉分块，先攒着。"""
            held.append(data[data.index(b"\r\n") + 2 : -2])

        def end(data: bytes) -> None:
            """到头了，一次发出。"""
            body = change(b"".join([*held, data]))
            sink.begin(kind or kinds[0], len(body))
            sink.end(body)

        return Sink(lambda made, _length: kinds.append(made), write, end)

    return sink


def plain(sink: Sink, _cut: Cut) -> Sink:
    """种类总写成 text/plain。"""
    return Sink(lambda _kind, length: sink.begin(_PLAIN, length), sink.write, sink.end)


def reset(sink: Sink, cut: Cut) -> Sink:
    """发出开头，就以 RST 断开。"""

    def write(data: bytes) -> None:
        """发一段，断。"""
        sink.write(data)
        cut()

    def end(data: bytes) -> None:
        """一次说完的只发前一半。"""
        sink.write(chunk(data[: len(data) // 2]))
        cut()

    return Sink(lambda kind, _length: sink.begin(kind, None), write, end)


def dying(_sink: Sink, _cut: Cut) -> Sink:
    """要作答时进程死掉。"""
    return Sink(lambda _kind, _length: die(), lambda _data: die(), lambda _data: die())


def die() -> None:
    """不收尾就退出，像被杀掉一样。"""
    os._exit(_EXIT)


def compressed(body: bytes) -> bytes:
    """压成 gzip。"""
    return gzip.compress(body, 1)


def garbled(body: bytes) -> bytes:
    """每份 JSON 少了最后的括号。"""
    return body.replace(b"}\n\n", b"\n\n").removesuffix(b"}")
