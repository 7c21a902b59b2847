"""读到的字节与时间戳 → 一次请求的意义；纯函数，与读的切分无关（时间戳除外）。

定义都在这里：token 事件、首字节、首 token、成败的种类。热路径只盖戳，意义由此处事后给出。
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any

from rayeval.client.openai import explain
from rayeval.perf.failure import MAX_MESSAGE, Ending, Facts, Failure, classify, trim
from rayeval.perf.framing import BadHTTP, Framer
from rayeval.perf.lane import Lane, learn, recall
from rayeval.perf.meaning import Meaning, token_counts
from rayeval.perf.sse import EventSplitter, EventTooLong
from rayeval.perf.tally import Tally, decode

Read = tuple[float, bytes]
"""(读到的时刻，秒；字节)。"""

_JOINT = b"\n\n\r\n"
"""一个事件恰占一个块时，块尾的样子。"""
MAX_MISSES = 12
"""学这么多次信封还不成（内容、推理、工具调用交替也用不了几次），就一直走慢道。"""
MAX_BODY = 16 * 1024 * 1024
"""非流式正文的上限，字节。"""


def interpret(
    reads: Iterable[Read], t0_s: float, ending: Ending, end_s: float, detail: str = ""
) -> Meaning:
    """一次请求全部的读 → 意义。

    `t0_s`、`end_s` 与各戳同一只钟；`end_s` 是线上结束的时刻；`detail` 是传输错误的原话。
    """
    reading = Reading(t0_s)
    for stamp_s, data in reads:
        reading.feed(stamp_s, data)
    return reading.finish(ending, end_s, detail)


class Reading:
    """`interpret` 的增量形式：长回复可以分几口读完，不让事件循环久等。"""

    __slots__ = (
        "_bad_json",
        "_body",
        "_body_size",
        "_clear",
        "_done_s",
        "_events",
        "_first_event_s",
        "_framer",
        "_lane",
        "_last_s",
        "_misses",
        "_splitter",
        "_t0_s",
        "_tally",
        "_truncated",
        "_unzip",
        "broken",
        "ended",
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
        self._events = 0
        self._first_event_s: float | None = None
        self._done_s: float | None = None
        self._bad_json: str | None = None
        self._truncated = False
        self._last_s: float | None = None
        self._lane: Lane | None = None
        self._clear = False  # 有快道，且正停在两个块之间
        self._misses = 0 if fast else MAX_MISSES
        self.broken: str | None = None  # HTTP 或编码不合法之处
        self.ended = False  # 回复已完整，或已不可救药：不必再读

    @property
    def reusable(self) -> bool:
        """连接可以再用：回复合法、完整、没有多余字节，服务也愿意。"""
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
            data = self._ride(stamp_s, data)
            if not data:
                return
        if self.broken is not None:
            return
        if self._misses < MAX_MISSES:
            data = self._study(stamp_s, data)
        if data:
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
            self._events += number
            self._tally.tokens(stamp_s, number, shape.answer, shape.reasoning)
        return data

    def _study(self, stamp_s: float, data: bytes) -> bytes:
        """一个块一个块地走慢道，边走边学信封，学会就回快道；返回还没有读的字节。"""
        while self._misses < MAX_MISSES:
            fit = self._between()
            if fit and self._lane is None and (lane := recall(data)) is not None:
                self._lane = lane
                if not (data := self._ride(stamp_s, data)):
                    return data
            cut = data.find(_JOINT) + len(_JOINT)
            if cut < len(_JOINT):
                return data
            before, frame, data = self._tally.events, data[:cut], data[cut:]
            self._plain(stamp_s, frame)
            if self.broken is not None:
                return b""
            if not fit:
                continue
            if not self._between() or self._tally.finish_reason or self._done_s is not None:
                self._misses, self._lane = MAX_MISSES, None  # 快到头了，或不是这种分块
                return data
            if self._tally.events == before + 1:
                self._misses += 1
                self._lane = learn(frame) or self._lane
            if self._lane is not None and data:
                data = self._ride(stamp_s, data)
        return data

    def _between(self) -> bool:
        """正停在一个块的开头，也停在两个事件之间。"""
        splitter = self._splitter
        return (
            splitter is not None
            and self._framer.between_chunks
            and splitter.resting
            and self._unzip is None
        )

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
        coding = self._framer.head.headers.get("content-encoding", "identity").lower()
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
        self._events += 1
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
        self._unload()
        bad_json = self._bad_json
        if self._splitter is not None and self.broken is None:
            for name, data in self._splitter.flush():
                self._event(end_s, name, data)
        if ending is not Ending.COMPLETE and bad_json is None and self._bad_json is not None:
            self._bad_json, self._truncated = None, True
        failure = classify(self._facts(ending, detail), self._tally)
        return self._meaning(end_s, failure)

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

    def _meaning(self, end_s: float, failure: Failure | None) -> Meaning:
        """把累计的换算成相对 t0 的秒与各列。"""
        tally, stamps, counts = self._tally, self._tally.stamps, self._tally.counts
        if failure is None and self._done_s is not None:
            end_s = self._done_s
        end = end_s - self._t0_s
        head = self._framer.head
        tokens = token_counts(tally)
        return Meaning(
            end_s=end,
            ttfb_s=self._since(self._first_event_s),
            ttft_s=self._since(stamps[0] if stamps else None),
            ttfa_s=self._since(tally.first_answer_s),
            second_token_s=self._since(_second(stamps, counts)),
            last_token_s=self._since(stamps[-1] if stamps else None),
            last_reasoning_s=self._since(tally.last_reasoning_s),
            e2e_s=end if failure is None else None,
            token_events=tally.events,
            first_read_events=counts[0] if counts else None,
            prompt_tokens=tokens.prompt,
            cached_tokens=tokens.cached,
            completion_tokens=tokens.completion,
            reasoning_tokens=tokens.reasoning,
            content_tokens=tokens.content,
            tokens_source=tokens.source,
            http_status=self._status or None,
            error_class=None if failure is None else failure[0],
            error_message=None if failure is None else failure[1][:MAX_MESSAGE],
            finish_reason=tally.finish_reason,
            x_span_id=None if head is None else head.headers.get("x-span-id"),
            trace_id=None if head is None else head.trace_id,
            stamps=stamps,
            counts=counts,
        )

    def _since(self, stamp_s: float | None) -> float | None:
        """自 t0 起的秒。"""
        return None if stamp_s is None else stamp_s - self._t0_s


def _second(stamps: list[float], counts: list[int]) -> float | None:
    """第二个 token 事件的戳。"""
    if not counts:
        return None
    if counts[0] > 1:
        return stamps[0]
    return stamps[1] if len(stamps) > 1 else None
