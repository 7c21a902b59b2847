import pytest

from rayeval.config.environment import MASK, redact
from rayeval.domain.variables import UnsetVariable, expand

ENV = {"NAME": "value", "EMPTY": ""}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("${NAME}", "value"),
        ("a-${NAME}-${NAME}", "a-value-value"),
        ("${NAME:-other}", "value"),
        ("${MISSING:-other}", "other"),
        ("${MISSING:-http://host:1/v1}", "http://host:1/v1"),
        ("${MISSING:-}", ""),
        ("${EMPTY}", ""),
        ("${EMPTY:-other}", "other"),
        ("$${NAME}", "${NAME}"),
        ("$NAME costs $5", "$NAME costs $5"),
        ('{"a": {"b": 1}}', '{"a": {"b": 1}}'),
    ],
)
def test_references_are_filled_in(text, expected):
    assert expand(text, ENV) == expected


@pytest.mark.parametrize("text", ["${NAME", "${}", "${1X}", "${A B}", "${A:-${NAME}}", "${NAME-x}"])
def test_malformed_references_say_how_to_write_them(text):
    with pytest.raises(UnsetVariable, match=r"malformed.*\$\{NAME:-default\}"):
        expand(text, ENV)


def test_an_unset_variable_is_named_with_the_mend():
    with pytest.raises(UnsetVariable, match=r"MISSING is not set.*\$\{MISSING:-default\}"):
        expand("x${MISSING}", ENV)


def test_a_filled_in_value_is_not_filled_in_again():
    assert expand("${A}", {"A": "${NAME}", "NAME": "v"}) == "${NAME}"


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({"env": {"HF_TOKEN": "t", "TP": "2"}}, {"env": {"HF_TOKEN": MASK, "TP": "2"}}),
        ({"headers": {"X-Api-Key": "k"}}, {"headers": {"X-Api-Key": MASK}}),
        ({"command": ["a", "--api-key", "k", "b"]}, {"command": ["a", "--api-key", MASK, "b"]}),
        ({"command": ["--hf-token=k"]}, {"command": ["--hf-token=" + MASK]}),
        ({"command": ["--answer-key", "a.csv"]}, {"command": ["--answer-key", "a.csv"]}),
        ({"command": ["--max-tokens", "5"]}, {"command": ["--max-tokens", "5"]}),
        ({"env": {"TOKENIZERS_PARALLELISM": "x"}}, {"env": {"TOKENIZERS_PARALLELISM": "x"}}),
        ({"base_url": "http://me:pw@host/v1"}, {"base_url": f"http://{MASK}@host/v1"}),
        (
            {"deep": [{"note": "has long-secret-1 in it"}]},
            {"deep": [{"note": f"has {MASK} in it"}]},
        ),
        ({"env": {"PLAIN": "long-secret-1"}}, {"env": {"PLAIN": MASK}}),
        ({"model": "EMPTY words"}, {"model": "EMPTY words"}),
    ],
)
def test_secrets_are_masked_and_the_rest_is_kept(tree, expected):
    assert redact(tree, ["long-secret-1", "EMPTY"]) == expected
