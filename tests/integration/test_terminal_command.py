"""人看到的终端：伪终端上是活表，Ctrl-C 之后光标还在；管道里没有控制字符，服务怎么使坏也没有。"""

import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from fcntl import ioctl

import pytest
from rich.control import strip_control_codes

from tests.integration.openai_script import serving, whole
from tests.rig import KEYS, Runner

SHOW, HIDE = "\x1b[?25h", "\x1b[?25l"
LOAD = ("-c", "1,4", "-n", "8,400", "-il", "16", "-ol", "32")
HOSTILE = "no \x1b[2J\x1b]0;owned\x07\r\n\x9b31mway \u202e[red]x[/red]\x08"


class Terminal:
    """一个伪终端，里面跑着一个 `rayeval`。"""

    def __init__(self, folder, *words, size=(24, 80), **env):
        self._ours, theirs = pty.openpty()
        ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        clean = {k: v for k, v in os.environ.items() if k not in {*KEYS, "NO_COLOR", "COLUMNS"}}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "rayeval.cli", *map(str, words)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=folder,
            env=clean | {"TERM": "xterm-256color"} | env,
        )
        os.close(theirs)
        self._chunks = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def text(self):
        return b"".join(self._chunks).decode("utf-8", "replace")

    def await_text(self, word, limit_s=60.0):
        deadline = time.monotonic() + limit_s
        while word not in self.text:
            assert time.monotonic() < deadline, f"never saw {word!r}:\n{self.text}"
            assert self.process.poll() is None or word in self.text, self.text
            time.sleep(0.02)

    def end(self, limit_s=60.0):
        code = self.process.wait(limit_s)
        self._reader.join(limit_s)
        return code

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._reader.join()
        os.close(self._ours)

    def _read(self):
        while True:
            try:
                chunk = os.read(self._ours, 65536)
            except OSError:  # 那头关了
                return
            if not chunk:
                return
            self._chunks.append(chunk)


@pytest.fixture
def terminal(tmp_path):
    opened = []

    def start(*words, **rest):
        opened.append(Terminal(tmp_path, *words, **rest))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def bare(text):
    """去掉颜色与光标的动作，只剩字。"""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_a_terminal_gets_the_live_view_and_ctrl_c_leaves_it_clean(terminal, start_mock):
    shown = terminal("perf", start_mock("--itl-ms", "10").base_url, *LOAD)
    shown.await_text("concurrency 4")
    shown.await_text("permits 4")
    shown.process.send_signal(signal.SIGINT)
    shown.await_text("STOPPING")
    shown.process.send_signal(signal.SIGINT)
    assert shown.end() == 130
    text = shown.text
    assert HIDE in text
    assert text.rindex(SHOW) > text.rindex(HIDE)
    last = bare(text[text.index(SHOW) :])
    assert "INTERRUPTED" in last
    assert "report.html" in last
    assert "total:" not in last


def test_plain_and_a_dumb_terminal_have_no_cursor_movement(terminal, start_mock):
    url, small = start_mock().base_url, ("-n", "2", "-il", "16", "-ol", "4")
    for words, env in ((("--plain",), {}), ((), {"TERM": "dumb"})):
        shown = terminal("perf", url, *small, *words, **env)
        assert shown.end() == 0
        assert "perf started" in shown.text
        assert HIDE not in shown.text
        assert not re.search(r"\x1b\[[0-9;]*[AJK]", shown.text)


def controls(text):
    """换行之外的控制字符。"""
    return {c for c in text if c != "\n" and not c.isprintable()}


@pytest.mark.parametrize("colours", [{}, {"FORCE_COLOR": "", "TERM": "xterm"}])
def test_a_pipe_gets_no_control_characters(tmp_path, start_mock, colours):
    runner = Runner(tmp_path)
    words = ("perf", start_mock().base_url, "-n", "2", "-il", "16", "-ol", "4")
    done = runner.finish(runner.launch(*words, **colours))
    assert done.code == 0, done.err
    assert not controls(done.out)
    assert "perf PASS" in done.out
    assert "report.html" in done.out


def unkind(body, count):
    """每一句都使坏；头几个好好答，免得连就绪都过不了。"""
    if count < 3 and not body.get("stream"):
        return whole({"content": "hello there"})
    return whole({}, status=500, error={"message": HOSTILE, "type": HOSTILE})


@pytest.mark.parametrize("verb", ["perf", "functional"])
@pytest.mark.parametrize("mode", [(), ("--json",), ("--quiet",)])
def test_a_hostile_service_cannot_write_to_a_pipe_what_steers_a_terminal(tmp_path, verb, mode):
    load = ("-n", "2", "-il", "16", "-ol", "4")
    suite = ("--suite", "chat_core", "--no-probe", "-k", "answers")
    with serving(unkind) as endpoint:
        runner = Runner(tmp_path)
        words = (verb, endpoint.base_url, "--model", "m", "--ready-timeout", "5", *mode)
        words += load if verb == "perf" else suite
        done = runner.finish(runner.launch(*words))
    assert done.code in {1, 3}, done.out + done.err
    assert not controls(done.out + done.err)
    assert strip_control_codes(done.out) == done.out
    if mode == ("--json",):
        told = [json.loads(line) for line in done.out.splitlines()]
        assert told[-1]["exit_code"] == done.code
        assert {"stage_started", "stage_finished"} <= {one.get("event") for one in told}
    else:
        assert "owned" in done.out, "the service's words are told"
        assert ("started" in done.out) == (not mode)
