"""三天的运行进真的 Prometheus：两天补写，一天推送、抓取。"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from typer.testing import CliRunner

from rayeval.cli import cli
from rayeval.export import report_json
from tests.real import days, stack

ROOT = Path(__file__).parents[2]
PREFIXES = {"": "rayeval", "ci_": "rayeval-ci"}
"""前缀与 job：两种前缀在同一个网关里，各有各的组。"""


@dataclass(frozen=True)
class Observed:
    """跑着的一套：两个地址，三天的报告，各自存在哪里。"""

    prometheus: str
    pushgateway: str
    artifacts: Path
    configs: dict[str, Path]
    now: float

    def run_dir(self, day: str) -> Path:
        return self.artifacts / "runs" / day


def command(*argv: object) -> str:
    """在进程内跑一次 rayeval；不成即失败，返回它说的话。"""
    done = CliRunner().invoke(cli, [str(word) for word in argv])
    assert done.exit_code == 0, done.output
    return done.output


@contextmanager
def observe(folder: Path, *models: str) -> Iterator[Observed]:
    """存三份报告，补写两天，推今天的，等 Prometheus 抓到。"""
    now = time.time()
    artifacts = folder / "artifacts"
    for day in days.AGES:
        home = artifacts / "runs" / day
        home.mkdir(parents=True)
        (home / "report.json").write_bytes(report_json.encode(days.run(day, now, *models)))
    configs = {prefix: _config(folder, prefix) for prefix in PREFIXES}
    _backfill(folder, artifacts, configs)
    log = folder / "pushgateway.log"
    with stack.pushgateway(log=log) as pushgateway:
        for config in configs.values():
            command("export", artifacts / "runs" / "today", "--config", config)
            command("push", artifacts / "runs" / "today", "--config", config, "--url", pushgateway)
        flags = [f"--config.file={_prometheus_yml(folder, pushgateway)}"]
        flags += [f"--storage.tsdb.path={folder / 'tsdb'}"]
        with stack.served("prometheus", *flags, log=folder / "prometheus.log") as prometheus:
            found = Observed(prometheus, pushgateway, artifacts, configs, now)
            stack.until(lambda: _scraped(prometheus), "the first scrape")
            yield found


def _scraped(prometheus: str) -> bool:
    """今天的两种前缀都抓到了。"""
    names = ("run_info", "ci_run_info")
    return all(len(stack.query(prometheus, name, time.time())) == 2 for name in names)


def _config(folder: Path, prefix: str) -> Path:
    """只有推送一节的 matrix.yaml 的目录。"""
    home = folder / f"config-{prefix}"
    home.mkdir()
    push = {"job": PREFIXES[prefix], "prefix": prefix}
    (home / "matrix.yaml").write_text(yaml.safe_dump({"push": push}))
    return home


def _backfill(folder: Path, artifacts: Path, configs: dict[str, Path]) -> None:
    """`rayeval export` 写 OpenMetrics，promtool 把它变成 Prometheus 的块。"""
    for prefix, config in configs.items():
        for day in ("week", "yesterday"):
            to = folder / f"om-{prefix}{day}"
            said = command(
                *("export", artifacts / "runs" / day, "--to", to),
                *("--format", "openmetrics", "--config", config),
            )
            file = said.split()[-1]
            stack.promtool("tsdb", "create-blocks-from", "openmetrics", file, str(folder / "tsdb"))


def _prometheus_yml(folder: Path, pushgateway: str) -> Path:
    """随项目发的配置，换掉目标与抓取的间隔，别的照旧。"""
    shipped = ROOT / "dashboards" / "prometheus"
    config = yaml.safe_load((shipped / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    rules = (shipped / config["rule_files"][0]).read_text()
    (folder / "rules.yml").write_text(rules.replace("interval: 5m", "interval: 1s"))
    assert config["rule_files"] == ["rules.yml"]
    (target,) = config["scrape_configs"]
    target["static_configs"] = [{"targets": [pushgateway.removeprefix("http://")]}]
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(config))
    return file
