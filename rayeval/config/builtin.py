"""内建的档位：没有同名文件时，pr 与 daily 各有一套（spec §6.1、§7），与 configs/tests 里的相同。"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rayeval.config.document import beside
from rayeval.domain.accuracy import AccuracySpec
from rayeval.domain.perf import PerfSpec

DATASET = "gpqa_diamond.csv"
"""没有设 GPQA_CSV 时，到配置目录里找的题目文件。"""
GPQA_SHA256 = "41d1213cd7a4998605a26c2798500652572007161b3a92817ba46b35befcd305"
"""公开的 gpqa_diamond.csv，198 题。"""
_CLIMB = {"growth_rate": 2, "growth_interval": 5000, "init_concurrency": 1}
_PERF: dict[str, dict[str, Any]] = {
    "pr": {
        "concurrency": [1, 2, 4],
        "input_length": [128, 2048],
        "output_length": [128, 1024],
        "requests_per_stream": 16,
        "warmup": 1,
        "workers": 2,
    },
    "daily": {
        "concurrency": [1, 2, 4, 8, 16],
        "input_length": [128, 512, 2048, 4096],
        "output_length": [128, 1024, 4096],
        "requests_per_stream": 32,
        "warmup": 2,
        "epochs": 3,
        "workers": 4,
    },
}
_ACCURACY: dict[str, dict[str, Any]] = {
    "pr": {"num_examples": 5, "n_repeats": 1, "debug": True, "max_tokens": 128},
    "daily": {"n_repeats": 10, "max_tokens": 16384, "shards": 4, "threads": 32, "timeout_s": 1800},
}
PROFILES = tuple(_PERF)
"""内建档位的名字：perf 与 accuracy 都有。"""


def perf_profile(name: str) -> PerfSpec:
    """PROFILES 里的一套压测。"""
    return PerfSpec.model_validate({**_PERF[name], "control_method": "climb", "climb": _CLIMB})


def accuracy_profile(name: str, root: Path, env: Mapping[str, str]) -> AccuracySpec:
    """PROFILES 里的一套考试：GPQA；题目在 GPQA_CSV，不然是配置目录 `root` 里的 DATASET。"""
    place = root / "matrix.yaml"
    found: dict[str, Any] = {"dataset": beside(place, env.get("GPQA_CSV") or DATASET)}
    if template := env.get("GPQA_TEMPLATE"):
        found["template_file"] = beside(place, template)
    fixed = {"dataset_name": "gpqa", "sha256": GPQA_SHA256, "temperature": 0.6}
    return AccuracySpec.model_validate({**_ACCURACY[name], **fixed, **found})
