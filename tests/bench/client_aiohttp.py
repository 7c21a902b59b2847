"""对照之一：aiohttp 上最小的流式循环；每个块都解析 JSON，首末 token 记读到的时刻。

它得到最好的条件：uvloop、msgspec、整块读取、连接数不限。
"""

from __future__ import annotations

import asyncio
import time

import aiohttp
import msgspec
import uvloop

from tests.bench.child import Job, Row, play
from tests.bench.talk import Stamps, ask


class AiohttpClient:
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
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:

            async def stream() -> None:
                for number in numbers:
                    self._rows.append(await self._one(session, number))

            await asyncio.gather(*(stream() for _ in range(self._job.streams)))

    async def _one(self, session: aiohttp.ClientSession, number: int) -> Row:
        url, body, headers = ask(self._job, number)
        stamps, rest = Stamps(time.perf_counter()), b""
        try:
            async with session.post(url, data=body, headers=headers) as response:
                response.raise_for_status()
                async for data in response.content.iter_any():
                    now = time.perf_counter()
                    *events, rest = (rest + data).split(b"\n\n")
                    for event in events:
                        stamps.see(event, now)
        except (aiohttp.ClientError, OSError, msgspec.DecodeError):
            stamps.first = None
        return stamps.row(headers["X-Request-Id"])


if __name__ == "__main__":
    play(AiohttpClient())
