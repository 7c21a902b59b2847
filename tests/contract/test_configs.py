"""仓库里的配置：每份 YAML 都有归属、都读得进来，生成的参考都新鲜。"""

import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml

from rayeval.config import json_schemas, load, plan_rows, stale, validate, write_reference
from rayeval.config.schema import KINDS
from rayeval.manifest import render

CONFIGS = Path(__file__).parents[2] / "configs"
ROOTS = (CONFIGS, CONFIGS / "demo")
FILES = sorted(p for p in CONFIGS.rglob("*") if p.suffix in {".yaml", ".yml"})
MANIFESTS = [p for p in FILES if "deploy" in p.parts]


def kind_of(path):
    """文件属于哪个配置目录的哪一种；没有归属则为 None。"""
    root = ROOTS[1] if ROOTS[1] in path.parents else ROOTS[0]
    name = path.relative_to(root)
    return next(
        (
            kind
            for kind in KINDS
            if name.match(kind.pattern) and len(name.parts) == len(Path(kind.pattern).parts)
        ),
        None,
    )


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(CONFIGS)))
def test_every_yaml_is_classified_and_names_its_schema(path):
    if path in MANIFESTS:
        return
    kind = kind_of(path)
    assert kind is not None, f"{path}: neither a configuration file nor a manifest under deploy/"
    first = path.read_text(encoding="utf-8").splitlines()[0]
    match = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert match
    assert (path.parent / match[1]).resolve() == CONFIGS / "schema" / f"{kind.name}.json"


@pytest.mark.parametrize("root", ROOTS, ids=["production", "demo"])
def test_the_directory_has_no_problem_without_any_variable(root):
    assert [str(problem) for problem in validate(root, {})] == []


@pytest.mark.parametrize("run_type", ["pr", "daily"])
@pytest.mark.parametrize("root", ROOTS, ids=["production", "demo"])
def test_both_run_types_resolve(root, run_type):
    spec = load(root, run_type=run_type, run_id="r", env={})
    assert spec.plans
    assert all(row.requests and row.suites for row in plan_rows(spec))


def test_the_schemas_accept_what_the_loader_accepts():
    schemas = json_schemas()
    for path in FILES:
        if path in MANIFESTS:
            continue
        schema = schemas[kind_of(path).name]
        jsonschema.Draft202012Validator.check_schema(schema)
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        if path.parent.name == "scenarios":
            command = content.get("service", {}).get("command", [])
            command[:] = [str(word) for word in command]
        jsonschema.validate(content, schema)


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda p: p.name)
def test_a_manifest_is_valid_and_holds_the_service_that_its_scenario_names(path):
    root = ROOTS[1] if ROOTS[1] in path.parents else ROOTS[0]
    objects = render(path.read_text(encoding="utf-8"), {})
    for item in objects:
        kubernetes_validate.validate(item, "1.34", strict=True)
    services = {item["metadata"]["name"]: item for item in objects if item["kind"] == "Service"}
    plans = load(root, run_type="daily", run_id="r", env={"DEMO_KUBERNETES": "true"}).plans
    users = [
        plan.scenario.service
        for plan in plans
        if str(path) in [m.file for m in getattr(plan.scenario.service, "manifests", ())]
    ]
    assert users, f"no scenario names {path.name}"
    for service in users:
        spec = services[service.service_name]["spec"]
        assert spec["type"] == "NodePort"
        assert service.port_name in [port["name"] for port in spec["ports"]]


def test_the_reference_is_fresh():
    assert stale(CONFIGS) == [], "run `rayeval schema --config configs`"


def test_a_changed_or_missing_reference_is_stale(tmp_path):
    names = write_reference(tmp_path)
    assert stale(tmp_path) == []
    (tmp_path / "README.md").write_text("mine", encoding="utf-8")
    (tmp_path / names[-1]).unlink()
    assert stale(tmp_path) == ["README.md", names[-1]]


def test_every_field_is_described_in_english():
    def fields(node):
        if isinstance(node, dict):
            yield from node.get("properties", {}).items()
            for child in node.values():
                yield from fields(child)

    for name, schema in json_schemas().items():
        for field, shape in fields(schema):
            assert shape.get("description"), f"{name}: {field} has no description"
        assert json.dumps(schema, ensure_ascii=False).isascii() or not re.search(
            "[一-鿿]", json.dumps(schema, ensure_ascii=False)
        ), name


def test_importing_the_configuration_stays_light():
    code = (
        "import sys, rayeval.config;"
        "print([m for m in ('pyarrow','ray','httpx','pandas','numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
