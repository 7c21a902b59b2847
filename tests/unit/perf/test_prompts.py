import re
from itertools import product

from rayeval.perf.prompts import MIN_WORDS, prompt_text, write_prompt

CHINESE = re.compile(r"[一-鿿]")


def test_every_prompt_differs_within_its_first_64_characters(make_share):
    places = product(range(2), ("warmup", "measured"), range(400), ("a/c1/0", "a/c2/0", "b/c1/0"))
    heads = [
        write_prompt(make_share(epoch=e, salt=salt, input_length=(256,)), phase, index)[:64]
        for e, phase, index, salt in places
    ]
    assert len(set(heads)) == len(heads)


def test_the_same_place_gives_the_same_prompt_and_the_seed_changes_it(make_share):
    share = make_share(seed=1)
    assert write_prompt(share, "measured", 3) == write_prompt(share, "measured", 3)
    other = write_prompt(make_share(seed=2), "measured", 3)
    assert other.split()[8:] != write_prompt(share, "measured", 3).split()[8:]


def test_a_fresh_salt_changes_only_the_head(make_share):
    one, two = (write_prompt(make_share(salt=salt), "measured", 0).split() for salt in "ab")
    assert one[:8] != two[:8]
    assert one[8:] == two[8:]


def test_prompts_mix_chinese_and_english_in_words_of_one_size():
    words = prompt_text("h", "b", 300).split(" ")
    assert len(words) == 300
    assert {len(word) for word in words[2::3]} == {2}
    assert all(CHINESE.match(word) for word in words[2::3])
    assert {len(word) for word in words[0::3] + words[1::3]} == {5}


def test_calibrated_word_count_wins_over_the_length(make_share):
    assert len(write_prompt(make_share(prompt_words=77), "measured", 0).split()) == 77
    assert len(write_prompt(make_share(input_length=(50,)), "measured", 0).split()) == 50


def test_the_shortest_prompt_is_still_told_apart(make_share):
    assert len(write_prompt(make_share(input_length=(1,)), "measured", 0).split()) == MIN_WORDS
