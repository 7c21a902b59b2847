"""播放：照计划的节拍把回答发出去；流式一步一写，一次性的到末步才写。"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from rayeval.mock.frames import EVENT_STREAM, JSON, chunk
from rayeval.mock.ledger import Ledger
from rayeval.mock.plan import Plan
from rayeval.mock.scribe_chat import ChatScribe
from rayeval.mock.scribe_text import TextScribe
from rayeval.mock.truth import Truth

_S = 1_000_000_000
_CLIENT_LEFT = 499


@dataclass(frozen=True, slots=True)
class Sink:
    """回答的去处：`begin` 写头，`write` 写体，`end` 收场；流式的体已自带分块。"""

    begin: Callable[[str, int | None], None]
    write: Callable[[bytes], None]
    end: Callable[[bytes], None]


class Playback:
    """一次生成的播放；`fire` 到点被叫，`abort` 在客户端离开时被叫。"""

    def __init__(
        self, plan: Plan, sink: Sink, ledger: Ledger, arrived: int, done: Callable[[Truth], None]
    ) -> None:
        """`arrived` 是请求到齐的时刻（perf_counter 纳秒）；`done` 收下真值，恰好一次。"""
        self._plan = plan
        self._sink = sink
        self._ledger = ledger
        self._done = done
        self._arrived = arrived
        self._scribe = ChatScribe(plan) if plan.call.chat else TextScribe(plan)
        self._steps = self._scribe.steps()
        self._remaining = plan.steps
        self._opened = self._over = False
        self._first = self._last = self._late_max = 0

    def start(self) -> int | None:
        """第一个要醒来的时刻；已经全部播完为 None。"""
        if not self._plan.call.stream:
            self._due = self._arrived + self._plan.final_offset()
            return self.fire() if self._due <= time.perf_counter_ns() else self._due
        self._due = self._arrived + next(self._plan.offsets)
        opening = self._arrived + self._plan.opening_offset
        return self.fire() if opening <= time.perf_counter_ns() else min(opening, self._due)

    def fire(self) -> int | None:
        """播出所有到点的；返回下一个时刻，播完（或已中止）为 None。"""
        if self._over:
            return None
        if not self._plan.call.stream:
            self._whole()
            return None
        now = time.perf_counter_ns()
        parts = []
        if not self._opened:
            self._opened = True
            self._sink.begin(EVENT_STREAM, None)
            parts.append(self._scribe.opening())
        stepped = self._take_due(parts, now)
        if self._remaining == 0:
            parts.append(self._scribe.closing())
        self._write(b"".join(parts), stepped=stepped)
        return self._due if self._remaining else None

    def abort(self) -> None:
        """客户端先走了：停止生成，记下已发的。"""
        if self._over:
            return
        self._over = True
        now = time.perf_counter_ns()
        sent = self._plan.steps - self._remaining if self._plan.call.stream else 0
        self._ledger.end("aborted", prompt_tokens=self._plan.prompt_tokens, tokens=sent)
        self._ledger.metrics.finish("abort")
        self._done(self._truth(_CLIENT_LEFT, sent, now))

    def _take_due(self, parts: list[bytes], now: int) -> bool:
        """取出到点的各步；许诺过时间的记迟到。返回是否有。"""
        paced = self._ledger.settings.paced
        stepped = False
        while self._remaining and self._due <= now:
            if paced:
                late = now - self._due
                self._ledger.lateness.add(late)
                self._late_max = max(self._late_max, late)
            parts.append(next(self._steps))
            stepped = True
            self._remaining -= 1
            self._due = self._arrived + next(self._plan.offsets)
        return stepped

    def _write(self, data: bytes, *, stepped: bool) -> None:
        """发出一段；时刻取在交给内核之前的一瞬。"""
        moment = time.perf_counter_ns()
        if stepped:
            self._observe(moment)
        if self._remaining:
            if data:
                self._sink.write(chunk(data))
            return
        self._finish(moment, data)

    def _observe(self, moment: int) -> None:
        """记首词元与词元间隔。"""
        metrics = self._ledger.metrics
        if not self._first:
            self._first = moment
            metrics.ttft.observe((moment - self._arrived) / _S)
        else:
            metrics.itl.observe((moment - self._last) / _S)
        self._last = moment

    def _whole(self) -> None:
        """一次性回答：整个写出。"""
        body = self._scribe.body()
        now = time.perf_counter_ns()
        if self._ledger.settings.paced:
            self._late_max = now - self._due
            self._ledger.lateness.add(self._late_max)
        self._first = self._last = now
        self._remaining = 0
        self._sink.begin(JSON, len(body))
        self._finish(now, body)

    def _finish(self, moment: int, data: bytes) -> None:
        """先记账再发末字节：客户端看到结尾时，账上已经有它。"""
        self._over = True
        plan, metrics = self._plan, self._ledger.metrics
        self._ledger.end("done", prompt_tokens=plan.prompt_tokens, tokens=plan.tokens)
        metrics.e2e.observe((moment - self._arrived) / _S)
        if plan.call.stream and plan.steps > 1:
            metrics.tpot.observe((self._last - self._first) / (plan.steps - 1) / _S)
        for choice in plan.choices:
            metrics.finish(choice.finish)
        self._done(self._truth(200, plan.tokens, moment))
        self._sink.end(data)

    def _truth(self, status: int, tokens: int, moment: int) -> Truth:
        """这次生成的真值；序号与请求标识由记账的人补。"""
        call = self._plan.call
        return Truth(
            seq=0,
            request_id="",
            t_req=self._arrived,
            t_first=self._first,
            t_last=self._last,
            t_done=moment,
            tokens=tokens,
            status=status,
            stream=int(call.stream),
            chat=int(call.chat),
            prompt_tokens=self._plan.prompt_tokens,
            late_max_ns=self._late_max,
        )
