"""可复现的骰子：同样的由头，永远同样的点数，与到达次序无关。"""

from __future__ import annotations

import hashlib
import random


def roll(*parts: object) -> int:
    """由头的 64 位散列；各部分按 repr 区分，"1" 与 1 不同。"""
    digest = hashlib.blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "big")


def chance(*parts: object) -> float:
    """由头定下的 [0, 1) 间的数。"""
    return roll(*parts) / 2**64


def shuffler(*parts: object) -> random.Random:
    """由头定下的独立随机源。"""
    return random.Random(roll(*parts))
