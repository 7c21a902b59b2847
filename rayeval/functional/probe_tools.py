"""工具调用的差分探测：必须调、点名调、不许调、一次调几个。"""

from __future__ import annotations

from typing import Any

from rayeval.functional.exchange import Json
from rayeval.functional.probing import Asker, Probe, Trial, seen, untold

NAMES = ("tools", "tool", "tool_choice", "function", "function_call", "parallel_tool_calls")
WEATHER = "What is the weather in Paris right now? Use the tool."


def _tool(name: str, argument: str) -> Json:
    """一个只有一个字符串参数的工具。"""
    properties = {argument: {"type": "string", "maxLength": 24}}
    parameters = {"type": "object", "properties": properties, "required": [argument]}
    function = {"name": name, "description": f"{name} by {argument}", "parameters": parameters}
    return {"type": "function", "function": function}


TOOLS = [_tool("get_weather", "city"), _tool("send_mail", "address")]


def _called(ask: Asker, prompt: str, **params: Any) -> list[str]:
    """被调的工具名，按次序。"""
    return [call.name for call in ask.answer(prompt, tools=TOOLS, **params).tool_calls]


def _tools(ask: Asker) -> Trial:
    """该用工具的问题，调了给出的工具。"""
    names = _called(ask, WEATHER)
    return seen("get_weather" in names, "get_weather is called", f"called: {names}")


def _required(ask: Asker) -> Trial:
    """required：与工具无关的问题也调。"""
    names = _called(ask, "Say hello.", tool_choice="required")
    return seen(names, f"called: {names}", 'tool_choice "required" calls no tool')


def _named(ask: Asker) -> Trial:
    """点名：调的是问题不像的那个。"""
    choice = {"type": "function", "function": {"name": "send_mail"}}
    names = _called(ask, WEATHER, tool_choice=choice)
    return seen(set(names) == {"send_mail"}, "send_mail", f"send_mail is named, called: {names}")


def _none(ask: Asker) -> Trial:
    """none：不调。"""
    names = _called(ask, WEATHER, tool_choice="none")
    return seen(not names, "no tool is called", f"called all the same: {names}")


def _parallel(ask: Asker) -> Trial:
    """两个城市一次问：两次调用；只来一次的，可能是模型自己的主意。"""
    prompt = "What is the weather in Paris and in Tokyo? Call the tool for both cities at once."
    names = _called(ask, prompt, parallel_tool_calls=True)
    if len(names) == 1:
        return untold("two cities were asked for, one call came; that may be the model's choice")
    return seen(names, f"called: {names}", "no tool is called")


TOOL_PROBES: tuple[Probe, ...] = (
    Probe("function_call", NAMES, _tools, ("function_call", "tools")),
    Probe("tool_choice_required", NAMES, _required, ("tool_choice_required",)),
    Probe("tool_choice_named", NAMES, _named, ("tool_choice_named",)),
    Probe("tool_choice_none", NAMES, _none, ("tool_choice_none",)),
    Probe("parallel_tool_calls", NAMES, _parallel, ("parallel_tool_calls",)),
)
"""工具调用的各条探测。"""
