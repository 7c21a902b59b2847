"""产物目录：每样东西放在哪、怎样落盘；只有驱动端写，每次写都是原子的。"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from rayeval.errors import InfrastructureError

_UNSAFE = re.compile(r"[^\w.+=@-]+")
_LONGEST_SUFFIX = 12
_LONGEST_LABEL = 80  # 场景、Pod 名要与别的拼在一个文件名里，合起来仍在 255 字节内
_MENDS = {
    errno.ENOSPC: "free some space, or choose another --artifacts directory",
    errno.EDQUOT: "raise the disk quota, or choose another --artifacts directory",
    errno.EROFS: "the file system is read-only; choose another --artifacts directory",
    errno.EACCES: "make it writable, or choose another --artifacts directory",
    errno.EPERM: "make it writable, or choose another --artifacts directory",
    errno.ENOTDIR: "a file stands where a directory is needed; move it away",
    errno.EEXIST: "a file stands where a directory is needed; move it away",
    errno.EISDIR: "a directory stands where a file is needed; move it away",
}


def safe_name(text: str, limit: int = 200) -> str:
    """任意文本 → 一个文件名分量：没有斜杠与空白，不以点开头，UTF-8 下不超过 `limit` 字节。

    被改动过的名字带上原文的短摘要（扩展名仍在末尾），于是不同的原文不会写进同一个文件。
    """
    name = _UNSAFE.sub("_", text).lstrip(".")
    if name == text and 0 < len(name.encode()) <= limit:
        return name
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    suffix = PurePosixPath(name).suffix
    suffix = suffix if len(suffix.encode()) <= _LONGEST_SUFFIX else ""
    room = limit - len(digest) - len(suffix.encode()) - 1
    stem = name.removesuffix(suffix).encode()[:room].decode(errors="ignore")
    return f"{stem or 'unnamed'}-{digest}{suffix}"


@dataclass(frozen=True, slots=True)
class Artifacts:
    """一次运行的产物：给出相对路径（POSIX 写法），并把字节写到 `root` 之下。

    `run_ts` 是这次运行的时间标签；写不动时抛 InfrastructureError，写明路径与修法。
    """

    root: Path
    run_ts: str

    def service_log(self, scenario: str, source: str = "") -> str:
        """某场景的服务日志；`source` 区分 Pod 与容器。"""
        tail = f"_{_label(source)}" if source else ""
        return f"logs/service_{_label(scenario)}_{_label(self.run_ts)}{tail}.log"

    def functional(self, scenario: str, name: str) -> str:
        """某场景功能测试的一个文件。"""
        return self._staged("functional", scenario, name)

    def perf(self, scenario: str, name: str) -> str:
        """某场景压测的一个文件。"""
        return self._staged("perf", scenario, name)

    def accuracy(self, scenario: str, name: str) -> str:
        """某场景准确率的一个文件。"""
        return self._staged("accuracy", scenario, name)

    def metrics(self) -> str:
        """推送给 Pushgateway 的正文。"""
        return f"metrics/{_label(self.run_ts)}.prom"

    def run(self, name: str) -> str:
        """属于整次运行的一个文件，例如 report.json。"""
        return f"runs/{_label(self.run_ts)}/{safe_name(name)}"

    def path(self, relpath: str) -> Path:
        """相对路径 → 磁盘路径；走出 `root` 的路径不接受。"""
        pure = PurePosixPath(relpath)
        if pure.is_absolute() or ".." in pure.parts or not pure.parts:
            msg = f"artifact path {relpath!r} leaves the artifacts directory; give a relative one"
            raise InfrastructureError(msg)
        return self.root.joinpath(*pure.parts)

    def prepare(self) -> None:
        """建好 `root` 并试写一次，好让写不动的磁盘在启动任何服务之前就露馅。"""
        probe = f".probe-{secrets.token_hex(4)}"
        self.write(probe, b"probe\n")
        try:
            self.path(probe).unlink()
        except OSError as error:
            raise _unwritable(self.root, error) from error

    def write(self, relpath: str, data: bytes) -> str:
        """原子地写一个文件，已有的被替换；返回相对路径。"""
        with self.opened(relpath) as file:
            file.write(data)
        return relpath

    @contextmanager
    def opened(self, relpath: str) -> Iterator[BinaryIO]:
        """一个边生成边写的文件；块正常走完才出现在 `relpath`，已有的被替换。

        先写同目录的临时文件并落盘再改名：读者看到的要么是旧的全文，要么是新的全文。
        """
        target = self.path(relpath)
        scratch = target.with_name(f".{secrets.token_hex(8)}.tmp")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with scratch.open("xb") as file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                scratch.replace(target)
            except BaseException:
                scratch.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise _unwritable(target, error) from error

    def append(self, relpath: str, data: bytes) -> str:
        """在文件末尾接上字节（日志、事件流）；返回相对路径。"""
        target = self.path(relpath)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("ab") as file:
                file.write(data)
        except OSError as error:
            raise _unwritable(target, error) from error
        return relpath

    def _staged(self, stage: str, scenario: str, name: str) -> str:
        """阶段/场景/时间/文件名。"""
        return f"{stage}/{_label(scenario)}/{_label(self.run_ts)}/{safe_name(name)}"


def _label(text: str) -> str:
    """要与别的名字拼在一起的短名。"""
    return safe_name(text, _LONGEST_LABEL)


def _unwritable(path: Path, error: OSError) -> InfrastructureError:
    """写失败 → 说清哪个路径、为什么、怎么修。"""
    reason = error.strerror or type(error).__name__
    mend = _MENDS.get(error.errno or 0, "mend the disk, or choose another --artifacts directory")
    return InfrastructureError(f"can't write {path}: {reason}; {mend}")
