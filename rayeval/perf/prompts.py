"""提示词：中英混写、可复现、从头就不同，而同一个 cell 里个个一样长。

一篇依次是：首字母、开头的词、正文、收尾的字母；要共有的开头时它在最前。首字母与开头的词
由编号经阶乘进制定出（双射，绝不重复），正文是同一池单元的轮转：于是各篇用的是同一批词，
不论什么词表 token 数都相同，在真实的形状上校准一次便处处准；写一篇只是切片与拼接。
"""

from __future__ import annotations

import hashlib
from math import factorial

import numpy as np
import numpy.typing as npt

from rayeval.domain.load import PromptPlan, Share

_HEAD = (  # noqa: SIM905 一行词比十五行列表好读
    "act age 飞机 big box 火车 car dog 汽车 eye far 道路 hat job 河流"
).split()
_ENGLISH = (  # noqa: SIM905 同上
    "about above after again alone among apple bread bring broad brown build carry cause chair "
    "chief child clean clear clock close cloud coast color cover dance dream drink drive early "
    "earth eight every field first floor fruit glass grass great green group happy heart house "
    "large laugh learn light money month music night ocean paper plant river round stone table "
    "think tower water world"
).split()
_CHINESE = (  # noqa: SIM905 同上
    "时间 世界 城市 朋友 工作 学习 学生 老师 国家 社会 问题 经济 文化 历史 科学 技术 "
    "电影 音乐 天气 春天 夏天 秋天 冬天 早上 晚上 今天 明天 家庭 孩子 父亲 母亲 医院"
).split()

HEAD = len(_HEAD)
"""开头至多这么多个词：连同首字母不到 64 个字符。"""
BLOCK = 32
"""一块的单元数：每块都恰好用遍全部正文词，整块的 token 数因此处处相同。"""
_UNIT_WORDS = 3
_ENOUGH = 12
"""十二个词的次序就有四亿种。"""
_SMALL = 2**30
"""一个数位以内的整数算得快。"""
_STRIDE = 7
"""相邻序号的正文错开这么多个单元。"""
_ALPHABET = "abcdefghijklmnopqrstuvwxyz"
_FIRST = _ALPHABET.upper() + _ALPHABET
_LETTER = 2
"""一个带前导空格的字母的字节数。"""


def _spell(words: list[str], before: str = " ") -> list[bytes]:
    """词 → 带前导空格的 UTF-8；没有要转义的字符，可以原样放进 JSON。"""
    return [f"{before}{word}".encode() for word in words]


_HEAD_BYTES = _spell(_HEAD)
_ENGLISH_BYTES, _CHINESE_BYTES = (
    np.array([list(word) for word in _spell(words)], dtype=np.uint8)
    for words in (_ENGLISH, _CHINESE)
)
_WIDTH: int = _ENGLISH_BYTES.shape[1]
_UNIT: int = 2 * _WIDTH + _CHINESE_BYTES.shape[1]
"""一个单元的字节数。"""


class Prompts:
    """一个 cell 一个 epoch 的全部提示词。

    一篇是 `lead` + middle(阶段, 序号) + `tail`，都是 UTF-8、可原样放进 JSON 字符串的字节。
    `salt` 定开头（每次运行、cell、epoch 都该不同），`seed` 定正文，`shared` 定共有的开头。
    """

    def __init__(self, plan: PromptPlan, *, salt: str, seed: str, shared: str = "") -> None:
        """备好各段；之后写一篇不再造词。"""
        prefixed = plan.prefix_units or plan.prefix_letters
        self.lead = b""
        if prefixed:
            self.lead = b"a" + _pool(plan.prefix_units, shared) + _letters(plan.prefix_letters)
        letters = _letters(plan.letters)
        # 词不够多时字母也来换位：短提示词靠它们彼此不同，而用的字一样，还是一样长
        spare = min(plan.letters, HEAD - plan.head, len(_ALPHABET))
        self.tail = letters[spare * _LETTER :]
        self._words = _HEAD_BYTES[: plan.head] + _spell(list(_ALPHABET[:spare]))
        self._firsts = _firsts(len(self._words)) if prefixed else _spell(list(_FIRST), "")
        self._groups = _groups(range(len(self._words), 0, -1))
        self._space = len(self._firsts) * factorial(len(self._words))
        digest = hashlib.blake2b(salt.encode(), digest_size=16).digest()
        self._start = int.from_bytes(digest) % self._space
        self._units = plan.units
        self._size = plan.units * _UNIT
        pool = _pool(plan.units, seed)
        self._turned = memoryview(pool + pool)

    def middle(self, phase: str, index: int) -> list[bytes | memoryview]:
        """`phase`（warmup 或 measured）的第 `index` 篇里独有的片段，依次相连。"""
        number = self._start + index if phase == "measured" else self._start - 1 - index
        number, first = divmod(number % self._space, len(self._firsts))
        pieces: list[bytes | memoryview] = [self._firsts[first]]
        add_piece, take = pieces.append, self._words.copy().pop
        for product, radices in self._groups:
            number, rest = divmod(number, product)
            for radix in radices:
                add_piece(take(rest % radix))
                rest //= radix
        if self._units:
            begin = index * _STRIDE % self._units * _UNIT
            add_piece(self._turned[begin : begin + self._size])
        return pieces

    def text(self, phase: str, index: int) -> str:
        """整篇的文本。"""
        return b"".join([self.lead, *self.middle(phase, index), self.tail]).decode()


def prompts_of(share: Share) -> Prompts:
    """一份份额要写的提示词；没有校准过的按一词一 token 拼。"""
    spec, place = share.spec, f"{share.cell.id}/{share.epoch}"
    plan = share.prompt_plan
    if plan is None:
        plan = rough_plan(share.cell.input_length, spec.shared_prefix)
    return Prompts(
        plan,
        salt=f"{share.salt}/{place}",
        seed=f"{spec.seed}/{place}",
        shared=f"{plan.mark or share.salt}/{share.cell.id}",
    )


def rough_plan(words: int, prefix: int = 0) -> PromptPlan:
    """`words` 个词（至少一个）的拼法，其中 `prefix` 个共有；不足一个单元的以字母补齐。"""
    prefix = max(1, min(prefix, words - 1))
    prefix_units, prefix_letters = divmod(prefix - 1, _UNIT_WORDS)
    rest = max(0, words - 1 - (prefix if prefix > 1 else 0))
    head = min(HEAD, rest)
    units, letters = divmod(rest - head, _UNIT_WORDS)
    return PromptPlan(head, units, letters, prefix_units, prefix_letters)


def _firsts(words: int) -> list[bytes]:
    """共有的开头之后的首字母：跟着空格的字母不一定都是一个 token，词够多就不要它。"""
    return [b""] if words >= _ENOUGH else _spell(list(_FIRST))


def _groups(radices: range) -> list[tuple[int, list[int]]]:
    """把各位的进制分成乘积不大的几组：大整数的除法一组只做一次。"""
    groups: list[tuple[int, list[int]]] = []
    for radix in radices:
        if groups and groups[-1][0] * radix < _SMALL:
            product, members = groups[-1]
            groups[-1] = (product * radix, [*members, radix])
        else:
            groups.append((radix, [radix]))
    return groups


def _pool(units: int, seed: str) -> bytes:
    """`units` 个单元的文本。

    每块用遍全部正文词，零头总是最前的那些词，次序由 `seed` 定：token 数因此与 `seed` 无关。
    """
    blocks, rest = divmod(units, BLOCK)
    key = hashlib.blake2b(seed.encode(), digest_size=8).digest()
    draw = np.random.default_rng(int.from_bytes(key)).random

    def shuffled(size: int, tail: int) -> npt.NDArray[np.intp]:
        """逐块打乱的 0…size−1，末了是打乱的 0…tail−1。"""
        return np.concatenate([draw((blocks, size)).argsort(axis=1).ravel(), draw(tail).argsort()])

    english = _ENGLISH_BYTES[shuffled(2 * BLOCK, 2 * rest)].reshape(units, 2 * _WIDTH)
    chinese = _CHINESE_BYTES[shuffled(BLOCK, rest)]
    return np.concatenate([english, chinese], axis=1).tobytes()


def _letters(number: int) -> bytes:
    """`number` 个以空格隔开的单字母：几乎在任何词表里都是一个一个 token。"""
    rounds, rest = divmod(number, len(_ALPHABET))
    return b"".join(_spell(list(_ALPHABET * rounds + _ALPHABET[:rest])))
