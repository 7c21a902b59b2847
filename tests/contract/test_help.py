"""帮助：每个动词都有例子，例子都成立，80 列里不折行；补全给得出词。"""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from rayeval.cli import cli
from rayeval.cli.examples import EXAMPLES
from rayeval.cli.verbs import VERBS
from rayeval.mock.__main__ import parser

ROOT = Path(__file__).parents[2]
GROUP = typer.main.get_command(cli)
NAMES = sorted(GROUP.commands)
LINES = [(verb, line) for verb, lines in EXAMPLES.items() for line in lines]


def words(line: str) -> list[str]:
    """一条例子的词；重定向归 shell。"""
    return shlex.split(line.partition(" > ")[0])


def parse(line: str) -> None:
    """走一遍命令行的解析，不执行；写错的开关在这里抛出。"""
    program, verb, *rest = words(line)
    assert program == "rayeval"
    if verb == "mock":
        parser().parse_args(rest)
    else:
        GROUP.commands[verb].make_context(verb, rest)


def test_every_verb_has_two_to_four_examples():
    assert set(EXAMPLES) == set(NAMES)
    assert {verb.__name__ for verb, *_ in VERBS} == set(NAMES) - {"mock"}
    assert all(2 <= len(lines) <= 4 for lines in EXAMPLES.values())


@pytest.mark.parametrize(("verb", "line"), LINES, ids=[line for _, line in LINES])
def test_an_example_parses_and_is_of_its_verb(verb, line):
    assert line.split()[1] == verb
    parse(line)


@pytest.mark.parametrize(
    "line",
    ["rayeval run --nothing", "rayeval perf URL -c", "rayeval mock --nothing", "rayeval cleanup"],
)
def test_the_check_of_examples_can_fail(line):
    with pytest.raises((Exception, SystemExit)):
        parse(line)


@pytest.mark.parametrize("verb", NAMES)
def test_help_shows_each_example_on_its_own_line_at_80_columns(verb):
    env = {"COLUMNS": "80", "TERMINAL_WIDTH": "80"}
    if verb == "mock":  # argparse 的话直接写到标准输出
        text = parser(EXAMPLES[verb]).format_help()
    else:
        text = CliRunner(env=env).invoke(cli, [verb, "--help"]).output
    lines = [line.strip() for line in text.splitlines()]
    assert "Examples:" in lines
    assert set(EXAMPLES[verb]) <= set(lines)
    assert max(map(len, text.splitlines())) <= 80


def test_every_verb_stands_in_a_panel():
    assert all(command.rich_help_panel for command in GROUP.commands.values())


def complete(line: str) -> list[str]:
    """shell 会问到的词。"""
    asked = {
        "_RAYEVAL_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split(" ")) - 1),
    }
    script = "from rayeval.cli import cli; cli(prog_name='rayeval')"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | asked,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("rayeval doc", ["doctor"]),
        ("rayeval run --add", ["--address"]),
        ("rayeval run --address ", ["local", "auto", "inline"]),
        ("rayeval run --stage p", ["perf"]),
        ("rayeval run --run-type ", ["pr", "daily"]),
        ("rayeval run --config configs/demo --scenario local", ["local_single_demo"]),
        ("rayeval run --config nowhere --scenario ", []),
        ("rayeval perf --format ", ["table", "json", "csv"]),
        ("rayeval perf --backend ", ["openai-chat", "openai"]),
        ("rayeval functional --suite gu", ["guided"]),
        ("rayeval functional --verdict ", ["compat", "strict"]),
        ("rayeval accuracy --benchmark m", ["mmlu"]),
        ("rayeval export --format j", ["junit"]),
        ("rayeval doctor --address a", ["auto"]),
        ("rayeval mock --list", ["--list-faults"]),
    ],
)
def test_completion_gives_the_words(line, found):
    assert complete(line) == found


def test_completion_imports_nothing_heavy():
    script = (
        "import sys; from rayeval import cli; from rayeval.cli.words import scenarios, features\n"
        "from types import SimpleNamespace as S\n"
        "scenarios(S(params={'config': 'configs/demo'}), ''); features('')\n"
        "print([m for m in ('ray', 'pyarrow', 'pandas', 'plotly', 'numpy', 'kubernetes', 'httpx')"
        " if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_shown(shell):
    env = {"_RAYEVAL_COMPLETE": f"source_{shell}"}  # --show-completion 认的是自己的父进程
    result = CliRunner().invoke(cli, [], prog_name="rayeval", env=env)
    assert result.exit_code == 0
    assert "_RAYEVAL_COMPLETE" in result.output
