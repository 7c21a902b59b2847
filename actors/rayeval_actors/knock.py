"""敲门：连 Ray 之前先问一句它在不在。Ray 自己要等上几分钟才肯说没人，其间也不理 Ctrl-C。"""

from __future__ import annotations

import socket
import subprocess
import sys
from types import TracebackType

from rayeval.errors import ClusterError

TCP_LIMIT_S = 5.0
ANSWER_LIMIT_S = 20.0
"""从起进程到集群的入口答话，秒；其中一两秒是导入 Ray。"""
ASK = """
import os, sys
try:
    from ray._private.services import canonicalize_bootstrap_address_or_die as find
    from ray._raylet import GcsClient
except ImportError:
    sys.exit(0)
if sys.argv[1] == "auto" and not os.environ.get("RAY_ADDRESS"):
    try:
        from ray._private.authentication import authentication_token_setup as setup
        setup.maybe_enable_token_auth_if_token_available(warn_if_disabled=False)
    except (ImportError, AttributeError):
        pass
client = GcsClient(address=find(sys.argv[1]))
"""
"""敲门的话；有令牌就用，规矩同 ray.init：只有 auto 自己找到的集群才不必说 RAY_AUTH_MODE。"""
_ADMIT = (
    "it wants a token: export RAY_AUTH_MODE=token, and give the head node's token in "
    "RAY_AUTH_TOKEN or ~/.ray/auth_token"
)
_START = "start one with `ray start --head`, or use --address local"


class Knock:
    """在另一个进程里敲门，与我们导入 Ray 同时；出来之前 `answered` 等它的结果。

    `place` 是（主机，端口），auto 而不知道在哪时为 None。用私有接口的只有那个进程：
    哪个版本没有它，就不敲。
    """

    def __init__(self, address: str, place: tuple[str, int] | None) -> None:
        """没有人听的端口立刻抛 ClusterError。"""
        self._address = address
        if place is not None:
            self.tap(address, place)
        self._process = subprocess.Popen(
            [sys.executable, "-c", ASK, address],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    @staticmethod
    def tap(address: str, place: tuple[str, int], limit_s: float = TCP_LIMIT_S) -> None:
        """端口上有人吗；没有抛 ClusterError。"""
        try:
            socket.create_connection(place, limit_s).close()
        except OSError as error:
            raise ClusterError(explain(address, error)) from error

    def __enter__(self) -> Knock:
        """已经在敲了。"""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """不留进程。"""
        self._process.kill()
        self._process.communicate()

    def answered(self, limit_s: float = ANSWER_LIMIT_S) -> None:
        """等到答话；没有答、答的不是 Ray、不肯让进，抛 ClusterError。"""
        try:
            _, said = self._process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            why = f"something listens, but it did not answer as Ray does within {limit_s:g} s"
            raise ClusterError(f"--address {self._address}: {why}; {_START}") from None
        if self._process.returncode:
            raise ClusterError(explain(self._address, ConnectionError(said)))


def explain(address: str, error: BaseException) -> str:
    """连不上的人话。"""
    said = _raised(str(error).strip())
    lines = said.splitlines() or [type(error).__name__]
    if address == "local":
        return f"the embedded Ray did not start: {lines[0]}"
    if "token" in said.lower() or "unauthenticated" in said.lower():
        return f"the Ray cluster at --address {address} refused us: {_ADMIT}"
    return f"no Ray cluster answers at --address {address}: {lines[-1][:300]}; {_START}"


def _raised(said: str) -> str:
    """一个进程的 stderr → 它抛的异常的话：此前的日志、调用的各层都不算；没有异常则原样。"""
    _, traceback, after = said.rpartition("Traceback (most recent call last):\n")
    if not traceback:
        return said
    return "\n".join(line for line in after.splitlines() if not line.startswith("  "))
