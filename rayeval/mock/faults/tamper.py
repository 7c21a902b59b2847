"""改写回答的出口：把字节拆成一份份 JSON，经改写者之手，再拼回字节。"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from rayeval.mock.faults.fault import Document, Rewriter
from rayeval.mock.frames import DONE, chunk, dumps, event
from rayeval.mock.playback import Sink

_DATA, _DONE = b"data: ", b"data: [DONE]"
_decode = msgspec.json.Decoder().decode


def tampered(sink: Sink, rewriters: Sequence[Rewriter]) -> Sink:
    """`sink` 之前的一道：流式逐块改写，一次性的整个改写（长度随之重算）。"""
    kinds: list[str] = []

    def rewritten(document: Document) -> list[Document]:
        """依次过每个改写者。"""
        documents = [document]
        for rewrite in rewriters:
            documents = [made for one in documents for made in rewrite(one)]
        return documents

    def events(data: bytes) -> bytes:
        """一串 SSE 事件 → 改写过的一串。"""
        parts = [part for part in data.split(b"\n\n") if part]
        parsed = (None if part == _DONE else _decode(part.removeprefix(_DATA)) for part in parts)
        return b"".join(
            DONE if made is None else event(made) for one in parsed for made in rewritten(one)
        )

    def begin(kind: str, length: int | None) -> None:
        """流式的头照写；一次性的头等长度。"""
        if length is None:
            sink.begin(kind, None)
        else:
            kinds.append(kind)

    def write(data: bytes) -> None:
        """流式的一段：拆掉分块，改写，再分块；什么也没剩就不写。"""
        if made := events(data[data.index(b"\r\n") + 2 : -2]):
            sink.write(chunk(made))

    def end(data: bytes) -> None:
        """末段；一次性的回答至多改成一份。"""
        if not kinds:
            sink.end(events(data))
            return
        body = b"".join(dumps(made) for made in rewritten(_decode(data))[:1])
        sink.begin(kinds[0], len(body))
        sink.end(body)

    return Sink(begin, write, end)
