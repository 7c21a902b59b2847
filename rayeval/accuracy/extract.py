"""回复 → 字母：simple_evals 与原版一字不差，robust 给出人会读出的那个。

两种读法出自同一条回复；它们之差说明有多少分丢在格式上。
"""

from __future__ import annotations

import re
import unicodedata

# 与 simple-evals 同义：忽略大小写地取第一处；“Answer: Because”因此读作 B，那正是它的分数。
_SIMPLE_EVALS = re.compile(r"Answer[ \t]*:[ \t]*\$?([A-D])\$?", re.IGNORECASE)

# 以下量词都有上界，装饰只用一个字符类：回复可能是 1 MB 的敌意文本，回溯必须是线性的。
_DECOR = r"[*_`\"'“”‘’$\\(\[<{ \t]{0,12}"
_WRAP = r"(?:\\(?:boxed|textbf|text|mathbf|mathrm)[ ]?\{" + _DECOR + r"){0,3}"
_CLOSE = r"[)\]}>*_`\"'”’$\\.。]{0,12}"
# 字母之后不能还是同一个词：Because、D-glucose、B's；大写 A 后跟小写词多半是冠词。
_END = r"(?![A-Za-z0-9_]|['’][a-z]|-[A-Za-z0-9])"
_ARTICLE = r"(?!(?<=A)[ \t]+(?!(?:because|since|as|is|and|with|for)\b)[a-z])"
_ALONE = rf"(?={_CLOSE}[ \t]*(?:\n|$))"
_UPPER = rf"(?P<letter>[A-D]){_END}{_ARTICLE}"
_EITHER = rf"(?:{_UPPER}|(?P<lower>[a-d]){_ALONE})"
_KEY = (
    r"(?:(?i:\banswer|\bcorrect[ ]option)|答案|选项|答)"
    r"(?:[ \t]?\([^()\n]{0,20}\))?[*_`\"”]{0,3}[ \t]{0,4}"
)
_IS = r"(?:(?:is|should be|would be|应该是|应该为|应是|应为|是|为|选)[ \t]{0,4}:?|[:=])"

_ANCHORS = (
    # Answer: B · **Answer**: (B) · Final answer is $B$ · 答案:B · 正确选项为 B
    re.compile(_KEY + _IS + _DECOR + _WRAP + _EITHER),
    # Answer:⏎⏎B：隔行时字母须独占一行，否则句首的 A 会被当成答案
    re.compile(
        rf"{_KEY}:[*_`\"”]{{0,3}}[ \t\r]{{0,4}}\n\s{{0,8}}{_DECOR}{_WRAP}(?P<letter>[A-D]){_ALONE}"
    ),
    # 故选 B；“选项 B 不对”“不选 B”不算
    re.compile(rf"(?:故|应|应该|因此|所以|最终|我|就)选择?[ \t:]{{0,3}}{_DECOR}{_WRAP}{_UPPER}"),
    re.compile(rf"\\boxed[ ]?\{{{_DECOR}{_WRAP}(?P<letter>[A-D]){_END}"),
)
_BARE = re.compile(rf"{_DECOR}(?P<letter>[A-D]){_CLOSE}")
_THINK = re.compile(r"<(/?)(?:think|thinking|reasoning)>", re.IGNORECASE)


def extract_simple_evals(text: str) -> str | None:
    """simple-evals 读出的字母，大小写照原文（小写因此判错）；没有则为 None。"""
    match = _SIMPLE_EVALS.search(text)
    return match.group(1) if match else None


def extract_robust(text: str) -> str | None:
    """人会读出的大写字母；没有则为 None。

    先去掉推理段，全角化半角，再取最后一处有锚点的字母（Answer:、答案：、故选、boxed）；
    都没有时，最后一行只有一个字母也算。
    """
    plain = unicodedata.normalize("NFKC", strip_reasoning(text))
    found = [match for anchor in _ANCHORS for match in anchor.finditer(plain)]
    if found:
        groups = max(found, key=lambda match: match.end()).groupdict()
        return str(groups["letter"] or groups.get("lower")).upper()
    return _trailing_letter(plain)


def strip_reasoning(text: str) -> str:
    """去掉正文里的 <think>…</think>。

    没有开头的 </think>（模板替它开了头）之前全是推理；没有结尾的 <think> 之后全是推理。
    逐个标记走一遍，不回溯：标记再多也是线性的。
    """
    kept: list[str] = []
    thinking, start = False, 0
    for mark in _THINK.finditer(text):
        if not thinking:
            kept.append(text[start : mark.start()])
        if mark.group(1) and not thinking:
            kept.clear()
        thinking, start = not mark.group(1), mark.end()
    if not thinking:
        kept.append(text[start:])
    return "".join(kept)


def _trailing_letter(text: str) -> str | None:
    """最后一个非空行仅为一个字母时的那个字母；上一行也是如此则像是在列选项，不算。"""
    lines = [line.strip() for line in text[-400:].splitlines() if line.strip()]
    matches = [_BARE.fullmatch(line) for line in lines[-2:]]
    if not matches or matches[-1] is None or (len(matches) > 1 and matches[0] is not None):
        return None
    return matches[-1].group("letter")
