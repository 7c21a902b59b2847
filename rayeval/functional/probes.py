"""能力表：每个参数一条差分探测——带与不带它，回答必须不同（或必须相同）。"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rayeval.domain.functional import Support
from rayeval.functional.exchange import Json
from rayeval.functional.probe_formats import FORMAT_PROBES
from rayeval.functional.probe_tools import TOOL_PROBES
from rayeval.functional.probing import Asker, Probe, Trial, probe, seen, untold

_HOT = 1.8
_SEEDS = (11, 22, 33)
LIST = "Name ten animals, one a line."


def _limit(field: str) -> Callable[[Asker], Trial]:
    """长度上限：要一个 token 就只有一个。"""

    def attempt(ask: Asker) -> Trial:
        """看 finish_reason 与用量。"""
        reply = ask.limited(field, 2)
        used = (reply.completion.usage or {}).get("completion_tokens")
        short = reply.message.finish_reason == "length" and used in {None, 1, 2}
        came = f"finish_reason {reply.message.finish_reason}, completion_tokens {used}"
        return seen(short, came, came)

    return attempt


def _min_tokens(ask: Asker) -> Trial:
    """下限：本来会早早停下的，写满了才停。"""
    return _longer(ask, {"min_tokens": 200}, 200)


def _ignore_eos(ask: Asker) -> Trial:
    """不理会结束符：本来会停下的，写到上限。"""
    return _longer(ask, {"ignore_eos": True}, 200)


def _longer(ask: Asker, params: Json, limit: int) -> Trial:
    """带上它就写到 `limit`，不带就早停；本来就写到了的看不出。"""
    if ask.chat("Say OK.", max_tokens=limit).message.finish_reason == "length":
        return untold(f"the plain answer is {limit} tokens long already")
    reply = ask.chat("Say OK.", max_tokens=limit, **params)
    reason = reply.message.finish_reason
    said = f"finish_reason is {reason} at a limit of {limit}"
    return seen(reason == "length", said, said)


def _stop(ask: Asker) -> Trial:
    """停止串：取自不带它的回答，带上它就不再出现。"""
    plain = (ask.answer().content or "").strip()
    word = plain[len(plain) // 2 :][:2].strip()
    if not word:
        return untold(f"the plain answer is too short: {plain!r}")
    content = ask.answer(stop=[word]).content or ""
    return seen(word not in content, f"{word!r} ends the answer", f"{word!r} is in the answer")


def _n(ask: Asker) -> Trial:
    """n=2：两个 choice。"""
    count = len(ask.chat(n=2, temperature=1.0).completion.messages)
    return seen(count == 2, "two choices", f"n=2 gave {count} choice")  # noqa: PLR2004


def _seed(ask: Asker) -> Trial:
    """种子：同一个给同样的回答，不同的给不同的。"""
    hot = [ask.text(temperature=_HOT, seed=seed) for seed in _SEEDS]
    if len(set(hot)) == 1:
        return untold("hot answers are the same under different seeds")
    again = [ask.text(temperature=_HOT, seed=seed) for seed in _SEEDS]
    same = [before == after for before, after in zip(hot, again, strict=True)]
    if any(same) and not all(same):
        return Support.FLAKY, f"{sum(same)} of {len(same)} seeds gave the same answer twice"
    return seen(all(same), "the same seed, the same answer", "no seed gave its answer again")


def _temperature(ask: Asker) -> Trial:
    """温度：热的各不相同，冷的相同。"""
    cold = {ask.text(temperature=0) for _ in range(2)}
    hot = {ask.text(temperature=_HOT, seed=seed) for seed in _SEEDS}
    if len(cold) > 1:
        return Support.FLAKY, "two equal requests at temperature 0 got different answers"
    said = f"{len(hot)} different answers at temperature {_HOT}, one at 0"
    return seen(len(hot) > 1, said, "hot and cold answers are the same")


def _narrows(**params: Any) -> Callable[[Asker], Trial]:
    """收窄采样的参数：带上它，热的也都一样；不带就不一样。"""

    def attempt(ask: Asker) -> Trial:
        """带与不带各问几次。"""
        wide = {ask.text(temperature=_HOT, seed=seed) for seed in _SEEDS}
        narrow = {ask.text(temperature=_HOT, seed=seed, **params) for seed in _SEEDS}
        if len(wide) == 1:
            return untold("hot answers are the same without it")
        said = f"{len(wide)} different answers without it, {len(narrow)} with {params}"
        return seen(len(narrow) == 1, said, said)

    return attempt


def _shifts(**params: Any) -> Callable[[Asker], Trial]:
    """惩罚：温度 0 的回答因它而变；没有变不说明没有用。"""

    def attempt(ask: Asker) -> Trial:
        """带与不带各问一次。"""
        plain = ask.text(prompt=LIST, max_tokens=64)
        if ask.text(prompt=LIST, max_tokens=64, **params) != plain:
            return Support.SUPPORTED, f"the answer changes with {params}"
        return untold(f"the answer is the same with {params}")

    return attempt


def _logit_bias(ask: Asker) -> Trial:
    """把一个词抬到必选：回答必定变。"""
    plain, forced = ask.text(max_tokens=8), ask.text(max_tokens=8, logit_bias={"42": 100})
    return seen(plain != forced, "the answer changes", "a token at +100 changes nothing")


def _logprobs(ask: Asker) -> Trial:
    """logprobs：每个词有一条。"""
    entries = ask.answer(logprobs=True).logprobs
    return seen(entries, f"{len(entries)} entries", "the answer has no logprobs.content")


def _top_logprobs(ask: Asker) -> Trial:
    """top_logprobs=2：每条带着两个候选。"""
    entries = ask.answer(logprobs=True, top_logprobs=2).logprobs
    tops = [entry.get("top_logprobs") for entry in entries if isinstance(entry, dict)]
    count = len(tops[0]) if tops and isinstance(tops[0], list) else 0
    return seen(count > 1, f"{count} candidates a token", f"{count} candidates instead of 2")


def _stream_usage(ask: Asker) -> Trial:
    """流式的用量。"""
    usage = ask.chat(stream=True, stream_options={"include_usage": True}).completion.usage
    return seen(usage, "the stream has usage", "the stream has no usage")


def _reasoning(ask: Asker) -> Trial:
    """推理字段在场。"""
    message = ask.chat("9.11 or 9.8, which is larger?", max_tokens=ask.room).message
    keys = " or ".join(ask.client.scenario.reasoning.keys)
    return seen(message.reasoning, f"{message.reasoning_key}", f"the message has no {keys}")


def _thinking_switch(ask: Asker) -> Trial:
    """关掉思考就没有推理；本来就不想的看不出。"""
    if not ask.chat(max_tokens=ask.room).message.reasoning:
        return untold("the model does not reason anyway")
    kwargs = {"enable_thinking": False}
    thought = ask.chat(max_tokens=ask.room, chat_template_kwargs=kwargs).message.reasoning
    return seen(not (thought or "").strip(), "no reasoning", "it reasons all the same")


def _reasoning_effort(ask: Asker) -> Trial:
    """推理的力气：收下与否看得出，有没有用看不出。"""
    ask.chat(reasoning_effort="low")
    return untold("how hard a model thinks shows in nothing else")


def _completions(ask: Asker) -> Trial:
    """旧接口在不在。"""
    text = ask.complete(max_tokens=8).message.content
    return seen(text, "it continues a text", "the choice has no text")


def _echo(ask: Asker) -> Trial:
    """回显：文本以提示开头。"""
    text = ask.complete("Deep learning is", max_tokens=4, echo=True).message.content or ""
    good = text.startswith("Deep learning is")
    return seen(good, "the prompt comes back", f"the text begins with {text[:60]!r}")


_ROUTE = ("completions", "not found", "route", "endpoint", "path")
PROBES: tuple[Probe, ...] = (
    probe("max_tokens", _limit("max_tokens")),
    probe("max_completion_tokens", _limit("max_completion_tokens")),
    probe("min_tokens", _min_tokens),
    probe("ignore_eos", _ignore_eos),
    probe("stop", _stop, alone=True),
    probe("n", _n, "choices"),
    probe("seed", _seed, alone=True),
    probe("temperature", _temperature, alone=True),
    probe("top_p", _narrows(top_p=0.0001), alone=True),
    probe("top_k", _narrows(top_k=1), alone=True),
    probe("min_p", _narrows(min_p=1.0), alone=True),
    probe("presence_penalty", _shifts(presence_penalty=2), alone=True),
    probe("frequency_penalty", _shifts(frequency_penalty=2), alone=True),
    probe("repetition_penalty", _shifts(repetition_penalty=1.8), alone=True),
    probe("logit_bias", _logit_bias, alone=True),
    probe("logprobs", _logprobs),
    probe("top_logprobs", _top_logprobs, "logprobs"),
    probe("stream_usage", _stream_usage, "stream_options", "include_usage"),
    *FORMAT_PROBES,
    probe("reasoning", _reasoning),
    probe("thinking_switch", _thinking_switch, "chat_template_kwargs", "enable_thinking"),
    probe("reasoning_effort", _reasoning_effort),
    probe("completions", _completions, *_ROUTE),
    probe("echo", _echo, *_ROUTE),
    *TOOL_PROBES,
)
"""全部探测，名字就是 features 里声明用的名字。"""
