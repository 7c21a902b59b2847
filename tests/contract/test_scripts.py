"""scripts/ 里的动词：挑得到能跑的 Python，装一次就够，说得清缺什么。"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VERBS = sorted(path for path in (ROOT / "scripts").iterdir() if path.is_file())

# 冒充 python：版本检查总成功；-m venv 造出自己的副本；其余调用记一笔
GOOD = """#!/bin/sh
case "$*" in
"-c "*) exit 0 ;;
--version) echo "Python 3.99" ;;
"-m venv "*) for last; do :; done; mkdir -p "$last/bin"; cp "$0" "$last/bin/python" ;;
*) echo "$*" >>"$CALLS" ;;
esac
"""
SHIM = "#!/bin/sh\necho 'shim: command not found' >&2\nexit 127\n"
# 缺 ensurepip 的发行版：不带 --without-pip 的 venv 失败
NO_ENSUREPIP = GOOD.replace(
    '"-m venv "*)',
    '"-m venv --without-pip "*) for last; do :; done; mkdir -p "$last/bin";'
    ' cp "$0" "$last/bin/python" ;;\n"-m venv "*) exit 1 ;;\n"unused "*)',
)


@pytest.fixture
def house(tmp_path):
    """一份只有脚本与依赖清单的检出，和一条只有冒充者与基本工具的 PATH。"""
    root = tmp_path / "a house"
    (root / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "install", root / "scripts")
    (root / "pyproject.toml").write_text("[project]\n")
    (root / "constraints.txt").write_text("a==1\n")
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    for tool in ("sh", "cat", "cksum", "dirname", "rm", "cp", "mkdir"):
        (bin_dir / tool).symlink_to(shutil.which(tool))

    class House:
        """脚本的世界。"""

        path = root
        calls = tmp_path / "calls"

        def python(self, name, script):
            file = bin_dir / name
            file.write_text(script)
            file.chmod(0o755)

        def install(self, *args):
            env = {"PATH": str(bin_dir), "CALLS": str(self.calls), "PYTHONPATH": "/nowhere"}
            command = [str(root / "scripts" / "install"), *args]
            return subprocess.run(
                command, env=env, capture_output=True, text=True, timeout=30, check=False
            )

        def installs(self):
            lines = self.calls.read_text().splitlines() if self.calls.exists() else []
            return [line.split()[-1] for line in lines if "install" in line and " -e " in line]

    return House()


@pytest.mark.parametrize("verb", VERBS, ids=lambda path: path.name)
def test_verbs_are_executable_posix_sh(verb):
    assert os.access(verb, os.X_OK)
    assert verb.read_text(encoding="utf-8").startswith("#!/bin/sh\n")
    subprocess.run(["sh", "-n", str(verb)], check=True, timeout=10)


def test_a_shim_that_fails_is_passed_over(house):
    house.python("python3.13", SHIM)
    house.python("python3", GOOD)
    result = house.install()
    assert result.returncode == 0, result.stderr
    assert house.installs() == ["."]


def test_without_a_usable_python_the_message_says_what_to_install(house):
    house.python("python3", SHIM)
    result = house.install()
    assert result.returncode == 3
    assert "no Python >= 3.11" in result.stderr


def test_the_second_time_nothing_is_installed(house):
    house.python("python3", GOOD)
    house.install()
    house.install()
    assert house.installs() == ["."]


@pytest.mark.parametrize("file", ["pyproject.toml", "constraints.txt"])
def test_changed_dependencies_are_installed_again(house, file):
    house.python("python3", GOOD)
    house.install()
    with (house.path / file).open("a") as out:
        out.write("# changed\n")
    house.install()
    assert house.installs() == [".", "."]


def test_a_dev_environment_serves_runs_too_but_not_the_other_way(house):
    house.python("python3", GOOD)
    house.install()
    house.install("dev")
    house.install()
    house.install("dev")
    assert house.installs() == [".", ".[dev]"]


def test_an_interrupted_install_is_done_again(house):
    house.python("python3", GOOD.replace('>>"$CALLS"', '>>"$CALLS"; exit 1'))
    assert house.install().returncode != 0
    house.python("python3", GOOD)
    (house.path / ".venv" / "bin" / "python").write_text(GOOD)
    assert house.install().returncode == 0
    assert house.installs() == [".", "."]


def test_a_broken_environment_is_made_anew(house):
    house.python("python3", GOOD)
    house.install()
    (house.path / ".venv" / "bin" / "python").unlink()
    assert house.install().returncode == 0
    assert house.installs() == [".", "."]


def test_a_python_without_ensurepip_borrows_the_systems_pip(house):
    house.python("python3", NO_ENSUREPIP)
    result = house.install()
    assert result.returncode == 0, result.stderr
    assert "--python" in house.calls.read_text()
    assert house.installs() == ["."]


def test_bench_measures_a_flood_and_writes_a_table():
    if Path(sys.prefix) != ROOT / ".venv":
        pytest.skip("scripts/bench makes its own .venv; run the tests from it")
    result = subprocess.run(
        [str(ROOT / "scripts" / "bench"), "--quick", "--only", "flood"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    rows = [line for line in result.stdout.splitlines() if line.startswith("| ")]
    clients = [row.split(" | ")[0].removeprefix("| ") for row in rows]
    assert clients == ["client", "---", "rayeval", "aiohttp", "httpx"]
    assert rows[2].endswith(" | 0 |"), result.stdout
