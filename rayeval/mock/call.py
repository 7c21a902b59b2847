"""一次合法的调用：校验之后的参数，作答的人只看它。"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Turn:
    """对话的一轮：谁说的、说了什么；`calls` 是助手这一轮请求过的工具名。"""

    role: str
    text: str
    calls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tool:
    """一个可调用的函数。"""

    name: str
    description: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Guide:
    """对输出形状的约束：kind 是 json、object、regex、choice 之一。"""

    kind: str
    value: Any = None


@dataclass(slots=True)
class Call:
    """一次 chat 或 completions 调用；`logprobs` 为 None 即不要，否则是要几个备选。

    `prompts` 与 `prompt_pieces` 只属于 completions；`turns` 与 `tools` 只属于 chat。
    """

    chat: bool
    model: str
    prompt_tokens: int = 0
    stream: bool = False
    include_usage: bool = False
    n: int = 1
    max_tokens: int = 16
    min_tokens: int = 0
    ignore_eos: bool = False
    temperature: float = 1.0
    seed: int | None = None
    penalties: tuple[float, ...] = ()
    stops: tuple[str, ...] = ()
    keep_stop: bool = False
    logprobs: int | None = None
    bias: dict[int, float] = field(default_factory=dict)
    echo: bool = False
    turns: list[Turn] = field(default_factory=list)
    prompts: list[str] = field(default_factory=list)
    tools: list[Tool] = field(default_factory=list)
    tool_choice: str = "none"
    forced_tool: str | None = None
    parallel_tools: bool = True
    guide: Guide | None = None
    thinking: bool = False
