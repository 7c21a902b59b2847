"""长开的 GET（watch、跟随日志）：一行一行地给，别的线程随时能叫停。"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

READ_S = 30.0
"""这么久没有一个字节就当断了，秒；断了重来。"""
_CHUNK = 1 << 16
_LONGEST_LINE = 1 << 20


class Stream:
    """一个可以从旁边关掉的响应。"""

    def __init__(self) -> None:
        """还没有响应。"""
        self._lock = threading.Lock()
        self._response: Any = None
        self.stopped = threading.Event()

    def lines(self, response: Any) -> Iterator[bytes]:
        """响应的每一行，不带换行；太长的行分段给，最后没有换行的一段也给。断了抛 OSError。"""
        from urllib3.exceptions import HTTPError

        with self._lock:
            self._response = response
            if self.stopped.is_set():
                response.close()
                return
        rest = b""
        try:
            for piece in self._pieces(response):
                *whole, rest = (rest + piece).split(b"\n")
                yield from whole
                if len(rest) > _LONGEST_LINE:
                    yield rest
                    rest = b""
            if rest:
                yield rest
        except HTTPError as error:
            raise OSError(str(error)) from None
        finally:
            with self._lock:
                self._response = None
            response.close()

    def stop(self) -> None:
        """叫停：正在读的那边会读到头。"""
        with self._lock:
            self.stopped.set()
            response = self._response
            sock = getattr(getattr(response, "_connection", None), "sock", None)
            if sock is not None:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def _pieces(self, response: Any) -> Iterator[bytes]:
        """到一点给一点，不等攒够一块。"""
        while not self.stopped.is_set():
            piece = response.read1(_CHUNK)
            if not piece:
                return
            yield piece
