import pytest

from rayeval.config import validate
from rayeval.errors import ConfigError


def test_the_minimal_tree_has_no_problem(tree):
    assert tree.problems() == []


def test_six_mistakes_in_four_files_are_six_located_errors(tree):
    tree.write("matrix.yaml", "scenarios:\n  onne:\n    pr: {perf: prr}\n")
    tree.write("tests/perf/pr.yaml", "concurency: [1]\nepochs: two\n")
    tree.change("scenarios/one.yaml", "mode: local", "mode: lokal")
    tree.change("providers.yaml", "  - id: here\n", "  - id: here\n    id: there\n")
    expected = [
        "matrix.yaml:2:3: scenarios.onne: unknown scenario 'onne'; did you mean 'one'?",
        "matrix.yaml:3:16: scenarios.onne.pr.perf: unknown perf profile 'prr'; did you mean 'pr'?",
        "providers.yaml:3:5: providers[0].id: duplicate key 'id'; it is already on line 2",
        "scenarios/one.yaml:2:7: mode: expected one of local, k8s-hybrid, k8s-pd, external; "
        "did you mean 'local'?, got lokal",
        "tests/perf/pr.yaml:1:1: concurency: unknown field 'concurency'; "
        "did you mean 'concurrency'?",
        "tests/perf/pr.yaml:2:9: epochs: expected an integer, got two",
    ]
    assert tree.problems() == expected
    with pytest.raises(ConfigError) as caught:
        tree.load()
    assert len(caught.value.problems) == 6
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        ("scenarios/one.yaml", "id: one\n", "", "1:1: id: required field is missing (unique name"),
        (
            "scenarios/one.yaml",
            "model: m",
            "model: m\nquant: int8",
            "quant: expected one of w8a8, w4a8",
        ),
        ("scenarios/one.yaml", "id: one", "id: a/b", "1:5: id: expected text that matches"),
        ("scenarios/one.yaml", "here", "hear", "4:11: provider: unknown provider 'hear'; did you"),
        ("scenarios/one.yaml", "{port}", "{prot}", "unknown placeholder '{prot}'; did you mean"),
        ("scenarios/one.yaml", "model: m", "model: {a: b}", "model: expected a string, got a map"),
        ("scenarios/one.yaml", "model: m", "model: [m]", "model: expected a string, got a list"),
        ("scenarios/one.yaml", '"{port}"', "{port}", 'got a mapping; put "{…}" in quotes'),
        (
            "scenarios/one.yaml",
            "  command:",
            "  base_url: http://h/v1\n  command:",
            "6:3: service.base_url: has no effect in mode local",
        ),
        ("scenarios/one.yaml", "mode: local", "mode: k8s-pd", "k8s: mode k8s-pd needs k8s with"),
        ("scenarios/one.yaml", "model: m", "model: ${NO}", "3:8: model: environment variable NO"),
        ("tests/perf/pr.yaml", "[1, 2]", "4", "1:14: concurrency: expected a list, got 4"),
        ("tests/perf/pr.yaml", "[1, 2]", "[]", "concurrency: expected at least 1 value(s), got an"),
        ("tests/perf/pr.yaml", "[1, 2]", "[1, x]", "1:18: concurrency[1]: expected an integer"),
        ("tests/perf/pr.yaml", "[1, 2]", "[2, 2]", "concurrency[1]: duplicate value 2"),
        (
            "tests/perf/pr.yaml",
            "[1, 2]",
            "[4]\nnum_requests: [2]",
            "2:15: num_requests: num_requests 2 is below concurrency 4; raise it",
        ),
        ("tests/perf/pr.yaml", "[1, 2]", "[1]\nclimb: {mode: up}", "climb.mode: expected one of"),
        ("tests/perf/pr.yaml", "[1, 2]", "[1]\ntimeout_s: 0", "expected greater than 0, got 0"),
        ("matrix.yaml", "{}", "{one: {pr: {suites: [chat]}}}", "unknown suite 'chat'"),
        ("matrix.yaml", "{}", "{one: {pr: {stages: {pref: true}}}}", "did you mean 'perf'?"),
        ("matrix.yaml", "{}", "{one: {weekly: {}}}", "unknown field 'weekly'; known: pr, daily"),
        (
            "matrix.yaml",
            "{}",
            "{}\ngate: {pr: {missing_baseline: wran}}",
            "2:31: gate.pr.missing_baseline: expected one of ignore, warn, fail; did you mean",
        ),
        ("providers.yaml", "id: here", "id: here\n    base_url: host/v1", "expected http://HOST"),
        (
            "providers.yaml",
            "id: here",
            "id: here\n    base_url: http://me:pw@h/api",
            "must end in /v1 (or another version), got http://**********@h/api",
        ),
        ("providers.yaml", "${KEY}", "[sk-abc]", "api_key: expected a string, got a list"),
        ("providers.yaml", "id: here", "id: a b\n  - id: here", "expected letters, digits"),
        ("providers.yaml", "id: here", "id: here\n  - id: here", "duplicate provider id 'here'"),
        ("providers.yaml", "id: here", "id: here\n    base_url: 'http://[::1'", "expected http://"),
        ("providers.yaml", "id: here", "id: here\n    headers: {A: [b]}", "headers.A: expected a"),
        (
            "providers.yaml",
            "id: here",
            "id: here\n    max_tokens_field: max_token",
            "expected one of max_tokens, max_completion_tokens; did you mean 'max_tokens'?",
        ),
        (
            "scenarios/one.yaml",
            "model: m",
            "model: m\nk8s: {manifests: [one.yaml], service_name: s}",
            "4:1: k8s: has no effect in mode local",
        ),
        ("scenarios/one.yaml", "model: m", "model: m\nfeatures: [a]", "expected a mapping, got a"),
        (
            "scenarios/one.yaml",
            "model: m",
            "model: m\nfeatures: {toolz: true}",
            "4:12: features.toolz: unknown feature 'toolz'; did you mean 'tools'",
        ),
        ("scenarios/one.yaml", "id: one", "id: ''", "1:5: id: expected text that matches"),
        ("scenarios/one.yaml", "model: m", "model:", "3:7: model: expected a string, got nothing"),
        ("matrix.yaml", "scenarios: {}", "- a", "1:1: expected a mapping, got a list"),
        ("matrix.yaml", "{}", "{one: {pr: {functional: strict}}}", "unknown functional profile"),
        ("tests/accuracy/pr.yaml", "dataset: questions.csv\n", "", "dataset: required field"),
        (
            "tests/accuracy/pr.yaml",
            "num_examples: 5",
            "template_file: no.txt",
            "2:16: template_file: no such file no.txt; paths are relative to",
        ),
    ],
)
def test_a_mistake_is_one_located_error(tree, name, old, new, expected):
    tree.change(name, old, new)
    problems = tree.problems()
    assert len(problems) == 1, problems
    assert problems[0].startswith(name)
    assert expected in problems[0]


def test_a_local_scenario_without_command_is_pointed_at_its_service(tree):
    tree.write("scenarios/one.yaml", "id: one\nmode: local\nmodel: m\nservice:\n  port: 80\n")
    assert tree.problems() == [
        "scenarios/one.yaml:5:3: service.command: "
        "mode local needs the argv list that starts the service"
    ]


def test_an_external_scenario_needs_a_url_somewhere(tree):
    tree.write("scenarios/one.yaml", "id: one\nmode: external\nmodel: m\nprovider: here\n")
    assert "base_url: mode external needs the URL here" in tree.problems()[0]
    tree.change("providers.yaml", "id: here", "id: here\n    base_url: http://h/v1")
    assert tree.problems() == []


def test_two_files_with_one_id_name_each_other(tree):
    tree.write("scenarios/two.yaml", "\nid: one\nmode: external\nmodel: m\n")
    tree.change("scenarios/two.yaml", "model: m", "model: m\nservice: {base_url: 'http://h/v1'}")
    [problem] = tree.problems()
    assert problem.startswith("scenarios/two.yaml:2:5: id: duplicate scenario id 'one'; also in ")
    assert problem.endswith("scenarios/one.yaml:1")


def test_a_reference_to_a_broken_file_is_not_a_second_error(tree):
    tree.write("matrix.yaml", "scenarios:\n  one: {}\n")
    tree.write("scenarios/one.yaml", "id: [\n")
    tree.write("tests/perf/pr.yaml", "a: ]\n")
    assert [problem.split(":")[0] for problem in tree.problems()] == [
        "scenarios/one.yaml",
        "tests/perf/pr.yaml",
    ]


def test_the_suites_of_a_functional_file_are_known_and_distinct(tree):
    text = "suites: [guided, 3, guided, gided]\nparams: {n: {valid: [[1]]}}\npaths: [own.py]\n"
    tree.write("tests/functional/default.yaml", text)
    name = "tests/functional/default.yaml"
    assert [problem.removeprefix(name).split(";")[0] for problem in tree.problems()] == [
        ":1:18: suites[1]: unknown suite '3'",
        ":1:21: suites[2]: duplicate suite 'guided'",
        ":1:29: suites[3]: unknown suite 'gided'",
        ":2:22: params.n.valid[0]: expected a number or an integer or a string or true or false, "
        "got a list",
        ":3:9: paths[0]: no such file own.py",
    ]


def test_a_missing_manifest_is_told(tree):
    text = "id: one\nmode: k8s-pd\nmodel: m\nk8s: {manifests: [a.yaml], service_name: s}\n"
    tree.write("scenarios/one.yaml", text)
    [problem] = tree.problems()
    assert problem.startswith("scenarios/one.yaml:4:19: k8s.manifests[0]: no such file a.yaml")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("kind: [", "deploy/a.yaml:2:1: YAML syntax"),
        (
            "apiVersion: v1\nkind: X\nmetadata: {name: x}\na: ${NO}",
            "deploy/a.yaml:4:4: environment",
        ),
        (
            "apiVersion: v1\nkind: Service\nmetadata: {name: t}",
            "scenarios/one.yaml:4:52: k8s.service_name: no Service 's' in the manifests",
        ),
        (
            "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{name: grpc}]}",
            "scenarios/one.yaml:4:52: k8s.service_name: Service 's' has no port named 'http'",
        ),
        ("apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [null]}", None),
    ],
)
def test_mistakes_in_a_manifest_are_located(tree, text, problem):
    tree.write("deploy/a.yaml", text)
    k8s = "k8s: {manifests: [../deploy/a.yaml], service_name: s}"
    tree.write("scenarios/one.yaml", f"id: one\nmode: k8s-pd\nmodel: m\n{k8s}\n")
    found = tree.problems()
    assert [line[: len(problem or "")] for line in found] == ([] if problem is None else [problem])


def test_two_profiles_of_one_name_are_an_error(tree):
    tree.write("tests/perf/pr.yml", "epochs: 2\n")
    assert tree.problems() == ["tests/perf/pr.yml: pr.yaml has the same name; remove one"]


def test_a_provider_without_a_providers_file_is_told(tree):
    tree.remove("providers.yaml")
    [problem] = tree.problems()
    assert problem.endswith("unknown provider 'here': there is no providers.yaml; create it")
    tree.write("scenarios/one.yaml", "id: one\nmode: external\nmodel: m\n")
    assert "mode external needs the URL here" in tree.problems()[0]


def test_a_misspelled_profile_is_told_with_the_built_in_ones(tree):
    tree.write("matrix.yaml", "scenarios: {one: {daily: {perf: dialy}}}\n")
    [problem] = tree.problems()
    assert "unknown perf profile 'dialy'" in problem
    assert "daily" in problem
    tree.write("matrix.yaml", "scenarios: {one: {daily: {perf: daily}}}\n")
    tree.remove("tests/perf/daily.yaml")
    assert tree.problems() == []


def test_a_matrix_under_another_name_is_not_taken_for_none(tree):
    tree.remove("matrix.yaml")
    assert tree.problems() == []
    tree.write("matrix.yml", "scenarios: {}\n")
    [problem] = tree.problems()
    assert problem == "matrix.yml: rayeval does not read this file; did you mean matrix.yaml?"


def test_an_empty_folder_is_told(tree):
    tree.remove("scenarios/one.yaml")
    [problem] = tree.problems()
    assert problem.startswith("scenarios: has no *.yaml file; add one file for each scenario")


def test_a_missing_directory_is_one_clear_error(tmp_path):
    [problem] = validate(tmp_path / "nowhere", {})
    assert "no such directory" in problem.message


def test_secret_text_never_shows_in_an_error(tree):
    tree.change("providers.yaml", "api_key: ${KEY}", "api_key: ${KEY}\n    headers: ${KEY}")
    tree.change("scenarios/one.yaml", "mode: local", "mode: ${KEY}")
    text = "\n".join(tree.problems())
    assert len(tree.problems()) == 2
    assert "sk-very-secret-key" not in text
    assert "got ${KEY} (after expansion)" in text


def test_numbers_where_text_is_expected_are_taken_as_written(tree):
    tree.change("scenarios/one.yaml", "--port", "--scale, 1.10, --n, 007, --flag, true, --port")
    command = tree.load().plans[0].scenario.service.command
    assert command[2:8] == ("--scale", "1.10", "--n", "007", "--flag", "true")


def test_a_section_whose_lines_are_all_commented_out_is_the_default(tree):
    tree.change(
        "scenarios/one.yaml", "provider: here", "provider: here\nlabels:\n# a: b\nreasoning:"
    )
    assert tree.load().plans[0].scenario.labels == {}


@pytest.mark.parametrize("name", ["matrix.yaml", "scenarios/one.yaml", "tests/perf/pr.yaml"])
def test_a_file_of_the_configuration_in_its_place_is_told_with_its_directory(tree, name):
    root = tree.root
    told = f"{root / name}: this is a file; name its directory: --config {root}"
    assert [str(problem) for problem in validate(root / name, tree.env)] == [told]


def test_a_field_of_a_section_at_the_top_level_is_told_with_its_section(tree):
    tree.change("scenarios/one.yaml", "model: m", "model: m\nbase_url: http://h/v1")
    [problem] = tree.problems()
    assert "base_url: unknown field 'base_url'; known: id, mode" in problem
    assert problem.endswith("; it belongs under service:")
