"""增量地读一次回复：HTTP 的边界、SSE 的事件、JSON 的意义；寻常的流走快道，其余走慢道。"""

from __future__ import annotations

import zlib
from typing import Any

from rayeval.client.openai import explain
from rayeval.perf.failure import Ending, Facts, classify, trim
from rayeval.perf.framing import BadHTTP, Framer, closes
from rayeval.perf.lane import Lane, known_effect, learn, recall, whole_event
from rayeval.perf.meaning import Meaning, Times, conclude
from rayeval.perf.sse import EventSplitter, EventTooLong
from rayeval.perf.tally import Tally, decode

_JOINT = b"\n\n\r\n"
"""一个事件恰占一个块时，块尾的样子。"""
_HEAD_END = b"\r\n\r\n"
MAX_MISSES = 12
"""学这么多次信封还不成（内容、推理、工具调用交替也用不了几次），就一直走慢道。"""
MAX_BODY = 16 * 1024 * 1024
"""非流式正文的上限，字节。"""
_LAST = b"\r\n0\r\n\r\n"
_SHORT = 4096
"""末了一次读短于此，只核对它的边界，意义等下一个请求上路之后再说。"""
_OK = 200


class Reading:
    """一次回复，读到多少懂多少。任意切分结果相同（戳除外）；对任何字节都不抛异常。"""

    __slots__ = (
        "_bad_json",
        "_body",
        "_body_size",
        "_clear",
        "_done_s",
        "_fast",
        "_first_event_s",
        "_framer",
        "_lane",
        "_last_s",
        "_late",
        "_misses",
        "_splitter",
        "_t0_s",
        "_tally",
        "_truncated",
        "_unzip",
        "broken",
        "ended",
        "events",
    )

    def __init__(self, t0_s: float, *, fast: bool = True) -> None:
        """`t0_s` 是请求字节上路前的时刻；`fast=False` 只走慢道，作对照。"""
        self._t0_s = t0_s
        self._framer = Framer()
        self._tally = Tally()
        self._unzip: Any = None
        self._splitter: EventSplitter | None = None
        self._body: list[bytes] = []
        self._body_size = 0
        self.events = 0  # SSE 事件数，token 事件约等于它
        self._first_event_s: float | None = None
        self._done_s: float | None = None
        self._bad_json: str | None = None
        self._truncated = False
        self._last_s: float | None = None
        self._lane: Lane | None = None
        self._clear = False  # 有快道，且正停在两个块之间
        self._misses = 0
        self._fast = fast
        self._late: tuple[float, bytes] | None = None
        self.broken: str | None = None  # HTTP 或编码不合法之处
        self.ended = False  # 回复已完整，或已不可救药：不必再读

    @property
    def reusable(self) -> bool:
        """连接可以再用：回复合法、完整、没有多余字节，服务也愿意。"""
        if self._late is not None:
            return self._framer.head is not None and self._framer.head.keep_alive
        return self.broken is None and self._framer.reusable

    @property
    def waiting(self) -> bool:
        """还没有见到 token 事件。"""
        return not self._tally.stamps

    @property
    def last_s(self) -> float | None:
        """最后一次读的戳；一个字节也没来过则为 None。"""
        return self._last_s

    def closed(self) -> bool:
        """对端不再发：返回这次回复是否因此完整（以关闭为界者）。"""
        self._unload()
        return self._framer.close()

    def feed(self, stamp_s: float, data: bytes) -> None:
        """收下一次读；不合法的回复记在心里，不抛。"""
        self._last_s = stamp_s
        if self._clear:
            lane = self._lane
            assert lane is not None  # noqa: S101 _clear 就是有快道
            if lane.is_one(data):
                self.events += 1
                self._tally.one(stamp_s, lane.shape.answer, lane.shape.reasoning)
                return
            if len(data) < _SHORT and data.endswith(_LAST) and lane.empty and closes(data):
                self._late, self.ended = (stamp_s, data), True  # 下一个请求等着，意义以后再说
                return
        self._absorb(stamp_s, data)

    def _absorb(self, stamp_s: float, data: bytes) -> None:
        """读懂一段。"""
        if self._clear:
            data = self._ride(stamp_s, data)
            if not data:
                return
        if self.broken is not None:
            return
        place = 0
        if self._framer.head is None:
            place = data.find(_HEAD_END) + len(_HEAD_END)
            if place < len(_HEAD_END):
                place = 0
            else:
                self._plain(stamp_s, data[:place])
        if self._fast and self._unzip is None:
            data = self._study(stamp_s, data, place)
        elif place:
            data = data[place:]
        if data and not self._framer.end(data):
            self._plain(stamp_s, data)
        self._clear = self._lane is not None and self._between()
        self.ended = self._framer.ended or self.broken is not None

    def _ride(self, stamp_s: float, data: bytes) -> bytes:
        """走快道；返回快道不认得的余下字节。"""
        lane = self._lane
        assert lane is not None  # noqa: S101 有快道才会来
        number, data = lane.take(data)
        if number:
            shape = lane.shape
            self.events += number
            if self._first_event_s is None:
                self._first_event_s = stamp_s
            self._tally.tokens(stamp_s, number, shape.answer, shape.reasoning)
        return data

    def _study(self, stamp_s: float, data: bytes, place: int) -> bytes:
        """正停在块的开头时，恰好一个事件的块直接取出事件，并从中学信封，学会就上快道。

        `place` 是还没读到的地方；返回不是这种块的余下字节，从一个块的开头起。
        """
        while self._between():
            learning = self._misses < MAX_MISSES
            if learning and self._lane is None and (lane := recall(data, place)) is not None:
                self._lane = lane
                data, place = self._ride(stamp_s, data[place:]), 0
            stop = data.find(_JOINT, place) + len(_JOINT)
            frame = data[place:stop]  # 没找到时是空的
            effect = known_effect(frame) if self._done_s is None else None
            if effect is None:
                event = whole_event(frame)
                if event is None:
                    break
                self._event(stamp_s, b"", event)
            else:
                self.events += 1
                if self._first_event_s is None:
                    self._first_event_s = stamp_s
                self._tally.take(stamp_s, effect)
            place = stop
            if self._splitter is None:
                self._splitter = EventSplitter(fresh=False)
            if self._tally.finish_reason:
                self._misses, self._lane = MAX_MISSES, None  # 快到头了，不必再学
            elif learning and effect is not None and effect.token:
                self._misses += 1
                self._lane = learn(frame) or self._lane
                if self._lane is not None:
                    data, place = self._ride(stamp_s, data[place:]), 0
        return data[place:] if place else data

    def _between(self) -> bool:
        """正停在一个块的开头，也停在两个事件之间（或事件流还没开始）。"""
        if not self._framer.between_chunks or self._unzip is not None:
            return False
        splitter = self._splitter
        if splitter is not None:
            return splitter.resting
        return not self._body and self._status == _OK

    def _unload(self) -> None:
        """快道上攒着的半截交给慢道。"""
        if self._lane is not None and (rest := self._lane.flush()):
            self._plain(self._last_s or self._t0_s, rest)

    def _plain(self, stamp_s: float, data: bytes) -> None:
        """慢道：逐块、逐事件、逐个 JSON。"""
        try:
            known, trouble = self._framer.head is not None, None
            try:
                body = self._framer.feed(data)
            except BadHTTP as error:
                body, trouble = error.body, error
            if not known and self._framer.head is not None:
                self._begin()
            if body:
                self._take(stamp_s, body)
            if trouble is not None:
                raise trouble
        except (BadHTTP, EventTooLong, zlib.error) as error:
            self.broken = str(error)

    def _begin(self) -> None:
        """头到齐：按 Content-Encoding 备好解压。"""
        assert self._framer.head is not None  # noqa: S101 调用者刚看过
        coding = (self._framer.head.get("content-encoding") or "identity").lower()
        if coding in ("gzip", "x-gzip", "deflate"):
            self._unzip = zlib.decompressobj(zlib.MAX_WBITS | 32)
        elif coding != "identity":
            raise BadHTTP(f"answer is encoded as {coding[:40]} although identity was asked")

    def _take(self, stamp_s: float, body: bytes) -> None:
        """收下一段正文：认出是事件流还是整个的正文。"""
        if self._unzip is not None:
            body = self._unzip.decompress(body)
        if self._splitter is None and not self._body:
            body = body.lstrip(b" \t\r\n")
            if not body:
                return
            if self._status < 300 and body[:1] not in b'{["<':  # noqa: PLR2004 HTTP 定义
                self._splitter = EventSplitter()
        if self._splitter is not None:
            for name, data in self._splitter.feed(body):
                self._event(stamp_s, name, data)
            return
        self._body_size += len(body)
        if self._body_size > MAX_BODY:
            raise BadHTTP(f"answer body is longer than {MAX_BODY} bytes")
        self._body.append(body)

    def _event(self, stamp_s: float, name: bytes, data: bytes) -> None:
        """一个事件；[DONE] 之后的不看。"""
        if self._done_s is not None or not data:
            return
        self.events += 1
        if self._first_event_s is None:
            self._first_event_s = stamp_s
        if data[:1] == b"[" and data.strip() == b"[DONE]":
            self._done_s = stamp_s
            return
        try:
            chunk = decode(data)
        except ValueError:
            chunk = None
        if isinstance(chunk, dict):
            self._tally.chunk(stamp_s, chunk)
        elif name != b"error":
            self._bad_json = self._bad_json or trim(data)
        if name == b"error":
            self._tally.fail(explain(chunk, trim(data)))

    @property
    def _status(self) -> int:
        """状态码；头还没到时为 0。"""
        return 0 if self._framer.head is None else self._framer.head.status

    def finish(self, ending: Ending, end_s: float, detail: str = "") -> Meaning:
        """线上已结束：给出意义。只可调用一次。"""
        if self._late is not None:
            late, self._late = self._late, None
            self._absorb(*late)
        self._unload()
        splitter, bad_json = self._splitter, self._bad_json
        if splitter is not None and self.broken is None and not splitter.resting:
            for name, data in splitter.flush():
                self._event(end_s, name, data)
        cut = ending is not Ending.COMPLETE or self._framer.by_close
        if cut and bad_json is None and self._bad_json is not None:
            self._bad_json, self._truncated = None, True
        if (
            self._done_s is not None
            and self._tally.has_output
            and self._status == _OK
            and ending is Ending.COMPLETE
            and self._tally.error is None
            and self._bad_json is None
        ):
            failure = None  # 寻常的成功，不必逐条去问
        else:
            failure = classify(self._facts(ending, detail), self._tally)
        times = Times(self._t0_s, self._first_event_s, self._done_s, end_s)
        return conclude(self._tally, times, self._framer.head, failure)

    def _parse_whole(self, body: bytes) -> bool:
        """不是事件流的 2xx 正文按非流式回复读；返回是否读成了对象。"""
        if not body or self._status >= 300:  # noqa: PLR2004 HTTP 定义
            return False
        try:
            parsed = decode(body)
        except ValueError:
            return False
        if isinstance(parsed, dict):
            self._tally.body(parsed)
        return isinstance(parsed, dict)

    def _facts(self, ending: Ending, detail: str) -> Facts:
        """判断成败要看的事实；不是事件流的 2xx 正文在此按非流式回复读。"""
        body = b"".join(self._body)
        return Facts(
            ending=ending,
            detail=detail,
            status=self._status,
            broken=self.broken,
            done=self._done_s is not None,
            bad_json=self._bad_json,
            truncated=self._truncated,
            body=body,
            whole=self._parse_whole(body),
        )
