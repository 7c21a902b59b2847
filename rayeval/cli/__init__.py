"""命令行：动词各在一个文件里，进门只此一处。"""

from rayeval.cli.verbs import cli, main

__all__ = ["cli", "main"]
