"""提示词：中英混写、可复现、从头就不同；长短只由词数定，词数由校准定。

英文都是五个字母、中文都是两个字，固定二英一中地交替：于是不论什么词表，
同样词数的提示词 token 数几乎相同，校准一次便处处准。
"""

from __future__ import annotations

import hashlib
import random

from rayeval.domain.load import Share

_ENGLISH = (  # noqa: SIM905 写成列表要六十四行
    "about above after again alone among apple bread bring broad brown build carry cause chair "
    "chief child clean clear clock close cloud coast color cover dance dream drink drive early "
    "earth eight every field first floor fruit glass grass great green group happy heart house "
    "large laugh learn light money month music night ocean paper plant river round stone table "
    "think tower water world"
).split()
_CHINESE = (  # noqa: SIM905 同上
    "时间 世界 城市 朋友 工作 学习 学生 老师 国家 社会 问题 经济 文化 历史 科学 技术 "
    "电影 音乐 天气 春天 夏天 秋天 冬天 早上 晚上 今天 明天 家庭 孩子 父亲 母亲 医院 "
    "公司 市场 银行 商店 飞机 火车 汽车 道路 河流 山川 海洋 森林 动物 植物 食物 水果 "
    "身体 健康 生活 语言 文字 数学 物理 化学 计划 机会 经验 方法 结果 原因 关系 环境"
).split()
_WORDS = (_ENGLISH, _ENGLISH, _CHINESE)
_HEAD = 8
"""开头这么多个词由盐定：48 位的不同，都在前 64 个字符里。"""
MIN_WORDS = 4
"""再短就分不出彼此；更短的输入长度以实测的 prompt_tokens 为准。"""


def write_prompt(share: Share, phase: str, index: int) -> str:
    """一个请求的提示词。

    开头随盐（每次运行、每个 cell、每个 epoch 都不同）与序号而变，使前缀缓存无从命中；
    其余只随种子与位置而变，可复现。
    """
    words = share.cell.input_length if share.prompt_words is None else share.prompt_words
    place = f"{share.cell.id}/{share.epoch}/{phase}/{index}"
    return prompt_text(f"{share.salt}/{place}", f"{share.spec.seed}/{place}", words)


def prompt_text(head: str, body: str, words: int) -> str:
    """`words` 个词的文本（至少 MIN_WORDS 个）：开头由 `head` 定，其余由 `body` 定。"""
    words = max(MIN_WORDS, words)
    picks = hashlib.blake2b(head.encode(), digest_size=_HEAD).digest()
    if words > _HEAD:
        picks += random.Random(body).randbytes(words - _HEAD)
    return " ".join(_WORDS[k % 3][pick & 63] for k, pick in enumerate(picks[:words]))
