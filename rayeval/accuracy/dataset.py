"""数据集的字节：路径或 URL；取过的留在缓存里，校验和不符绝不用。"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from rayeval.domain.accuracy import AccuracySpec
from rayeval.errors import ConfigError, Problem

FETCH_TIMEOUT_S = 60.0
MAX_BYTES = 512 * 1024 * 1024
"""再大的不像是题目；免得一个写错的地址填满内存。"""


def obtain(spec: AccuracySpec, env: Mapping[str, str] | None = None) -> bytes:
    """档位的数据集的字节，已核对校验和。

    URL 只取一次，放进缓存（RAYEVAL_CACHE，缺省 ~/.cache/rayeval）；有校验和时缓存里的也要
    相符。读不到、取不到、校验和不符抛 ConfigError，说清怎样在没有外网的地方备好它；
    内容绝不写进报错与日志（数据集里可能有 canary）。
    """
    if not is_url(spec.dataset):
        return _checked(spec, _read(Path(spec.dataset), spec.sha256))
    cached = cache_path(spec, env if env is not None else os.environ)
    if cached.is_file():
        raw = _read(cached, spec.sha256)
        if spec.sha256 is None or digest(raw) == spec.sha256.lower():
            return raw
    raw = _checked(spec, _fetch(spec, cached))
    _keep(cached, raw)
    return raw


def is_url(text: str) -> bool:
    """写的是地址而不是路径。"""
    return urlsplit(text).scheme in {"http", "https"}


def digest(raw: bytes) -> str:
    """sha256，小写十六进制。"""
    return hashlib.sha256(raw).hexdigest()


def cache_path(spec: AccuracySpec, env: Mapping[str, str]) -> Path:
    """URL 的内容在缓存里的位置：有校验和按它，没有按地址。"""
    root = env.get("RAYEVAL_CACHE") or str(
        Path(env.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rayeval"
    )
    key = spec.sha256.lower() if spec.sha256 else f"url-{digest(spec.dataset.encode())}"
    return Path(root) / "datasets" / f"{key}.csv"


def shown(text: str) -> str:
    """可以给人看的地址：去掉用户名、密码与查询串，那里常有签名。"""
    parts = urlsplit(text)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" if parts.scheme else text


def _read(path: Path, sha256: str | None) -> bytes:
    """文件的字节；读不到就说明去哪里取、怎样指给我们。"""
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"the dataset can't be read ({error.strerror})"
        if "gpqa" not in path.name.lower():
            raise problem(str(path), "dataset", f"{message}; name a CSV of questions") from error
        raise problem(
            str(path),
            "dataset",
            f"{message}; GPQA is not shipped with rayeval: obtain gpqa_diamond.csv (198 questions) "
            "from its authors or from the public storage that simple-evals reads, and give its "
            "path as GPQA_CSV or as dataset, or leave the accuracy stage out"
            + (f"; its sha256 must be {sha256}" if sha256 else ""),
        ) from error


def _fetch(spec: AccuracySpec, cached: Path) -> bytes:
    """取一次；取不到时说清没有外网的机器该怎么办。"""
    import httpx

    where = shown(spec.dataset)
    try:
        with httpx.stream(
            "GET", spec.dataset, timeout=FETCH_TIMEOUT_S, follow_redirects=True
        ) as response:
            response.raise_for_status()
            return _whole(response.iter_bytes(), where)
    except httpx.HTTPStatusError as error:
        reason = f"HTTP {error.response.status_code}"
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = type(error).__name__
    raise problem(
        where,
        "dataset",
        f"the dataset can't be fetched ({reason}); on a machine without access to it, fetch the "
        f"file elsewhere and put it at {cached}, or name its path as dataset",
    )


def _whole(pieces: Iterable[bytes], where: str) -> bytes:
    """各截接起来；过大就不要了。"""
    data = bytearray()
    for piece in pieces:
        data += piece
        if len(data) > MAX_BYTES:
            message = f"more than {MAX_BYTES >> 20} MiB: not a file of questions; mend the URL"
            raise problem(where, "dataset", message)
    return bytes(data)


def _checked(spec: AccuracySpec, raw: bytes) -> bytes:
    """校验和相符的字节。"""
    found = digest(raw)
    if spec.sha256 is None or found == spec.sha256.lower():
        return raw
    raise problem(
        shown(spec.dataset),
        "sha256",
        f"the file's checksum is {found}, expected {spec.sha256}; "
        "get the file again, or correct sha256 in the accuracy profile",
    )


def _keep(path: Path, raw: bytes) -> None:
    """放进缓存，原子地；放不下不碍事，下次再取。"""
    scratch = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_bytes(raw)
        scratch.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            scratch.unlink(missing_ok=True)


def problem(where: str, name: str, message: str) -> ConfigError:
    """关于数据集的一个 ConfigError。"""
    return ConfigError([Problem(where, 0, 0, name, message)])
