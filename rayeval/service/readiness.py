"""就绪阶梯：安顿（进程活着、Pod 就绪）→ /health → /v1/models → 真的生成两次；共用一份预算。"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type

from rayeval.client.openai import OpenAIClient, Reply
from rayeval.domain.events import Progress, RungReached, ServiceReady
from rayeval.domain.report import ReadyStep
from rayeval.errors import LaunchError, NotReadyError
from rayeval.service.backoff import Budget
from rayeval.service.running import Running

REQUEST_TIMEOUT_S = 30.0
SLICE_S = 0.25
"""等待时每隔这么久看一眼服务死没死，也好让中断进来。"""
SETTLE_SLICE_S = 1.0
"""安顿时最多隔这么久看一次：Pod 好了、不成了都该立刻知道。"""
SHORTEST_TIMEOUT_S = 0.5
"""预算将尽时，最后一次尝试的请求时限不短于此，秒。"""
_NO_ROUTE = {404, 405, 501}
_RETRIABLE_4XX = {408, 409, 425, 429}


class NotYetError(Exception):
    """还没到这一级；等一等再试。"""


@dataclass(frozen=True, slots=True)
class Rung:
    """阶梯的一级：名字与试法；试法不成抛 NotYetError，定论不成抛 NotReadyError。"""

    name: str
    climb: Callable[[], None]
    slowest_s: float = float("inf")


def await_ready(
    running: Running,
    *,
    health_path: str,
    budget: Budget,
    max_tokens_field: str = "max_tokens",
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Progress | RungReached | ServiceReady]:
    """逐级攀登，边等边报，每上一级报一次；到顶给出 ServiceReady。

    服务死了立即抛 LaunchError；预算用完或已可断定不成抛 NotReadyError，都带日志末尾。
    """
    climber = _Climber(running, budget, sleep)
    yield from climber.climb(Rung("service in place", lambda: _settle(running), SETTLE_SLICE_S))
    identity: dict[str, str] = {}
    with OpenAIClient(running.endpoint, timeout_s=REQUEST_TIMEOUT_S) as client:
        hand = _Hand(client, budget)
        for rung in _ladder(hand, health_path, max_tokens_field, identity):
            yield from climber.climb(rung)
        ready_s = budget.spent
        identity.update(_version(client))
    yield ServiceReady(ready_s, tuple(sorted(identity.items())))


class _Hand:
    """敲门的手：每次请求的时限不超过预算剩下的。"""

    def __init__(self, client: OpenAIClient, budget: Budget) -> None:
        """拿着一个客户端。"""
        self.client = client
        self._budget = budget

    @property
    def timeout_s(self) -> float:
        """这一次的时限，秒。"""
        return max(SHORTEST_TIMEOUT_S, min(REQUEST_TIMEOUT_S, self._budget.left))

    def get(self, path: str) -> Reply:
        """GET 一个路径，限时。"""
        return self.client.get(path, timeout_s=self.timeout_s)

    def post(self, path: str, body: object) -> Reply:
        """POST 一个 JSON 体，限时。"""
        return self.client.post(path, body, timeout_s=self.timeout_s)


def _ladder(
    hand: _Hand, health_path: str, field: str, identity: dict[str, str]
) -> tuple[Rung, ...]:
    """四级阶梯；活着与否在每一次尝试前看。"""
    return (
        Rung(health_path, lambda: _health(hand, health_path)),
        Rung("/v1/models", lambda: _models(hand, identity)),
        Rung("a generated token", lambda: _generate(hand, field)),
        Rung("a second token", lambda: _generate(hand, field)),
    )


class _Climber:
    """攀登的人：记着预算与服务，一级一级地试。"""

    def __init__(self, running: Running, budget: Budget, sleep: Callable[[float], None]) -> None:
        """还在地上。"""
        self._running, self._budget, self._sleep = running, budget, sleep
        self._limit_s = budget.left  # 启动已用去的不算在就绪的限期里

    def climb(self, rung: Rung) -> Iterator[Progress | RungReached]:
        """在剩余预算内反复试一级，指数退避加抖动；上去了报 RungReached。"""
        yield self._waiting(rung.name)
        last, begin = "", self._budget.spent
        retrying = Retrying(
            retry=retry_if_exception_type((NotYetError, httpx.HTTPError)),
            wait=lambda state: min(self._budget.wait(state.attempt_number), rung.slowest_s),
            stop=lambda _: self._budget.left <= 0,
            sleep=self._doze,
            retry_error_callback=lambda state: self._give_up(state, rung),
        )
        attempts = 0
        for attempt in retrying:
            attempts = attempt.retry_state.attempt_number
            if attempts > 1:
                yield self._waiting(f"{rung.name}: {last}")
            self._check_alive()
            with attempt:
                try:
                    rung.climb()
                except (NotYetError, httpx.HTTPError) as error:
                    last = _first_line(error)
                    raise
                except NotReadyError as error:
                    raise NotReadyError(str(error), log_tail=self._running.log_tail()) from None
                except LaunchError as error:
                    tail = error.log_tail or self._running.log_tail()
                    raise LaunchError(str(error), log_tail=tail) from None
        yield RungReached(ReadyStep(rung.name, begin, self._budget.spent, attempts, last))

    def _waiting(self, what: str) -> Progress:
        """在等什么，至多等多久。"""
        return Progress("ready", f"waiting for {what}", limit_s=self._limit_s)

    def _doze(self, seconds: float) -> None:
        """睡一会儿，其间服务死了就不睡了。"""
        while seconds > 0:
            self._check_alive()
            self._sleep(min(SLICE_S, seconds))
            seconds -= SLICE_S

    def _check_alive(self) -> None:
        """死了就抛 LaunchError，带日志末尾。"""
        death = self._running.death()
        if death is not None:
            message = f"{death} before it was ready"
            raise LaunchError(message, log_tail=self._running.log_tail())

    def _give_up(self, state: RetryCallState, rung: Rung) -> None:
        """预算用完：说清卡在哪一级、最后看到什么。"""
        error = state.outcome.exception() if state.outcome else None
        self._check_alive()
        message = (
            f"not ready: {rung.name}{_where(self._running)} did not succeed within "
            f"startup_timeout_s ({self._budget.seconds:g} s); last: {_first_line(error)}"
        )
        raise NotReadyError(message, log_tail=self._running.log_tail())


def _where(running: Running) -> str:
    """地址，接在一级的名字后面；还不知道时为空。"""
    try:
        return f" at {running.endpoint.root_url}"
    except LaunchError:
        return ""


def _settle(running: Running) -> None:
    """进程起了、Pod 好了、地址有了。"""
    waiting = running.settle()
    if waiting is not None:
        raise NotYetError(waiting)


def _health(hand: _Hand, path: str) -> None:
    """健康检查 2xx；没有这个路由的引擎直接上一级。"""
    reply = hand.get("root:" + path)
    if reply.ok or reply.status in _NO_ROUTE:
        return
    _refuse_auth(hand, reply, path)
    raise NotYetError(f"{path} answers {reply.status}")


def _models(hand: _Hand, identity: dict[str, str]) -> None:
    """服务名在列；列表为空或没有此路由的引擎放行，列着别的名字则是定论。"""
    reply = hand.get("/models")
    if reply.status in _NO_ROUTE:
        return
    _refuse_auth(hand, reply, "/v1/models")
    if not reply.ok:
        raise NotYetError(f"/v1/models answers {reply.status}")
    entries = _entries(reply.body)
    names = {name for entry in entries for name in _names(entry)}
    wanted = hand.client.endpoint.model
    if names and wanted not in names:
        listed = ", ".join(sorted(names))
        message = (
            f"/v1/models lists {listed}, not {wanted!r}: mend served_model_name or the command"
        )
        raise NotReadyError(message)
    for entry in entries:
        if isinstance(entry.get("owned_by"), str):
            identity["engine"] = entry["owned_by"]


def _generate(hand: _Hand, field: str) -> None:
    """一个 token 的补全成功；没有 chat 路由就试 completions。"""
    client = hand.client
    body = client.chat_body([{"role": "user", "content": "Hi"}], **{field: 1})
    reply = hand.post("/chat/completions", body)
    if reply.status in _NO_ROUTE:
        body = {"model": client.endpoint.model, "prompt": "Hi", field: 1}
        reply = hand.post("/completions", body)
    _refuse_auth(hand, reply, "a completion")
    if reply.ok and isinstance(reply.body, dict) and reply.body.get("choices"):
        return
    told = f"a completion answers {reply.status}: {reply.error_message[:200]}"
    if 400 <= reply.status < 500 and reply.status not in _RETRIABLE_4XX:  # noqa: PLR2004 HTTP 定义
        raise NotReadyError(told)
    raise NotYetError(told)


def _refuse_auth(hand: _Hand, reply: Reply, what: str) -> None:
    """401、403 不会自己好。"""
    if reply.status in {401, 403}:
        given = hand.client.endpoint.api_key is not None
        state = "refuses the API key" if given else "wants an API key"
        message = (
            f"{what} answers {reply.status}: the service {state}; "
            f"{'mend' if given else 'set'} api_key of the scenario's provider in providers.yaml"
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
    names = [entry.get("id"), entry.get("root"), *_listed(entry.get("aliases"))]
    return [name for name in names if isinstance(name, str)]


def _listed(value: Any) -> list[Any]:
    """列表原样，别的都算空。"""
    return value if isinstance(value, list) else []


def _first_line(error: BaseException | None) -> str:
    """异常的第一行话；没有话就说类型。"""
    if error is None:
        return "nothing"
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__
