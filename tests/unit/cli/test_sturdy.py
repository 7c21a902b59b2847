"""标准输出坏了，测量照旧。"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rayeval.cli import results
from rayeval.errors import InfrastructureError

SCRIPT = """
import sys
from rayeval.cli.options import console
screen = console()
screen.print("line 0")
for n in range(3000):  # 管道装得下 64 KiB：写的要多得多
    screen.print(f"line {n} of a long answer, of which nobody reads any more")
screen.file.flush()
print("went on", file=sys.stderr)
"""


def test_a_reader_that_left_does_not_end_the_run():
    shell = f"\"{sys.executable}\" -c '{SCRIPT}' | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "line 0\n")
    assert done.stderr == "went on\n"


def test_a_full_disk_does_not_end_the_run():
    argv = [sys.executable, "-c", SCRIPT]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(argv, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "went on\n")


def test_an_encoding_that_lacks_a_character_does_not_lose_the_report():
    script = "from rayeval.cli.options import console\nconsole().print('128 \u00d7 32')"
    argv = [sys.executable, "-c", script]
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=env)
    assert (done.returncode, done.stdout) == (0, "128 ? 32\n"), done.stderr


def shut(*argv):
    shell = '"$0" "$@" >&-'
    python = [sys.executable, "-m", "rayeval.cli", *argv]
    return subprocess.run(
        ["bash", "-c", shell, *python], capture_output=True, text=True, check=False
    )


def test_a_closed_stdout_is_nobody_listening():
    done = shut("plan", "--config", "configs/demo")
    assert (done.returncode, done.stderr) == (0, "")


def test_results_that_have_nowhere_to_go_are_told(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(InfrastructureError, match="Bad file descriptor; they are kept: rayeval"):
        results._write(b"x", "runs/1")
