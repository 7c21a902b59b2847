"""对照之一：aiohttp 上最小的流式循环；每个块都解析 JSON，首末 token 记读到的时刻。

它得到最好的条件：uvloop、msgspec、整块读取、连接数不限。
"""

from __future__ import annotations

import time

import aiohttp
import msgspec

from tests.bench.child import Row, play
from tests.bench.peer import Peer
from tests.bench.talk import Stamps, ask


class AiohttpClient(Peer):
    """见 Peer。"""

    def session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=0)
        return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None))

    async def one(self, session: aiohttp.ClientSession, number: int) -> Row:
        url, body, headers = ask(self.job, number)
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
