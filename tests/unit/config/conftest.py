"""一个最小的、合法的配置目录，各测试在其上改动。"""

from pathlib import Path

import pytest

FILES = {
    "matrix.yaml": "scenarios: {}\n",
    "providers.yaml": "providers:\n  - id: here\n    api_key: ${KEY}\n",
    "scenarios/one.yaml": (
        "id: one\nmode: local\nmodel: m\nprovider: here\n"
        'service:\n  command: ["{python}", "{config_dir}/serve.py", --port, "{port}"]\n'
    ),
    "tests/perf/pr.yaml": "concurrency: [1, 2]\ninput_length: [8]\noutput_length: [4]\n",
    "tests/perf/daily.yaml": "concurrency: [1, 2, 4]\n",
    "tests/accuracy/pr.yaml": "dataset: questions.csv\nnum_examples: 5\n",
    "tests/accuracy/daily.yaml": "dataset: questions.csv\nn_repeats: 2\n",
}
ENV = {"KEY": "sk-very-secret-key"}


class Tree:
    """磁盘上的配置目录；`write` 换掉一份文件，`change` 换掉其中一段文字。"""

    def __init__(self, root: Path):
        self.root = root
        self.env = dict(ENV)
        for name, text in FILES.items():
            self.write(name, text)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def change(self, name, old, new):
        text = (self.root / name).read_text(encoding="utf-8")
        assert old in text
        self.write(name, text.replace(old, new, 1))

    def remove(self, name):
        (self.root / name).unlink()

    def problems(self):
        from rayeval.config import validate

        shown = validate(self.root, self.env)
        return [str(problem).replace(f"{self.root}/", "") for problem in shown]

    def load(self, run_type="pr", **more):
        from rayeval.config import load

        return load(self.root, run_type=run_type, run_id="r1", env=self.env, **more)


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path / "cfg")
