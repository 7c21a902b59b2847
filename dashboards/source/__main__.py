"""写出看板与规则：`python -m dashboards.source [--check] [--prefix ci_ --rules FILE]`。"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dashboards.source.board import as_json
from dashboards.source.reference import metrics_md
from dashboards.source.rules import rules_yaml

HOME = Path(__file__).resolve().parents[1]


def generated() -> dict[str, str]:
    """全部生成的文件：相对 dashboards/ 的路径与内容。"""
    return {
        "grafana/rayeval.json": as_json(),
        "prometheus/rules.yml": rules_yaml(""),
        "METRICS.md": metrics_md(),
    }


def main(argv: list[str]) -> int:
    """写文件，或只看是否过期（退出码 1）；带 --rules 时只写那一份规则。"""
    parser = argparse.ArgumentParser(prog="python -m dashboards.source")
    parser.add_argument("--check", action="store_true", help="only say which files are stale")
    parser.add_argument("--prefix", default="", help="metric prefix of --rules")
    parser.add_argument("--rules", type=Path, help="write the rules for --prefix there, no more")
    chosen = parser.parse_args(argv)
    if chosen.rules is not None:
        chosen.rules.write_text(rules_yaml(chosen.prefix), encoding="utf-8")
        return 0
    stale = 0
    for name, content in generated().items():
        path = HOME / name
        if chosen.check:
            fresh = path.is_file() and path.read_text(encoding="utf-8") == content
            stale += not fresh
            sys.stdout.write(f"{name}: {'ok' if fresh else 'stale'}\n")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
            sys.stdout.write(f"wrote {path.relative_to(HOME.parent)}\n")
    return min(stale, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
