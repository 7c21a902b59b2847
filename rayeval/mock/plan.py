"""一次回答的计划：说什么、分几段、何时停；作答的人写它，播放的人照做。

这里是改动回答的唯一接缝：计划写好之后、播放之前，可以整体变换它。
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from rayeval.mock.call import Call

CONTENT, REASONING, TOOL = "content", "reasoning", "tool"


@dataclass(slots=True)
class Segment:
    """同一通道上连着的一段；`tool` 通道多一个开头步（编号与函数名），算一个词元。"""

    channel: str
    pieces: list[str]
    tool_index: int = 0
    tool_id: str = ""
    tool_name: str = ""

    @property
    def steps(self) -> int:
        """这一段要几步（词元）说完。"""
        return len(self.pieces) + (self.channel == TOOL)

    @property
    def text(self) -> str:
        """这一段的全文。"""
        return "".join(self.pieces)


@dataclass(slots=True)
class Choice:
    """一个候选：各段、收场的原因、计费的词元数（含被停止串吃掉的）。"""

    index: int
    segments: list[Segment]
    finish: str = "stop"
    stop_reason: str | None = None
    swallowed: int = 0
    echo: list[str] = field(default_factory=list)

    @property
    def steps(self) -> int:
        """要发几步。"""
        return sum(segment.steps for segment in self.segments)

    @property
    def tokens(self) -> int:
        """生成的词元数。"""
        return self.steps + self.swallowed

    @property
    def reasoning_tokens(self) -> int:
        """其中推理的词元数。"""
        return sum(part.steps for part in self.segments if part.channel == REASONING)

    def text(self, channel: str) -> str:
        """某一通道的全文。"""
        return "".join(part.text for part in self.segments if part.channel == channel)


@dataclass(slots=True)
class Plan:
    """一次请求的全部回答与它的节拍（离请求到达的纳秒，一步一个，永不漂移）。"""

    call: Call
    reply_id: str
    created: int
    reasoning_key: str
    prompt_tokens: int
    choices: list[Choice]
    offsets: Iterator[int]
    opening_offset: int = 0

    @property
    def steps(self) -> int:
        """最长的候选的步数；空回答也要一步来收场。"""
        return max(1, *(choice.steps for choice in self.choices))

    @property
    def tokens(self) -> int:
        """各候选生成的词元总数。"""
        return sum(choice.tokens for choice in self.choices)

    def final_offset(self) -> int:
        """最后一步的时刻，纳秒；走完节拍，所以只供一次性回复取用一回。"""
        last = 0
        for _ in range(self.steps):
            last = next(self.offsets)
        return last

    def usage(self) -> dict[str, object]:
        """用量；推理词元数只有 chat 才报。"""
        usage: dict[str, object] = {
            "prompt_tokens": self.prompt_tokens,
            "total_tokens": self.prompt_tokens + self.tokens,
            "completion_tokens": self.tokens,
            "prompt_tokens_details": None,
        }
        if self.call.chat:
            reasoning = sum(choice.reasoning_tokens for choice in self.choices)
            usage["completion_tokens_details"] = {"reasoning_tokens": reasoning}
        return usage
