"""前缀缓存的结论：一张表。"""

import pytest

from rayeval.perf.cache_verdict import cache_verdict


@pytest.mark.parametrize(
    ("hits", "shared", "prompt", "expected"),
    [
        (None, 0, 128, "unknown"),
        (0.5, 0, None, "unknown"),
        (0.5, 0, 0, "unknown"),
        (0.0, 0, 128, "cold"),
        (0.02, 0, 4096, "cold"),
        (0.03, 0, 4096, "contaminated"),
        (0.9, 0, 128, "contaminated"),
        (0.2, 0, 128, "cold"),  # 模板开头的两个块
        (0.26, 0, 128, "contaminated"),
        (0.3, 0, 8, "contaminated"),  # 再短，模板也不许占这么多
        (0.0, 512, 1024, "cold"),
        (0.24, 512, 1024, "cold"),
        (0.25, 512, 1024, "warm"),
        (0.5, 512, 1024, "warm"),
        (0.53, 512, 1024, "warm"),
        (0.6, 512, 1024, "contaminated"),
        (1.0, 2048, 1024, "warm"),
    ],
)
def test_the_verdict(hits, shared, prompt, expected):
    assert cache_verdict(hits, shared_tokens=shared, prompt_tokens=prompt) == expected
