"""就绪阶梯：活着 → /health → /v1/models → 真的生成两次；共用一份预算。"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_before_delay
from tenacity.wait import wait_exponential_jitter

from rayeval.client.openai import OpenAIClient, Reply
from rayeval.domain.events import Progress, ServiceReady
from rayeval.errors import LaunchError, NotReadyError
from rayeval.service.running import Running

FIRST_WAIT_S = 0.1
MAX_WAIT_S = 30.0
REQUEST_TIMEOUT_S = 30.0
SLICE_S = 0.25
"""等待时每隔这么久看一眼服务死没死，也好让中断进来。"""
_NO_ROUTE = {404, 405, 501}
_RETRIABLE_4XX = {408, 409, 425, 429}


class NotYetError(Exception):
    """还没到这一级；等一等再试。"""


@dataclass(frozen=True, slots=True)
class Rung:
    """阶梯的一级：名字与试法；试法不成抛 NotYetError，定论不成抛 NotReadyError。"""

    name: str
    climb: Callable[[OpenAIClient], str]


def await_ready(
    running: Running,
    *,
    health_path: str,
    budget_s: float,
    max_tokens_field: str = "max_tokens",
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Progress | ServiceReady]:
    """逐级攀登，边等边报；到顶给出 ServiceReady。

    服务死了立即抛 LaunchError；预算用完或已可断定不成抛 NotReadyError，都带日志末尾。
    """
    begin = time.monotonic()
    identity: dict[str, str] = {}
    with OpenAIClient(running.endpoint, timeout_s=min(REQUEST_TIMEOUT_S, budget_s)) as client:
        for rung in _ladder(health_path, max_tokens_field, identity):
            yield Progress("ready", note=f"waiting for {rung.name}")
            remaining = budget_s - (time.monotonic() - begin)
            yield from _climb(rung, client, running, remaining, sleep)
        identity.update(_version(client))
    yield ServiceReady(time.monotonic() - begin, tuple(sorted(identity.items())))


def _ladder(health_path: str, field: str, identity: dict[str, str]) -> tuple[Rung, ...]:
    """四级阶梯；活着与否在每一次尝试前看。"""
    return (
        Rung(health_path, lambda client: _health(client, health_path)),
        Rung("/v1/models", lambda client: _models(client, identity)),
        Rung("a generated token", lambda client: _generate(client, field)),
        Rung("a second token", lambda client: _generate(client, field)),
    )


def _climb(
    rung: Rung,
    client: OpenAIClient,
    running: Running,
    budget_s: float,
    sleep: Callable[[float], None],
) -> Iterator[Progress]:
    """在剩余预算内反复试一级，指数退避加抖动。"""
    last = "not tried"
    retrying = Retrying(
        retry=retry_if_exception_type((NotYetError, httpx.HTTPError)),
        wait=wait_exponential_jitter(initial=FIRST_WAIT_S, max=MAX_WAIT_S, jitter=FIRST_WAIT_S),
        stop=stop_before_delay(max(0.0, budget_s)),
        sleep=lambda seconds: _doze(seconds, running, sleep),
        retry_error_callback=lambda state: _give_up(state, rung, running, budget_s),
    )
    for attempt in retrying:
        if attempt.retry_state.attempt_number > 1:
            yield Progress("ready", note=f"waiting for {rung.name}: {last}")
        _check_alive(running)
        with attempt:
            try:
                rung.climb(client)
            except (NotYetError, httpx.HTTPError) as error:
                last = _first_line(error)
                raise
            except NotReadyError as error:
                raise NotReadyError(str(error), log_tail=running.log_tail()) from None


def _doze(seconds: float, running: Running, sleep: Callable[[float], None]) -> None:
    """睡一会儿，其间服务死了就不睡了。"""
    while seconds > 0:
        _check_alive(running)
        sleep(min(SLICE_S, seconds))
        seconds -= SLICE_S


def _check_alive(running: Running) -> None:
    """死了就抛 LaunchError，带日志末尾。"""
    death = running.death()
    if death is not None:
        message = f"{death} before it was ready"
        raise LaunchError(message, log_tail=running.log_tail())


def _give_up(state: RetryCallState, rung: Rung, running: Running, budget_s: float) -> None:
    """预算用完：说清卡在哪一级、最后看到什么。"""
    error = state.outcome.exception() if state.outcome else None
    message = (
        f"not ready: {rung.name} at {running.endpoint.root_url} did not succeed within the "
        f"{budget_s:.0f} s left of startup_timeout_s; last: {_first_line(error)}"
    )
    raise NotReadyError(message, log_tail=running.log_tail())


def _health(client: OpenAIClient, path: str) -> str:
    """健康检查 2xx；没有这个路由的引擎直接上一级。"""
    reply = client.get("root:" + path)
    if reply.ok or reply.status in _NO_ROUTE:
        return "healthy"
    _refuse_auth(reply, path)
    raise NotYetError(f"{path} answers {reply.status}")


def _models(client: OpenAIClient, identity: dict[str, str]) -> str:
    """服务名在列；列表为空或没有此路由的引擎放行，列着别的名字则是定论。"""
    reply = client.get("/models")
    if reply.status in _NO_ROUTE:
        return "no model list"
    _refuse_auth(reply, "/v1/models")
    if not reply.ok:
        raise NotYetError(f"/v1/models answers {reply.status}")
    entries = _entries(reply.body)
    names = {name for entry in entries for name in _names(entry)}
    wanted = client.endpoint.model
    if names and wanted not in names:
        listed = ", ".join(sorted(names))
        message = (
            f"/v1/models lists {listed}, not {wanted!r}: mend served_model_name or the command"
        )
        raise NotReadyError(message)
    for entry in entries:
        if isinstance(entry.get("owned_by"), str):
            identity["engine"] = entry["owned_by"]
    return "listed"


def _generate(client: OpenAIClient, field: str) -> str:
    """一个 token 的补全成功；没有 chat 路由就试 completions。"""
    reply = client.chat([{"role": "user", "content": "Hi"}], **{field: 1})
    if reply.status in _NO_ROUTE:
        body = {"model": client.endpoint.model, "prompt": "Hi", field: 1}
        reply = client.post("/completions", body)
    _refuse_auth(reply, "a completion")
    if reply.ok and isinstance(reply.body, dict) and reply.body.get("choices"):
        return "generated"
    told = f"a completion answers {reply.status}: {reply.error_message[:200]}"
    if 400 <= reply.status < 500 and reply.status not in _RETRIABLE_4XX:  # noqa: PLR2004 HTTP 定义
        raise NotReadyError(told)
    raise NotYetError(told)


def _refuse_auth(reply: Reply, what: str) -> None:
    """401、403 不会自己好。"""
    if reply.status in {401, 403}:
        message = (
            f"{what} answers {reply.status}: the service wants an API key; "
            "set api_key of the scenario's provider in providers.yaml"
        )
        raise NotReadyError(message)


def _version(client: OpenAIClient) -> dict[str, str]:
    """引擎自报的版本（vLLM 的 /version）；没有就算了。"""
    try:
        reply = client.get("root:/version", timeout_s=5.0)
    except httpx.HTTPError:
        return {}
    version = reply.body.get("version") if reply.ok and isinstance(reply.body, dict) else None
    return {"engine_version": version} if isinstance(version, str) else {}


def _entries(body: Any) -> list[dict[str, Any]]:
    """模型列表里的各条；形状不对的略过。"""
    data = body.get("data") if isinstance(body, dict) else None
    return [entry for entry in data if isinstance(entry, dict)] if isinstance(data, list) else []


def _names(entry: dict[str, Any]) -> list[str]:
    """一条模型的所有名字。"""
    names = [entry.get("id"), entry.get("root"), *(entry.get("aliases") or [])]
    return [name for name in names if isinstance(name, str)]


def _first_line(error: BaseException | None) -> str:
    """异常的第一行话；没有话就说类型。"""
    if error is None:
        return "nothing"
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__
