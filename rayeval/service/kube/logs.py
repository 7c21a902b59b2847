"""收日志：每个容器的每一次实例各有一个跟随者，跟到它死为止；断了接着跟，不重不漏。

每行都让服务端带上时间戳（纳秒）再去掉：断了之后从最后的时刻接上，见过的行不再要。
"""

from __future__ import annotations

import re
import threading
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rayeval.manifest import Object
from rayeval.service.kube.api import Api, ApiError
from rayeval.service.kube.pods import instances, name_of, uid_of
from rayeval.service.kube.stream import READ_S, Stream

TAIL_BYTES = 4096
_STAMP = re.compile(
    rb"(?P<second>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(?P<nanos>\d+))?"
    rb"(?P<zone>Z|[+-]\d\d:\d\d) "
)
_PAUSE_S = 0.5


class LogBook:
    """一个场景的全部日志：来一段收一段，按来处分。"""

    def __init__(self, api: Api) -> None:
        """还没有日志。"""
        self._api = api
        self._lock = threading.Lock()
        self._pieces: deque[tuple[str, bytes]] = deque()
        self._tails: dict[str, bytes] = {}
        self._followers: dict[tuple[str, str, int], _Follower] = {}

    def notice(self, pod: Object) -> None:
        """一个 Pod 变了：新的实例各派一个跟随者；错过的上一次也补上。"""
        name, uid = name_of(pod), uid_of(pod)
        for container, number, previous in instances(pod):
            key = (uid, container, number)
            if key not in self._followers:
                follower = _Follower(self._api, self, name, container, previous=previous)
                self._followers[key] = follower

    def add(self, source: str, data: bytes) -> None:
        """收下一段。"""
        with self._lock:
            self._pieces.append((source, data))
            self._tails[source] = (self._tails.get(source, b"") + data)[-TAIL_BYTES:]

    def take(self, limit: int) -> list[tuple[str, bytes]]:
        """取走攒着的，同一来处的合在一起，总共约 `limit` 字节。"""
        taken: dict[str, list[bytes]] = {}
        size = 0
        with self._lock:
            while self._pieces and size < limit:
                source, data = self._pieces.popleft()
                taken.setdefault(source, []).append(data)
                size += len(data)
        return [(source, b"".join(pieces)) for source, pieces in taken.items()]

    def tail(self, lines: int = 20) -> str:
        """每一来处的末尾几行。"""
        with self._lock:
            tails = sorted(self._tails.items())
        room = max(3, lines // max(1, len(tails)))
        return "\n".join(
            f"[{source}]\n" + "\n".join(data.decode("utf-8", "replace").splitlines()[-room:])
            for source, data in tails
        )

    def finish(self, wait_s: float) -> None:
        """容器已经停了：等跟随者读到头，至多 `wait_s` 秒；读不到头的叫停。"""
        for follower in list(self._followers.values()):
            follower.finish(wait_s)
            wait_s = min(wait_s, 2.0) if follower.late else wait_s


class _Follower:
    """跟着一个容器实例的一个线程。"""

    def __init__(
        self, api: Api, book: LogBook, pod: str, container: str, *, previous: bool
    ) -> None:
        """开始跟。"""
        self._api, self._book, self._source = api, book, f"{pod}_{container}"
        self._path = f"/api/v1/namespaces/{api.namespace}/pods/{pod}/log"
        self._query: dict[str, Any] = {
            "container": container,
            "timestamps": "true",
            "follow": None if previous else "true",
            "previous": "true" if previous else None,
        }
        self._previous = previous
        self._seen: Moment | None = None
        self._stream = Stream()
        self.late = False
        self._thread = threading.Thread(target=self._run, name="rayeval-log", daemon=True)
        self._thread.start()

    def finish(self, wait_s: float) -> None:
        """等它读到头，再叫停。"""
        self._thread.join(wait_s)
        self.late = self._thread.is_alive()
        if self.late:
            self._stream.stop()
            self._thread.join(2.0)

    def _run(self) -> None:
        """跟到头；断了就接上；Pod 没了（404）或容器没有日志（400）就完了。"""
        while not self._stream.stopped.is_set():
            since = self._seen
            query = {**self._query, "sinceTime": since.second if since else None}
            try:
                response = self._api.open(self._path, query, read_s=READ_S)
                for line in self._stream.lines(response):
                    since = self._take(line, since)
            except ApiError as error:
                if error.status in {400, 404} or self._previous:
                    return
            except OSError:
                pass  # 断了：也可能只是久不出声，接上再听
            else:
                return
            self._stream.stopped.wait(_PAUSE_S)

    def _take(self, line: bytes, since: Moment | None) -> Moment | None:
        """一行：去掉时间戳；接上之后，`since` 及以前的见过了；返回还要防着的时刻。"""
        moment, text = split(line)
        if moment is None:
            self._book.add(self._source, line + b"\n")
            return since
        if since is not None and (moment.at, moment.nanos) <= (since.at, since.nanos):
            return since
        self._seen = moment
        self._book.add(self._source, text + b"\n")
        return None


@dataclass(frozen=True, slots=True)
class Moment:
    """一行的时刻：UTC 秒、秒内的纳秒，与服务端认得的写法（到秒）。"""

    at: int
    nanos: int
    second: str


def split(line: bytes) -> tuple[Moment | None, bytes]:
    """服务端加了时间戳的一行 → 时刻与原文；没有时间戳的原样。"""
    match = _STAMP.match(line)
    if match is None:
        return None, line
    zone = match["zone"].replace(b"Z", b"+00:00")
    local = datetime.fromisoformat((match["second"] + zone).decode())
    at = int(local.timestamp())
    nanos = int((match["nanos"] or b"").ljust(9, b"0")[:9] or b"0")
    second = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Moment(at, nanos, second), line[match.end() :]
