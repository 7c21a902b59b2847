"""用户的工作流：命令从 YAML 里取，在一份新检出里、本地的 Ray 上，照次序跑一遍。"""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FLOWS = ROOT / ".github" / "workflows"
VERBS = (*(f"scripts/{p.name}" for p in (ROOT / "scripts").iterdir()), ".venv/bin/rayeval ")
# 冒充 gh：有存下的产物就给，没有就说没有成功的每日
GH = """#!/bin/sh
echo "$*" >>"$GH_CALLS"
case "$1 $2" in
"run list") [ ! -d "$GH_ARTIFACT" ] || echo 42 ;;
"run download") shift 2; while [ "$1" != --dir ]; do shift; done; cp -R "$GH_ARTIFACT/." "$2" ;;
esac
"""


def flow(name):
    return yaml.safe_load((FLOWS / f"{name}.yml").read_text(encoding="utf-8"))


def jobs():
    return [
        (name, job_name, job)
        for name in ("pr", "daily")
        for job_name, job in flow(name)["jobs"].items()
    ]


@pytest.mark.parametrize(
    ("name", "job_name", "job"), jobs(), ids=lambda v: v if str(v) == v else ""
)
def test_jobs_call_only_our_verbs_with_time_limits_and_few_rights(name, job_name, job):
    assert 0 < job["timeout-minutes"] <= 360
    assert set(job["permissions"].values()) == {"read"}
    for step in job["steps"]:
        if "uses" in step:
            assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"])
        else:
            assert step["run"].startswith(VERBS), step["run"]
            assert "${{" not in step["run"]  # 表达式经 env 进来，不进 shell 的文本
    assert flow(name)["permissions"] == {}
    assert "concurrency" in flow(name)


def test_artifacts_are_kept_as_long_as_promised():
    kept = {
        name: step["with"]["retention-days"]
        for name, _, job in jobs()
        for step in job["steps"]
        if "retention-days" in step.get("with", {})
    }
    assert kept == {"pr": 14, "daily": 30}


def test_every_measured_target_is_gated():
    daily = flow("daily")["jobs"]
    assert daily["measure"]["continue-on-error"] is True
    assert "continue-on-error" not in daily["gate"]
    measured, gated = (
        {(t["target"], t["config"]) for t in daily[job]["strategy"]["matrix"]["include"]}
        for job in ("measure", "gate")
    )
    assert measured == gated


class Runner:
    """一台 CI 机器：新检出、它的 .venv、冒充的 gh、任务摘要。"""

    def __init__(self, folder: Path) -> None:
        self.house = folder / "checkout"
        self.bin = folder / "bin"
        self.summary = folder / "summary.md"
        self.artifact = folder / "daily"
        self.calls = folder / "gh-calls"
        self.bin.mkdir()
        (self.bin / "gh").write_text(GH)
        (self.bin / "gh").chmod(0o755)
        self._check_out()
        self._fewer_cases()
        self._install()

    def _check_out(self) -> None:
        command = ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard", "-z"]
        names = subprocess.run(command, capture_output=True, check=True).stdout.decode()
        for name in filter(None, names.split("\0")):
            if (ROOT / name).is_file():
                (self.house / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, self.house / name)

    def _fewer_cases(self) -> None:
        """一个套件、一个 cell 就够看出命令接得上；其余另有测试。"""
        functional = self.house / "configs/demo/tests/functional/default.yaml"
        functional.write_text("suites: [completions_core]\nprobe: false\n")
        perf = self.house / "configs/demo/tests/perf/pr.yaml"
        perf.write_text(perf.read_text().replace("[1, 2, 4]", "[1]"))

    def _install(self) -> None:
        """`scripts/install` 已装好的样子：依赖借用跑测试的环境，代码是这份检出的。"""
        venv = self.house / ".venv"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
        [site] = venv.glob("lib/python3*/site-packages")
        borrowed = sysconfig.get_path("purelib")
        lines = [str(self.house), str(self.house / "actors")]
        lines.append(f"import site; site.addsitedir({borrowed!r})")
        (site / "borrowed.pth").write_text("\n".join(lines) + "\n")
        entry = venv / "bin" / "rayeval"
        entry.write_text(f"#!{venv}/bin/python\nfrom rayeval.cli import main\nmain()\n")
        entry.chmod(0o755)
        stamp = '(cat pyproject.toml constraints.txt; echo "$PWD") | cksum >.venv/installed-run'
        subprocess.run(["sh", "-c", stamp], cwd=self.house, check=True)

    def steps(self, name: str, job: str) -> dict[str, int]:
        """照次序跑一个任务的各步，返回各步的退出码；一步失败，只有 if 容许的还跑。"""
        codes: dict[str, int] = {}
        for step in flow(name)["jobs"][job]["steps"]:
            skipped = any(codes.values()) and "!cancelled()" not in step.get("if", "")
            if "run" in step and not skipped:
                codes[step["name"]] = self._run(step["run"])
        return codes

    def _run(self, command: str) -> int:
        env = dict(os.environ) | {
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GH_ARTIFACT": str(self.artifact),
            "GH_CALLS": str(self.calls),
        }
        done = subprocess.run(
            ["bash", "-e", "-c", command],
            cwd=self.house,
            env=env,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        print(f"$ {command}\n{done.stdout}{done.stderr}")
        return done.returncode

    def keep_as_daily(self) -> None:
        """刚测出的产物当作昨夜的每日：每日档位要几分钟，这里只换名字。"""
        (self.house / "artifacts").rename(self.artifact)
        shutil.rmtree(self.house / "baseline")
        [file] = self.artifact.glob("runs/*/report.json")
        report = json.loads(file.read_text()) | {"run_type": "daily", "run_id": "yesterday"}
        file.write_text(json.dumps(report))

    def slow_down(self) -> None:
        """种下退步：首 token 慢到十倍（忙的机器上也盖不住），命令与参数不变。"""
        file = self.house / "rayeval" / "mock" / "__main__.py"
        text = file.read_text()
        seed = '    values["ttft_ms"] *= 10\n'
        anchor = "    models, faults = tuple("
        assert anchor in text
        file.write_text(text.replace(anchor, seed + anchor, 1))


@pytest.mark.cluster
@pytest.mark.solo  # 要一台不忙的机器：发压的等过核的 cell 不作数，退步也就判不了
def test_a_pull_request_is_green_and_a_seeded_regression_turns_it_red(tmp_path):
    runner = Runner(tmp_path)
    green = runner.steps("pr", "smoke")
    assert green == {"Install": 0, "Baseline": 0, "Run": 0, "Summary": 0}
    assert "# rayeval pr: ✅ passed" in runner.summary.read_text()

    runner.keep_as_daily()
    runner.slow_down()
    runner.summary.unlink()
    red = runner.steps("pr", "smoke")
    assert red == {"Install": 0, "Baseline": 0, "Run": 1, "Summary": 1}
    text = runner.summary.read_text()
    assert "# rayeval pr: ❌ failed" in text
    assert re.search(r"❌ fail \| ttft\\?_p99 .*\+\d{2,}", text), text
    assert "run download 42 --name daily-demo" in runner.calls.read_text()
