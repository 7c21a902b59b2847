"""服务日志：边写边读的一个文件；二进制安全，只给新增的部分。"""

from __future__ import annotations

from pathlib import Path

TAIL_BYTES = 4096


class LogFile:
    """跟读一个正在增长的日志文件。"""

    def __init__(self, path: Path) -> None:
        """从头开始读。"""
        self.path = path
        self._offset = 0

    def new_bytes(self, limit: int) -> bytes:
        """上次之后新增的字节，至多 `limit`；没有则为空。被截短了（copytruncate）就从头读。"""
        try:
            with self.path.open("rb") as file:
                if file.seek(0, 2) < self._offset:
                    self._offset = 0
                file.seek(self._offset)
                data = file.read(limit)
        except FileNotFoundError:
            return b""
        self._offset += len(data)
        return data

    def tail(self, lines: int = 20) -> str:
        """末尾若干行文本；坏字节以替代符显示。"""
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, 2)
                file.seek(max(0, size - TAIL_BYTES))
                text = file.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])
