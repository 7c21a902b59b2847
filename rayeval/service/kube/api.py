"""对一个集群说话：认证与传输归官方客户端，这里管重试、时限与把拒绝说成人话。

重试只围着幂等的调用：GET、LIST、server-side apply（PATCH）、DELETE；从不 POST。
"""

from __future__ import annotations

import contextlib
import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tenacity import Retrying, retry_if_exception

from rayeval.errors import LaunchError
from rayeval.manifest import Object
from rayeval.service.backoff import Budget

PATIENCE_S = 60.0
"""一次调用连同重试的时限，秒：控制面重启要这么久。"""
ATTEMPT_S = 15.0
CONNECT_S = 5.0
LONGEST_WAIT_S = 5.0
_USER = re.compile(r"//[^/@\s]*@")
"""地址里的用户名与密码：不给人看。"""
_PASSING = {429, 500, 502, 503, 504}
_APPLY = "application/apply-patch+yaml"
_HTTP_CONFLICT = 409
_HTTP_GONE_MISSING = 404


class ApiError(Exception):
    """API 拒绝了，或够不着（status 为 0）。`causes` 是拒绝的细目：字段与话。"""

    def __init__(
        self, status: int, reason: str, message: str, causes: tuple[tuple[str, str], ...] = ()
    ) -> None:
        """收下 Status 对象里有用的几样。"""
        super().__init__(f"{status} {reason}: {message}" if status else message)
        self.status, self.reason, self.message, self.causes = status, reason, message, causes

    @property
    def passing(self) -> bool:
        """等一等可能就好：够不着、限流、控制面出错、同时有人在写。"""
        if self.status == _HTTP_CONFLICT:
            return self.reason in {"AlreadyExists", "Conflict"} and not self.causes
        return self.status == 0 or self.status in _PASSING


class Api:
    """一个集群、一个 namespace；线程安全。"""

    def __init__(self, client: Any, namespace: str, *, patience_s: float = PATIENCE_S) -> None:
        """`client` 是 kubernetes.client.ApiClient；发现各种对象要问几次，够不着抛 ApiError。"""
        self.namespace = namespace
        self.patience_s = patience_s
        self._client = client
        self._dynamic = self._discover()

    def close(self) -> None:
        """关掉连接。"""
        self._client.close()
        rest: Any = self._client.rest_client
        rest.pool_manager.clear()

    def resource(self, api_version: str, kind: str) -> Any:
        """一种对象；集群不认识则抛 ApiError（404）。"""
        from kubernetes.dynamic.exceptions import ResourceNotFoundError

        try:
            return self._dynamic.resources.get(api_version=api_version, kind=kind)
        except ResourceNotFoundError:
            message = f"the cluster knows no {kind} of {api_version}; is its CRD installed?"
            raise ApiError(_HTTP_GONE_MISSING, "NotFound", message) from None

    def forget(self) -> None:
        """重新发现：刚施用的 CRD 带来了新的种类。"""
        self._dynamic = self._discover()

    def kinds(self) -> Iterator[Any]:
        """集群里可列出、可删除的每一种对象，各只取首选的版本。"""
        for entry in self._dynamic.resources:
            for resource in entry if isinstance(entry, list) else [entry]:
                verbs = set(getattr(resource, "verbs", None) or ())
                if getattr(resource, "name", None) and {"list", "delete"} <= verbs:
                    yield resource

    def get(self, path: str, **query: Any) -> Object:
        """GET 一个路径。"""
        return self._call("GET", path, query)

    def find(self, path: str) -> Object | None:
        """GET 一个路径；没有则为 None。"""
        try:
            return self.get(path)
        except ApiError as error:
            if error.status == _HTTP_GONE_MISSING:
                return None
            raise

    def apply(self, path: str, body: Object, manager: str) -> Object:
        """server-side apply；不强占别人的字段，冲突抛 ApiError（409，带 causes）。"""
        query = {"fieldManager": manager, "force": "false"}
        return self._call("PATCH", path, query, body, _APPLY)

    def delete(self, path: str, uid: str) -> None:
        """前台删除这一个（uid 相同的）对象；已经没有、或换了人的都无妨。"""
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Foreground",
            "preconditions": {"uid": uid},
        }
        try:
            self._call("DELETE", path, {}, body)
        except ApiError as error:
            if error.status not in {_HTTP_GONE_MISSING, _HTTP_CONFLICT}:
                raise

    def open(self, path: str, query: Mapping[str, Any], *, read_s: float) -> Any:
        """一个流式的 GET，只试一次；给出 urllib3 的响应，用完须 close。"""
        return self._send("GET", path, query, timeout=(CONNECT_S, read_s))

    def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any],
        body: Object | None = None,
        content_type: str | None = None,
    ) -> Object:
        """一次幂等的调用，必要时重试；回答是 JSON 对象。"""
        attempt_s = min(ATTEMPT_S, max(1.0, self.patience_s))
        for attempt in self._patiently():
            with attempt:
                timeout = (min(CONNECT_S, attempt_s), attempt_s)
                response = self._send(method, path, query, body, content_type, timeout=timeout)
                try:
                    return _object(response.data)
                finally:
                    response.close()
        raise AssertionError  # pragma: no cover Retrying 不会空手走完

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any],
        body: Object | None = None,
        content_type: str | None = None,
        *,
        timeout: tuple[float, float],
    ) -> Any:
        """发一次；拒绝与够不着都成为 ApiError。"""
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        text = urlencode({name: value for name, value in query.items() if value is not None})
        where = f"{path}?{text}" if text else path
        extra = {"content_type": content_type} if content_type else {}
        try:
            return self._dynamic.request(
                method, where, body=body, serialize=False, _request_timeout=timeout, **extra
            )
        except ApiException as error:
            raise _refusal(error) from None
        except (HTTPError, OSError) as error:
            raise ApiError(0, "", self._unreachable(error)) from None

    def _patiently(self) -> Retrying:
        """等一等可能就好的，在时限内再试。"""
        budget = Budget(self.patience_s)
        return Retrying(
            retry=retry_if_exception(lambda e: isinstance(e, ApiError) and e.passing),
            wait=lambda state: min(budget.wait(state.attempt_number), LONGEST_WAIT_S),
            stop=lambda _: budget.left <= 0,
            reraise=True,
        )

    def _unreachable(self, error: BaseException) -> str:
        """够不着的人话。"""
        words = (str(error).strip().splitlines() or [type(error).__name__])[0]
        host = _USER.sub("//", str(self._client.configuration.host))
        return f"the Kubernetes API at {host} does not answer: {_USER.sub('//', words)}"

    def _discover(self) -> Any:
        """问出集群认识的种类；不用跨进程的缓存文件，它会过期，也会被别人看见。"""
        from kubernetes.client.exceptions import ApiException
        from kubernetes.dynamic import DynamicClient
        from urllib3.exceptions import HTTPError

        make: Any = DynamicClient
        for attempt in self._patiently():
            with attempt, tempfile.TemporaryDirectory(prefix="rayeval-kube-") as folder:
                try:
                    return make(self._client, cache_file=str(Path(folder) / "kinds.json"))
                except ApiException as error:
                    raise _refusal(error) from None
                except (HTTPError, OSError) as error:
                    raise ApiError(0, "", self._unreachable(error)) from None
        raise AssertionError  # pragma: no cover Retrying 不会空手走完


@contextlib.contextmanager
def connect(
    kubeconfig: str | None, context: str | None, namespace: str, *, patience_s: float = PATIENCE_S
) -> Iterator[Api]:
    """连上 kubeconfig 所指的集群，没有 kubeconfig 则是所在的集群；不成抛 LaunchError。"""
    from kubernetes import config
    from kubernetes.client import ApiClient, Configuration

    settings: Any = Configuration()
    load_file: Any = config.load_kube_config
    load_inside: Any = config.load_incluster_config
    try:
        if kubeconfig is not None:
            _require(kubeconfig)
            load_file(config_file=kubeconfig, context=context, client_configuration=settings)
        else:
            load_inside(client_configuration=settings)
    except config.ConfigException as error:
        raise LaunchError(_explain_config(kubeconfig, context, error)) from None
    settings.retries = False  # 重试是我们的事：它默认连 PATCH 也会悄悄重来
    client: Any = ApiClient(settings)
    try:
        try:
            api = Api(client, namespace, patience_s=patience_s)
        except ApiError as error:
            raise LaunchError(explain(error, "discovery of the cluster's kinds")) from None
        yield api
    finally:
        client.close()
        client.rest_client.pool_manager.clear()


def explain(error: ApiError, what: str) -> str:
    """一次拒绝 → 说清在做什么、为什么不成、怎么修。"""
    told = f"Kubernetes: {what}: {error}"
    if error.status == 401:  # noqa: PLR2004 HTTP 定义
        return f"{told}; the kubeconfig's credentials are refused: renew them"
    if error.status == 403:  # noqa: PLR2004 HTTP 定义
        if "exceeded quota" in error.message:
            return f"{told}; free some of the quota, or raise it"
        return f"{told}; grant it to this user with a Role and RoleBinding"
    if error.status == 0:
        return f"{told}; is the cluster up, and the server address of the kubeconfig right?"
    return told


def _require(kubeconfig: str) -> None:
    """文件得在这个节点上。"""
    if not any(Path(part).is_file() for part in kubeconfig.split(":")):
        message = (
            f"kubeconfig {kubeconfig} does not exist on this node: put it there, mend "
            "k8s.kubeconfig, or leave it out to use the cluster that rayeval itself runs in"
        )
        raise LaunchError(message)


def _explain_config(kubeconfig: str | None, context: str | None, error: Exception) -> str:
    """kubeconfig 读不成的人话；绝不带文件里的内容。"""
    words = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if kubeconfig is None:
        return f"not inside a Kubernetes cluster ({words}); name a kubeconfig in k8s.kubeconfig"
    named = f" context {context!r} of" if context else ""
    return f"can't use{named} kubeconfig {kubeconfig}: {words}; mend it, or k8s.context"


def _refusal(error: Any) -> ApiError:
    """客户端的异常 → ApiError；正文多半是一个 Status 对象，也可能什么都不是。"""
    body = _object(error.body or b"")
    details = body.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    pairs = tuple(
        (str(cause.get("field") or ""), str(cause.get("message") or ""))
        for cause in (causes if isinstance(causes, list) else [])
        if isinstance(cause, dict)
    )
    status = int(error.status or 0)
    message = str(body.get("message") or error.reason or "no reason given")
    return ApiError(status, str(body.get("reason") or error.reason or ""), message, pairs)


def _object(data: Any) -> Object:
    """JSON 对象；别的都算空。"""
    try:
        value = json.loads(data) if data else {}
    except (ValueError, UnicodeDecodeError):
        return {}
    return value if isinstance(value, dict) else {}
