"""照剧本作答的 OpenAI 服务，与拼回复的积木；剧本是函数 (请求体, 第几个) → 答复。"""

from __future__ import annotations

import itertools
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from rayeval.domain.service import Endpoint

USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
Answer = tuple[int, str, bytes] | str | None
DROP = "drop"


class Script(BaseHTTPRequestHandler):
    """按 server.answer 作答：(状态, 类型, 正文)；None 是挂着不答，DROP 是一字不回就断开。"""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answer = self.server.answer(body, next(self.server.count))
        if answer is None or answer == DROP:
            if answer is None:
                self.server.over.wait(30)
            else:
                self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        status, kind, payload = answer
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *args):
        pass


@contextmanager
def serving(answer: Callable[[dict[str, Any], int], Answer]) -> Iterator[Endpoint]:
    """起一个照剧本作答的服务，给出它的 Endpoint。"""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Script)
    server.answer, server.count, server.over = answer, itertools.count(), threading.Event()
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield Endpoint(f"http://127.0.0.1:{server.server_port}/v1", "m")
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def whole(message, finish="stop", status=200, **extra):
    choice = {"index": 0, "message": {"role": "assistant"} | message, "finish_reason": finish}
    body = {"id": "x", "object": "chat.completion", "choices": [choice], "usage": USAGE} | extra
    return status, "application/json", json.dumps(body).encode()


def events(*datas):
    return 200, "text/event-stream", "".join(f"data: {data}\n\n" for data in datas).encode()


def delta(finish=None, **fields):
    choice = {"index": 0, "delta": fields, "finish_reason": finish}
    return json.dumps({"id": "x", "object": "chat.completion.chunk", "choices": [choice]})
