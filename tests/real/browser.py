"""一个无头的 Chromium，经 DevTools 协议：开页、跑一句脚本、截图、打印，记下报错与请求。"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import websocket

OPENING_S = 60.0
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--disable-dev-shm-usage",
)
FLAGS += ("--no-first-run", "--disable-background-networking", "--disable-component-update")


class Browser:
    """一个标签页。`errors` 是脚本的报错与控制台的 error，`requests` 是发出的请求。"""

    def __init__(self, address: str) -> None:
        """连上浏览器，开一个标签页。"""
        self._wire = websocket.create_connection(address, timeout=OPENING_S, suppress_origin=True)
        self._number = 0
        self.errors: list[str] = []
        self.requests: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session: str | None = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    _session: str | None = None

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """一次调用；其间到来的事件记下。"""
        self._number += 1
        body: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session is not None:
            body["sessionId"] = self._session
        self._wire.send(json.dumps(body))
        while True:
            message = json.loads(self._wire.recv())
            if message.get("id") == self._number:
                assert "error" not in message, (method, message["error"])
                found: dict[str, Any] = message["result"]
                return found
            self._note(message.get("method"), message.get("params", {}))

    def _note(self, event: str | None, params: dict[str, Any]) -> None:
        """值得记下的事件。"""
        if event == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(params["exceptionDetails"])[:500])
        elif event == "Runtime.consoleAPICalled" and params["type"] in {"error", "warning"}:
            self.errors.append(json.dumps(params["args"])[:500])
        elif event == "Log.entryAdded" and params["entry"]["level"] in {"error", "warning"}:
            self.errors.append(params["entry"]["text"])
        elif event == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])

    def run(self, script: str) -> Any:
        """跑一句脚本（可以是 Promise），取它的值。"""
        found = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def screen(self, width: int, height: int, *, phone: bool = False, dark: bool = False) -> None:
        """屏幕的大小，是不是手机，明还是暗。"""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )
        self.call("Emulation.setTouchEmulationEnabled", enabled=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, url: str) -> float:
        """开一页，等图全部画完；返回第一张图画好用了多少秒（没有图则是读完）。"""
        began = time.monotonic()
        self.call("Page.navigate", url=url)
        first = 0.0
        while time.monotonic() - began < OPENING_S:
            state = self.run(
                "[document.readyState === 'complete' && location.href !== 'about:blank',"
                " !!document.querySelector('[data-drawn]'),"
                " document.documentElement?.dataset.complete === 'yes']"
            )
            if state[1] and not first:
                first = time.monotonic() - began
            if state[0] and state[2]:
                return first or time.monotonic() - began
        raise AssertionError(f"{url} was not drawn in {OPENING_S} s: {self.errors}")

    def screenshot(self, file: Path, *, whole: bool = True) -> None:
        """整页的，或看得见的那一屏。"""
        found = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(found["data"]))

    def print(self, file: Path) -> None:
        """打印成 PDF。"""
        found = self.call("Page.printToPDF", printBackground=True)
        file.write_bytes(base64.b64decode(found["data"]))

    def close(self) -> None:
        """断开。"""
        self._wire.close()


@contextmanager
def browser(program: str, profile: Path) -> Iterator[Browser]:
    """起一个浏览器，用完就收。"""
    log = profile / "chromium.log"
    profile.mkdir(parents=True, exist_ok=True)
    command = [program, *FLAGS, "--remote-debugging-port=0", f"--user-data-dir={profile}"]
    with log.open("wb") as sink, subprocess.Popen(command, stdout=sink, stderr=sink) as process:
        try:
            made = Browser(_address(log, process))
            try:
                yield made
            finally:
                made.close()
        finally:
            process.terminate()


def _address(log: Path, process: subprocess.Popen[bytes]) -> str:
    """浏览器说它在哪里听。"""
    deadline = time.monotonic() + OPENING_S
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(r"DevTools listening on (ws://\S+)", log.read_text(errors="replace")):
            return found[1]
    raise AssertionError(log.read_text(errors="replace"))
