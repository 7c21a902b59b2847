import re

import pytest

from rayeval.perf.calibration import fit_words
from rayeval.perf.prompts import MIN_WORDS, prompt_text

TOKENIZERS = {
    "bytes": lambda text: len(text.encode()) + 30,
    "words": lambda text: len(text.split()) + 9,
    "subwords": lambda text: len(re.findall(r" ?[A-Za-z]{1,4}|[\s\S]", text)) + 4,
    "characters": len,
}


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize("length", [128, 512, 4096])
def test_prompts_come_within_two_percent_of_the_length(name, length):
    ruler = TOKENIZERS[name]
    words = fit_words(ruler, length, "salt")
    for index in range(40):
        achieved = ruler(prompt_text(f"x/{index}", f"y/{index}", words))
        assert abs(achieved - length) <= max(3, 0.02 * length)


def test_uneven_words_come_within_two_percent_in_the_mean():
    def ruler(text):
        return 12 + sum(1 + (sum(map(ord, word)) % 7 == 0) for word in text.split())

    for length in (128, 512, 4096):
        words = fit_words(ruler, length, "salt")
        achieved = [ruler(prompt_text(f"x/{n}", f"y/{n}", words)) for n in range(100)]
        assert abs(sum(achieved) / 100 - length) <= 0.02 * length


def test_a_length_below_the_template_takes_the_shortest_prompt():
    assert fit_words(TOKENIZERS["bytes"], 1, "salt") == MIN_WORDS


@pytest.mark.parametrize("ruler", [lambda text: None, lambda text: 5])
def test_a_ruler_that_tells_nothing_gives_no_word_count(ruler):
    assert fit_words(ruler, 128, "salt") is None


def test_a_target_beyond_the_context_keeps_the_straight_line():
    def limited(text):
        return len(text.split()) * 2 if len(text.split()) < 100 else None

    assert fit_words(limited, 1000, "salt") == 500


def test_no_text_is_measured_twice():
    seen = []

    def ruler(text):
        seen.append(text[:64])
        return len(text) // 3

    fit_words(ruler, 512, "salt")
    assert len(set(seen)) == len(seen)
