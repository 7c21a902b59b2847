"""一个故障：名字、毛病、它在哪一步动手；以及命令行上的写法与发作的时机。"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rayeval.mock.call import Call
from rayeval.mock.plan import Plan
from rayeval.mock.playback import Sink
from rayeval.mock.refusal import Refused

Json = dict[str, Any]
Document = Json | None
"""回答里的一份 JSON：流式的一块，或一次性的整体；None 是 [DONE]。"""
Rewriter = Callable[[Document], list[Document]]
"""一份 → 若干份；一次请求一个，可以记事。"""


@dataclass(frozen=True, slots=True)
class Written:
    """一份写好的错误回答：状态码、正文、种类。"""

    status: int
    body: bytes
    kind: str


@dataclass(frozen=True, slots=True)
class Fault:
    """一种毛病；各步都是可有可无的函数，多数故障只用一个。

    ask：请求体 → 请求体，在校验之后（参数被无视）；可抛 Refused（不该拒的拒了）。
    forgive：拒绝与请求体 → 改过的请求体，None 为照旧拒绝（该拒的没拒）。
    plan：就地改计划（说什么、何时说）。
    rewrite：按调用造一个改写者，改写每一份 JSON（外壳、用量、编号）。
    refusal：错误回答怎样写。
    sink：换一个出口（字节、连接、进程）；给了 `cut`，叫它就以 RST 断开。
    left：客户端在回答中途走了之后做什么。
    blunt：钝器，只叫用例出错（断线、超时、5xx），谁都打得翻，所以不能算用例的凭据。
    """

    name: str
    defect: str
    ask: Callable[[Json], Json] | None = None
    forgive: Callable[[Refused, Json], Json | None] | None = None
    plan: Callable[[Plan], None] | None = None
    rewrite: Callable[[Call], Rewriter] | None = None
    refusal: Callable[[Refused], Written] | None = None
    sink: Callable[[Sink, Callable[[], None]], Sink] | None = None
    left: Callable[[], None] | None = None
    blunt: bool = False


@dataclass(frozen=True, slots=True)
class Dose:
    """一个故障与它的时机：头 `after` 个生成请求放过，其后每 `every` 个里末尾 `burst` 个发作。"""

    fault: Fault
    every: int = 1
    after: int = 0
    burst: int = 1

    def strikes(self, number: int) -> bool:
        """第 `number` 个（从 1 起）生成请求上发不发作。"""
        place = number - self.after - 1
        return place >= 0 and place % self.every >= self.every - self.burst
