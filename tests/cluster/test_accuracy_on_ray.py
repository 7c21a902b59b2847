"""分片是 Ray 任务：工作进程被杀两次，分数不变，只重问没答到的。"""

import os
import signal
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.cluster
TITLE = b"ray::rayeval.shard"


def family(pid):
    """`pid` 的子孙，连同它们的标题。"""
    parents, titles = {}, {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                stat = (folder / "stat").read_text().rsplit(")", 1)[1].split()
                titles[int(folder.name)] = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            parents[int(folder.name)] = int(stat[1])
    found, fresh = set(), {pid}
    while fresh:
        found |= fresh
        fresh = {child for child, parent in parents.items() if parent in fresh} - found
    return {child: titles[child] for child in found if child in titles}


def kill_a_shard(pid):
    """杀掉一个正在答题的工作进程。"""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        shards = sorted(child for child, title in family(pid).items() if title.startswith(TITLE))
        if shards:
            os.kill(shards[0], signal.SIGKILL)
            return
        time.sleep(0.02)
    raise AssertionError("no shard was running")


def test_shard_workers_killed_twice_cost_no_item_and_no_score(asker, start_mock, questions):
    flags = ("--answer-key", str(questions(120)), "--accuracy", "0.7", "--seed", "3")
    mock = start_mock(*flags, "--ttft-ms", "200")
    words = (mock.base_url, "-d", questions(120), "-t", 4, "--shards", 2, "--quiet")
    started = asker.start(*words, "--address", "local")
    for answered in (10, 40):
        asker.await_answers(started, answered)
        kill_a_shard(started[0].pid)
    killed = asker.finish(started)
    assert killed.code == 0, killed.out + killed.err
    issued = mock.stats()["issued"] - 2  # 就绪阶梯问两次
    assert 120 <= issued <= 120 + 2 * 24  # 每死一次：在途的，与送出而没收到的
    fast = start_mock(*flags)
    whole = asker(fast.base_url, *words[1:])
    assert killed.accuracy["score"] == whole.accuracy["score"]
    assert [row["index"] for row in killed.answers()] == list(range(120))
    assert killed.file("answers.parquet").read_bytes() == whole.file("answers.parquet").read_bytes()
