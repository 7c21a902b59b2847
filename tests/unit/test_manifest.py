"""清单：变量代进标量、类型重新认、错处说得出行列。"""

import pytest

from rayeval.manifest import ManifestError, render, variables

HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"


def test_unquoted_values_are_typed_again_and_quoted_ones_stay_text():
    [made] = render(HEAD + 'n: ${N:-2}\ns: "${N:-2}"\nt: ${N:-2}x\n', {})
    assert (made["n"], made["s"], made["t"]) == (2, "2", "2x")


def test_values_cannot_break_the_document_and_comments_are_left_alone():
    [made] = render(HEAD + "v: ${V}\n# ${NOT_SET}\n", {"V": 'a: "b\n- c'})
    assert made["v"] == 'a: "b\n- c'


def test_escaped_references_stay_for_the_shell_in_the_container():
    [made] = render(HEAD + 'v: "echo $${HOME} $(POD_IP)"\n', {})
    assert made["v"] == "echo ${HOME} $(POD_IP)"


def test_dates_stay_text_and_yes_is_true_as_for_kubectl():
    [made] = render(HEAD + "d: 2024-01-01\ny: yes\n", {})
    assert (made["d"], made["y"]) == ("2024-01-01", True)


def test_lists_and_empty_documents():
    text = f"---\n{HEAD}---\n---\napiVersion: v1\nkind: List\nitems: [{{apiVersion: v1, "
    text += "kind: Secret, metadata: {name: b}}]\n"
    assert [made["kind"] for made in render(text, {})] == ["ConfigMap", "Secret"]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (HEAD + "v: ${NOT_SET}\n", 4, "NOT_SET is not set"),
        (HEAD + "v: [\n", 5, "YAML syntax"),
        (HEAD + "kind: Pod\n", 4, "duplicate key 'kind'"),
        ("kind: Pod\nmetadata: {name: a}\n", 1, "without apiVersion"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}\n", 1, "generateName"),
        ("- a\n", 1, "expected an object, got list"),
        ("# nothing\n", 0, "holds no object"),
        pytest.param(HEAD + f"v: {'[' * 5000}{']' * 5000}", 0, "nested too deeply", id="deep"),
    ],
)
def test_mistakes_are_located(text, line, words):
    with pytest.raises(ManifestError, match=words) as error:
        render(text, {})
    assert error.value.line == line


def test_only_the_named_variables_travel():
    env = {"A": "1", "B": "2", "RAYEVAL_RUN_ID": "theirs"}
    assert variables("${A} ${RAYEVAL_RUN_ID} ${C:-x}", env) == {"A": "1"}
