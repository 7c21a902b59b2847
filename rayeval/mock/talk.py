"""一场对话的全貌：谁说过什么、最后问了什么、该用哪种语言答。"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rayeval.mock.call import Turn
from rayeval.mock.dice import roll

_HAN = re.compile(r"[\u3400-\u9fff]")
_WORD = re.compile(r"[A-Za-z]+")
_LEAN = 4
_TO_CHINESE = re.compile(r"\bin chinese\b|用中文|以中文|中文回答", re.I)
_TO_ENGLISH = re.compile(r"\bin english\b|用英文|用英语|英文回答", re.I)
WINDOW = 2000


@dataclass(frozen=True, slots=True)
class Talk:
    """一场对话：系统的话、各轮、最后一句用户的话、它之后的工具结果。"""

    system: str
    turns: tuple[Turn, ...]
    last: str
    results: tuple[str, ...]
    digest: int

    @classmethod
    def of(cls, turns: Sequence[Turn]) -> Talk:
        """从各轮整理出来。"""
        system = "\n".join(turn.text for turn in turns if turn.role in {"system", "developer"})
        last = next((turn.text for turn in reversed(turns) if turn.role == "user"), "")
        results: list[str] = []
        for turn in reversed(turns):
            if turn.role != "tool":
                break
            results.insert(0, turn.text)
        digest = roll([(turn.role, turn.text) for turn in turns])
        return cls(system, tuple(turns), last, tuple(results), digest)

    @property
    def request(self) -> str:
        """最后一句的头尾各 2000 字；规则只看这些，长提示才不费时。"""
        text = self.last
        return text if len(text) <= 2 * WINDOW else text[:WINDOW] + text[-WINDOW:]

    @property
    def tongue(self) -> str:
        """该用哪种语言答：点了名的按点名，否则随提问。"""
        for text in (self.request, self.system):
            if _TO_CHINESE.search(text):
                return "zh"
            if _TO_ENGLISH.search(text):
                return "en"
        return language(self.last)


def language(text: str) -> str:
    """en、zh 或 mixed；一种的字（词）数超过另一种四倍就算那一种。"""
    head = text[:WINDOW]
    han, words = len(_HAN.findall(head)), len(_WORD.findall(head))
    if han == 0 or words > _LEAN * han:
        return "en"
    return "zh" if words == 0 or han > _LEAN * words else "mixed"
