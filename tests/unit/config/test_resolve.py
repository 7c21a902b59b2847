import json
import os
from pathlib import Path

import pytest
import yaml

from rayeval.config import load_gate, plan_rows, resolved_yaml
from rayeval.domain.accuracy import AccuracySpec
from rayeval.domain.functional import SUITES, FunctionalSpec
from rayeval.domain.perf import PerfSpec
from rayeval.domain.scenario import Quant
from rayeval.errors import ConfigError, UsageError

EXTERNAL = "id: two\nmode: external\nmodel: m\nservice: {base_url: 'http://h:1/v1/'}\n"


def test_a_scenario_that_the_matrix_does_not_name_runs_everything(tree):
    [plan] = tree.load("daily").plans
    assert plan.planned == ("launch", "ready", "functional", "perf", "accuracy", "teardown")
    assert plan.functional.suites == SUITES
    assert plan.perf.concurrency == (1, 2, 4)
    assert plan.accuracy.n_repeats == 2
    assert not plan.optional


def test_the_run_type_chooses_the_profiles(tree):
    assert tree.load("pr").plans[0].perf.concurrency == (1, 2)
    assert tree.load("pr").plans[0].accuracy.num_examples == 5


def test_the_matrix_chooses_stages_suites_and_profiles(tree):
    tree.write("tests/perf/tiny.yaml", "concurrency: [1]\n")
    tree.write("tests/functional/strict.yaml", "workers: 1\n")
    tree.write(
        "matrix.yaml",
        "scenarios:\n  one:\n    pr: {optional: true, stages: {accuracy: false}, perf: tiny,\n"
        "         functional: strict, suites: [guided, chat_core]}\n",
    )
    [plan] = tree.load("pr").plans
    assert plan.accuracy is None
    assert plan.optional
    assert plan.perf.concurrency == (1,)
    assert (plan.functional.workers, plan.functional.suites) == (1, ("guided", "chat_core"))
    assert tree.load("daily").plans[0].accuracy is not None


def test_the_default_functional_file_is_used_when_there(tree):
    tree.write("tests/functional/default.yaml", "case_timeout_s: 7\npaths: [../../own]\n")
    (tree.root / "own").mkdir()
    functional = tree.load().plans[0].functional
    assert functional.case_timeout_s == 7
    assert functional.paths == (str(tree.root / "own"),)


def test_the_matrix_orders_the_scenarios(tree):
    tree.write("scenarios/two.yaml", EXTERNAL)
    assert [p.scenario.id for p in tree.load().plans] == ["one", "two"]
    tree.write("matrix.yaml", "scenarios: {two: {}}\n")
    assert [p.scenario.id for p in tree.load().plans] == ["two", "one"]


def test_scenarios_and_stages_can_be_narrowed(tree):
    tree.write("scenarios/two.yaml", EXTERNAL)
    [plan] = tree.load(scenarios=["two"], stages=["perf"]).plans
    assert plan.scenario.id == "two"
    assert plan.planned == ("launch", "ready", "perf", "teardown")


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"scenarios": ["onee"]}, "unknown scenario 'onee'; did you mean 'one'"),
        ({"stages": ["pref"]}, "unknown stage 'pref'; did you mean 'perf'"),
        ({"run_type": "dayly"}, "unknown run type 'dayly'; did you mean 'daily'"),
        ({"stages": ["xyz"]}, "known: functional, perf, accuracy"),
    ],
)
def test_unknown_choices_are_usage_errors(tree, wanted, words):
    with pytest.raises(UsageError, match=words):
        tree.load(**wanted)


def test_what_the_matrix_turns_off_is_not_run(tree):
    tree.write("scenarios/two.yaml", EXTERNAL)
    tree.write("matrix.yaml", "scenarios: {one: {pr: {enabled: false}}}\n")
    assert [p.scenario.id for p in tree.load("pr").plans] == ["two"]
    with pytest.raises(UsageError, match=r"matrix.yaml turns scenario off for 'one' in pr runs"):
        tree.load("pr", scenarios=["one"])
    tree.write("matrix.yaml", "scenarios: {one: {pr: {stages: {perf: false}}}}\n")
    assert [p.scenario.id for p in tree.load("pr", stages=["perf"]).plans] == ["two"]


def test_a_run_without_any_scenario_is_a_usage_error(tree):
    tree.write("matrix.yaml", "scenarios: {one: {pr: {enabled: false}}}\n")
    with pytest.raises(UsageError, match="selects no scenario for pr runs"):
        tree.load("pr")


def test_paths_are_absolute_and_relative_to_their_file(tree):
    accuracy = tree.load().plans[0].accuracy
    assert accuracy.dataset == str(tree.root / "tests/accuracy/questions.csv")
    tree.change("tests/accuracy/pr.yaml", "questions.csv", "https://host/q.csv")
    assert tree.load().plans[0].accuracy.dataset == "https://host/q.csv"


def test_config_dir_is_filled_in_and_other_placeholders_stay(tree):
    service = tree.load().plans[0].scenario.service
    assert service.kind == "local"
    assert service.command == ("{python}", f"{tree.root}/serve.py", "--port", "{port}")


def test_a_scenario_takes_defaults_and_its_provider(tree):
    scenario = tree.load().plans[0].scenario
    assert scenario.served_model_name == "m"
    assert scenario.quant is Quant.NONE
    assert scenario.provider.id == "here"
    assert scenario.provider.api_key.get_secret_value() == "sk-very-secret-key"
    tree.change("scenarios/one.yaml", "provider: here\n", "quant: none\n")
    assert tree.load().plans[0].scenario.provider.api_key is None


def test_an_external_service_has_no_trailing_slash(tree):
    tree.write("scenarios/two.yaml", EXTERNAL)
    assert tree.load().plans[1].scenario.service.base_url == "http://h:1/v1"


def test_a_kubernetes_scenario_is_resolved(tree):
    text = (
        "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {x: '${KEY}${RAYEVAL_RUN_ID}'}"
    )
    tree.write("deploy/a.yaml", text)
    tree.write(
        "scenarios/two.yaml",
        "id: two\nmode: k8s-hybrid\nmodel: m\nservice: {startup_timeout_s: 9}\n"
        "k8s: {manifests: [../deploy/a.yaml], service_name: s, kubeconfig: ~/k}\n",
    )
    service = tree.load().plans[1].scenario.service
    [manifest] = service.manifests
    assert (manifest.file, manifest.text) == (str(tree.root / "deploy/a.yaml"), text)
    assert set(service.env) == {"KEY"}
    assert service.kubeconfig == str(Path("~/k").expanduser().resolve())
    assert (service.startup_timeout_s, service.namespace, service.port_name) == (
        9,
        "default",
        "http",
    )


def test_the_environment_of_the_process_is_the_default(tree, monkeypatch):
    monkeypatch.setitem(os.environ, "KEY", "from-the-process")
    tree.env = None
    assert tree.load().plans[0].scenario.provider.api_key.get_secret_value() == "from-the-process"


def test_the_gate_is_the_run_types_own(tree):
    tree.write("matrix.yaml", "gate: {daily: {max_qps_decrease: 0.5}}\n")
    assert tree.load("pr").gate.max_qps_decrease == 0.05
    assert tree.load("daily").gate.max_qps_decrease == 0.5
    assert load_gate(tree.root, "daily", {}).max_qps_decrease == 0.5
    assert load_gate(tree.root / "matrix.yaml", "daily", {}).max_qps_decrease == 0.5
    tree.write("matrix.yaml", "gate: {daily: {max_qps: 1}}\n")
    with pytest.raises(ConfigError, match="did you mean"):
        load_gate(tree.root, "daily", {})


def test_no_secret_is_in_the_resolved_configuration(tree):
    tree.change(
        "scenarios/one.yaml",
        "--port",
        '--api-key, "${KEY}", "--note=x-${KEY}", --port',
    )
    tree.change("scenarios/one.yaml", "service:\n", "service:\n  env: {HF_TOKEN: hf-abc}\n")
    text = resolved_yaml(tree.load(baseline="b.json"))
    assert "sk-very-secret-key" not in text
    assert "hf-abc" not in text
    resolved = yaml.safe_load(text)
    scenario = resolved["plans"][0]["scenario"]
    assert scenario["provider"]["api_key"] == "**********"
    assert scenario["service"]["command"][3] == "**********"
    assert resolved["baseline"] == "b.json"


def test_the_digest_follows_the_content_only(tree, tmp_path):
    digest = tree.load().config_digest
    assert len(digest) == 64
    assert json.loads(tree.load().model_dump_json())["config_digest"] == digest
    tree.env["KEY"] = "sk-another-secret-key"
    assert tree.load(baseline="b.json").config_digest == digest
    tree.root = tree.root.rename(tmp_path / "moved")
    assert tree.load().config_digest == digest
    tree.change("tests/perf/pr.yaml", "[4]", "[5]")
    assert tree.load().config_digest != digest


def test_plan_rows_count_what_will_be_asked(tree):
    tree.write("tests/accuracy/questions.csv", 'Question,A\n"two\nlines",x\nq,y\n\n')
    tree.change("tests/perf/daily.yaml", "[1, 2, 4]", "[1, 2]\nepochs: 3\nwarmup: 2")
    [row] = plan_rows(tree.load("daily"))
    assert (row.scenario, row.mode, row.suites) == ("one", "local", SUITES)
    assert (row.cells, row.requests) == (8, 3 * 4 * 16 * 3)
    assert row.warmup_requests == 8 * 3 * 2
    assert row.accuracy_items == 4


def test_plan_rows_admit_what_they_cannot_know(tree):
    assert plan_rows(tree.load("daily"))[0].accuracy_items is None
    assert plan_rows(tree.load("pr"))[0].accuracy_items is None
    spec = tree.load("pr")
    Path(spec.plans[0].accuracy.dataset).write_text("Question\n", encoding="utf-8")
    assert plan_rows(spec)[0].accuracy_items == 5
    assert plan_rows(tree.load("pr", stages=["perf"]))[0].accuracy_items == 0


@pytest.mark.parametrize("run_type", ["pr", "daily"])
def test_five_lines_are_enough_the_profiles_are_the_shipped_ones(tree, run_type):
    for name in ("matrix.yaml", "providers.yaml", "tests/perf/pr.yaml", "tests/perf/daily.yaml"):
        tree.remove(name)
    for name in ("tests/accuracy/pr.yaml", "tests/accuracy/daily.yaml"):
        tree.remove(name)
    five = "id: one\nmode: external\nmodel: m\nservice:\n  base_url: http://127.0.0.1:8000/v1\n"
    tree.write("scenarios/one.yaml", five)
    tree.env = {"GPQA_CSV": "/data/gpqa.csv"}
    [plan] = tree.load(run_type).plans
    shipped = Path(__file__).parents[3] / "configs" / "tests"
    text = (shipped / "perf" / f"{run_type}.yaml").read_text(encoding="utf-8")
    assert plan.perf == PerfSpec.model_validate(yaml.safe_load(text))
    text = (shipped / "accuracy" / f"{run_type}.yaml").read_text(encoding="utf-8")
    text = text.replace("${GPQA_CSV:-gpqa_diamond.csv}", "/data/gpqa.csv")
    text = text.replace("${GPQA_TEMPLATE:-}", "null")
    assert plan.accuracy == AccuracySpec.model_validate(yaml.safe_load(text))
    assert plan.functional == FunctionalSpec()


def test_built_in_questions_lie_in_the_configuration_or_where_the_environment_says(tree):
    tree.remove("tests/accuracy/pr.yaml")
    [plan] = tree.load().plans
    assert plan.accuracy.dataset == str(tree.root.resolve() / "gpqa_diamond.csv")
    tree.env |= {"GPQA_CSV": "/data/own.csv", "GPQA_TEMPLATE": "/src/simple-evals"}
    [plan] = tree.load().plans
    assert plan.accuracy.dataset == "/data/own.csv"
    assert plan.accuracy.template_file == "/src/simple-evals"
