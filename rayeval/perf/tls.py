"""TLS 的一条连接：字节在内存里加解密，套接字仍由我们读，戳仍是内核的。"""

from __future__ import annotations

import ssl


class Tls:
    """一条连接的 TLS 状态。"""

    __slots__ = ("_incoming", "_object", "_outgoing", "closed")

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        """`host` 是要核对的主机名。"""
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self.closed = False

    def shake(self, data: bytes = b"") -> tuple[bool, bytes]:
        """握手的一步：收下对端的字节，返回（完成了吗，要发出的字节）；失败抛 ssl.SSLError。"""
        if data:
            self._incoming.write(data)
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False, self._outgoing.read()
        return True, self._outgoing.read()

    def encrypt(self, data: bytes) -> bytes:
        """明文 → 要发出的字节。"""
        self._object.write(data)
        return self._outgoing.read()

    def decrypt(self, data: bytes) -> bytes:
        """收到的字节 → 明文，可能为空；对端告别之后 `closed` 为真；坏了抛 ssl.SSLError。"""
        if data:
            self._incoming.write(data)
        pieces = []
        try:
            while piece := self._object.read(65536):
                pieces.append(piece)
            self.closed = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.closed = True
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def reply(self) -> bytes:
        """协议自己要发出的字节（重新协商、告警）；多半为空。"""
        return self._outgoing.read()
