"""单独一份档位文件，不经过矩阵：命令行的 --profile。"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

from rayeval.config.diagnosis import build
from rayeval.config.document import read
from rayeval.domain.model import Model
from rayeval.errors import ConfigError, UsageError

M = TypeVar("M", bound=Model)


def read_profile(file: Path, shape: type[M], example: str) -> M:
    """读一份 `example` 那样的文件；没有抛 UsageError，有错抛 ConfigError（全部问题）。"""
    if not file.is_file():
        raise UsageError(f"--profile {file}: no such file; name one like {example}")
    document = read(file, str(file), dict(os.environ))
    spec, problems = build(document, shape)
    if spec is None or document.problems or problems:
        raise ConfigError([*document.problems, *problems])
    return spec
