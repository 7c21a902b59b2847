"""用例的用语：expect 说接口许诺了什么，Feature 说场景声明了什么。"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import pytest

from rayeval.domain.functional import Capability, Support
from rayeval.domain.scenario import Scenario
from rayeval.functional.exchange import Exchange, ServiceGone, ServiceTrouble
from rayeval.functional.recorder import RecordingClient

REFERENCE = "OpenAI API reference"
CHAT = f"{REFERENCE}, Chat Completions > Create chat completion"
CHAT_OBJECT = f"{REFERENCE}, Chat Completions > The chat completion object"
CHAT_CHUNK = f"{REFERENCE}, Chat Completions > The chat completion chunk object"
TEXT = f"{REFERENCE}, Completions > Create completion"
TEXT_OBJECT = f"{REFERENCE}, Completions > The completion object"
ERRORS = "OpenAI guide, Error codes > API errors"
TOOLS = "OpenAI guide, Function calling"
STRUCTURED = "OpenAI guide, Structured outputs"
_BRIEF_CHARS = 80
REASONING = "vLLM manual, Reasoning outputs; DeepSeek API manual, Reasoning model"


class Broken(AssertionError):  # noqa: N818 是被测服务违约，不是本工具的错误
    """服务没有守住接口的许诺：用例记 FAIL。"""


def expect(
    exchange: Exchange,
    holds: object,
    promise: str,
    where: str,
    came: object = "",
    *,
    strict: bool = False,
) -> None:
    """`holds` 为假则抛 Broken：许诺了什么、写在哪、来了什么、送了什么。

    `came` 是违约的那一小块；空则给出整个回复的开头。`strict` 的许诺规范里有、客户端却
    离得了：不抛，只记在严判名下，用例接着走。
    """
    if holds:
        return
    error = broken(exchange, promise, where, came)
    if not strict:
        raise error
    exchange.strict_broken.append(str(error))


def broken(exchange: Exchange, promise: str, where: str, came: object = "") -> Broken:
    """写好一个 Broken，由调用者抛；各参数同 expect。"""
    what = came if isinstance(came, str) else json.dumps(came, ensure_ascii=False, default=repr)
    return Broken(
        f"expected: {promise}; came: {_brief(what) or exchange.came().partition(' {')[0][:80]}\n"
        f"came: {what[:1200] or exchange.came()}\n"
        f"sent: {exchange.sent()}\n"
        f"promised by: {where}"
    )


def _brief(text: str) -> str:
    """首行里摆得下的一小段。"""
    line = " ".join(text.split())
    return line if len(line) <= _BRIEF_CHARS else f"{line[:_BRIEF_CHARS]}…"


def expect_rejection(
    client: RecordingClient,
    exchange: Exchange,
    promise: str,
    where: str = ERRORS,
    *,
    strict: bool = False,
) -> None:
    """非法请求须得 4xx，且错误体说得出话；`strict` 的照收不误时，只有严判怪罪。

    答 5xx 时先问一句合法的：答得上，是服务把 4xx 写成了 5xx（Broken）；
    答不上，是服务此刻不行（ServiceTrouble）。
    """
    if exchange.failure or exchange.verdict in {401, 403, 408, 425, 429}:
        kind = ServiceGone if exchange.unreachable else ServiceTrouble
        raise kind(f"{exchange.trouble}\nsent: {exchange.sent()}")
    if exchange.trouble:
        client.chat("Say OK.", max_tokens=1)
    tolerated = strict and exchange.ok
    promise = f"{promise} is answered with a 4xx"
    expect(exchange, exchange.rejected, promise, where, strict=tolerated)
    expect(
        exchange,
        tolerated or exchange.error_message.strip() not in {"", "{}", "null"},
        "an error says what was wrong",
        ERRORS,
    )


UNPROMISED = frozenset(
    {"top_k", "min_p", "repetition_penalty", "min_tokens", "ignore_eos", "thinking_switch"}
    | {"reasoning", "guided_choice", "guided_regex", "guided_json", "structured_outputs"}
    | {"grammar", "regex", "seed", "parallel_tool_calls", "reasoning_effort"}
)
"""引擎自己的、或规范只说尽力而为的能力：没有它们，严判也不怪罪。"""


@dataclass(frozen=True, slots=True)
class Feature:
    """一项可有可无的能力：场景对它的声明（True 有、False 无、None 没说）与探测的结论。"""

    name: str
    declared: bool | None
    observed: Capability | None = None

    @staticmethod
    def of(
        scenario: Scenario, name: str, *aliases: str, observed: Sequence[Capability] = ()
    ) -> Feature:
        """场景对 `name`（或它的别名，先写的优先）怎么声明，探测 `observed` 里怎么说。"""
        said = (scenario.features[key] for key in (name, *aliases) if key in scenario.features)
        seen = {capability.name: capability for capability in observed}
        found = (seen[key] for key in (name, *aliases) if key in seen)
        return Feature(name, next(said, None), next(found, None))

    def accepted(self, exchange: Exchange, *params: str) -> None:
        """请求须被接受；被拒且错误点了参数的名，算缺这项能力，没点名的拒绝是违约。"""
        if refused(exchange, params):
            self.lacking(exchange, f"rejected: {exchange.error_message[:300]}")
        expect(
            exchange, exchange.ok, f"a valid request with {self.name} is answered with 200", CHAT
        )

    def honoured(self, exchange: Exchange, holds: object, why: str) -> None:
        """参数须起作用；`holds` 为假表示被收下却没有理会，算缺这项能力。"""
        if not holds:
            self.lacking(exchange, f"ignored: {why}")

    def lacking(self, exchange: Exchange, why: str) -> NoReturn:
        """缺这项能力：声明过有，或探测时见过它起作用，就是 FAIL；否则 SKIP，理由写明。

        规范许诺了的能力，跳过时严判记 FAIL。
        """
        if self.declared:
            raise broken(
                exchange,
                f"the scenario declares the feature {self.name}, but the service lacks it: {why}",
                f"features.{self.name} of the scenario",
            )
        if self.observed is not None and self.observed.support is Support.SUPPORTED:
            raise broken(
                exchange,
                f"{self.name} worked when it was probed, but here it does not: {why}",
                f"the capability probe: {self.observed.why}",
            )
        promise = f"{self.name} is part of the interface, the service lacks it: {why}"
        expect(exchange, self.name in UNPROMISED, promise, REFERENCE, strict=True)
        pytest.skip(f"feature {self.name} is not declared, and not supported: {why}")


REFUSALS = frozenset({400, 404, 422})
"""只有这些状态码，又点了参数的名，才算“不支持”。"""


def refused(exchange: Exchange, params: Sequence[str]) -> bool:
    """请求被拒，而且是嫌这个参数：400、404 或 422，话里点了某个名。"""
    return exchange.verdict in REFUSALS and names_any(exchange, tuple(params))


def names_any(exchange: Exchange, params: tuple[str, ...]) -> bool:
    """拒绝的话里点了某个参数的名：整个的词，下划线与空格、大小写、复数不论。"""
    said = f"{exchange.error_message} {exchange.text}".lower().replace("_", " ")
    words = "|".join(re.escape(param.lower().replace("_", " ")) for param in params)
    return re.search(rf"(?<![a-z0-9\\])(?:{words})s?(?![a-z0-9])", said) is not None
