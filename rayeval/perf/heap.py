"""把空出来的内存还给系统：造好又发完的请求空出的地方，分配器自己不一定还。"""

from __future__ import annotations

import ctypes
import sys


def give_back() -> None:
    """glibc 上把空闲的整页还掉，要几毫秒，只在测量之外用；别的 C 库上什么也不做。"""
    if sys.platform != "linux":
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
