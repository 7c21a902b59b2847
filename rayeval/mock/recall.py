"""记性：从说过的话里收下“某物是某值”，被问起时答出来。"""

from __future__ import annotations

import re
from collections.abc import Sequence

_VALUE = r"([^.,;!?，。；！？\n]{1,60})"
_ENGLISH_FACTS = (
    re.compile(
        rf"\b(?:my|the|our)\s+([a-z][a-z ]{{1,30}}?)\s+(?:is|are)\s+(?:called |named )?{_VALUE}",
        re.I,
    ),
    re.compile(
        r"\bremember (?:that |this |the |my |a )*([a-z]+)"
        r"\s*(?:is\s+|[:：]\s*)?[\"“']?([\w-]+)[\"”']?",
        re.I,
    ),
)
_ENGLISH_NAME = re.compile(r"\b(?:call me|I am called|I'm called|I'm|I am)\s+([A-Z]\w+)")
_CHINESE_FACTS = (
    re.compile(rf"我的([^，。的是\s]{{1,10}})(?:是|叫)[：:]?\s*{_VALUE}"),
    re.compile(
        r"(密码|暗号|口令|数字|代号|单词|词语|编号)(?:是|为|：|:)?\s*[“\"「]?([0-9A-Za-z\u4e00-\u9fff_-]+)"
    ),
)
_CHINESE_NAME = re.compile(r"我(?:的名字)?叫(?:做)?([^，。！？,.!?\s什么]{1,12})")
_ASKED = re.compile(r"\?|？|\bwhat\b|\bwhich\b|\bwho\b|\btell me\b|什么|哪|多少|谁|几", re.I)
_CHINESE_WHO = re.compile(r"我叫什么|我是谁|我的名字")


def recall(said: Sequence[str], question: str) -> str | None:
    """问的是说过的事就答出来；`said` 按先后，后说的为准。没问或没说过为 None。"""
    if not _ASKED.search(question):
        return None
    chinese, english = _chinese(said), _english(said)
    if _CHINESE_WHO.search(question) and "名字" in chinese:
        return f"你的名字是{chinese['名字']}。"
    for key in sorted(chinese, key=len, reverse=True):
        if key in question:
            return f"你的{key}是{chinese[key]}。"
    lowered = question.lower()
    for key in sorted(english, key=len, reverse=True):
        if re.search(rf"\b{re.escape(key)}\b", lowered):
            return f"Your {key} is {english[key]}."
    return None


def _english(said: Sequence[str]) -> dict[str, str]:
    """英文里说过的事。"""
    facts: dict[str, str] = {}
    for text in said:
        if match := _ENGLISH_NAME.search(text):
            facts["name"] = match.group(1)
        for pattern in _ENGLISH_FACTS:
            for key, value in pattern.findall(text):
                _learn(facts, key.lower().strip(), value.strip())
    return facts


def _chinese(said: Sequence[str]) -> dict[str, str]:
    """中文里说过的事。"""
    facts: dict[str, str] = {}
    for text in said:
        if match := _CHINESE_NAME.search(text):
            facts["名字"] = match.group(1)
        for pattern in _CHINESE_FACTS:
            for key, value in pattern.findall(text):
                _learn(facts, key, value.strip())
    return facts


def _learn(facts: dict[str, str], key: str, value: str) -> None:
    """记下一件；问句里的“什么”不是值。"""
    asking = ("什么", "多少", "几", "what", "which", "谁", "哪")
    if value and not value.lower().startswith(asking):
        facts[key] = value
