"""对照的客户端共有的骨架：同样多的流，一个接一个地领号、发问、记行；uvloop 上跑。"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Any

import uvloop

from tests.bench.child import Job, Row


class Peer:
    """见 child.Client；`session` 与 `one` 是各家自己的。"""

    def prepare(self, job: Job) -> None:
        self.job = job
        self._rows: list[Row] = []

    def run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._streams())

    def collect(self) -> None:
        """run 里已经造好。"""

    def rows(self) -> list[Row]:
        return self._rows

    def session(self) -> AbstractAsyncContextManager[Any]:
        """这家的会话，连接数与时限都不设限。"""
        raise NotImplementedError

    async def one(self, session: Any, number: int) -> Row:
        """发第 `number` 个请求，读完。"""
        raise NotImplementedError

    async def _streams(self) -> None:
        numbers = iter(range(self.job.requests))
        async with self.session() as session:

            async def stream() -> None:
                for number in numbers:
                    self._rows.append(await self.one(session, number))

            await asyncio.gather(*(stream() for _ in range(self.job.streams)))
