"""请求一步的故障：参数被无视、被改写，或合法的请求被拒。"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from rayeval.mock.refusal import Refused

Json = dict[str, Any]
EXTENSIONS = (
    *("top_k", "min_p", "min_tokens", "ignore_eos", "repetition_penalty", "chat_template_kwargs"),
    *("guided_json", "guided_regex", "guided_choice", "structured_outputs", "regex", "grammar"),
)
"""OpenAI 的接口里没有、引擎各自添的参数。"""
Ask = Callable[[Json], Json]
_EDGES: dict[str, tuple[float, ...]] = {
    "temperature": (2,),
    "top_p": (1,),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
    "max_tokens": (16384,),
    "top_k": (50,),
    "n": (2,),
    "seed": (42,),
    "top_logprobs": (5,),
}


def without(*names: str) -> Ask:
    """收下却不理会这些参数。"""
    return lambda body: {name: value for name, value in body.items() if name not in names}


def changed(**values: Any) -> Ask:
    """不论请求怎么写，都按这些值来。"""
    return lambda body: body | values


def wrong_default(**values: Any) -> Ask:
    """没写的（或写成 null 的）参数取这些值，而不是接口的缺省。"""

    def ask(body: Json) -> Json:
        """补上缺席的。"""
        return body | {name: value for name, value in values.items() if body.get(name) is None}

    return ask


def forced_tool(body: Json) -> Json:
    """tool_choice 写 none 也要调用。"""
    return body | {"tool_choice": "required"} if body.get("tool_choice") == "none" else body


def only_choice(kind: str) -> Ask:
    """tool_choice 的一种写法（required 或 named）被当作 auto。"""

    def ask(body: Json) -> Json:
        """换成 auto。"""
        choice = body.get("tool_choice")
        same = isinstance(choice, dict) if kind == "named" else choice == kind
        return body | {"tool_choice": "auto"} if same else body

    return ask


def history_forgotten(body: Json) -> Json:
    """只看最后一条 user 消息：system 与往来都不算。"""
    messages = body.get("messages")
    if not isinstance(messages, list):
        return body
    asked = [m for m in messages if isinstance(m, dict) and m.get("role") == "user"]
    return body | {"messages": asked[-1:]} if asked else body


def results_forgotten(body: Json) -> Json:
    """工具的结果与对它的请求都没看见，只好再请求一次。"""
    messages = _messages(body)
    if not any(message.get("role") == "tool" for message in messages):
        return body
    kept = [m for m in messages if m.get("role") != "tool" and not m.get("tool_calls")]
    return body | {"messages": kept}


def first_prompt_only(body: Json) -> Json:
    """提示是列表时只答第一个。"""
    prompt = body.get("prompt")
    listed = isinstance(prompt, list) and bool(prompt) and not isinstance(prompt[0], int)
    return body | {"prompt": prompt[:1]} if listed and isinstance(prompt, list) else body


def no_completions(body: Json) -> Json:
    """没有 /completions 这个接口。"""
    if "prompt" in body:
        raise Refused("Not Found", status=HTTPStatus.NOT_FOUND)
    return body


def edges_refused(body: Json) -> Json:
    """区间的两端、列表里较大的合法值被拒。"""
    for name, edges in _EDGES.items():
        if name in body and body[name] in edges and not isinstance(body[name], bool):
            raise Refused(f"{name} must be inside its range, got {body[name]!r}", param=name)
    return body


def refused(*names: str) -> Ask:
    """这些参数一概不认，点着名拒绝。"""

    def ask(body: Json) -> Json:
        """拒第一个。"""
        for name in names:
            if body.get(name) is not None:
                raise Refused(f"unknown parameter {name}", param=name)
        return body

    return ask


def nulls_refused(body: Json) -> Json:
    """写成 null 的参数被拒。"""
    for name, value in body.items():
        if value is None:
            raise Refused(f"{name} must not be null", param=name)
    return body


def lists_refused(body: Json) -> Json:
    """stop 与 content 只肯收字符串，不肯收列表。"""
    if isinstance(body.get("stop"), list):
        raise Refused("stop must be a string", param="stop")
    if any(isinstance(message.get("content"), list) for message in _messages(body)):
        raise Refused("content must be a string", param="messages")
    return body


def unicode_refused(body: Json) -> Json:
    """stop 里有非 ASCII 的字就被拒。"""
    stop = body.get("stop")
    stops = stop if isinstance(stop, list) else [stop]
    if any(isinstance(one, str) and not one.isascii() for one in stops):
        raise Refused("stop must be ASCII", param="stop")
    return body


def extra_fields_refused(body: Json) -> Json:
    """历史里的消息带着接口之外的字段（推理）就被拒。"""
    for message in _messages(body):
        if extra := set(message) & {"reasoning_content", "reasoning"}:
            raise Refused(f"messages: unknown field {min(extra)}", param="messages")
    return body


def unavailable(status: HTTPStatus) -> Ask:
    """此刻不行：503、429 之类。"""

    def ask(_body: Json) -> Json:
        """拒绝。"""
        raise Refused("the service is overloaded, try again later", status=status)

    return ask


def _messages(body: Json) -> list[Json]:
    """成形的消息。"""
    messages = body.get("messages")
    return [m for m in messages if isinstance(m, dict)] if isinstance(messages, list) else []
