"""真的程序在不在；CI 说了必须有的，没有就是失败，不是跳过。"""

from __future__ import annotations

import os
import shutil

import pytest

REQUIRED = "RAYEVAL_REQUIRE_REAL"


def program(*names: str) -> str:
    """几个名字里第一个有的程序的路径（名字同 Debian 的包里的）；都没有就跳过或失败。"""
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        why = f"{' or '.join(names)} is not installed; on Debian, apt-get install its package"
        assert not os.environ.get(REQUIRED), why
        pytest.skip(why)
    return found
