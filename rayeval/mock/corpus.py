"""句库：闲谈与凑长度用的中英文句子，都是本项目自己写的。"""

from __future__ import annotations

from functools import lru_cache

from rayeval.mock.tokenizer import split

ENGLISH = (
    "The river keeps its own time, and the town has learned to wait for it.",
    "A good map leaves out almost everything, and that is why it helps.",
    "Small steps, repeated every day, carry a plan further than one grand leap.",
    "The engineer listened to the pump before she read a single gauge.",
    "Bread rises slowly in a cold kitchen, yet it tastes better for it.",
    "Every bridge is a quiet argument between weight and span.",
    "When the wind turns north, the harbour fills with patient boats.",
    "A library at night sounds like paper remembering its trees.",
    "Measure twice, write it down, and let the numbers speak first.",
    "The garden taught him more about failure than any book.",
    "Some questions are doors, and others are only pictures of doors.",
    "Two clocks in one room will always find something to disagree about.",
    "The train was late, so they had time to become friends.",
    "Rain on a tin roof is the oldest kind of percussion.",
    "An honest estimate carries its doubt on the outside.",
    "The lighthouse keeper counted ships the way others count sheep.",
)
CHINESE = (
    "河水有自己的节奏，小镇早已学会等待。",
    "好的地图略去了大部分东西，这正是它有用的原因。",
    "每天走一小步，比一次大跃进走得更远。",
    "工程师先听水泵的声音，再去看仪表。",
    "厨房冷的时候面团发得慢，味道却更好。",
    "每一座桥，都是重量与跨度之间安静的争论。",
    "北风一起，港湾里就停满了耐心的船。",
    "夜里的图书馆，像是纸张在回忆树林。",
    "量两遍，记下来，先让数字说话。",
    "花园教给他的失败，比书本还多。",
    "有些问题是门，有些只是门的画。",
    "同一间屋子里的两只钟，总能找到分歧。",
    "火车晚点了，他们因此成了朋友。",
    "雨打铁皮屋顶，是最古老的鼓点。",
    "诚实的估计，会把疑问写在外面。",
    "守塔人数船，就像别人数羊。",
)


@lru_cache(maxsize=3)
def sentences(language: str) -> tuple[str, ...]:
    """en、zh 或 mixed（中英交替）的句子；英文句各带前导空格，可直接相连。"""
    english = tuple(f" {sentence}" for sentence in ENGLISH)
    if language == "en":
        return english
    if language == "zh":
        return CHINESE
    return tuple(text for pair in zip(CHINESE, english, strict=True) for text in pair)


@lru_cache(maxsize=3)
def _stream(language: str) -> tuple[list[str], list[int]]:
    """整个句库的词元，循环到足够长，与各句的起点。"""
    pieces: list[str] = []
    starts: list[int] = []
    for sentence in sentences(language):
        starts.append(len(pieces))
        pieces += split(sentence)
    return pieces, starts


def filler(language: str, turn: int, count: int) -> list[str]:
    """从第 turn 句起的 count 个词元；同样的参数给同样的词元，长度恰好。"""
    pieces, starts = _stream(language)
    begin = starts[turn % len(starts)]
    rounds = (begin + count) // len(pieces) + 1
    return (pieces * rounds)[begin : begin + count]
