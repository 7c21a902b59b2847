"""人写的值共用的 pydantic 规矩：冻结、不认识的字段是错误。"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """人写的值：冻结；多余字段报错；字段说明即文档。"""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, use_attribute_docstrings=False
    )
