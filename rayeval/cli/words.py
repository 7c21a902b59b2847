"""补全：各个开关有哪些词可选；配置读不成时给空的，绝不报错，也不导入重的东西。"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import typer

Words = Callable[[str], list[str]]
"""打了一半的词 → 可选的词。"""

STAGES = ("functional", "perf", "accuracy")
RUN_TYPES = ("pr", "daily")
SHIPS = ("installed", "source")
ADDRESSES = ("local", "auto", "inline")
FORMATS = ("table", "json", "csv")
USUAL = Path("configs")
LARGEST = 1_000_000
"""补全时去读的文件至多这么大，字节。"""


def choose(*words: str) -> Words:
    """固定的几个词。"""

    def complete(incomplete: str) -> list[str]:
        """以打了的开头的。"""
        return [word for word in words if word.startswith(incomplete)]

    return complete


def listed(metavar: str) -> Words | None:
    """`a|b|c` 这样的占位名就是可选的词；别的没有。"""
    words = metavar.split("|")
    plain = len(words) > 1 and all(word == word.lower() for word in words)
    return choose(*words) if plain else None


def scenarios(context: typer.Context, incomplete: str) -> list[str]:
    """--config 那里（缺省 configs）的场景名。"""
    folder = Path(str(context.params.get("config") or USUAL))
    with suppress(RuntimeError):  # 没有家目录
        folder = folder.expanduser()
    return sorted(name for name in _ids(folder / "scenarios") if name.startswith(incomplete))


def runs(context: typer.Context, incomplete: str) -> list[str]:
    """--artifacts 那里（缺省 artifacts）的运行，新的在前。"""
    from rayeval.stored_place import USUAL as PLACE
    from rayeval.stored_place import run_id_of

    root = Path(str(context.params.get("artifacts") or PLACE))
    commands = sorted(root.glob("runs/*/command.json"), reverse=True)
    names = (run_id_of(file) for file in commands if file.is_file())
    return [name for name in names if name and name.startswith(incomplete)]


def addresses(incomplete: str) -> list[str]:
    """Ray 的地址；HOST:PORT 自己写。"""
    return choose(*ADDRESSES)(incomplete)


def suites(incomplete: str) -> list[str]:
    """功能套件。"""
    from rayeval.domain.functional import SUITES

    return choose(*SUITES)(incomplete)


def features(incomplete: str) -> list[str]:
    """能声明的能力。"""
    from rayeval.domain.functional import FEATURES

    return choose(*FEATURES)(incomplete)


def _ids(folder: Path) -> Iterator[str]:
    """一个目录里各场景的 id；读不成的略过，没写 id 的用文件名。"""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        for file in sorted(file for file in folder.iterdir() if file.suffix in {".yaml", ".yml"}):
            if not file.is_file() or file.stat().st_size > LARGEST:
                continue  # 管道会一直等下去
            with suppress(Exception):  # 读不成的，嵌套得太深的
                body = yaml.load(file.read_bytes(), loader)  # noqa: S506 两个都是安全的
                if isinstance(body, dict):
                    yield str(body.get("id") or file.stem)
    except OSError:
        return
