"""自带分词：一字不差地往返，码位不劈开。"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayeval.mock import corpus, tokenizer

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(TEXT)
def test_every_text_comes_back_exactly(text):
    assert "".join(tokenizer.split(text)) == text
    assert tokenizer.decode(tokenizer.encode(text)) == text


@given(TEXT)
def test_ids_are_within_the_vocabulary_and_counted(text):
    ids = tokenizer.encode(text)
    assert len(ids) == tokenizer.count(text)
    assert all(0 <= number < tokenizer.VOCABULARY for number in ids)


@given(st.text("ab Z09", max_size=12), st.text("ab Z09", max_size=12))
def test_different_texts_never_share_their_ids(one, other):
    assert (tokenizer.encode(one) == tokenizer.encode(other)) == (one == other)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Hello world", ["Hell", "o", " worl", "d"]),
        ("你好，世界", ["你", "好", "，", "世", "界"]),
        ("12345", ["123", "45"]),
        ("  a", [" ", " a"]),
        ("007 07", ["007", " ", "07"]),
    ],
)
def test_pieces_are_words_digits_and_code_points(text, pieces):
    assert tokenizer.split(text) == pieces


def test_an_emoji_of_several_code_points_is_several_tokens_each_whole():
    pieces = tokenizer.split("👨‍👩‍👧")
    assert len(pieces) == 5
    assert all(piece.encode().decode() == piece for piece in pieces)


@pytest.mark.parametrize("number", [-1, tokenizer.VOCABULARY])
def test_an_id_out_of_the_vocabulary_is_refused(number):
    with pytest.raises(ValueError, match="out of vocabulary"):
        tokenizer.decode([number])


def test_special_tokens_have_their_own_ids():
    ids = {tokenizer.special(f"<|{role}|>") for role in ("system", "user", "assistant", "tool")}
    assert len(ids) == 4
    assert tokenizer.decode([tokenizer.special(tokenizer.END)]) == tokenizer.END


@pytest.mark.parametrize("language", ["en", "zh", "mixed"])
@pytest.mark.parametrize("count", [0, 1, 7, 5000])
def test_filler_is_as_long_as_asked_and_tokenizes_back(language, count):
    pieces = corpus.filler(language, 3, count)
    assert len(pieces) == count
    assert tokenizer.split("".join(pieces)) == pieces
