"""两种读法的对照表：左为回复，中为 simple_evals 所读，右为 robust 所读。"""

import time

import pytest

from rayeval.accuracy.extract import extract_robust, extract_simple_evals, strip_reasoning

TABLE = [
    ("Answer: B", "B", "B"),
    ("answer:C", "C", "C"),
    ("ANSWER \t: \t$D$", "D", "D"),
    ("Answer: $A", "A", "A"),
    ("Answer: B) 42 m/s", "B", "B"),
    ("Answer: B oxygen", "B", "B"),
    ("Answer: A because it is lighter", "A", "A"),
    # 小写：原版照抄小写（随后按大小写判错）
    ("Answer: b", "b", "B"),
    ("answer: (c).", None, "C"),
    # 思维链里的第一处，与真正的最后一处
    ("If so, Answer: A. But no.\nAnswer: C", "A", "C"),
    ("<think>Answer: A</think>\nAnswer: D", "A", "D"),
    ("hmm, Answer: A</think>Answer: D", "A", "D"),
    ("<think>Answer: A and then the budget ended", "A", None),
    # 被单词的首字母骗到的
    ("Answer: Because the mass is conserved", "B", None),
    ("Answer: D-glucose is the sugar", "D", None),
    ("Answer: A reaction occurs", "A", None),
    ("Answer:\n\nA reaction occurs", None, None),
    # 装饰
    ("**Answer**: B", None, "B"),
    ("**Answer:** B", None, "B"),
    ("**Answer: B**", "B", "B"),
    ("Answer: **B**", None, "B"),
    ("Answer: (B)", None, "B"),
    ("Answer: [B]", None, "B"),
    ("Answer: `B`", None, "B"),
    (r"Answer: $\boxed{B}$", None, "B"),
    (r"Answer: \(\text{B}\)", None, "B"),
    (r"so the result is \boxed{C}", None, "C"),
    (r"\boxed{\text{(D)}}", None, "D"),
    (r"\boxed{42}", None, None),
    ("Answer:\n\n**B**", None, "B"),
    ("The correct answer is B.", None, "B"),
    ("The final answer is (C), as shown", None, "C"),
    ("The answer is not B", None, None),
    # 中文与全角
    ("**Answer**：B", None, "B"),
    ("Answer：（Ｂ）", None, "B"),  # noqa: RUF001 全角正是要测的
    ("答案：B", None, "B"),
    ("答案是 C。", None, "C"),
    ("正确答案为Ｄ", None, "D"),
    ("答案：B是对的", None, "B"),
    ("所以最终答案：**A**", None, "A"),
    ("故选 D", None, "D"),
    ("选项 B 不对，不选 C", None, None),
    # 只有一个字母的末行
    ("It must be the second.\n\nB", None, "B"),
    ("It must be the second.\n**B.**\n", None, "B"),
    ("B", None, "B"),
    ("A\nB\nC\nD", None, None),
    # 没有答案
    ("", None, None),
    ("Possible answers: A, B, C or D", None, None),
    ("Answer: E", None, None),
    ("I need to think about it", None, None),
]


@pytest.mark.parametrize(("reply", "simple", "robust"), TABLE)
def test_each_reply_is_read_as_the_table_says(reply, simple, robust):
    assert extract_simple_evals(reply) == simple
    assert extract_robust(reply) == robust


def test_a_mention_of_the_tag_inside_thinking_does_not_lose_the_answer():
    assert strip_reasoning("<think>I opened <think> once</think>Answer: B") == "Answer: B"


def test_text_before_a_closed_thought_is_kept():
    assert strip_reasoning("Answer: B<think>hm</think>.") == "Answer: B."


@pytest.mark.parametrize(
    "seed",
    [
        "<think>",
        "</think>",
        "Answer:",
        "Answer:" + "*" * 40,
        "\\boxed{\\text{",
        "答案：\n\n",
        "故选(((",
    ],
)
def test_a_hostile_megabyte_is_read_in_linear_time(seed):
    text = seed * (1_000_000 // len(seed))
    begin = time.perf_counter()
    extract_simple_evals(text)
    extract_robust(text)
    assert time.perf_counter() - begin < 10
