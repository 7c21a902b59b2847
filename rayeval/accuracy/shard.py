"""一个分片：若干线程共用一个客户端，答完一道交出一道。"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from rayeval.accuracy.ask import ask
from rayeval.accuracy.attempt import Chat
from rayeval.accuracy.throttle import Throttle
from rayeval.client.openai import OpenAIClient
from rayeval.domain.accuracy import Answer, Item, Shard

POLL_S = 0.5
"""等答案时每隔这么久醒一次，好让中断进得来。"""

PARTING_S = 1.0
"""叫停之后最多等线程这么久。"""


def answer_shard(shard: Shard) -> Iterator[Answer]:
    """问完一段题，答好一道给一道；次序不定，以 `Answer.index` 为准。

    在途请求至多 shard.threads，服务嫌忙时更少（见 Throttle）；答好而没人取的至多也这么多，
    内存因此与题数、回复长短无关。可重入：同一段再跑一遍，答的还是那些题。
    提前关闭（GeneratorExit、Ctrl-C）后不再发新请求，至多一秒后返回。
    服务的失败在 Answer 里；只有我们自己的错才抛出来。
    """
    limit = shard.spec.timeout_s
    with OpenAIClient(
        shard.endpoint, timeout_s=limit, total_s=limit, connections=max(1, shard.threads)
    ) as client:
        yield from _drain(_Desk(shard, client))


@dataclass(slots=True)
class _Desk:
    """各线程之间共有的：待问的题、已得的答（或我们自己的错）、位子、是否该停。"""

    shard: Shard
    chat: Chat
    todo: queue.SimpleQueue[Item] = field(default_factory=queue.SimpleQueue)
    done: queue.Queue[Answer | BaseException] = field(init=False)
    stop: threading.Event = field(default_factory=threading.Event)
    throttle: Throttle = field(init=False)

    def __post_init__(self) -> None:
        """位子与交卷的桌面都按线程数来。"""
        self.throttle = Throttle(max(1, self.shard.threads), self.stop)
        self.done = queue.Queue(max(1, self.shard.threads))

    def work(self) -> None:
        """取一道问一道，直到没有题或被叫停；自己的错交给取答案的人去抛。"""
        with contextlib.suppress(queue.Empty):
            while not self.stop.is_set():
                item = self.todo.get_nowait()
                try:
                    answer = ask(self.chat, self.shard, item, self.throttle, self.stop.wait)
                except BaseException as error:  # noqa: BLE001 线程里的错不能悄悄消失
                    self._hand_in(error)
                    return
                if answer is not None:
                    self._hand_in(answer)

    def _hand_in(self, result: Answer | BaseException) -> None:
        """交上去；桌面满了就等，被叫停就算了。"""
        while not self.stop.is_set():
            with contextlib.suppress(queue.Full):
                self.done.put(result, timeout=POLL_S)
                return


def _drain(desk: _Desk) -> Iterator[Answer]:
    """开线程，逐个交出答案；离开时叫停。

    用守护线程而不是线程池：线程池在解释器退出时等在途请求，被测服务若挂住，
    Ctrl-C 之后还要陪它等满一个超时。
    """
    items = desk.shard.items
    for item in items:
        desk.todo.put(item)
    threads = [
        threading.Thread(target=desk.work, name=f"shard-{desk.shard.index}-{n}", daemon=True)
        for n in range(min(desk.shard.threads, len(items)))
    ]
    try:
        for thread in threads:
            thread.start()
        for _ in items:
            yield _next(desk)
    finally:
        desk.stop.set()
        deadline = time.monotonic() + PARTING_S
        for thread in threads:
            if thread.ident is not None:
                thread.join(max(0.0, deadline - time.monotonic()))


def _next(desk: _Desk) -> Answer:
    """下一个答案；线程里出的错在这里抛出。"""
    while True:
        try:
            result = desk.done.get(timeout=POLL_S)
        except queue.Empty:
            continue
        if isinstance(result, BaseException):
            raise result
        return result
