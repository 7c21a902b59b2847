"""对话与工具的校验：messages、tools、tool_choice → Turn、Tool。"""

from __future__ import annotations

from typing import Any

import msgspec

from rayeval.mock import tokenizer
from rayeval.mock.call import Tool, Turn
from rayeval.mock.fields import shown, wrong_type
from rayeval.mock.refusal import Refused

ROLES = ("system", "developer", "user", "assistant", "tool")
Json = dict[str, Any]


def turns(value: Any) -> list[Turn]:
    """messages → 各轮；空的、角色不认识的、内容形状不对的都拒绝。"""
    if not isinstance(value, list):
        raise wrong_type("messages", "a list of messages", value)
    if not value:
        raise Refused("messages must contain at least one message, got []", param="messages")
    return [_turn(message, f"messages[{place}]") for place, message in enumerate(value)]


def _turn(message: Any, where: str) -> Turn:
    """一条消息。"""
    if not isinstance(message, dict):
        raise Refused(f"{where} must be an object, got {shown(message)}", param="messages")
    role = message.get("role")
    if role not in ROLES:
        wanted = ", ".join(ROLES)
        raise Refused(f"{where}.role must be one of {wanted}; got {shown(role)}", param="messages")
    calls = _past_calls(message.get("tool_calls"), where)
    if message.get("content") is None:
        if role != "assistant":
            raise Refused(f"{where}.content is missing", param="messages")
        return Turn(role, "", calls)
    return Turn(role, _content(message["content"], where), calls)


def _content(value: Any, where: str) -> str:
    """内容：字符串，或一列 text 部件；本服务只看得懂文字。"""
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        wanted = "a string or a list of parts"
        raise Refused(f"{where}.content must be {wanted}, got {shown(value)}", param="messages")
    texts = []
    for part in value:
        text = part.get("text") if isinstance(part, dict) else part
        if not isinstance(text, str):
            raise Refused(
                f"{where}.content: only text parts are understood, got {shown(part)}",
                param="messages",
            )
        texts.append(text)
    return "".join(texts)


def _past_calls(value: Any, where: str) -> tuple[str, ...]:
    """助手先前的工具调用的名字。"""
    if value is None:
        return ()
    names = []
    for call in value if isinstance(value, list) else [value]:
        function = call.get("function") if isinstance(call, dict) else None
        name = function.get("name") if isinstance(function, dict) else None
        if not isinstance(name, str):
            raise Refused(f"{where}.tool_calls: a call needs function.name", param="messages")
        names.append(name)
    return tuple(names)


def tools(value: Any) -> list[Tool]:
    """tools → 各函数；空列表与重名都拒绝。"""
    if value is None:
        return []
    if not isinstance(value, list) or not value:
        raise wrong_type("tools", "a non-empty list of tools", value)
    found = [_tool(tool, f"tools[{place}]") for place, tool in enumerate(value)]
    if len({tool.name for tool in found}) < len(found):
        raise Refused("tools: two tools have the same name", param="tools")
    return found


def _tool(value: Any, where: str) -> Tool:
    """一个工具；没有 parameters 就是无参。"""
    function = value.get("function") if isinstance(value, dict) else None
    if not isinstance(function, dict) or value.get("type", "function") != "function":
        raise Refused(f'{where} must be {{"type": "function", "function": …}}', param="tools")
    name, parameters = function.get("name"), function.get("parameters")
    description = function.get("description")
    if not isinstance(name, str) or not name:
        raise Refused(f"{where}.function.name must be a non-empty string", param="tools")
    if parameters is not None and not isinstance(parameters, dict):
        raise Refused(f"{where}.function.parameters must be a JSON Schema object", param="tools")
    text = description if isinstance(description, str) else ""
    return Tool(name, text, parameters or {"type": "object", "properties": {}})


def tool_choice(value: Any, offered: list[Tool]) -> tuple[str, str | None]:
    """tool_choice → (none、auto、required、named 之一，被点名的函数)。"""
    if value is None:
        return ("auto" if offered else "none"), None
    if value == "none":
        return "none", None
    if not offered:
        raise Refused("When using `tool_choice`, `tools` must be set.", param="tool_choice")
    if value in ("auto", "required"):
        return value, None
    function = value.get("function") if isinstance(value, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str):
        wanted = '"none", "auto", "required" or {"type": "function", "function": {"name": …}}'
        raise wrong_type("tool_choice", wanted, value)
    if name not in {tool.name for tool in offered}:
        raise Refused(
            f"The tool specified in `tool_choice` does not match any of the specified `tools`: "
            f"{name}",
            param="tool_choice",
        )
    return "named", name


def template(history: list[Turn], offered: list[Tool]) -> list[int]:
    """对话模板：每轮前后各一个特殊词元，工具写在最前，末尾等助手开口。"""
    ids: list[int] = []
    if offered:
        ids += [tokenizer.special("<|system|>"), *tokenizer.encode(_listing(offered))]
        ids.append(tokenizer.special(tokenizer.END))
    for turn in history:
        ids.append(tokenizer.special(f"<|{turn.role}|>"))
        ids += tokenizer.encode(_spoken(turn))
        ids.append(tokenizer.special(tokenizer.END))
    return [*ids, tokenizer.special("<|assistant|>")]


def template_length(history: list[Turn], offered: list[Tool]) -> int:
    """`len(template(…))`，不必编号。"""
    tokens = sum(tokenizer.count(_spoken(turn)) + 2 for turn in history) + 1
    return tokens + (tokenizer.count(_listing(offered)) + 2 if offered else 0)


def _spoken(turn: Turn) -> str:
    """一轮写进模板的文字。"""
    return turn.text + "".join(f"<call>{name}</call>" for name in turn.calls)


def _listing(offered: list[Tool]) -> str:
    """工具写进模板的文字。"""
    rows = [[tool.name, tool.description, tool.parameters] for tool in offered]
    return msgspec.json.encode(rows).decode()
