"""校验一步的故障：该拒的没拒，或拒得不成样子。"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from rayeval.mock.faults.fault import Written
from rayeval.mock.frames import JSON, dumps
from rayeval.mock.refusal import Refused

Json = dict[str, Any]
Forgive = Callable[[Refused, Json], Json | None]
_SHORT = 200
_STUBS: dict[str, Any] = {"messages": [{"role": "user", "content": "OK"}], "prompt": "OK"}


def accepts(why: str) -> Forgive:
    """因 `why`（type、range、model）而拒的，当没写那个参数，照答。"""
    return lambda refused, body: _dropped(refused, body) if refused.why == why else None


def accepts_shapes(refused: Refused, body: Json) -> Json | None:
    """messages、prompt、tools 等写错了形状也照答。"""
    return None if refused.why in {"range", "model", "context"} else _dropped(refused, body)


def accepts_schemas(refused: Refused, body: Json) -> Json | None:
    """不成立的 JSON Schema 当没看见。"""
    shaped = isinstance(body.get("response_format"), dict)
    return _dropped(refused, body) if shaped and refused.param == "response_format" else None


def cuts_overflow(refused: Refused, body: Json) -> Json | None:
    """放不进上下文的提示悄悄截短，放不下的长度上限当没写。"""
    if refused.why != "context":
        return None
    kept = {k: v for k, v in body.items() if k not in {"max_tokens", "max_completion_tokens"}}
    if isinstance(body.get("prompt"), str):
        kept["prompt"] = body["prompt"][-_SHORT:]
    if isinstance(body.get("messages"), list):
        kept["messages"] = [_shortened(message) for message in body["messages"]]
    return kept


def rewritten(
    change: Callable[[Json], Any],
    *,
    status: HTTPStatus | None = None,
    kind: str = JSON,
    only: tuple[HTTPStatus, ...] = (),
) -> Callable[[Refused], Written]:
    """错误体经 `change` 另写；得字节则原样，得别的则写成 JSON。`only` 限定原来的状态码。"""

    def refusal(refused: Refused) -> Written:
        """写好一份。"""
        if only and refused.status not in only:
            return Written(int(refused.status), dumps(refused.body()), JSON)
        made = change(refused.body())
        body = made if isinstance(made, bytes) else dumps(made)
        return Written(int(status or refused.status), body, kind)

    return refusal


def without_field(name: str) -> Callable[[Json], Json]:
    """错误对象里少一个字段。"""
    return lambda body: {"error": {k: v for k, v in body["error"].items() if k != name}}


def _dropped(refused: Refused, body: Json) -> Json | None:
    """去掉惹祸的参数；非有不可的换成最简单的。"""
    name = refused.param
    if name is None:
        return None
    if name in _STUBS:
        return body | {name: _STUBS[name]}
    if name not in body:
        return None
    return {key: value for key, value in body.items() if key != name}


def _shortened(message: Any) -> Any:
    """内容只留末尾。"""
    if not isinstance(message, dict) or not isinstance(message.get("content"), str):
        return message
    return message | {"content": message["content"][-_SHORT:]}
