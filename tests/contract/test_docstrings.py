"""包里每个模块、类、函数（含嵌套的）都有中文文档字符串。"""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHINESE = re.compile("[\u4e00-\u9fff]")
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def undocumented(source: str) -> list[str]:
    """源码里没有中文文档字符串的东西，写成 `行号: 名字`。"""
    return [
        f"{getattr(node, 'lineno', 1)}: {getattr(node, 'name', 'module')}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, DOCUMENTED) and not CHINESE.search(ast.get_docstring(node) or "")
    ]


def sources() -> list[Path]:
    files = [file for folder in ("rayeval", "actors") for file in (ROOT / folder).rglob("*.py")]
    assert len(files) > 30, "the check looks at the wrong folder"
    return sorted(files)


def test_everything_in_the_package_has_a_chinese_docstring():
    missing = [
        f"{file.relative_to(ROOT)}:{line}"
        for file in sources()
        for line in undocumented(file.read_text(encoding="utf-8"))
    ]
    assert not missing, "no Chinese docstring:\n" + "\n".join(missing)


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ('"""模块。"""', []),
        ("", ["1: module"]),
        ('"""Only English."""', ["1: module"]),
        ('"""模块。"""\ndef f(): ...', ["2: f"]),
        ('"""模块。"""\nasync def f():\n    """English."""', ["2: f"]),
        ('"""模块。"""\nclass C:\n    """类。"""\n    def m(self): ...', ["4: m"]),
        ('"""模块。"""\nclass C:\n    x = 1', ["2: C"]),
        ('"""模块。"""\ndef f():\n    """外。"""\n    def g(): ...\n    return g', ["4: g"]),
        ('"""模块。"""\ndef f():\n    # 注释不算\n    return 1', ["2: f"]),
    ],
)
def test_the_check_can_fail(source, missing):
    assert undocumented(source) == missing
