"""Kubernetes 清单：文本 → 对象；变量代进标量，不代进文本，所以值里的引号与换行都无害。

标量按 YAML 1.1 认，与 kubectl 一致（`yes` 是真）；不认日期，JSON 里没有它。
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from rayeval.domain.variables import UnsetVariable, expand, named

Object = dict[str, Any]

RUN_VARIABLES: Mapping[str, str] = {
    "RAYEVAL_RUN_ID": "name of the run",
    "RAYEVAL_SCENARIO": "id of the scenario",
    "RAYEVAL_NAMESPACE": "namespace of the scenario",
    "RAYEVAL_MODEL": "model of the scenario",
    "RAYEVAL_SERVED_MODEL": "served_model_name of the scenario",
}
"""启动时由 rayeval 自己给的变量，盖过环境里的同名者；其余 `${NAME}` 取自驱动端的环境。"""


class ManifestError(ValueError):
    """清单不成立；行列从 1 起，0 表示整份文件。"""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        """带上位置。"""
        super().__init__(message)
        self.line, self.column = line, column


_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]  # libyaml 有就用它，快得多
    """SafeLoader 减去日期。"""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if tag != "tag:yaml.org,2002:timestamp"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def variables(text: str, env: Mapping[str, str]) -> dict[str, str]:
    """清单里引用的环境变量中，`env` 有的那些；rayeval 自己给的不在内。"""
    return {name: env[name] for name in sorted(named(text) - set(RUN_VARIABLES)) if name in env}


def render(text: str, values: Mapping[str, str]) -> list[Object]:
    """清单文本 → 对象，List 已拆开；每个都有 apiVersion、kind 与名字。

    语法不通、变量代不进、缺了字段都抛 ManifestError，带行列。
    """
    loader = _Loader(text)
    objects: list[Object] = []
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is None or node.tag == "tag:yaml.org,2002:null":
                continue
            _fill(node, values, loader)
            _refuse_duplicates(node)
            objects += _checked(loader.construct_document(node), node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        raise ManifestError(f"YAML syntax: {error.problem}", line, column) from None
    except yaml.YAMLError as error:
        raise ManifestError(f"is not YAML: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise ManifestError("lists or mappings are nested too deeply") from None
    finally:
        loader.dispose()
    if not objects:
        raise ManifestError("holds no object; write at least one with apiVersion, kind, metadata")
    return objects


def _fill(node: yaml.Node, values: Mapping[str, str], loader: _Loader) -> None:
    """把变量代进一棵树的标量；没加引号的代入之后重新认类型（`replicas: ${N:-2}` 是数）。"""
    if isinstance(node, yaml.ScalarNode):
        if "${" not in node.value:
            return
        try:
            node.value = expand(node.value, values)
        except UnsetVariable as error:
            raise _at(node, f"{error}, or $${{ for a literal ${{") from None
        if not node.style:
            resolve: Any = loader.resolve
            node.tag = resolve(yaml.ScalarNode, node.value, (True, False))
        return
    for child in node.value:
        for part in child if isinstance(child, tuple) else (child,):
            _fill(part, values, loader)


def _refuse_duplicates(node: yaml.Node) -> None:
    """同一个映射里没有写两遍的键：PyYAML 会悄悄取后一个。"""
    if isinstance(node, yaml.MappingNode):
        seen = set[str]()
        for key, child in node.value:
            if key.value in seen and key.value != "<<":
                raise _at(key, f"duplicate key {key.value!r}; remove one")
            seen.add(str(key.value))
            _refuse_duplicates(child)
    elif isinstance(node, yaml.SequenceNode):
        for child in node.value:
            _refuse_duplicates(child)


def _checked(value: Any, node: yaml.Node) -> Iterator[Object]:
    """一份文档里的对象：必须有的字段都在。"""
    if not isinstance(value, dict):
        raise _at(node, f"expected an object, got {type(value).__name__}")
    kind = value.get("kind")
    if kind == "List" and isinstance(value.get("items"), list):
        for item in value["items"]:
            yield from _checked(item, node)
        return
    metadata = value.get("metadata")
    for name, found in (("apiVersion", value.get("apiVersion")), ("kind", kind)):
        if not isinstance(found, str) or not found:
            raise _at(node, f"an object without {name}; add it")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        hint = "generateName is not supported: what can't be named again can't be applied again"
        raise _at(node, f"{kind} without metadata.name; add it ({hint})")
    yield value


def _at(node: yaml.Node, message: str) -> ManifestError:
    """指着一个节点的错误。"""
    mark = node.start_mark
    return ManifestError(message, mark.line + 1, mark.column + 1)
