"""一个套件的工人：收齐用例之后 fork 出几个进程分着跑，死一个补一个。

fork 而不是线程：闹钟只在主线程响，pytest 的 fixture 也不容几个线程同时动；
fork 而不是几个 pytest：导入与收集只做一遍。
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Callable, Sequence

import pytest

from rayeval.functional.board import Board
from rayeval.functional.lines import Line, Lost, Stopped

ALONE = "alone"
"""带这个标记的用例等别的都跑完，再一个一个跑：它比较两次回答，不能有旁的负载。"""


class Crew:
    """领着若干工人把用例跑完；`tell` 把话写给 runner。"""

    def __init__(self, board: Board, width: int, tell: Callable[[Line], None]) -> None:
        """`width` 是同时跑的用例数。"""
        self._board = board
        self._width = width
        self._tell = tell
        self._is_worker = False

    def run(self, session: pytest.Session) -> None:
        """跑完全部用例才返回；在工人进程里，跑完它领到的就返回，由 pytest 照常收尾。"""
        crowd = [item for item in session.items if item.get_closest_marker(ALONE) is None]
        alone = [item for item in session.items if item.get_closest_marker(ALONE) is not None]
        for items, width in ((crowd, self._width), (alone, 1)):
            if items and self._supervise(items, width):
                return

    def _supervise(self, items: Sequence[pytest.Item], width: int) -> bool:
        """看着一组工人；在工人里返回 True，在看的人那里等到都退出了返回 False。"""
        self._board.offer(len(items))
        gc.freeze()  # 工人不去翻父进程留下的对象：一翻就是几十兆的写时复制
        workers: set[int] = set()
        for _ in range(min(width, len(items))):
            if self._fork(workers):
                self._work(items)
                return True
        while workers:
            pid, status = os.wait()
            if pid not in workers:
                continue  # 用例在收集时起的进程
            workers.remove(pid)
            self._mourn(pid, os.waitstatus_to_exitcode(status))
            if self._board.left and not workers and self._fork(workers):
                self._work(items)
                return True
        return False

    def _fork(self, workers: set[int]) -> bool:
        """多一个工人；在工人里返回 True。"""
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        workers.add(pid)
        self._is_worker = pid == 0
        return self._is_worker

    def leave(self, code: int) -> None:
        """在工人里：pytest 收完尾之后干脆地退出，不逐个释放父进程留下的对象（那要 0.3 秒）。"""
        if self._is_worker:
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _mourn(self, pid: int, code: int) -> None:
        """工人不是好好退出的，说一声；它是被 pytest.exit 叫停的，余下的也不跑了。"""
        if code in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
            return
        self._tell(Lost(pid, f"the case's process ended with exit code {code}"))
        if code == pytest.ExitCode.INTERRUPTED:
            self._board.withdraw()
            self._tell(Stopped("a case ended the whole suite (pytest.exit or an interrupt)"))

    def _work(self, items: Sequence[pytest.Item]) -> None:
        """在工人里：领一个跑一个，直到发完。"""
        while (number := self._board.take()) is not None:
            item = items[number]
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=_neighbour(items, item))
            if item.session.shouldstop:
                return


def _neighbour(items: Sequence[pytest.Item], item: pytest.Item) -> pytest.Item | None:
    """同一处的另一个用例：pytest 据此只收用例自己的 fixture，留着模块与会话的。

    下一个领到谁事先不知道；工人退出时 pytest 会把留着的都收掉。
    """
    others = [other for other in items if other is not item]
    near = (other for other in others if other.parent is item.parent)
    return next(near, others[0] if others else None)
