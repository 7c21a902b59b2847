"""Pushgateway 的客户端：一组一次 PUT，整组替换；状态要看，该重试的退避着重试，总有个限度。"""

from __future__ import annotations

import base64
import json
import re
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

import httpx
import tenacity

from rayeval.domain.push import PushSpec
from rayeval.errors import PushError
from rayeval.export.catalogue import IDENTITY
from rayeval.export.exposition import Group
from rayeval.export.gateway_words import Reply, covered, refusal, words

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_ENOUGH = 64 * 1024
"""网关的话读到这么多字节为止；列出全部组时除外。"""
_RETRIED = frozenset({429, 500, 502, 503, 504})
_WAIT_FIRST_S, _WAIT_MOST_S = 0.5, 8.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """一组的结局；`error` 为空即已推上。"""

    key: dict[str, str]
    series: int
    error: str = ""


class _TryAgain(Exception):  # noqa: N818 只在本模块里流动
    """这一次没成，值得再试；文字说明缘故。"""


class _Budget(tenacity.stop.stop_base):
    """再等下去就越过总的限度，便不再试。"""

    def __init__(self, gateway: Pushgateway) -> None:
        """限度由网关的客户端掌管。"""
        self._gateway = gateway

    def __call__(self, retry_state: tenacity.RetryCallState) -> bool:
        """等完这一次就没有时间了吗。"""
        return retry_state.upcoming_sleep >= self._gateway.left()


def group_path(key: dict[str, str]) -> str:
    """分组键 → URL 路径，job 在前。

    不是一个普通的字（空、带 `/`、中文、点开头）就用 base64：代理会收拾 `//`、`..` 与 %2F。
    """
    parts = []
    for name in ("job", *(label for label in key if label != "job")):
        value = key[name]
        if _PLAIN.fullmatch(value):
            parts += [name, value]
        else:
            # 空值写成一个 =：路径里不能有空的一段
            coded = base64.urlsafe_b64encode(value.encode("utf-8", "replace")).decode() or "="
            parts += [f"{name}@base64", quote(coded, safe="=")]
    return "/metrics/" + "/".join(parts)


class Pushgateway:
    """一个 Pushgateway；`sleep` 与 `clock` 在测试里换掉。用完要关（`opened`）。"""

    def __init__(
        self,
        spec: PushSpec,
        client: httpx.Client,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """从此刻起算总的限度。"""
        assert spec.url is not None  # noqa: S101 没有地址就不该走到这里
        self._url = spec.url
        self._spec = spec
        self._client = client
        self._sleep = sleep
        self._clock = clock
        self._end = clock() + spec.give_up_s

    def left(self) -> float:
        """总的限度还剩多少秒；用完为负。"""
        return self._end - self._clock()

    def push(self, groups: Sequence[Group]) -> list[Delivery]:
        """逐组 PUT；被测之外的麻烦记在各组名下。网关本身不行，后面的组就不再试。"""
        done: list[Delivery] = []
        stop = ""
        for group in groups:
            error = stop
            if not stop:
                try:
                    self._put(group)
                except PushError as trouble:
                    error = str(trouble)
                    stop = "not tried after that" if trouble.hopeless else ""
            done.append(Delivery(group.key, group.series, error))
        return done

    def ready(self) -> None:
        """网关说自己好了吗；不好抛 PushError。什么也不写。"""
        self._ask("GET", "/-/ready")

    def retire(self, scenario: str, job: str) -> list[dict[str, str]]:
        """删掉一个退役场景的全部组，返回删掉的分组键；没有则为空。"""
        reply = self._ask("GET", "/api/v1/metrics", limit=None)
        gone = []
        for labels in _listed(reply):
            if labels.get("scenario") == scenario and labels.get("job") == job:
                key = {name: value for name, value in labels.items() if value or name in IDENTITY}
                self._ask("DELETE", group_path(key))
                gone.append(key)
        return gone

    def _put(self, group: Group) -> None:
        """整组替换。"""
        self._ask("PUT", group_path(group.key), group.body)

    def _ask(
        self, method: str, path: str, body: bytes | None = None, limit: int | None = _ENOUGH
    ) -> Reply:
        """一次请求，连同重试；不成抛 PushError，写明去处、缘故与修法。"""
        attempts = 0
        started = self._clock()

        def once() -> Reply:
            """试一次。"""
            nonlocal attempts
            attempts += 1
            return self._once(method, path, body, limit)

        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self._spec.attempts) | _Budget(self),
            wait=tenacity.wait_random_exponential(_WAIT_FIRST_S, _WAIT_MOST_S),
            retry=tenacity.retry_if_exception_type(_TryAgain),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            reply = retrying(once)
        except _TryAgain as error:
            tries = f"{attempts} {'try' if attempts == 1 else 'tries'}"
            tries += f" in {self._clock() - started:.0f} s"
            msg = f"{self._url}: {error} ({tries})"
            raise PushError(msg, hopeless=True) from None
        trouble = refusal(reply, self._spec)
        if trouble is not None:
            raise trouble
        return reply

    def _once(self, method: str, path: str, body: bytes | None, limit: int | None) -> Reply:
        """发一次，读到 `limit` 字节为止；断网、超时与 5xx 抛 _TryAgain。"""
        end = min(self._end, self._clock() + self._spec.timeout_s)
        headers = {"Content-Type": CONTENT_TYPE} if body is not None else {}
        try:
            with self._client.stream(
                method, self._url + path, content=body, headers=headers
            ) as response:
                reply = Reply(
                    response.status_code,
                    self._read(response, end, limit),
                    response.headers.get("Location", ""),
                )
        except httpx.TimeoutException:
            msg = f"no answer within {self._spec.timeout_s:g} s"
            raise _TryAgain(msg) from None
        except (httpx.TransportError, httpx.DecodingError) as error:
            msg = f"{covered(str(error), self._spec) or type(error).__name__}; is the gateway up?"
            raise _TryAgain(msg) from None
        if reply.status in _RETRIED:
            msg = f"HTTP {reply.status}: {words(reply, self._spec)}"
            raise _TryAgain(msg)
        return reply

    def _read(self, response: httpx.Response, end: float, limit: int | None) -> bytes:
        """读正文；一滴一滴地给，也不超过这一次的时限。"""
        data = b""
        for part in response.iter_bytes():
            data += part
            if self._clock() > end:
                msg = f"no whole answer within {self._spec.timeout_s:g} s"
                raise _TryAgain(msg)
            if limit is not None and len(data) >= limit:
                break
        return data


@contextmanager
def opened(spec: PushSpec) -> Iterator[Pushgateway]:
    """按配置开一个客户端；证书文件读不了、代理写得不对抛 PushError。"""
    try:
        auth = None
        if spec.username is not None or spec.password is not None:
            password = spec.password.get_secret_value() if spec.password else ""
            auth = httpx.BasicAuth(spec.username or "", password)
        headers = {"User-Agent": "rayeval"}
        if spec.token is not None:
            headers["Authorization"] = f"Bearer {spec.token.get_secret_value()}"
        client = httpx.Client(
            verify=_trust(spec),
            auth=auth,
            headers=headers,
            proxy=spec.proxy.get_secret_value() if spec.proxy else None,
            timeout=httpx.Timeout(spec.timeout_s),
            follow_redirects=False,
        )
    except (OSError, ssl.SSLError) as error:
        msg = f"push.ca_file or push.client_cert can't be read ({error}); name PEM files"
        raise PushError(msg) from error
    except (ValueError, ImportError, httpx.InvalidURL):
        msg = "ALL_PROXY, HTTP_PROXY or HTTPS_PROXY is no HTTP proxy; write http://HOST:PORT"
        raise PushError(msg) from None  # 代理的 URL 里可能有密码，不带出来
    with client:
        yield Pushgateway(spec, client)


def _trust(spec: PushSpec) -> ssl.SSLContext:
    """TLS 上下文：指定的 CA，否则系统的；`verify` 为假就不看对方；双向认证时带上自己的证书。"""
    context = ssl.create_default_context(cafile=spec.ca_file)
    if not spec.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if spec.client_cert:
        context.load_cert_chain(spec.client_cert)
    return context


def _listed(reply: Reply) -> list[dict[str, str]]:
    """网关列出的各组的分组键；看不懂就抛 PushError。"""
    try:
        data = json.loads(reply.body)["data"]
        return [dict(entry["labels"]) for entry in data]
    except (ValueError, KeyError, TypeError) as error:
        msg = "the gateway's /api/v1/metrics is not a list of groups; does it need a newer version?"
        raise PushError(msg) from error
