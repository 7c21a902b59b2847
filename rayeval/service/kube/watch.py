"""看着一个场景的 Pod：list 之后 watch；断了、过期（410）、控制面重启都从头再看。"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable

from rayeval.manifest import Object
from rayeval.service.kube.api import Api, ApiError
from rayeval.service.kube.pods import uid_of
from rayeval.service.kube.stream import READ_S, Stream

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0


class PodWatch:
    """背后一个线程，眼前一份总是最新的快照。"""

    def __init__(self, api: Api, selector: str, changed: Callable[[Object], None]) -> None:
        """开始看；每个 Pod 每变一次，在看的线程里叫一次 `changed`。"""
        self._api = api
        self._selector = selector
        self._changed = changed
        self._lock = threading.Lock()
        self._pods: dict[str, Object] = {}
        self._gone: dict[str, Object] = {}
        self._stream = Stream()
        self.trouble = ""
        self._thread = threading.Thread(target=self._run, name="rayeval-pods", daemon=True)
        self._thread.start()

    def pods(self) -> list[Object]:
        """此刻的 Pod。"""
        with self._lock:
            return list(self._pods.values())

    def gone(self) -> list[Object]:
        """见过而已经不在了的。"""
        with self._lock:
            return list(self._gone.values())

    def stop(self) -> None:
        """不看了。"""
        self._stream.stop()
        self._thread.join(READ_S + 1)

    def _run(self) -> None:
        """看到被叫停为止；看不成就歇一会儿再看。"""
        pause = _FIRST_PAUSE_S
        version: str | None = None
        while not self._stream.stopped.is_set():
            try:
                if version is None:
                    version = self._list()
                version = self._follow(version)
                pause, self.trouble = _FIRST_PAUSE_S, ""
            except (ApiError, OSError, ValueError) as error:
                version, self.trouble = None, str(error)
                self._stream.stopped.wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_S)

    def _list(self) -> str:
        """从头看一遍；返回从哪里接着看。"""
        path = f"/api/v1/namespaces/{self._api.namespace}/pods"
        answer = self._api.get(path, labelSelector=self._selector)
        items = [item for item in answer.get("items") or [] if isinstance(item, dict)]
        known = {uid_of(item): item for item in items}
        with self._lock:
            self._gone.update({u: p for u, p in self._pods.items() if u not in known})
            self._pods = known
        for item in items:
            self._changed(item)
        return str((answer.get("metadata") or {}).get("resourceVersion") or "0")

    def _follow(self, version: str) -> str | None:
        """从某处看到流结束；返回看到了哪里，要从头看则为 None。"""
        path = f"/api/v1/namespaces/{self._api.namespace}/pods"
        query = {
            "labelSelector": self._selector,
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": int(READ_S) - 5,
        }
        try:
            response = self._api.open(path, query, read_s=READ_S)
        except ApiError as error:
            if error.status == 410:  # noqa: PLR2004 HTTP 定义
                return None
            raise
        for line in self._stream.lines(response):
            if not line.strip():
                continue
            event = json.loads(line)
            found = event.get("object") if isinstance(event, dict) else None
            if not isinstance(found, dict) or event.get("type") == "ERROR":
                return None  # 多半是 410 Expired：从头看
            version = str((found.get("metadata") or {}).get("resourceVersion") or version)
            if event.get("type") != "BOOKMARK":
                self._take(str(event.get("type")), found)
        return version

    def _take(self, kind: str, pod: Object) -> None:
        """收下一个变化。"""
        with self._lock:
            if kind == "DELETED":
                self._pods.pop(uid_of(pod), None)
                self._gone[uid_of(pod)] = pod
            else:
                self._pods[uid_of(pod)] = pod
        with contextlib.suppress(ApiError):
            self._changed(pod)
