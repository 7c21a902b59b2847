"""一次回复的快读：寻常的流成段地数，其余的交给慢道；每一列都与只走慢道相同。"""

from __future__ import annotations

from rayeval.perf.convoy import Convoy, form
from rayeval.perf.effects import known_effect, whole_event
from rayeval.perf.failure import Ending
from rayeval.perf.framing import closes
from rayeval.perf.lane import Lane, learn, recall
from rayeval.perf.meaning import Meaning
from rayeval.perf.plain import OK, PlainReading
from rayeval.perf.sse import EventSplitter

_JOINT = b"\n\n\r\n"
"""一个事件恰占一个块时，块尾的样子。"""
_EVENT_END = b"\n\n"
_HEAD_END = b"\r\n\r\n"
MAX_MISSES = 12
"""学这么多次信封还不成（内容、推理、工具调用交替也用不了几次），就一直走慢道。"""
_LAST = b"\r\n0\r\n\r\n"
_SHORT = 4096
"""末了一次读短于此，只核对它的边界，意义等下一个请求上路之后再说。"""


class Reading(PlainReading):
    """`PlainReading` 的快法：一块一个事件的走快道，一块好几个的走车队。"""

    __slots__ = ("_clear", "_convoy", "_lane", "_late", "_misses")

    def __init__(self, t0_s: float) -> None:
        """`t0_s` 是请求字节上路前的时刻。"""
        super().__init__(t0_s)
        self._lane: Lane | None = None
        self._convoy: Convoy | None = None
        self._clear = False  # 有快道，且正停在两个块之间
        self._misses = 0
        self._late: tuple[float, bytes] | None = None

    @property
    def reusable(self) -> bool:
        """见 PlainReading；末了一段还没细读时，它的边界已经核对过。"""
        if self._late is not None:
            return self._framer.head is not None and self._framer.head.keep_alive
        return super().reusable

    def closed(self) -> bool:
        """见 PlainReading。"""
        self._unload()
        return super().closed()

    def feed(self, stamp_s: float, data: bytes) -> None:
        """见 PlainReading。"""
        self.last_s = stamp_s
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

    def finish(self, ending: Ending, end_s: float, detail: str = "") -> Meaning:
        """见 PlainReading。"""
        if self._late is not None:
            late, self._late = self._late, None
            self._absorb(*late)
        self._unload()
        return super().finish(ending, end_s, detail)

    def _absorb(self, stamp_s: float, data: bytes) -> None:
        """读懂一段。"""
        if self._clear:
            data = self._ride(stamp_s, data)
            if not data:
                return
        place = 0
        if self._framer.head is None:
            place = data.find(_HEAD_END) + len(_HEAD_END)
            if place < len(_HEAD_END):
                place = 0
            else:
                self._plain(stamp_s, data[:place])
        if self._unzip is None:
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
            self._saw(stamp_s, number)
            self._tally.tokens(stamp_s, number, lane.shape.answer, lane.shape.reasoning)
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
                self._saw(stamp_s, 1)
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

    def _stream(self, stamp_s: float, body: bytes, splitter: EventSplitter) -> None:
        """正文里停在两个事件之间时，成队的一口气数完；其余逐个读，从中认信封。"""
        resting = splitter.resting
        while self._done_s is None:
            if resting and self._convoy is not None:
                number, body = self._convoy.take(body)
                if number:
                    self._saw(stamp_s, number)
                    convoy = self._convoy
                    self._tally.tokens(stamp_s, number, convoy.answer, convoy.reasoning)
            stop = body.find(_EVENT_END) + len(_EVENT_END)
            if stop < len(_EVENT_END):
                break
            event, body, before = body[:stop], body[stop:], self._tally.events
            super()._stream(stamp_s, event, splitter)
            if resting and self._misses < MAX_MISSES and self._tally.events > before:
                self._misses += 1
                self._convoy = form(event) or self._convoy
            resting = splitter.resting
        if body:
            super()._stream(stamp_s, body, splitter)

    def _between(self) -> bool:
        """正停在一个块的开头，也停在两个事件之间（或事件流还没开始）。"""
        if not self._framer.between_chunks or self._unzip is not None:
            return False
        splitter = self._splitter
        if splitter is not None:
            return splitter.resting
        return not self._body and self._status == OK

    def _unload(self) -> None:
        """快道上攒着的半截交给慢道。"""
        if self._lane is not None and (rest := self._lane.flush()):
            self._plain(self.last_s or self._t0_s, rest)
