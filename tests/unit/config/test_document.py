import math
import sys

import pytest

from rayeval.config.document import read


def parse(tmp_path, text, env=None):
    path = tmp_path / "a.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read(path, "a.yaml", env or {})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("none", "none"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("2024-01-01", "2024-01-01"),
        ("012", 12),
        ("0o14", 12),
        ("0x1F", 31),
        ("1e3", 1000.0),
        ("-.5", -0.5),
        (".inf", math.inf),
        ("-.inf", -math.inf),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ('"true"', "true"),
        ('""', ""),
    ],
)
def test_scalars_follow_yaml_1_2(tmp_path, text, value):
    assert parse(tmp_path, f"a: {text}").data == {"a": value}


def test_every_value_and_key_knows_its_place(tmp_path):
    document = parse(tmp_path, "a:\n  - x: 1\n    é: [2, 3]\n")
    spot = document.values["a", 0, "é", 1]
    assert (spot.line, spot.column, spot.text) == (3, 12, "3")
    assert (document.keys["a", 0, "é"].line, document.keys["a", 0, "é"].column) == (3, 5)


def test_a_duplicate_key_names_both_lines(tmp_path):
    document = parse(tmp_path, "a: 1\nb:\n  c: 1\n  c: 2\n")
    assert [str(p) for p in document.problems] == [
        "a.yaml:4:3: b.c: duplicate key 'c'; it is already on line 3"
    ]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: [1, 2\nb: 3\n", 2, "YAML syntax"),
        ("a: 1\n\tb: 2\n", 2, "spaces, not tabs"),
        ('a: 1\nb: [${X}, "y"]\n', 2, 'write "${NAME}" in quotes'),
        ("a: *nowhere\n", 1, "alias"),
        ("a: 1\n  b: 2\n", 2, "indent it like its neighbours"),
        ("a: tcp: x\n", 1, 'put text with ": " in quotes'),
        ("a: 1\n---\nb: 2\n", 2, "document"),
        ("a: !!python/object:os.system x\n", 1, "tag"),
        ("a: &x [*x]\n", 1, "alias must not contain itself"),
        ("? [a]\n: b\n", 1, "key must be plain text"),
        (b"a: 1\nb: \xff\n", 2, "UTF-8"),
    ],
)
def test_unreadable_text_is_a_located_problem(tmp_path, text, line, words):
    problems = parse(tmp_path, text).problems
    assert len(problems) == 1
    assert problems[0].line == line
    assert words in problems[0].message


def test_control_characters_are_a_problem_not_a_crash(tmp_path):
    assert parse(tmp_path, "a: \x01\n").broken


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path):
    assert parse(tmp_path, b"\xef\xbb\xbfa: 1\n").data == {"a": 1}


def test_an_empty_file_is_an_empty_mapping(tmp_path):
    assert parse(tmp_path, "# nothing\n").data == {}


def test_a_missing_file_is_a_problem(tmp_path):
    assert "can't be read" in str(read(tmp_path / "no.yaml", "no.yaml", {}).problems[0])


def test_variables_are_filled_in_quoted_or_not(tmp_path):
    document = parse(tmp_path, 'a: ${X}\nb: "${X}"\nc: ${Y:-}\nd: "${Y:-}"\n', {"X": "1"})
    assert document.data == {"a": "1", "b": "1", "c": None, "d": ""}


def test_an_unset_variable_is_located(tmp_path):
    problem = parse(tmp_path, "a:\n  b: ${X}\n").problems[0]
    assert (problem.line, problem.column, problem.field) == (2, 6, "a.b")


def test_the_pure_python_parser_gives_the_same(tmp_path, monkeypatch):
    import importlib

    from rayeval.config import yaml12

    monkeypatch.setitem(sys.modules, "yaml._yaml", None)
    try:
        slow = importlib.reload(yaml12)
        assert slow._Parser is None
        monkeypatch.setattr("rayeval.config.document.compose", slow.compose)
        document = parse(tmp_path, "a: [no, 012, {b: 'x'}]\n")
    finally:
        monkeypatch.undo()
        importlib.reload(yaml12)
    assert document.data == {"a": ["no", 12, {"b": "x"}]}
    assert document.values["a", 2, "b"].column == 18


def test_endless_nesting_is_a_problem_of_the_file(tmp_path):
    document = parse(tmp_path, f"a: {'[' * 5000}{']' * 5000}")
    assert document.broken
    assert "nested too deeply" in str(document.problems[0])
