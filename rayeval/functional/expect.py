"""用例的用语：expect 说接口许诺了什么，Feature 说场景声明了什么。"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import NoReturn

import pytest

from rayeval.domain.scenario import Scenario
from rayeval.functional.exchange import Exchange, ServiceTrouble
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
REASONING = "vLLM manual, Reasoning outputs; DeepSeek API manual, Reasoning model"


class Broken(AssertionError):  # noqa: N818 是被测服务违约，不是本工具的错误
    """服务没有守住接口的许诺：用例记 FAIL。"""


def expect(exchange: Exchange, holds: object, promise: str, where: str, came: object = "") -> None:
    """`holds` 为假则抛 Broken：许诺了什么、写在哪、来了什么、送了什么。

    `came` 是违约的那一小块；空则给出整个回复的开头。
    """
    if not holds:
        raise broken(exchange, promise, where, came)


def broken(exchange: Exchange, promise: str, where: str, came: object = "") -> Broken:
    """写好一个 Broken，由调用者抛；各参数同 expect。"""
    what = came if isinstance(came, str) else json.dumps(came, ensure_ascii=False, default=repr)
    return Broken(
        f"{promise}\n"
        f"came: {what[:1200] or exchange.came()}\n"
        f"sent: {exchange.sent()}\n"
        f"promised by: {where}"
    )


def expect_rejection(
    client: RecordingClient, exchange: Exchange, promise: str, where: str = ERRORS
) -> None:
    """非法请求须得 4xx，且错误体说得出话。

    答 5xx 时先问一句合法的：答得上，是服务把 4xx 写成了 5xx（Broken）；
    答不上，是服务此刻不行（ServiceTrouble）。
    """
    if exchange.failure or exchange.verdict in {401, 403, 408, 425, 429}:
        raise ServiceTrouble(f"{exchange.trouble}\nsent: {exchange.sent()}")
    if exchange.trouble:
        client.chat("Say OK.", max_tokens=1)
    expect(exchange, exchange.rejected, f"{promise} is answered with a 4xx", where)
    expect(
        exchange,
        exchange.error_message.strip() not in {"", "{}", "null"},
        "an error says what was wrong",
        ERRORS,
    )


@dataclass(frozen=True, slots=True)
class Feature:
    """一项可有可无的能力，与场景对它的声明：True 有、False 无、None 没说。"""

    name: str
    declared: bool | None

    @staticmethod
    def of(scenario: Scenario, name: str, *aliases: str) -> Feature:
        """场景对 `name`（或它的别名，先写的优先）怎么声明。"""
        said = (scenario.features[key] for key in (name, *aliases) if key in scenario.features)
        return Feature(name, next(said, None))

    def accepted(self, exchange: Exchange, *params: str) -> None:
        """请求须被接受；被拒且错误点了参数的名，算缺这项能力，没点名的拒绝是违约。"""
        if exchange.rejected and names_any(exchange, params):
            self.lacking(exchange, f"rejected: {exchange.error_message[:300]}")
        expect(
            exchange, exchange.ok, f"a valid request with {self.name} is answered with 200", CHAT
        )

    def honoured(self, exchange: Exchange, holds: object, why: str) -> None:
        """参数须起作用；`holds` 为假表示被收下却没有理会，算缺这项能力。"""
        if not holds:
            self.lacking(exchange, f"ignored: {why}")

    def lacking(self, exchange: Exchange, why: str) -> NoReturn:
        """缺这项能力：声明过有就是 FAIL，没声明就 SKIP，理由写明。"""
        if self.declared:
            raise Broken(
                f"the scenario declares the feature {self.name}, but the service lacks it: {why}\n"
                f"came: {exchange.came()}\n"
                f"sent: {exchange.sent()}\n"
                f"promised by: features.{self.name} of the scenario"
            )
        pytest.skip(f"feature {self.name} is not declared, and not supported: {why}")


def names_any(exchange: Exchange, params: tuple[str, ...]) -> bool:
    """拒绝的话里点了某个参数的名；下划线与空格、大小写不论。"""
    said = f"{exchange.error_message} {exchange.text}".lower().replace("_", " ")
    return any(param.lower().replace("_", " ") in said for param in params)
