"""名词：冻结的值与 Arrow 表的列；只用标准库、pydantic 与 pyarrow。"""
