"""准确率 → 一行一个基准的 CSV，列名以我们的字段命名。"""

from __future__ import annotations

from collections.abc import Sequence

from rayeval.domain.accuracy import Accuracy
from rayeval.export.plain_csv import plain_csv

FIELDS: dict[str, str] = {
    "Dataset": "dataset_name",
    "Source": "source",
    "Prompt": "prompt",
    "Score": "score",
    "Interval_Low": "low",
    "Interval_High": "high",
    "Std": "std",
    "Stderr": "stderr",
    "Robust_Score": "robust_score",
    "N": "n",
    "Examples": "examples",
    "Repeats": "repeats",
    "Unparsed_Ratio": "unparsed_ratio",
    "Truncated_Ratio": "truncated_ratio",
    "Error_Ratio": "error_ratio",
    "Min_Score": "min_score",
    "Valid": "valid",
    "Ok": "ok",
    "Debug": "debug",
    "Rate_Limited": "rate_limited",
    "Resumed": "resumed",
    "Dataset_Sha256": "dataset_sha256",
}
"""列 → Accuracy 的字段，按次序。"""


def accuracy_csv(scores: Sequence[Accuracy]) -> bytes:
    """没有分数也有表头。"""
    rows = [{column: getattr(score, name) for column, name in FIELDS.items()} for score in scores]
    return plain_csv(tuple(FIELDS), rows)
