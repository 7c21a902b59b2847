"""体检里关于配置的：有、没有、有错；题目、命令、最重的负载。"""

import shutil
from pathlib import Path

import pytest
import yaml

from rayeval.doctor import configuration
from rayeval.doctor.finding import State
from rayeval.doctor.scene import Load, Scene, read_scene

DEMO = Path(__file__).parents[3] / "configs" / "demo"


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(DEMO, tmp_path / "configs")
    return tmp_path / "configs"


def change(file, **fields):
    body = yaml.safe_load(file.read_text(encoding="utf-8"))
    file.write_text(yaml.safe_dump(body | fields, allow_unicode=True), encoding="utf-8")


def scene(folder, address=None, **env):
    return read_scene(folder, Path("artifacts"), address, env)


def test_the_demo_is_in_order(folder):
    here = scene(folder)
    told = configuration.check_configuration(here)
    assert told.state is State.OK, told
    assert "for pr" in told.seen
    assert configuration.check_datasets(here).state is State.OK
    assert "local_single_demo" in here.local()
    assert not scene(folder, "10.0.0.1:6379").local()


def test_without_a_configuration_everything_of_it_is_skipped():
    here = scene(None)
    for check in (
        configuration.check_configuration,
        configuration.check_datasets,
        configuration.check_commands,
    ):
        assert check(here).state is State.SKIP
    assert here.load() is None


def test_errors_are_counted_and_the_first_ones_quoted(folder):
    change(folder / "providers.yaml", one=1, two=2, three=3, four=4)
    here = scene(folder)
    told = configuration.check_configuration(here)
    assert told.state is State.FAIL
    assert told.seen.startswith("4 problems in ")
    assert "providers.yaml:" in told.seen
    assert "and 1 more" in told.seen
    assert "rayeval validate --config" in told.mend
    assert configuration.check_datasets(here).state is State.SKIP


@pytest.mark.parametrize(
    ("fields", "state", "words"),
    [
        ({"dataset": "gone.csv"}, State.FAIL, "can't be read"),
        ({"dataset": "readme.txt"}, State.FAIL, "readme.txt"),
        ({"sha256": "0" * 64}, State.FAIL, "checksum"),
        (
            {"dataset": "http://far.example/q.csv?token=hush", "sha256": None},
            State.WARN,
            "to be fetched by the first run",
        ),
    ],
)
def test_a_dataset_that_is_gone_odd_or_far_is_told(folder, tmp_path, fields, state, words):
    (folder / "tests" / "accuracy" / "readme.txt").write_text("not,columns\n1,2\n")
    for file in (folder / "tests" / "accuracy").glob("*.yaml"):
        change(file, **fields)
    told = configuration.check_datasets(scene(folder, RAYEVAL_CACHE=str(tmp_path / "cache")))
    assert told.state is state, told
    assert words in told.seen
    assert told.mend
    assert "hush" not in told.seen + told.mend


def test_a_command_that_is_not_on_this_machine_is_told(folder):
    file = folder / "scenarios" / "local_single_demo.yaml"
    body = yaml.safe_load(file.read_text(encoding="utf-8"))
    change(file, service=body["service"] | {"command": ["vllm", "serve", "{model}"]})
    told = configuration.check_commands(scene(folder), which=lambda _: None)
    assert told.state is State.WARN
    assert "vllm (local_single_demo)" in told.seen
    assert configuration.check_commands(scene(folder), which=str).state is State.OK


def test_the_heaviest_load_decides(folder):
    for file in (folder / "tests" / "perf").glob("*.yaml"):
        change(file, concurrency=[1, 1024], num_requests=None, workers=None)
    assert scene(folder).load() == Load(streams=1024, one_worker=256)


def test_an_empty_scene_has_no_plans():
    assert list(Scene().plans()) == []
