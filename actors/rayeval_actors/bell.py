"""好好叫停：驱动端拉铃，远端的活听见了就如同按了 Ctrl-C。

`ray.cancel` 也能打断它，可是此后它说的话 Ray 一概丢掉：手上那个 cell 的行就没了。
铃是一个有名字的 actor：查得到就是拉过了，平时什么也不占。
"""

from __future__ import annotations

import _thread
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import ray

LISTEN_S = 0.25
"""隔这么久听一次，秒：查一次要一毫秒。"""


class Heard:
    """听见了铃：此后在收场，不必再催。"""


class Bell:
    """一根铃绳；可序列化，两头各拿一份。"""

    def __init__(self) -> None:
        """还没有拉。"""
        self._name = f"rayeval-bell-{uuid.uuid4().hex}"

    def ring(self) -> Any:
        """拉铃；返回的 actor 在，铃就一直响。"""
        return ray.remote(_Clapper).options(name=self._name, num_cpus=0).remote()

    def rung(self) -> bool:
        """拉过了没有。"""
        try:
            ray.get_actor(self._name)
        except ValueError:
            return False
        return True


class _Clapper:
    """铃舌：有它在就是响着。"""


class _Ear:
    """边上听铃的一个线程：听见了就打断主线程，只一次。"""

    def __init__(self, bell: Bell) -> None:
        """开始听。"""
        self._bell = bell
        self._lock = threading.Lock()
        self._over = threading.Event()
        self.heard = False
        self._thread = threading.Thread(target=self._listen, name="rayeval-ear", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """不再打断：往后跑在这个线程里的不是我们的活。"""
        with self._lock:
            self._over.set()

    def _listen(self) -> None:
        """隔一会儿听一次。"""
        while not self._over.wait(LISTEN_S):
            if not self._bell.rung():
                continue
            with self._lock:
                if not self._over.is_set():
                    self.heard = True
                    _thread.interrupt_main()
            return


def listening(events: Iterator[Any], bell: Bell) -> Iterator[Any]:
    """原样转出生成器，边转边听；打断它之后先把它收场的话转完，并说一次 Heard。

    它因此而来的 KeyboardInterrupt 到此为止：该说的都已转出。
    """
    ear, said = _Ear(bell), False
    try:
        for event in events:
            yield event
            if ear.heard and not said:
                said = True
                yield Heard()
    except KeyboardInterrupt:
        if not ear.heard:
            raise
    finally:
        ear.close()
