"""前缀缓存有没有掺进一个 cell：只看命中的份额与所求的公共前缀，纯函数。"""

from __future__ import annotations

from rayeval.domain.report import CacheVerdict

NOISE = 0.02
"""份额的容差。"""
TEMPLATE_TOKENS = 32
"""对话模板开头各请求本来就相同的 token 数，两个常见的缓存块：它的命中不是重复的提示词。"""
MOST_TEMPLATE = 0.25
"""提示词再短，模板也只许占这么多。"""
WARM_SHARE = 0.5
"""公共前缀的命中到了它的这么多就算热：每个在途的第一个请求总要自己算一遍。"""


def cache_verdict(
    hit_ratio: float | None, *, shared_tokens: int, prompt_tokens: float | None
) -> CacheVerdict:
    """命中的份额 → 结论。

    `hit_ratio` 是提示词 token 中来自缓存的份额（0 到 1），None 为不知道；`shared_tokens` 是
    所求的公共前缀，`prompt_tokens` 是提示词的平均长度。规则，依次：

    1. 份额或长度不知道：unknown。
    2. 份额超过“公共前缀的份额 + 容差”：contaminated，提示词在重复，测的是缓存。
       容差取 NOISE 与模板所占之大者。
    3. 求了公共前缀，份额到了它的一半：warm。
    4. 其余：cold。
    """
    if hit_ratio is None or not prompt_tokens:
        return CacheVerdict.UNKNOWN
    expected = min(1.0, shared_tokens / prompt_tokens)
    slack = max(NOISE, min(MOST_TEMPLATE, TEMPLATE_TOKENS / prompt_tokens))
    if hit_ratio > expected + slack:
        return CacheVerdict.CONTAMINATED
    if expected and hit_ratio >= expected * WARM_SHARE:
        return CacheVerdict.WARM
    return CacheVerdict.COLD
