"""配置：YAML 文件 → RunSpec；一次报全所有错误。"""

from rayeval.config.environment import redact
from rayeval.config.loader import ConfigLoader
from rayeval.config.present import PlanRow, plan_rows, resolved_yaml
from rayeval.config.reference import json_schemas, stale, write_reference
from rayeval.config.resolve import (
    load,
    load_gate,
    load_push,
    load_resets,
    push_from_environment,
    validate,
)
from rayeval.config.schema import RUN_TYPES, STAGES

__all__ = [
    "RUN_TYPES",
    "STAGES",
    "ConfigLoader",
    "PlanRow",
    "json_schemas",
    "load",
    "load_gate",
    "load_push",
    "load_resets",
    "plan_rows",
    "push_from_environment",
    "redact",
    "resolved_yaml",
    "stale",
    "validate",
    "write_reference",
]
