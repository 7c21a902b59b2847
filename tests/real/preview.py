"""重画 dashboards/images：`python -m tests.real.preview`，要有 prometheus 与 pushgateway。"""

from __future__ import annotations

import re
import tempfile
import time
from pathlib import Path

from dashboards.source.preview import draw
from tests.real.board import HOME, panel_rows, results
from tests.real.observed import observe


def main() -> None:
    """起一套，问每个面板，一行一张图；模型名用拉丁字母，画图的字体里没有汉字。"""
    images = HOME / "images"
    images.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        observe(Path(folder), "Qwen/Qwen3-32B", "DeepSeek-R1") as found,
    ):
        time.sleep(3)  # 让记下的比与告警也有一轮
        for title, panels in panel_rows().items():
            name = re.sub(r"\W+", "-", title.lower())
            now = time.time()
            draw([(panel, results(found, panel, now)) for panel in panels], images / f"{name}.png")


if __name__ == "__main__":
    main()
