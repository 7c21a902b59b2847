"""选择题：认得题库里的题，按约定的正确率作答，与到达次序无关。"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from rayeval.mock.dice import chance, roll

_LABEL = re.compile(r"^[ \t]*[(（]?([A-J])[)）.:：、][ \t]*", re.M)
_BLANKS = re.compile(r"\s+")
_FEWEST = 3
_COLUMNS = ("Question", "Correct Answer")


@dataclass(frozen=True, slots=True)
class Option:
    """一个选项：字母与归一后的文字。"""

    letter: str
    text: str


@dataclass(frozen=True, slots=True)
class Quiz:
    """题库：归一后的题面 → 归一后的正确答案。空库也作答，按散列挑字母。"""

    key: dict[str, str]
    accuracy: float
    seed: int

    @classmethod
    def load(cls, path: str | None, accuracy: float, seed: int) -> Quiz:
        """读 GPQA 列名的 CSV；打不开抛 OSError，缺列抛 ValueError。"""
        if path is None:
            return cls({}, accuracy, seed)
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            missing = [name for name in _COLUMNS if name not in (rows.fieldnames or [])]
            if missing:
                raise ValueError(f"{path}: column {missing[0]!r} is missing; use GPQA's columns")
            key = {_plain(row["Question"]): _plain(row["Correct Answer"]) for row in rows}
        return cls({question: right for question, right in key.items() if question}, accuracy, seed)

    def reply(self, prompt: str) -> str | None:
        """对选择题的回答，末行是 `Answer: X`；不是选择题为 None。"""
        options = find_options(prompt)
        if not options:
            return None
        letter = self._letter(_plain(prompt), options)
        return (
            f"Of the {len(options)} options, {letter} fits the question best.\n\nAnswer: {letter}"
        )

    def _letter(self, prompt: str, options: list[Option]) -> str:
        """答哪个字母：由头是种子、题面与选项的次序。"""
        letters = [option.letter for option in options]
        question, right = self._known(prompt, options)
        order = (self.seed, question, tuple(option.text for option in options))
        if right is None:
            return letters[roll(*order) % len(letters)]
        if chance(*order, "right") < self.accuracy:
            return right
        wrong = [letter for letter in letters if letter != right]
        return wrong[roll(*order, "wrong") % len(wrong)]

    def _known(self, prompt: str, options: list[Option]) -> tuple[str, str | None]:
        """题库里的题面与正确字母；互相包含的题面取最长的。"""
        for question in sorted((q for q in self.key if q in prompt), key=len, reverse=True):
            correct = self.key[question]
            for option in options:
                last = option is options[-1]
                # 末项之后可能还有模板的话
                if option.text == correct or (last and option.text.startswith(correct)):
                    return question, option.letter
        return prompt, None


def find_options(prompt: str) -> list[Option]:
    """提示里最后一组 A、B、C…… 的选项；不足三个不算选择题。"""
    labels = list(_LABEL.finditer(prompt))
    starts = [place for place, label in enumerate(labels) if label.group(1) == "A"]
    for start in reversed(starts):
        run = [labels[start]]
        for label in labels[start + 1 :]:
            if ord(label.group(1)) == ord(run[-1].group(1)) + 1:
                run.append(label)
        if len(run) >= _FEWEST:
            ends = [label.start() for label in run[1:]] + [len(prompt)]
            return [
                Option(label.group(1), _plain(prompt[label.end() : end]))
                for label, end in zip(run, ends, strict=True)
            ]
    return []


def _plain(text: str) -> str:
    """空白归一，便于比较。"""
    return _BLANKS.sub(" ", text or "").strip()
