import hashlib

import pytest

from rayeval.accuracy import benchmarks, gpqa, prompt
from rayeval.accuracy.extract import extract_simple_evals
from rayeval.domain.accuracy import AccuracySpec
from rayeval.errors import ConfigError, UsageError

TEMPLATE = "Ask {Question} of {A}, {B}, {C} and {D} {keep me}"


@pytest.fixture
def item():
    return gpqa.make_items(
        [gpqa.Example("Q {A}? \\frac{1}{2} {", ("a", "b{B}", "c", "d"))], None, 1
    )[0]


def spec(path=None, **fields):
    return AccuracySpec(
        dataset="x.csv", template_file=None if path is None else str(path), **fields
    )


def test_without_a_file_the_wording_is_our_own_and_says_so():
    text, kind = prompt.template(spec())
    assert kind == "rayeval"
    assert hashlib.sha256(text.strip().encode()).hexdigest() != prompt.SIMPLE_EVALS_SHA256


def test_our_wording_cannot_be_mistaken_for_an_answer_when_it_is_echoed(item):
    assert extract_simple_evals(prompt.OWN) is None


def test_a_text_file_is_custom_until_its_checksum_is_that_of_simple_evals(tmp_path, monkeypatch):
    path = tmp_path / "mine.txt"
    path.write_text(f"\n{TEMPLATE}\n")
    assert prompt.template(spec(path)) == (TEMPLATE, "custom")
    monkeypatch.setattr(
        prompt, "SIMPLE_EVALS_SHA256", hashlib.sha256(TEMPLATE.encode()).hexdigest()
    )
    assert prompt.template(spec(path)) == (TEMPLATE, "simple_evals")


@pytest.mark.parametrize("value", [f'"""\n{TEMPLATE}\n""".strip()', f'"{TEMPLATE}"'])
def test_the_constant_is_read_from_a_checkout_without_running_it(tmp_path, value):
    (tmp_path / "common.py").write_text(
        f"raise SystemExit('never run')\nOTHER = 1\n{prompt.CONSTANT} = {value}\n"
    )
    assert prompt.template(spec(tmp_path)) == (TEMPLATE, "custom")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.txt", "{Question} {A} {B}", r"lacks \{C\}, \{D\}"),
        ("t.py", "X = 1", "no string constant QUERY_TEMPLATE_MULTICHOICE"),
        ("t.py", "QUERY_TEMPLATE_MULTICHOICE = f()", "no string constant"),
        ("t.py", "def (", "not Python source"),
        ("t.txt", b"\xff", "can't be read"),
    ],
)
def test_an_unusable_template_is_refused(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError, match=message):
        prompt.template(spec(path))


def test_a_missing_template_is_named(tmp_path):
    with pytest.raises(
        ConfigError, match=r"absent\.txt: template_file: the template can't be read"
    ):
        prompt.template(spec(tmp_path / "absent.txt"))


def test_braces_in_questions_options_and_template_are_harmless(item):
    a, b, c, d = item.options
    assert (
        prompt.fill(TEMPLATE, item) == f"Ask {item.question} of {a}, {b}, {c} and {d} {{keep me}}"
    )


def test_one_user_message_and_a_system_message_only_when_configured(item):
    alone = prompt.messages(TEMPLATE, item)
    assert [message["role"] for message in alone] == ["user"]
    led = prompt.messages(TEMPLATE, item, "Be brief.")
    assert led == [{"role": "system", "content": "Be brief."}, *alone]


def test_an_unknown_benchmark_is_named_with_the_nearest_one():
    with pytest.raises(UsageError, match="did you mean 'gpqa'"):
        benchmarks.find("gpqaa")
