"""照本宣科的裸套接字服务：一条连接一个线程，请求来了就逐步演；与拼剧本的积木。

剧本是若干步的列表：数是等几秒，字节是原样写出，Event 是等别的线程放行，可调用的就调用，
字是动作：close（FIN）、reset（RST）、half（FIN，但还开着读）、bye（TLS 的告别，TCP 不关）、
hang（不动，直到对端走开）、quit（连监听也关掉）；只有 cork（其后的字节攒成一段发）不是结局。
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

Step = float | bytes | str | threading.Event | Callable[[], Any]
Json = dict[str, Any]

PATIENCE_S = 10.0
"""等放行、等收场的上限；等满就是测试写错了或客户端漏了连接。"""


@dataclass(eq=False)
class Ask:
    """服务收到的一个请求。

    `number` 是总第几个，`order` 是第几个新请求号（重发的与原来的同号），`turn` 是本连接第几个，
    都从 0 起；`begin` 是读全的时刻，`sent` 是每次写出前的（时刻，字节），时刻都是 perf_counter。
    """

    number: int
    order: int
    turn: int
    connection: int
    head: bytes
    body: bytes
    begin: float
    sent: list[tuple[float, bytes]] = field(default_factory=list)
    gone: float | None = None

    @property
    def request_id(self) -> str:
        [found] = self.header("x-request-id")
        return found

    @property
    def json(self) -> Json:
        return json.loads(self.body)

    def header(self, name: str) -> list[str]:
        lines = [line.partition(":") for line in self.head.decode("latin-1").split("\r\n")[1:]]
        return [value.strip() for key, _, value in lines if key.lower() == name]

    def at(self, mark: bytes) -> float:
        """写出第一段含 `mark` 的字节，是读全请求之后几秒。"""
        return next(at for at, data in self.sent if mark in data) - self.begin


Playbook = Callable[[Ask], list[Step]]


class Scripted:
    """按 `playbook` 演的服务；`asks` 是收到的请求，`levels` 是（时刻，在途数）的变化。

    一个请求在它最后一次写出（或断开）之前就不再算在途：对端不可能更早知道它完了。
    """

    def __init__(
        self,
        playbook: Playbook,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
        *,
        reads_bodies: bool = True,
    ) -> None:
        """`reads_bodies=False` 时只读头就开演：像不等请求说完就拒绝的服务。"""
        self._playbook = playbook
        self._tls = tls
        self._reads_bodies = reads_bodies
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._orders: dict[str, int] = {}
        self._socks: dict[int, socket.socket] = {}
        self.asks: list[Ask] = []
        self.levels: list[tuple[float, int]] = []
        self.connections = 0
        self.in_flight = 0
        self.trouble: list[BaseException] = []
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family, backlog=512)
        self.port: int = self._listener.getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        self.base_url = f"http{'s' if tls else ''}://{shown}:{self.port}/v1"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def peak(self) -> int:
        """在途的最高值。"""
        return max((level for _, level in self.levels), default=0)

    def turns(self, connection: int) -> int:
        """一条连接上来过几个请求。"""
        return sum(ask.connection == connection for ask in self.asks)

    def await_gone(self) -> None:
        """等到每条连接都被对端放掉；有不放的就报错。"""
        deadline = perf_counter() + PATIENCE_S
        for thread in self._threads[1:]:
            thread.join(max(0.0, deadline - perf_counter()))
            assert not thread.is_alive(), "a connection was never closed by the client"

    def quit(self) -> None:
        """不再听，也断开所有连接。"""
        self._stopping.set()
        with self._lock, contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        with self._lock:
            for sock in self._socks.values():
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def stop(self) -> None:
        """收场；剧本自己出的错在此抛出。"""
        self.quit()
        for thread in self._threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive(), "a scripted connection did not end"
        for error in self.trouble:
            raise error

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if self._stopping.is_set():
                    sock.close()
                    return
                connection, self.connections = self.connections, self.connections + 1
                self._socks[connection] = sock
                thread = threading.Thread(target=self._serve, args=(sock, connection))
                self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket, connection: int) -> None:
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
                self._socks[connection] = sock
                sock.do_handshake()
            held, turn = b"", 0
            while (found := _read(sock, held, whole=self._reads_bodies)) is not None:
                head, body, held = found
                if not self._play(sock, self._note(head, body, turn, connection)):
                    return
                turn += 1
        except OSError:
            pass  # 对端走了，或收场了
        except BaseException as error:
            self.trouble.append(error)
        finally:
            with self._lock:
                del self._socks[connection]
                sock.close()

    def _note(self, head: bytes, body: bytes, turn: int, connection: int) -> Ask:
        with self._lock:
            ask = Ask(len(self.asks), 0, turn, connection, head, body, perf_counter())
            ask.order = self._orders.setdefault(ask.request_id, len(self._orders))
            self.asks.append(ask)
            self._level(+1)
        return ask

    def _level(self, step: int) -> None:
        self.in_flight += step
        self.levels.append((perf_counter(), self.in_flight))

    def _play(self, sock: socket.socket, ask: Ask) -> bool:
        """演完一个请求；返回连接是否还在。"""
        steps = self._playbook(ask)
        acts = [n for n, step in enumerate(steps) if isinstance(step, (bytes, str))]
        last = -1 if not acts or steps[acts[-1]] == "hang" else acts[-1]
        counted = True
        try:
            for n, step in enumerate(steps):
                if n == last:
                    with self._lock:
                        self._level(-1)
                    counted = False
                if not self._step(sock, ask, step):
                    return False
        finally:
            if counted:
                with self._lock:
                    self._level(-1)
        return True

    def _step(self, sock: socket.socket, ask: Ask, step: Step) -> bool:
        if isinstance(step, bytes):
            ask.sent.append((perf_counter(), step))
            sock.sendall(step)
        elif isinstance(step, (int, float)):
            return not self._stopping.wait(step)
        elif isinstance(step, threading.Event):
            assert step.wait(PATIENCE_S), "the gate of a script was never opened"
        elif callable(step):
            step()
        elif step == "cork":
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        else:
            self._act(sock, ask, step)
            return False
        return True

    def _act(self, sock: socket.socket, ask: Ask, action: str) -> None:
        if action == "hang":
            with contextlib.suppress(OSError):
                while sock.recv(65536):
                    pass
            ask.gone = perf_counter()
        elif action == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif action == "half":
            sock.shutdown(socket.SHUT_WR)
            self._act(sock, ask, "hang")
        elif action == "bye":
            assert isinstance(sock, ssl.SSLSocket)
            sock.unwrap().close()  # 等对端也告别
        elif action == "quit":
            self.quit()
        else:
            assert action == "close", action


def _read(sock: socket.socket, held: bytes, *, whole: bool) -> tuple[bytes, bytes, bytes] | None:
    """读一个请求：（头，体，多出来的）；对端走了为 None。`whole=False` 时不读体。"""
    while b"\r\n\r\n" not in held:
        data = sock.recv(65536)
        if not data:
            return None
        held += data
        if held[:1] != b"P":  # 不是 POST：像真的服务那样拒绝
            sock.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
            return None
    head, _, rest = held.partition(b"\r\n\r\n")
    if not whole:
        return head, b"", b""
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    while len(rest) < length:
        data = sock.recv(65536)
        if not data:
            return None
        rest += data
    return head, rest[:length], rest[length:]


@contextlib.contextmanager
def deaf() -> Iterator[str]:
    """一个连不上也不拒绝的地址：accept 队列满着，SYN 石沉大海；给出 base_url。"""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(8):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(listener.getsockname())
            if not select.select([], [filler], [], 0.05)[1]:
                break
        else:
            raise AssertionError("the accept queue never filled")
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


# ---- 积木：事件 → SSE 字节 → HTTP 字节 ----

DONE = b"data: [DONE]\n\n"
END = b"0\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def event(value: Any) -> bytes:
    """一个 JSON 值 → 一个 SSE 事件。"""
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


def delta(finish: str | None = None, **fields: Any) -> bytes:
    """一个流式块的事件。"""
    return event({"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]})


def usage(completion: int, prompt: int = 9, **more: Any) -> bytes:
    """只有用量的块的事件。"""
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, **more}
    return event({"choices": [], "usage": counts})


def chunk(data: bytes) -> bytes:
    """一段正文 → 一个 HTTP 块。"""
    return b"%x\r\n%s\r\n" % (len(data), data)


def sized(body: bytes, status: str = "200 OK", head: bytes = b"") -> bytes:
    """以 Content-Length 为界的整个回复。"""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n".encode() + head + b"\r\n" + body


def stream(*parts: Step, head: bytes = CHUNKED) -> list[Step]:
    """一次分块的流：字节各成一块；最后一步不是动作时以空块收尾。"""
    steps: list[Step] = [chunk(part) if isinstance(part, bytes) else part for part in parts]
    return [head, *steps, *([] if parts and isinstance(parts[-1], str) else [END])]


def hi(number: int = 3) -> list[bytes]:
    """一次健康回复的事件：角色、`number` 个文本、结束、用量、[DONE]。"""
    texts = [delta(content=f"t{n} ") for n in range(number)]
    return [delta(role="assistant", content=""), *texts, delta("stop"), usage(number), DONE]


def healthy(number: int = 3) -> list[Step]:
    """一次健康的流，一次写出。"""
    return [CHUNKED + b"".join(chunk(part) for part in hi(number)) + END]
