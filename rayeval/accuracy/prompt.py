"""题 → 消息：模板从哪里来、算谁的措辞、怎样填。"""

from __future__ import annotations

import ast
import hashlib
import re
from pathlib import Path

from rayeval.domain.accuracy import AccuracySpec, Item
from rayeval.errors import ConfigError, Problem

SIMPLE_EVALS_SHA256 = "d4d85337bbd54659d12c8da7edc8b854d151b7327cf7574dc1062d753b03c8a6"
"""simple-evals 的选择题模板去首尾空白后的校验和；文本不是我们的，所以只认不抄。"""

CONSTANT = "QUERY_TEMPLATE_MULTICHOICE"
"""simple-evals 检出目录里 common.py 中模板常量的名字。"""

OWN = """\
The question below has four options, and exactly one of them is right.

{Question}

A. {A}
B. {B}
C. {C}
D. {D}

Work out which option is right. Close your reply with a line that holds only \
"Answer: X", with X replaced by the letter of your option."""
"""我们自己的措辞；凡用它的输出都标明 prompt: rayeval。"""

_PLACEHOLDER = re.compile(r"\{(Question|A|B|C|D)\}")


def template(spec: AccuracySpec) -> tuple[str, str]:
    """（模板文本，措辞的归属）。

    归属：`rayeval` 是自己的措辞；`simple_evals` 是校验和相符的原文；其余为 `custom`。
    template_file 可以是文本文件、.py 文件或 simple-evals 的检出目录；后两者只用语法树读出常量，
    从不导入、不执行。文本两端的空白去掉。读不到、没有常量、缺占位符都抛 ConfigError。
    """
    if not spec.template_file:
        return OWN, "rayeval"
    path = Path(spec.template_file)
    text = _read(path).strip()
    missing = {"Question", *"ABCD"} - set(_PLACEHOLDER.findall(text))
    if missing:
        names = ", ".join(f"{{{name}}}" for name in sorted(missing))
        raise _error(path, f"the template lacks {names}; every placeholder must appear once")
    digest = hashlib.sha256(text.encode()).hexdigest()
    return text, "simple_evals" if digest == SIMPLE_EVALS_SHA256 else "custom"


def fill(text: str, item: Item) -> str:
    """把题面与选项填进模板。

    一趟替换，填进去的文本不再被看作模板：题目里的花括号（LaTeX 多的是）原样保留。
    """
    values = {"Question": item.question, **dict(zip("ABCD", item.options, strict=True))}
    return _PLACEHOLDER.sub(lambda match: values[match.group(1)], text)


def messages(text: str, item: Item, system: str | None = None) -> list[dict[str, str]]:
    """一道题的对话：一条 user 消息；配置了 system 才在前面加一条。"""
    user = {"role": "user", "content": fill(text, item)}
    return [user] if system is None else [{"role": "system", "content": system}, user]


def _read(path: Path) -> str:
    """模板文本：目录取其 common.py 的常量，.py 取常量，别的文件取全文。"""
    source = path / "common.py" if path.is_dir() else path
    try:
        text = source.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _error(
            source,
            f"the template can't be read ({type(error).__name__}); template_file must name a "
            "UTF-8 text file or a simple-evals checkout",
        ) from error
    return _constant(source, text) if source.suffix == ".py" else text


def _constant(path: Path, source: str) -> str:
    """Python 源码里模板常量的值；认得字符串字面量与它的 `.strip()`。"""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        raise _error(path, f"not Python source: {error}") from error
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == CONSTANT for target in node.targets
        ):
            value = _literal(node.value)
            if value is not None:
                return value
    raise _error(path, f"no string constant {CONSTANT} here; name a simple-evals checkout")


def _literal(node: ast.expr) -> str | None:
    """字符串字面量，或字面量后跟无参数的 strip 调用；别的为 None。"""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    match node:
        case ast.Call(
            func=ast.Attribute(value=ast.Constant(value=str() as text), attr="strip"), args=[]
        ):
            return text.strip()
    return None


def _error(path: Path, message: str) -> ConfigError:
    """关于模板的一个 ConfigError。"""
    return ConfigError([Problem(str(path), 0, 0, "template_file", message)])
