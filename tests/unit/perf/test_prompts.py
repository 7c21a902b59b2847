import re
from collections import Counter
from dataclasses import replace
from itertools import product
from math import factorial

import pytest

from rayeval.domain.load import PromptPlan
from rayeval.perf.prompts import BLOCK, HEAD, Prompts, prompts_of, rough_plan

CHINESE = re.compile(r"[一-鿿]")
FULL = PromptPlan(HEAD, BLOCK + 5, 4)


def texts(plan, count=60, **more):
    prompts = Prompts(plan, **{"salt": "s", "seed": "d", **more})
    return [prompts.text("measured", index) for index in range(count)]


def test_every_prompt_differs_within_its_first_64_characters(make_share):
    places = product(range(3), ("a/c1/0", "a/c2/0", "b/c1/0"), ((256,), (512,)))
    writers = [
        prompts_of(make_share(epoch=e, salt=salt, input_length=length))
        for e, salt, length in places
    ]
    heads = [
        writer.text(phase, index)[:64]
        for writer in writers
        for phase in ("warmup", "measured")
        for index in range(700)
    ]
    assert len(set(heads)) == len(heads)


def test_neighbours_differ_in_their_very_first_character():
    firsts = [text[0] for text in texts(FULL, 52)]
    assert len(set(firsts)) == 52


@pytest.mark.parametrize(
    ("plan", "space"),
    [
        (PromptPlan(0, 0, 0), 52),
        (PromptPlan(0, 0, 1), 52),
        (PromptPlan(1, 0, 1), 104),
        (PromptPlan(2, 0, 3), 52 * 120),
    ],
)
def test_short_prompts_repeat_only_when_all_orders_are_used_up(plan, space):
    assert len(set(texts(plan, space))) == space


def test_every_order_of_the_head_words_is_reached():
    prompts = Prompts(PromptPlan(HEAD, 0, 0), salt="s", seed="d")
    step = 52 * factorial(HEAD) // factorial(7)
    tails = {prompts.text("measured", k * step) for k in range(factorial(7))}
    assert len(tails) == factorial(7)


def test_after_a_shared_prefix_even_short_rests_differ():
    plan = PromptPlan(0, 0, 1, prefix_units=2)
    assert len(set(texts(plan, 52, shared="x"))) == 52


def test_warm_up_and_measured_prompts_never_meet_even_when_they_are_short():
    prompts = Prompts(PromptPlan(1, 0, 1), salt="s", seed="d")
    warm = {prompts.text("warmup", index) for index in range(52)}
    measured = {prompts.text("measured", index) for index in range(52)}
    assert not warm & measured


@pytest.mark.parametrize("plan", [FULL, PromptPlan(HEAD, 0, 3), PromptPlan(4, 0, 2)])
def test_all_prompts_of_a_cell_hold_the_same_words(plan):
    bags = [Counter(text[1:].split(" ")) for text in texts(plan)]
    assert all(bag == bags[0] for bag in bags)
    assert len({text[1:] for text in texts(plan)}) > 1


@pytest.mark.parametrize("units", [7, BLOCK, 2 * BLOCK + 5])
def test_another_seed_shuffles_the_body_and_keeps_its_words(units):
    one, two = (texts(PromptPlan(0, units, 0), 1, seed=seed)[0].split() for seed in "xy")
    assert one != two
    assert Counter(one[1:]) == Counter(two[1:])


def test_the_body_is_turned_from_prompt_to_prompt():
    bodies = {" ".join(text.split()[HEAD + 1 :]) for text in texts(FULL, BLOCK + 5)}
    assert len(bodies) == BLOCK + 5


def test_the_same_place_gives_the_same_prompt_and_the_seed_changes_it(make_share):
    share = make_share(seed=1, input_length=(300,))
    assert prompts_of(share).text("measured", 3) == prompts_of(share).text("measured", 3)
    other = prompts_of(make_share(seed=2, input_length=(300,))).text("measured", 3)
    assert other.split()[HEAD + 1 :] != prompts_of(share).text("measured", 3).split()[HEAD + 1 :]


def test_a_fresh_salt_changes_only_the_head(make_share):
    one, two = (
        prompts_of(make_share(salt=salt, input_length=(300,))).text("measured", 0).split()
        for salt in "ab"
    )
    assert one[: HEAD + 1] != two[: HEAD + 1]
    assert one[HEAD + 1 :] == two[HEAD + 1 :]


def test_prompts_mix_chinese_and_english_in_words_of_one_size():
    words = texts(PromptPlan(HEAD, 100, 0), 1)[0].split(" ")[HEAD + 1 :]
    assert {len(word) for word in words[2::3]} == {2}
    assert all(CHINESE.match(word) for word in words[2::3])
    assert {len(word) for word in words[0::3] + words[1::3]} == {5}


def test_head_words_mix_both_languages_and_fit_into_64_characters():
    head = " ".join(texts(PromptPlan(HEAD, 0, 0), 1)[0].split(" "))
    assert len(head) <= 64
    assert CHINESE.search(head)


def test_the_shared_prefix_is_the_same_in_a_cell_and_new_in_each_run_and_cell():
    plan = PromptPlan(HEAD, 20, 2, prefix_units=10, prefix_letters=3)

    def prefixes(shared):
        found = Prompts(plan, salt="s", seed="d", shared=shared)
        lead = found.lead.decode()
        assert all(found.text("measured", index).startswith(lead) for index in range(60))
        rests = {found.text("measured", index)[len(lead) :][:64] for index in range(60)}
        assert len(rests) == 60
        return lead

    one, two = prefixes("run1/cell"), prefixes("run2/cell")
    assert one != two
    assert Counter(one.split()) == Counter(two.split())


def test_a_shared_prefix_follows_the_run_and_not_the_epoch(make_share):
    plan = PromptPlan(HEAD, 20, 0, prefix_units=8, mark="run1")
    share = make_share(input_length=(100,), shared_prefix=30)
    here = replace(share, prompt_plan=plan)
    later = replace(here, epoch=1, salt="other")
    assert prompts_of(here).lead == prompts_of(later).lead
    assert prompts_of(replace(here, prompt_plan=replace(plan, mark="run2"))).lead != (
        prompts_of(here).lead
    )


@pytest.mark.parametrize("words", [1, 2, 5, HEAD, HEAD + 1, 50, 77, 1000])
def test_without_calibration_a_word_counts_as_a_token(make_share, words):
    assert len(prompts_of(make_share(input_length=(words,))).text("measured", 0).split()) == words


@pytest.mark.parametrize(("words", "prefix"), [(41, 40), (100, 40), (100, 1), (2, 1)])
def test_without_calibration_the_shared_prefix_is_part_of_the_words(make_share, words, prefix):
    share = make_share(input_length=(words,), shared_prefix=prefix)
    assert words - 1 <= len(prompts_of(share).text("measured", 0).split()) <= words
    plan = rough_plan(words, prefix)
    assert 3 * plan.prefix_units + plan.prefix_letters == max(1, prefix) - 1


def test_no_byte_needs_escaping_in_json():
    prompts = Prompts(replace(FULL, prefix_units=2), salt="s", seed="d", shared="p")
    text = prompts.text("measured", 1)
    assert not re.search(r'["\\\x00-\x1f]', text)
