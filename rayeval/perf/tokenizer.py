"""本地的词表：tokenizer.json → 数 token 的函数；模板是服务的，不在这里算。"""

from __future__ import annotations

import platform
from collections.abc import Callable
from pathlib import Path

from rayeval.errors import UsageError

_FILE = "tokenizer.json"


def load_tokenizer(where: str) -> Callable[[str], int]:
    """`where`（tokenizer.json，或放着它的文件夹）→ 文本的 token 数，不含特殊词元。

    读不到、读不懂时抛 UsageError，话里有路径、主机与修法。
    """
    path = Path(where).expanduser()
    if path.is_dir():
        path /= _FILE
    if not path.is_file():
        msg = (
            f"tokenizer: {path} is not a file on host {platform.node()}; give the path of a "
            f"{_FILE}, or of a folder that holds one"
        )
        raise UsageError(msg)
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # 这个库只抛 Exception
        msg = f"tokenizer: {path} can't be read as a {_FILE}: {str(error)[:200]}; mend the file"
        raise UsageError(msg) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def count(text: str) -> int:
        """文本的 token 数。"""
        return len(tokenizer.encode(text, add_special_tokens=False).ids)

    return count
