"""外部的 simple-evals：命令起得来、收得走、说得清；密钥只在环境里。"""

import os
import sys
import time
from pathlib import Path

import pytest
from pydantic import SecretStr

from rayeval.accuracy.external import run_external
from rayeval.domain.accuracy import AccuracySpec
from rayeval.domain.service import Endpoint
from rayeval.errors import InfrastructureError

KEY = "sk-very-secret"
ENDPOINT = Endpoint("http://127.0.0.1:9/v1", "my-model", SecretStr(KEY))
RUNNER = """
import json, os, sys
model, out, url = sys.argv[1:4]
assert os.environ["OPENAI_API_KEY"] and os.environ["OPENAI_BASE_URL"] == url
json.dump({"chars": 9.0, "score": 0.5}, open(f"{out}/gpqa_{model}_20260102_030405.json", "w"))
"""


def spec(source, *words, **fields):
    return AccuracySpec(runner=(sys.executable, "-c", source, *words), **fields)


def finish(course):
    try:
        while True:
            next(course)
    except StopIteration as end:
        return end.value


def test_the_command_gets_its_values_and_its_result_is_read():
    made = spec(RUNNER, "{model}", "{out}", "{base_url}", num_examples=5)
    result, answers = finish(run_external(made, ENDPOINT, lambda: None))
    assert (result.score, result.mean_chars, result.n, answers) == (0.5, 9.0, 5, [])


def test_only_what_the_command_wrote_counts(tmp_path):
    old = tmp_path / "gpqa_m_20250101_000000.json"
    old.write_text('{"score": 1.0}')
    os.utime(old, (1, 1))
    course = run_external(spec("", results=str(tmp_path)), ENDPOINT, lambda: None)
    with pytest.raises(InfrastructureError, match="that the runner wrote"):
        finish(course)
    read = AccuracySpec(results=str(tmp_path))
    assert finish(run_external(read, ENDPOINT, lambda: None))[0].score == 1.0


def test_a_failing_command_is_told_with_its_last_words_and_without_the_key():
    source = "import os, sys; sys.exit('no quota for ' + os.environ['OPENAI_API_KEY'])"
    with pytest.raises(InfrastructureError, match="exit code 1; it said: no quota for") as told:
        finish(run_external(spec(source), ENDPOINT, lambda: None))
    assert KEY not in str(told.value)


def test_a_command_that_is_not_there_is_told():
    made = AccuracySpec(runner=("/nowhere/python",))
    with pytest.raises(InfrastructureError, match="can't be started: No such file"):
        finish(run_external(made, ENDPOINT, lambda: None))


SLEEPER = """
import subprocess, sys, time
from pathlib import Path
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
Path(sys.argv[1]).write_text(str(child.pid))
time.sleep(60)
"""


def gone(pid):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def test_a_service_that_dies_takes_the_command_and_its_children_along(tmp_path):
    note = tmp_path / "pid"

    def pulse():
        if note.exists() and note.read_text():
            raise TimeoutError("the service is gone")

    with pytest.raises(TimeoutError):
        finish(run_external(spec(SLEEPER, str(note)), ENDPOINT, pulse))
    assert gone(int(note.read_text()))


def test_a_command_that_takes_too_long_is_ended(tmp_path):
    made = spec(SLEEPER, str(tmp_path / "pid"), runner_timeout_s=0.5)
    with pytest.raises(InfrastructureError, match=r"0\.5 s passed"):
        finish(run_external(made, ENDPOINT, lambda: None))
