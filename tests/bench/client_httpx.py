"""对照之二：httpx 上最小的流式循环，`aiter_lines` 的常见写法；条件与 aiohttp 那份相同。"""

from __future__ import annotations

import time

import httpx
import msgspec

from tests.bench.child import Row, play
from tests.bench.peer import Peer
from tests.bench.talk import Stamps, ask


class HttpxClient(Peer):
    """见 Peer。"""

    def session(self) -> httpx.AsyncClient:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        return httpx.AsyncClient(timeout=None, limits=limits, trust_env=False)

    async def one(self, session: httpx.AsyncClient, number: int) -> Row:
        url, body, headers = ask(self.job, number)
        stamps = Stamps(time.perf_counter())
        try:
            async with session.stream("POST", url, content=body, headers=headers) as response:
                response.raise_for_status()
                async for line in response.aiter_lines():
                    stamps.see(line.encode(), time.perf_counter())
        except (httpx.HTTPError, OSError, msgspec.DecodeError):
            stamps.first = None
        return stamps.row(headers["X-Request-Id"])


if __name__ == "__main__":
    play(HttpxClient())
