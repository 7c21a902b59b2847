"""测量之前问清楚服务：认不认得我们的参数，怎样的提示词合多少个 token。不成也不是错误。"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from math import floor

from rayeval.client.openai import OpenAIClient
from rayeval.domain.load import PromptPlan
from rayeval.domain.perf import PerfSpec, Sampling
from rayeval.perf.prompts import BLOCK, HEAD, Prompts
from rayeval.perf.ruler import Ruler, choose_gauge, complete

_AT_ONCE = 8
"""校准请求至多同时这么多个。"""
_ROUNDS = 4
"""一个长度至多实测几次；通常两次：一次看差多少，一次看补得对不对。"""
_ALPHABET = 26
_SPARE = 2
"""先留出这么多个字母，好让余数两边都能补。"""
_SAMPLES = (
    PromptPlan(0, 0, 0),
    PromptPlan(HEAD, 0, 0),
    PromptPlan(HEAD, BLOCK, 0),
    PromptPlan(0, 0, _ALPHABET),
)
"""量价的四篇样文：只有首字母、加开头、再加一整块正文、加一轮字母。"""


@dataclass(frozen=True, slots=True)
class Prices:
    """各种片段的价，以 token 计：`base` 是模板加首字母，其余是一个开头词、单元、字母。"""

    base: float
    word: float
    unit: float
    letter: float


def settle(client: OpenAIClient, spec: PerfSpec, max_tokens_field: str) -> PerfSpec:
    """去掉服务不认得（400 或 422）的额外参数；都不成时原样返回，让测量去记。

    不认得 ignore_eos 的，改试 min_tokens；top_k 不认得就不带。
    """
    sampling = spec.sampling
    for changes in _retreats(sampling):
        trial = spec.model_copy(update={"sampling": sampling.model_copy(update=changes)})
        reply = complete(client, trial, max_tokens_field, "Say hello. 请问好。")
        if reply is None or reply.status not in (400, 422):
            return trial if reply is not None and reply.ok else spec
    return spec


def _retreats(sampling: Sampling) -> list[dict[str, object]]:
    """采样参数可作的退让，第一个是不退；能保住输出长度的在前。"""
    endings: list[dict[str, object]] = [{}]
    if sampling.ignore_eos:
        endings.append({"ignore_eos": False, "min_tokens": True})
    if sampling.ignore_eos or sampling.min_tokens:
        endings.append({"ignore_eos": False, "min_tokens": False})
    tops: list[dict[str, object]] = [{}] if sampling.top_k is None else [{}, {"top_k": None}]
    return [ending | top for ending in endings for top in tops]


def plan_prompts(
    client: OpenAIClient, spec: PerfSpec, max_tokens_field: str, run_id: str
) -> tuple[str, dict[int, PromptPlan | None]]:
    """（长度的来源，输入长度 → 拼法）；量不出的拼法为 None，来源是 word count。

    `spec` 该是 settle 过的。各把尺、各个长度同时量；本地词表读不了时抛 UsageError。
    """
    lengths = dict.fromkeys(spec.input_length)
    seed = f"{spec.seed}/calibration"
    texts = [
        Prompts(plan, salt=f"{run_id}/{seed}/{k}", seed=seed).text("measured", 0)
        for k, plan in enumerate(_SAMPLES)
    ]
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        gauge = choose_gauge(client, spec, max_tokens_field, texts, threads)
        prices = None if gauge is None else price(gauge.readings)
        if gauge is None or prices is None:
            return "word count", dict.fromkeys(lengths)
        fitter = Fitter(gauge.ruler, prices, f"{run_id}/{seed}")
        opening = PromptPlan(0, 0, 0, mark=run_id)
        if spec.shared_prefix:
            found = fitter.fit(round(prices.base) + spec.shared_prefix - 1, opening, heads=0)
            opening = replace(opening, prefix_units=found.units, prefix_letters=found.letters)
        plans = threads.map(lambda length: fitter.fit(length, opening), lengths)
        return gauge.source, dict(zip(lengths, plans, strict=True))


def price(readings: Sequence[int]) -> Prices | None:
    """四篇样文的读数 → 各种片段的价；多写了字却不多收的尺不可信，为 None。"""
    least, head, block, letters = readings
    if not (head > least and block > head and letters > least):
        return None
    return Prices(
        float(least), (head - least) / HEAD, (block - head) / BLOCK, (letters - least) / _ALPHABET
    )


class Fitter:
    """按价拼出给定长度的提示词，再照实测补足。"""

    def __init__(self, ruler: Ruler, prices: Prices, salt: str) -> None:
        """`salt` 使量的每一篇都不同，免得引擎的缓存插手。"""
        self._ruler = ruler
        self._prices = prices
        self._salt = salt

    def fit(self, length: int, opening: PromptPlan, heads: int = HEAD) -> PromptPlan:
        """token 数最接近 `length` 的拼法；`opening` 只给出共有的开头，开头的词至多 `heads` 个。

        量不出（例如超出上下文）时取已量过的最好的，一次也没量成则按价估。
        """
        plan = self._split(length - self._prices.base - self._shared(opening), opening, heads)
        best, least = plan, float("inf")
        tried: set[PromptPlan] = set()
        for _ in range(_ROUNDS):
            tokens = self._measure(plan, length)
            if tokens is None:
                break
            if abs(length - tokens) < least:
                best, least = plan, abs(length - tokens)
            tried.add(plan)
            plan = self._mend(plan, length - tokens, heads)
            if plan in tried:
                break
        return best

    def _mend(self, plan: PromptPlan, gap: int, heads: int) -> PromptPlan:
        """补上 `gap` 个 token（可负）：小的只动字母，大的重新分配。"""
        prices = self._prices
        letters = plan.letters + round(gap / prices.letter)
        if 0 <= letters <= _ALPHABET:
            return replace(plan, letters=letters)
        spent = plan.head * prices.word + plan.units * prices.unit + plan.letters * prices.letter
        return self._split(spent + gap, plan, heads)

    def _split(self, budget: float, opening: PromptPlan, heads: int) -> PromptPlan:
        """把 `budget` 个 token 分给开头的词、正文、收尾的字母，次序如此。"""
        prices = self._prices
        head = min(heads, max(0, floor(budget / prices.word)))
        rest = budget - head * prices.word
        units = 0
        if head == heads:
            units = max(0, floor((rest - _SPARE * prices.letter) / prices.unit))
        letters = max(0, round((rest - units * prices.unit) / prices.letter))
        return replace(opening, head=head, units=units, letters=letters)

    def _shared(self, opening: PromptPlan) -> float:
        """共有的开头的价；没有则 0。"""
        if not (opening.prefix_units or opening.prefix_letters):
            return 0.0
        prices = self._prices
        return 1 + opening.prefix_units * prices.unit + opening.prefix_letters * prices.letter

    def _measure(self, plan: PromptPlan, length: int) -> int | None:
        """这个拼法的一篇实有多少 token。"""
        salt = f"{self._salt}/{length}/{plan}"
        return self._ruler(Prompts(plan, salt=salt, seed=salt, shared=salt).text("measured", 0))
