"""按格数排版：汉字占两格，补足、折行与省略后的每一行都不超过宽。"""

import pytest
from rich.cells import cell_len

from rayeval.progress.cells import middle, pad, wrap


@pytest.mark.parametrize("text", ["short", "场景", "a场景b"])
def test_padding_counts_cells(text):
    assert cell_len(pad(text, 12)) == 12


@pytest.mark.parametrize(
    "text", ["a-very-long-scenario-name-tp4", "一个很长很长的场景名字四卡", "a一b二c三d四e五f六"]
)
@pytest.mark.parametrize("width", [8, 9, 10, 11])
def test_a_long_name_keeps_both_ends_and_the_width(text, width):
    cut = middle(text, width, "…")
    assert cell_len(cut) <= width
    assert cut[0] == text[0]
    assert cut[-1] == text[-1]
    assert "…" in cut


@pytest.mark.parametrize(
    "text",
    [
        "服务没有起来：设备零的显存不够，想要七十八吉，只剩下三吉，换一张卡或者减小上下文",
        "the service did not come up within the time that it was given, and then was killed",
        "混着写 the service 没有起来 because 显存不够 and was killed 之后也没有再起来",
        "x" * 200,
    ],
)
@pytest.mark.parametrize("width", [20, 21, 33])
def test_wrapped_lines_fit_and_the_last_says_that_more_was_said(text, width):
    lines = wrap(text, width, 2, "…")
    assert len(lines) == 2
    assert all(cell_len(line) <= width for line in lines)
    assert lines[-1].endswith("…")
    assert cell_len(lines[0]) > width // 2


def test_nothing_is_lost_where_there_is_room():
    words = "the service said 没有显存 and left"
    assert "".join(wrap(words, 12, 9, "…")).replace(" ", "") == words.replace(" ", "")
    assert wrap("one two", 40, 2, "…") == ["one two"]
    assert wrap("", 40, 2, "…") == []
