"""读到的字节与时间戳 → 一次请求的意义；纯函数，与读的切分无关（时间戳除外）。

定义都在这里：token 事件、首字节、首 token、成败的种类。热路径只盖戳，意义由此处事后给出。
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from rayeval.client.openai import explain
from rayeval.perf.failure import MAX_MESSAGE, Ending, Facts, Failure, classify, trim
from rayeval.perf.framing import BadHTTP, Framer
from rayeval.perf.meaning import Meaning, token_counts
from rayeval.perf.sse import EventSplitter, EventTooLong
from rayeval.perf.tally import Tally, decode

Read = tuple[float, bytes]
"""(读到的时刻，秒；字节)。"""

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-")
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
        "_broken",
        "_done_s",
        "_events",
        "_first_event_s",
        "_framer",
        "_splitter",
        "_t0_s",
        "_tally",
        "_truncated",
        "_unzip",
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
        self._events = 0
        self._first_event_s: float | None = None
        self._done_s: float | None = None
        self._bad_json: str | None = None
        self._broken: str | None = None
        self._truncated = False

    def feed(self, stamp_s: float, data: bytes) -> None:
        """收下一次读；不合法的回复记在心里，不抛。"""
        if self._broken is not None:
            return
        try:
            known = self._framer.head is not None
            body = self._framer.feed(data)
            if not known and self._framer.head is not None:
                self._begin()
            if body:
                self._take(stamp_s, body)
        except (BadHTTP, EventTooLong, zlib.error) as error:
            self._broken = str(error)

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
        bad_json = self._bad_json
        if self._splitter is not None and self._broken is None:
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
            broken=self._broken,
            done=self._done_s is not None,
            bad_json=self._bad_json,
            truncated=self._truncated,
            body=body,
            whole=self._parse_whole(body),
        )

    def _meaning(self, end_s: float, failure: Failure | None) -> Meaning:
        """把累计的换算成相对 t0 的秒与各列。"""
        tally, stamps = self._tally, self._tally.stamps
        if failure is None and self._done_s is not None:
            end_s = self._done_s
        end = end_s - self._t0_s
        headers = {} if self._framer.head is None else self._framer.head.headers
        tokens = token_counts(tally)
        return Meaning(
            end_s=end,
            ttfb_s=self._since(self._first_event_s),
            ttft_s=self._since(stamps[0] if stamps else None),
            ttfa_s=self._since(tally.first_answer_s),
            second_token_s=self._since(stamps[1] if len(stamps) > 1 else None),
            last_token_s=self._since(stamps[-1] if stamps else None),
            last_reasoning_s=self._since(tally.last_reasoning_s),
            e2e_s=end if failure is None else None,
            itl_s=np.diff(stamps).astype(np.float32) if len(stamps) > 1 else None,
            token_events=len(stamps),
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
            x_span_id=headers.get("x-span-id"),
            trace_id=_trace_id(headers),
        )

    def _since(self, stamp_s: float | None) -> float | None:
        """自 t0 起的秒。"""
        return None if stamp_s is None else stamp_s - self._t0_s


def _trace_id(headers: dict[str, str]) -> str | None:
    """服务回的追踪号：自己的头，或 W3C traceparent 的第二段。"""
    for name in ("x-trace-id", "trace-id"):
        if name in headers:
            return headers[name]
    match = _TRACEPARENT.match(headers.get("traceparent", ""))
    return match[1] if match else None
