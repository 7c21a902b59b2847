"""网关的话：哪些回答是拒绝，怎样转述，怎样盖住密钥。"""

from __future__ import annotations

from dataclasses import dataclass

from rayeval.domain.push import PushSpec
from rayeval.domain.service import REDACTED, SHORTEST_SECRET
from rayeval.errors import PushError
from rayeval.printable import printable

_LONGEST = 400
_OK, _REDIRECT, _BAD_REQUEST = 200, 300, 400
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 401, 403, 404


@dataclass(frozen=True, slots=True)
class Reply:
    """网关的一次回答：状态码、正文、重定向到哪。"""

    status: int
    body: bytes
    location: str = ""


def refusal(reply: Reply, spec: PushSpec) -> PushError | None:
    """2xx 为 None；其余说清状态码、网关的原话与修法。400 只怪这一组，别的组还值得试。"""
    if _OK <= reply.status < _REDIRECT:
        return None
    told = f"{spec.url}: HTTP {reply.status}: {words(reply, spec)}; {_mend(reply, spec)}"
    return PushError(told, hopeless=reply.status != _BAD_REQUEST)


def words(reply: Reply, spec: PushSpec) -> str:
    """网关自己的话：一行，截短，盖住密钥。"""
    shown = covered(" ".join(reply.body.decode("utf-8", "replace").split()), spec)
    return shown[:_LONGEST] + ("…" if len(shown) > _LONGEST else "") or "no words"


def covered(text: str, spec: PushSpec) -> str:
    """盖住密钥，去掉终端会当真的字符。"""
    for secret in spec.secrets:
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, REDACTED)
    return printable(text)


def _mend(reply: Reply, spec: PushSpec) -> str:
    """这个状态码该怎么办。"""
    if reply.status == _BAD_REQUEST:
        return (
            "the gateway keeps what it had; where another group holds the same metric in "
            "another type, delete that group or choose another push.prefix"
        )
    if reply.status in {_UNAUTHORIZED, _FORBIDDEN}:
        return (
            "set push.username and push.password in matrix.yaml, or "
            "PROM_PUSHGATEWAY_USERNAME and PROM_PUSHGATEWAY_PASSWORD"
        )
    if _REDIRECT <= reply.status < _BAD_REQUEST:
        return f"it redirects to {covered(reply.location, spec)}; write that URL"
    if reply.status == _NOT_FOUND:
        return "is that a Pushgateway, and is its path prefix in the URL?"
    return "see the gateway's log"
