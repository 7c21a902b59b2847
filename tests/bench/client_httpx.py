"""对照之二：httpx 上最小的流式循环，`aiter_lines` 的常见写法；条件与 aiohttp 那份相同。"""

from __future__ import annotations

import asyncio
import time

import httpx
import msgspec
import uvloop

from tests.bench.child import Job, Row, play
from tests.bench.talk import Stamps, ask


class HttpxClient:
    """见 child.Client。"""

    def prepare(self, job: Job) -> None:
        self._job = job
        self._rows: list[Row] = []

    def run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._streams())

    def collect(self) -> None:
        """run 里已经造好。"""

    def rows(self) -> list[Row]:
        return self._rows

    async def _streams(self) -> None:
        numbers = iter(range(self._job.requests))
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        async with httpx.AsyncClient(timeout=None, limits=limits, trust_env=False) as client:

            async def stream() -> None:
                for number in numbers:
                    self._rows.append(await self._one(client, number))

            await asyncio.gather(*(stream() for _ in range(self._job.streams)))

    async def _one(self, client: httpx.AsyncClient, number: int) -> Row:
        url, body, headers = ask(self._job, number)
        stamps = Stamps(time.perf_counter())
        try:
            async with client.stream("POST", url, content=body, headers=headers) as response:
                response.raise_for_status()
                async for line in response.aiter_lines():
                    stamps.see(line.encode(), time.perf_counter())
        except (httpx.HTTPError, OSError, msgspec.DecodeError):
            stamps.first = None
        return stamps.row(headers["X-Request-Id"])


if __name__ == "__main__":
    play(HttpxClient())
