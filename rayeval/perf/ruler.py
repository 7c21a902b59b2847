"""量提示词的尺：本地词表、服务的 /tokenize、真实请求的用量；谁与用量对得上才用谁。"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx

from rayeval.client.openai import OpenAIClient, Reply
from rayeval.domain.perf import PerfSpec
from rayeval.perf.tally import count
from rayeval.perf.target import prompt_field, sampling_fields
from rayeval.perf.tokenizer import load_tokenizer

Ruler = Callable[[str], int | None]
"""提示词 → 服务会数出的提示 token 数（含模板）；数不出为 None。"""

_TOKENIZE_S = 10.0
"""/tokenize 的时限，秒：有的网关对不认得的路径一声不吭。"""
_TOLERANCE = 0.01
"""两把尺量出的差相差在一个 token 或这个比例以内，算对得上。"""


@dataclass(frozen=True, slots=True)
class Gauged:
    """选定的尺：来源的名字、尺、它对各篇样文的读数。"""

    source: str
    ruler: Ruler
    readings: tuple[int, ...]


def choose_gauge(
    client: OpenAIClient,
    spec: PerfSpec,
    field: str,
    samples: Sequence[str],
    threads: ThreadPoolExecutor,
) -> Gauged | None:
    """依次取本地词表、/tokenize、真实用量中第一把好用的；一把也没有为 None。

    `samples` 第一篇最短；各把尺量各篇的请求一起发出。前两者不知道服务的模板，
    与用量的差就是模板；差若不是常数，便不是同一个词表，不用。
    """

    def usage(text: str) -> int | None:
        """真实请求的 usage.prompt_tokens。"""
        reply = complete(client, spec, field, text)
        return count(reply.body, "usage", "prompt_tokens") if reply and reply.ok else None

    def by_prompt(text: str) -> int | None:
        """vLLM 形状的 /tokenize，带上对话模板。"""
        return _tokenized(client, prompt_field(spec.backend, text))

    def by_content(text: str) -> int | None:
        """SGLang 与 llama.cpp 形状的 /tokenize，只数文本。"""
        return _tokenized(client, {"prompt": text, "content": text})

    candidates: list[tuple[str, Ruler]] = [("tokenize", by_prompt), ("tokenize", by_content)]
    if spec.tokenizer is not None:
        candidates = [("tokenizer", load_tokenizer(spec.tokenizer))]
    rulers = [usage, *(ruler for _, ruler in candidates)]
    waiting = [[threads.submit(ruler, sample) for sample in samples] for ruler in rulers]
    truth, *rest = [[future.result() for future in futures] for futures in waiting]
    for (source, ruler), readings in zip(candidates, rest, strict=True):
        extra = _overhead(readings, truth)
        if extra is not None:
            known = tuple(reading + extra for reading in readings if reading is not None)
            return Gauged(source, _raised(ruler, extra), known)
    known = tuple(reading for reading in truth if reading is not None)
    if len(known) < len(samples):
        return None
    note = "usage, as the tokenizer given counts otherwise than the service"
    return Gauged("usage" if spec.tokenizer is None else note, usage, known)


def complete(client: OpenAIClient, spec: PerfSpec, field: str, text: str) -> Reply | None:
    """一个 token 的非流式请求，采样参数与测量时一样；传输失败为 None。"""
    body = {
        "model": client.endpoint.model,
        field: 1,
        **sampling_fields(spec.sampling, 1),
        **prompt_field(spec.backend, text),
    }
    path = "/chat/completions" if spec.backend == "openai-chat" else "/completions"
    try:
        return client.post(path, body)
    except httpx.HTTPError:
        return None


def _tokenized(client: OpenAIClient, fields: dict[str, Any]) -> int | None:
    """问 /tokenize；没有这个接口、或答非所问时为 None。"""
    body = {"model": client.endpoint.model, **fields}
    try:
        reply = client.post("root:/tokenize", body, timeout_s=_TOKENIZE_S)
    except httpx.HTTPError:
        return None
    if not reply.ok or not isinstance(reply.body, dict):
        return None
    tokens = reply.body.get("tokens")
    return count(reply.body, "count") or (len(tokens) if isinstance(tokens, list) else None)


def _overhead(readings: Sequence[int | None], truth: Sequence[int | None]) -> int | None:
    """读数与用量的差：处处相同才算数；没有用量可比时为 0；对不上为 None。"""
    found = [reading for reading in readings if reading is not None]
    known = [reading for reading in truth if reading is not None]
    if len(found) < len(readings) or min(found) < 1:
        return None
    if len(known) < len(truth):
        return 0
    extra = known[0] - found[0]
    for one, other in zip(found, known, strict=True):
        if abs(other - one - extra) > max(1.0, _TOLERANCE * other):
            return None
    return extra


def _raised(ruler: Ruler, extra: int) -> Ruler:
    """读数都加上 `extra`。"""

    def raised(text: str) -> int | None:
        """原来的读数加上模板。"""
        reading = ruler(text)
        return None if reading is None else reading + extra

    return raised
