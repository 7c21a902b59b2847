"""慢道：逐块、逐事件、逐个 JSON 地读一次回复；什么都认得，也是快道的对照。"""

from __future__ import annotations

import zlib
from typing import Any

from rayeval.client.openai import explain
from rayeval.perf.failure import Ending, Facts, classify, trim
from rayeval.perf.framing import Framer
from rayeval.perf.head import BadHTTP
from rayeval.perf.meaning import Meaning, Times, conclude
from rayeval.perf.sse import EventSplitter, EventTooLong
from rayeval.perf.tally import Tally, decode

MAX_BODY = 16 * 1024 * 1024
"""非流式正文的上限，字节。"""
OK = 200


class PlainReading:
    """一次回复，读到多少懂多少。任意切分结果相同（戳除外）；对任何字节都不抛异常。"""

    __slots__ = (
        "_bad_json",
        "_body",
        "_body_size",
        "_done_s",
        "_first_event_s",
        "_framer",
        "_splitter",
        "_t0_s",
        "_tally",
        "_truncated",
        "_unzip",
        "broken",
        "ended",
        "events",
        "last_s",
    )

    def __init__(self, t0_s: float) -> None:
        """`t0_s` 是请求字节上路前的时刻。"""
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
        self.last_s: float | None = None  # 最后一次读的戳；一个字节也没来过则为 None
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

    def closed(self) -> bool:
        """对端不再发：返回这次回复是否因此完整（以关闭为界者）。"""
        return self._framer.close()

    def feed(self, stamp_s: float, data: bytes) -> None:
        """收下一次读；不合法的回复记在心里，不抛。"""
        self.last_s = stamp_s
        self._plain(stamp_s, data)
        self.ended = self._framer.ended or self.broken is not None

    def finish(self, ending: Ending, end_s: float, detail: str = "") -> Meaning:
        """线上已结束：给出意义。只可调用一次。"""
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
            and self._status == OK
            and ending is Ending.COMPLETE
            and self._tally.error is None
            and self._bad_json is None
        ):
            failure = None  # 寻常的成功，不必逐条去问
        else:
            failure = classify(self._facts(ending, detail), self._tally)
        times = Times(self._t0_s, self._first_event_s, self._done_s, end_s)
        return conclude(self._tally, times, self._framer.head, failure)

    @property
    def _status(self) -> int:
        """状态码；头还没到时为 0。"""
        return 0 if self._framer.head is None else self._framer.head.status

    def _plain(self, stamp_s: float, data: bytes) -> None:
        """拆出正文，读懂它；已经坏了的不再读，最早的毛病算数。"""
        if self.broken is not None:
            return
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
            self._stream(stamp_s, body, self._splitter)
            return
        self._body_size += len(body)
        if self._body_size > MAX_BODY:
            raise BadHTTP(f"answer body is longer than {MAX_BODY} bytes")
        self._body.append(body)

    def _stream(self, stamp_s: float, body: bytes, splitter: EventSplitter) -> None:
        """收下事件流的一段。"""
        for name, data in splitter.feed(body):
            self._event(stamp_s, name, data)

    def _event(self, stamp_s: float, name: bytes, data: bytes) -> None:
        """一个事件；[DONE] 之后的不看。"""
        if self._done_s is not None or not data:
            return
        self._saw(stamp_s, 1)
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

    def _saw(self, stamp_s: float, number: int) -> None:
        """数到 `number` 个事件。"""
        self.events += number
        if self._first_event_s is None:
            self._first_event_s = stamp_s

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
