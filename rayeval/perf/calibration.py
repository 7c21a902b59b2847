"""测量之前问清楚服务：认不认得我们的参数，多少个词合多少个 token。不成也不是错误。"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from rayeval.client.openai import OpenAIClient, Reply
from rayeval.domain.perf import PerfSpec
from rayeval.perf.prompts import MIN_WORDS, prompt_text
from rayeval.perf.tally import count

Ruler = Callable[[str], int | None]
"""提示词 → 服务数出的提示 token 数；数不出为 None。"""

_SHORT, _LONG = 12, 48
"""先量的两个词数，都是三的倍数：一个完整的二英一中。"""
_ROUNDS = 5
"""在目标长度上至多实测几次，取平均；连着两次给出同样的词数就够了。"""


def settle(client: OpenAIClient, spec: PerfSpec, max_tokens_field: str) -> PerfSpec:
    """去掉服务不认得（400 或 422）的额外参数；都不成时原样返回，让测量去记。

    依次不带 ignore_eos、不带 top_k、两者都不带。
    """
    sampling = spec.sampling
    for update in (
        {},
        {"ignore_eos": False},
        {"top_k": None},
        {"ignore_eos": False, "top_k": None},
    ):
        trial = spec.model_copy(update={"sampling": sampling.model_copy(update=update)})
        reply = _complete(client, trial, max_tokens_field, prompt_text("settle", "settle", 8))
        if reply is None or reply.status not in (400, 422):
            return trial if reply is not None and reply.ok else spec
    return spec


def choose_ruler(client: OpenAIClient, spec: PerfSpec, max_tokens_field: str) -> tuple[str, Ruler]:
    """（来源，尺）：服务的 /tokenize，其次一个 token 的真实请求的用量。"""

    def tokenize(text: str) -> int | None:
        """vLLM 形状的 /tokenize，带上对话模板。"""
        return _tokenized(client, spec, text)

    def usage(text: str) -> int | None:
        """真实请求的 usage.prompt_tokens。"""
        reply = _complete(client, spec, max_tokens_field, text)
        return count(reply.body, "usage", "prompt_tokens") if reply and reply.ok else None

    short, long = (prompt_text("ruler", "ruler", words) for words in (_SHORT, _LONG))
    before, after = tokenize(short), tokenize(long)
    if before is not None and after is not None and after > before > 0:
        return "tokenize", tokenize
    return "usage", usage


def fit_words(ruler: Ruler, length: int, salt: str) -> int | None:
    """使提示 token 数最接近 `length` 的词数；尺子数不出时为 None。

    两点定斜率，再在目标长度附近实测修正；每次的文本都不同，免得量到缓存。
    """

    def measure(words: int, mark: str) -> int | None:
        """这么多词的 token 数。"""
        return ruler(prompt_text(f"{salt}/{words}/{mark}", f"{salt}/{words}/{mark}", words))

    short, long = measure(_SHORT, "short"), measure(_LONG, "long")
    if short is None or long is None or long <= short:
        return None
    slope = (long - short) / (_LONG - _SHORT)
    words = _solve(length, slope, [short - slope * _SHORT])
    bases: list[float] = []
    for attempt in range(_ROUNDS):
        tokens = measure(words, f"{attempt}")
        if tokens is None:
            break
        bases.append(tokens - slope * words)
        before, words = words, _solve(length, slope, bases)
        if before == words and attempt:
            break
    return words


def _solve(length: int, slope: float, bases: list[float]) -> int:
    """斜率与几次实测的截距（取平均）→ 词数。"""
    return max(MIN_WORDS, round((length - sum(bases) / len(bases)) / slope))


def _tokenized(client: OpenAIClient, spec: PerfSpec, text: str) -> int | None:
    """问 /tokenize；没有这个接口、或答非所问时为 None。"""
    body: dict[str, Any] = {"model": client.endpoint.model, **_prompt(spec, text)}
    try:
        reply = client.post("root:/tokenize", body)
    except httpx.HTTPError:
        return None
    if not reply.ok or not isinstance(reply.body, dict):
        return None
    tokens = reply.body.get("tokens")
    return count(reply.body, "count") or (len(tokens) if isinstance(tokens, list) else None)


def _complete(
    client: OpenAIClient, spec: PerfSpec, max_tokens_field: str, text: str
) -> Reply | None:
    """一个 token 的非流式请求；传输失败为 None。"""
    sampling = spec.sampling
    body: dict[str, Any] = {
        "model": client.endpoint.model,
        max_tokens_field: 1,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        **_prompt(spec, text),
    }
    if sampling.top_k is not None:
        body["top_k"] = sampling.top_k
    if sampling.ignore_eos:
        body["ignore_eos"] = True
    path = "/chat/completions" if spec.backend == "openai-chat" else "/completions"
    try:
        return client.post(path, body)
    except httpx.HTTPError:
        return None


def _prompt(spec: PerfSpec, text: str) -> dict[str, Any]:
    """提示词在请求体里的样子。"""
    if spec.backend == "openai-chat":
        return {"messages": [{"role": "user", "content": text}]}
    return {"prompt": text}
