"""`rayeval functional` 的开关：盖过档位，写错的说像哪个。"""

from __future__ import annotations

import pytest

from rayeval.domain.functional import SUITES
from rayeval.errors import UsageError
from rayeval.functional_flags import Chosen, declared_features, functional_spec


def test_nothing_chosen_is_everything_with_the_probe():
    spec = functional_spec(Chosen())
    assert (spec.suites, spec.probe, spec.paths) == (SUITES, True, ())


def test_choosing_one_case_leaves_the_probe_out_unless_asked():
    assert functional_spec(Chosen(select="stop")).probe is False
    assert functional_spec(Chosen(select="stop", probe=True)).probe is True


def test_a_folder_without_cases_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"no Python file in it"):
        functional_spec(Chosen(paths=[tmp_path]))


def test_own_path_alone_runs_alone(tmp_path):
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "test_mine.py").touch()
    spec = functional_spec(Chosen(paths=[tmp_path]))
    assert (spec.suites, spec.paths) == ((), (str(tmp_path),))
    both = functional_spec(Chosen(paths=[tmp_path], suites=["guided", "guided"]))
    assert both.suites == ("guided",)


def test_flags_win_over_the_profile(tmp_path):
    (tmp_path / "own").mkdir()
    profile = tmp_path / "strict.yaml"
    profile.write_text("workers: 1\nconcurrency: 7\npaths: [own]\n")
    spec = functional_spec(Chosen(profile=profile, workers=3))
    assert (spec.workers, spec.concurrency, spec.paths) == (3, 7, (str(tmp_path / "own"),))


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({"suites": ["guidd"]}, "did you mean 'guided'"),
        ({"paths": ["no/such"]}, "no such file or folder"),
        ({"profile": "no/such.yaml"}, "no such file"),
    ],
)
def test_wrong_names_are_told(chosen, told, tmp_path):
    made = {k: tmp_path / v if isinstance(v, str) else v for k, v in chosen.items()}
    made = {k: [tmp_path / x for x in v] if k == "paths" else v for k, v in made.items()}
    with pytest.raises(UsageError, match=told):
        functional_spec(Chosen(**made))


def test_features_are_declared_by_name():
    words = ["tools", "reasoning=false", "x_mine"]
    assert declared_features(words) == {"tools": True, "reasoning": False, "x_mine": True}


@pytest.mark.parametrize(("word", "told"), [("toolz", "tools"), ("tools=perhaps", "tools=false")])
def test_unknown_feature_is_told_with_the_mend(word, told):
    with pytest.raises(UsageError, match=told):
        declared_features([word])
