"""请求体 → Call：全部校验都在这里，过了这一关就是合法的。"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from rayeval.mock import messages, tokenizer
from rayeval.mock.call import Call
from rayeval.mock.fields import Fields, shown, wrong_type
from rayeval.mock.guides import read_guide
from rayeval.mock.refusal import Refused
from rayeval.mock.settings import Settings

Json = dict[str, Any]
_TEXT_DEFAULT_TOKENS = 16
_SURE = 0.01
"""被选的词元至少占一半，top_p 这么小就只剩它。"""
_MAX_N, _MAX_LOGPROBS, _SEED_LIMIT = 128, 20, 2**63 - 1


class Intake:
    """收请求的人；不合法抛 Refused。"""

    def __init__(self, settings: Settings) -> None:
        """记下模型名与上下文长度。"""
        self._settings = settings

    def chat(self, body: Json) -> Call:
        """/v1/chat/completions 的请求体。"""
        fields = Fields(body)
        call = self._common(fields, chat=True)
        call.turns = messages.turns(body.get("messages"))
        call.tools = messages.tools(body.get("tools"))
        call.tool_choice, call.forced_tool = messages.tool_choice(
            body.get("tool_choice"), call.tools
        )
        call.parallel_tools = fields.flag("parallel_tool_calls", default=True)
        call.logprobs = _chat_logprobs(fields)
        call.thinking = self._thinking(fields)
        call.prompt_tokens = messages.template_length(call.turns, call.tools)
        asked = fields.integer("max_completion_tokens", 1)
        asked = fields.integer("max_tokens", 1) if asked is None else asked
        call.max_tokens = self._room(call.prompt_tokens, asked, "messages")
        return _checked(call)

    def text(self, body: Json) -> Call:
        """/v1/completions 的请求体；max_tokens 缺省 16，echo 时可以为 0。"""
        fields = Fields(body)
        call = self._common(fields, chat=False)
        call.echo = fields.flag("echo")
        fields.text("suffix")
        call.logprobs = fields.integer("logprobs", 0, _MAX_LOGPROBS)
        call.prompts, sizes = self._prompts(body.get("prompt"))
        call.prompt_tokens = sum(sizes)
        asked = fields.integer("max_tokens", 0 if call.echo else 1)
        asked = _TEXT_DEFAULT_TOKENS if asked is None else asked
        call.max_tokens = self._room(max(sizes), asked, "prompt")
        return _checked(call)

    def tokenize(self, body: Json) -> list[int]:
        """/tokenize：prompt 或 messages → 编号。"""
        self._model(Fields(body))
        if "messages" in body:
            history = messages.turns(body["messages"])
            return messages.template(history, messages.tools(body.get("tools")))
        prompt = body.get("prompt")
        if not isinstance(prompt, str):
            raise wrong_type("prompt", "a string", prompt)
        return tokenizer.encode(prompt)

    def token_ids(self, value: Any, name: str) -> list[int]:
        """一列合法的词元编号。"""
        if not isinstance(value, list) or not all(type(item) is int for item in value):
            raise wrong_type(name, "a list of token ids", value)
        for item in value:
            if not 0 <= item < tokenizer.VOCABULARY:
                raise Refused(f"Token id {item} is out of vocabulary", param=name)
        return value

    def _common(self, fields: Fields, *, chat: bool) -> Call:
        """两种接口共有的参数。"""
        streaming = fields.flag("stream")
        options = Fields(fields.mapping("stream_options"))
        if options.body and not streaming:
            raise Refused(
                "Stream options can only be defined when `stream=True`.", param="stream_options"
            )
        temperature = fields.number("temperature", 1.0, 0, 2)
        temperature = 0.0 if _greedy(fields) else temperature
        fields.text("user")
        return Call(
            chat=chat,
            model=self._model(fields),
            stream=streaming,
            include_usage=options.flag("include_usage"),
            n=fields.integer("n", 1, _MAX_N) or 1,
            min_tokens=fields.integer("min_tokens", 0) or 0,
            ignore_eos=fields.flag("ignore_eos"),
            temperature=temperature,
            seed=fields.integer("seed", -_SEED_LIMIT - 1, _SEED_LIMIT),
            penalties=_penalties(fields),
            stops=fields.stops(),
            keep_stop=fields.flag("include_stop_str_in_output"),
            bias=fields.bias(tokenizer.VOCABULARY),
            guide=read_guide(fields),
        )

    def _model(self, fields: Fields) -> str:
        """模型名；缺席取第一个，不认识的 404。"""
        name = fields.text("model")
        if name is None:
            return self._settings.models[0]
        if name not in self._settings.models:
            raise Refused(
                f"The model `{name}` does not exist.",
                param="model",
                status=HTTPStatus.NOT_FOUND,
                why="model",
            )
        return name

    def _thinking(self, fields: Fields) -> bool:
        """这一次要不要推理：请求说了算，没说看启动参数。"""
        template = Fields(fields.mapping("chat_template_kwargs"))
        thinking = self._settings.reasoning
        for name in ("thinking", "enable_thinking"):
            thinking = template.flag(name, default=thinking)
        return thinking

    def _prompts(self, value: Any) -> tuple[list[str], list[int]]:
        """prompt 的四种写法 → 各文本与各自的词元数。"""
        if value is None or value in ("", []):
            raise Refused("prompt must not be empty", param="prompt")
        listed = value if isinstance(value, list) else [value]
        if isinstance(value, list) and all(type(item) is int for item in value):
            listed = [value]
        texts, sizes = [], []
        for item in listed:
            if isinstance(item, str) and item:
                texts.append(item)
                sizes.append(tokenizer.count(item))
            elif isinstance(item, list) and item:
                texts.append(tokenizer.decode(self.token_ids(item, "prompt")))
                sizes.append(len(item))
            else:
                wanted = "a string, a list of strings, or lists of token ids, none of them empty"
                raise Refused(f"prompt must be {wanted}, got {shown(item)}", param="prompt")
        return texts, sizes

    def _room(self, prompt: int, asked: int | None, what: str) -> int:
        """可生成的词元数；提示与要求之和放不进上下文就拒绝。"""
        limit = self._settings.max_model_len
        if prompt + (asked if asked is not None else 1) <= limit:
            return limit - prompt if asked is None else asked
        completion = asked or 0
        raise Refused(
            f"This model's maximum context length is {limit} tokens. However, you requested "
            f"{prompt + completion} tokens ({prompt} in the {what}, {completion} in the "
            f"completion). Please reduce the length of the {what} or completion.",
            param="max_tokens" if prompt < limit else what,
            why="context",
        )


def _greedy(fields: Fields) -> bool:
    """收窄到只剩最可能的那个词元：与温度 0 是一回事。"""
    top_p, min_p = fields.number("top_p", 1.0, 0, 1), fields.number("min_p", 0.0, 0, 1)
    return top_p <= _SURE or min_p >= 1 or fields.integer("top_k", -1) == 1


def _checked(call: Call) -> Call:
    """参数之间的约束。"""
    if call.min_tokens > call.max_tokens:
        raise Refused(
            f"min_tokens must be less than or equal to max_tokens={call.max_tokens}, "
            f"got {call.min_tokens}.",
            param="min_tokens",
        )
    return call


def _penalties(fields: Fields) -> tuple[float, ...]:
    """三种惩罚；都是缺省值时为空。"""
    values = (
        fields.number("presence_penalty", 0.0, -2, 2),
        fields.number("frequency_penalty", 0.0, -2, 2),
        fields.number("repetition_penalty", 1.0, 0, 2),
    )
    if values[2] == 0:
        raise Refused("repetition_penalty must be greater than zero", param="repetition_penalty")
    return () if values == (0.0, 0.0, 1.0) else values


def _chat_logprobs(fields: Fields) -> int | None:
    """logprobs（真假）与 top_logprobs（几个备选）。"""
    wanted = fields.flag("logprobs")
    top = fields.integer("top_logprobs", 0, _MAX_LOGPROBS)
    if top and not wanted:
        raise Refused(
            "when using `top_logprobs`, `logprobs` must be set to true.", param="top_logprobs"
        )
    return (top or 0) if wanted else None
