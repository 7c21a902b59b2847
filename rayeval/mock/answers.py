"""对话的应答：答得出真内容（复述、记忆、算术、计数、表情、人设），答不出的闲谈。"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from rayeval.mock.corpus import sentences
from rayeval.mock.recall import recall
from rayeval.mock.talk import WINDOW, Talk

_TOPIC = 40
_QUOTES = "\"“”'‘’「」『』`"
_REPEAT = (
    re.compile(r"(?:repeat after me|repeat|echo|say)\b[^:：\n]{0,40}[:：]\s*(.+)", re.I | re.S),
    re.compile(
        r"(?:reply|respond|answer|output|write|print|return)\b[^:：\n]{0,40}"
        r"(?:exactly|only|verbatim|following|just|word|text)\b[^:：\n]{0,30}[:：]\s*(.+)",
        re.I | re.S,
    ),
    re.compile(
        r"(?:reply|respond|answer|say|repeat|output|write|print)\b[^\"“‘「`\n]{0,60}"
        r"[\"“‘「`](.+?)[\"”’」`]",
        re.I | re.S,
    ),
    re.compile(r"^\W*(?:please )?(?:only )?say (?:exactly )?(?:the word )?(.{1,200}?)[.!]?$", re.I),
    re.compile(r"(?:reply|respond|answer) with (?:only |exactly |just )*the word (\w+)", re.I),
    re.compile(
        r"(?:跟我说|跟我念|重复|复述|原样输出|只回答|只回复|只输出|请回答|请回复|请输出|请说)"
        r"[^：:\n“\"「]{0,20}[：:“\"「]\s*(.+)",
        re.S,
    ),
    re.compile(r"^(?:请)?(?:只)?(?:回复|说|回答)(?![点些一说])[：:]?\s*([^，。？?]{1,60})[。！]?$"),
)
_SUM = re.compile(
    r"(-?\d+(?:\.\d+)?)\s*(\+|-|−|\*|×|x|/|÷|plus|minus|times|multiplied by|divided by"
    r"|加上?|减去?|乘以?|除以)\s*(-?\d+(?:\.\d+)?)",
    re.I,
)
_SUM_ASKED = re.compile(r"what|calculate|compute|how much|sum|=|\?|？|等于|多少|计算|几", re.I)
_COUNT = re.compile(
    r"(?:count|numbers|integers|数|列出)[^\d\n]{0,30}(\d{1,4})"
    r"\s*(?:to|through|until|up to|-|到|至)\s*(\d{1,4})"
    r"|从\s*(\d{1,4})\s*(?:开始)?数?到\s*(\d{1,4})",
    re.I,
)
_EMOJI = re.compile(r"emoji|表情", re.I)
_LONG = re.compile(
    r"\blong\b|essay|story|in detail|detailed|poem|at least \d+|\d{3,} words"
    r"|详细|长文|故事|作文|一篇|不少于|诗",
    re.I,
)
_WHO = re.compile(r"who are you|what(?:'s| is) your name|你是谁|你叫什么|你的名字", re.I)
_PERSONA = re.compile(
    r"(?i:your name is|you are (?:called|named)|you are(?! an?\b| the\b))\s+([A-Z]\w*)"
    r"|你(?:的名字)?(?:叫|是)(?:做)?([^，。,.！!\s]{1,12})"
)
_END = re.compile(
    r"\bend (?:[\w']+ ){0,5}?with\s*(?:the (?:exact )?(?:word|phrase|text|emoji|token) )?[:：]?\s*"
    r"(?:[\"“'「`](.+?)[\"”'」`]|(.+?)(?:[.。\n]|$))"
    r"|(?:以|用)\s*[“\"「]?(.+?)[”\"」]?\s*(?:来)?(?:结尾|结束|收尾)",
    re.I,
)
_START = re.compile(
    r"\b(?:start|begin) (?:[\w']+ ){0,5}?with\s*(?:the (?:exact )?(?:word|phrase|text) )?[:：]?\s*"
    r"(?:[\"“'「`](.+?)[\"”'」`]|(.+?)(?:[.。\n]|$))"
    r"|(?:以|用)\s*[“\"「]?([^“”\"，。]+?)[”\"」]?\s*(?:来)?(?:开头|开始)",
    re.I,
)
_SHOUT = re.compile(r"upper ?case|all caps|全部大写", re.I)


def answer(talk: Talk, rng: random.Random) -> str:
    """一句完整的回答，不含前导空格；系统的文体要求照办。"""
    for rule in RULES:
        reply = rule(talk)
        if reply is not None:
            return _styled(reply, talk.system)
    return _styled(_chat(talk, rng), talk.system)


def think(talk: Talk, rng: random.Random) -> str:
    """推理的文字；与正文不同，语言相同，随采样而变。"""
    topic = _topic(talk.last)
    if talk.tongue == "zh":
        opener = rng.choice(
            ("嗯，", "好，", "来看，", "先想想，", "那么，", "这样，", "注意，", "")
        )
        return f"{opener}用户说的是“{topic}”。先弄清要求，再检查有没有陷阱，最后组织简洁的回答。"
    opener = rng.choice(("Okay", "Well", "Hmm", "So", "Right", "Now", "Alright", "Let me see"))
    return (
        f"{opener}, the user says: {topic}. First I work out what is being asked, then I check it "
        "for traps, and then I put together a short reply."
    )


def _tool_result(talk: Talk) -> str | None:
    """有工具结果时，回答里一定带着它。"""
    if not talk.results:
        return None
    found = "；".join(talk.results) if talk.tongue == "zh" else "; ".join(talk.results)
    return f"查询结果是：{found}" if talk.tongue == "zh" else f"Here is what I found: {found}"


def _repeat(talk: Talk) -> str | None:
    """要求复述的，原样复述。"""
    for pattern in _REPEAT:
        if match := pattern.search(talk.request):
            text = match.group(1).strip()
            quoted = len(text) > 1 and text[0] in _QUOTES and text[-1] in _QUOTES
            return text[1:-1] if quoted else text.rstrip("”」")
    return None


def _who(talk: Talk) -> str | None:
    """问名字的，答人设里的名字。"""
    if not _WHO.search(talk.request):
        return None
    match = _PERSONA.search(talk.system)
    name = (match.group(1) or match.group(2)) if match else "Mock"
    return f"我叫{name}。" if talk.tongue == "zh" else f"My name is {name}."


def _recall(talk: Talk) -> str | None:
    """问起先前说过的事。"""
    said = [turn.text[:WINDOW] for turn in talk.turns if turn.role in {"user", "system"}]
    return recall(said, talk.request)


def _sum(talk: Talk) -> str | None:
    """两个数的四则运算。"""
    match = _SUM.search(talk.request)
    if match is None or not _SUM_ASKED.search(talk.request) or len(match.group()) > _TOPIC:
        return None
    left, sign, right = float(match[1]), match[2].lower(), float(match[3])
    value = _apply(left, sign, right)
    return None if value is None else f"{match.group().strip()} = {value:.10g}"


def _apply(left: float, sign: str, right: float) -> float | None:
    """算；除以零为 None。"""
    if sign in {"+", "plus", "加", "加上"}:
        return left + right
    if sign in {"-", "−", "minus", "减", "减去"}:
        return left - right
    if sign in {"*", "×", "x", "times", "multiplied by", "乘", "乘以"}:
        return left * right
    return left / right if right else None


def _count(talk: Talk) -> str | None:
    """从几数到几。"""
    match = _COUNT.search(talk.request)
    if match is None:
        return None
    first, last = (int(group) for group in match.groups() if group)
    step = 1 if last >= first else -1
    return ", ".join(map(str, range(first, last + step, step)))


def _emoji(talk: Talk) -> str | None:
    """要表情的，给表情：含一码位、变体、肤色、国旗与家庭。"""
    if not _EMOJI.search(talk.request):
        return None
    faces = "😀 🎉 🚀 ❤️ 👍🏽 🇨🇳 👨‍👩‍👧"
    return f"给你几个表情：{faces}" if talk.tongue == "zh" else f"Here you are: {faces}"


def _chat(talk: Talk, rng: random.Random) -> str:
    """闲谈：先接住话题，再说几句；要长文就多说。"""
    tongue, topic = talk.tongue, _topic(talk.last)
    english = (f"You asked about “{topic}”.", f"On “{topic}”:", f"About “{topic}”, briefly.")
    chinese = (f"关于“{topic}”，我想说：", f"你提到了“{topic}”。", f"说到“{topic}”：")
    openers = {"en": english, "zh": chinese, "mixed": chinese}[tongue]
    number = 40 if _LONG.search(talk.request) else rng.randint(2, 4)
    pool = sentences(tongue)
    body = "".join(rng.sample(pool, number) if number <= len(pool) else rng.choices(pool, k=number))
    return rng.choice(openers) + body


def _styled(reply: str, system: str) -> str:
    """系统要求的开头、结尾与大写。"""
    if not system:
        return reply
    if _SHOUT.search(system):
        reply = reply.upper()
    if match := _START.search(system):
        opening = next(group for group in match.groups() if group)
        reply = reply if reply.startswith(opening) else f"{opening} {reply}"
    if match := _END.search(system):
        ending = next(group for group in match.groups() if group).strip()
        reply = reply if reply.endswith(ending) else f"{reply} {ending}"
    return reply


def _topic(text: str) -> str:
    """话题：首行的头四十个字。"""
    line = next((line.strip() for line in text[:WINDOW].splitlines() if line.strip()), "")
    return line[:_TOPIC].rstrip(" .。?？!！，,")


RULES: tuple[Callable[[Talk], str | None], ...] = (
    _tool_result,
    _repeat,
    _who,
    _recall,
    _sum,
    _count,
    _emoji,
)
