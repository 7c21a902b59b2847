"""params_boundary 的默认边界：配置没有给出参数表时用这一份。"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rayeval.domain.functional import FunctionalSpec, ParamRange

DEFAULT_PARAMS: Mapping[str, ParamRange] = {
    "max_tokens": ParamRange(valid=(1, 128, 16384), invalid=(0, -1, 1.5, "many")),
    "temperature": ParamRange(valid=(0, 0.6, 1.0, 2), invalid=(-0.1, 2.1, "hot")),
    "top_p": ParamRange(valid=(0, 0.1, 1), invalid=(-0.1, 1.1, "most")),
    "top_k": ParamRange(valid=(1, 50), invalid=(-2, "few")),
    "presence_penalty": ParamRange(valid=(-2, 0, 2), invalid=(-2.1, 2.1)),
    "frequency_penalty": ParamRange(valid=(-2, 0, 2), invalid=(-2.1, 2.1)),
    "seed": ParamRange(valid=(0, 42), invalid=(1.5, "lucky")),
    "n": ParamRange(valid=(1, 2), invalid=(0, -1, 1.5)),
    "top_logprobs": ParamRange(valid=(0, 5), invalid=(-1, 21)),
}
_COMPANIONS: Mapping[str, Mapping[str, Any]] = {
    "top_logprobs": {"logprobs": True},
    "n": {"temperature": 1.0},  # 有的引擎在贪心采样下不许 n > 1，那不是 n 的边界
}


def ranges(spec: FunctionalSpec) -> Mapping[str, ParamRange]:
    """要查的边界：配置里的；配置没写则是默认的。"""
    return spec.params or DEFAULT_PARAMS


def request_params(name: str, value: object) -> dict[str, Any]:
    """试一个参数时请求里要写的：它自己，加上没有就不成立的同伴。"""
    return {**_COMPANIONS.get(name, {}), name: value}


def case_name(name: str, value: object) -> str:
    """用例名里的参数：`temperature:0.6`；全是 ASCII，且都是 pytest -k 认得的字符。"""
    return f"{name}:{ascii(value)[1:-1] if isinstance(value, str) else value}"
