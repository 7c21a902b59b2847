"""两份对照说的话：一样的请求体，一样地从 SSE 事件里认 token。"""

from __future__ import annotations

import dataclasses
import json
import time

import msgspec

from tests.bench.child import Job, Row

_WORDS = 16
_decode = msgspec.json.Decoder().decode


def ask(job: Job, number: int) -> tuple[str, bytes, dict[str, str]]:
    """（地址，请求体，头）。"""
    prompt = f"{job.salt}-{number} " + "word " * _WORDS
    body = {
        "model": job.model,
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": job.tokens,
        "ignore_eos": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    headers = {
        "Content-Type": "application/json",
        "Accept-Encoding": "identity",
        "X-Request-Id": f"{job.salt}-{number}",
    }
    return f"{job.base_url}/chat/completions", json.dumps(body).encode(), headers


@dataclasses.dataclass(slots=True)
class Stamps:
    """一个请求的时刻，perf_counter 秒。"""

    t0: float
    first: float | None = None
    last: float = 0.0
    events: int = 0
    completion_tokens: int | None = None

    def see(self, event: bytes, now: float) -> None:
        """一个 SSE 事件；now 是读到它的时刻。"""
        if not event.startswith(b"data: {"):
            return
        chunk = _decode(event[6:])
        for choice in chunk.get("choices") or ():
            delta = choice["delta"]
            if delta.get("content") or delta.get("reasoning_content") or delta.get("reasoning"):
                self.first = self.first or now
                self.last = now
                self.events += 1
        if usage := chunk.get("usage"):
            self.completion_tokens = usage["completion_tokens"]

    def row(self, request_id: str) -> Row:
        """此刻了结。"""
        ttft, span = None, 0.0
        if self.first is not None:
            ttft, span = self.first - self.t0, self.last - self.first
        end = time.perf_counter()
        return Row(request_id, self.t0, end, ttft, span, self.events, self.completion_tokens)
