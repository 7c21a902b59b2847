"""推不推、推不上算不算、说什么；命令行的开关。"""

import pytest
from typer.testing import CliRunner

from rayeval.cli import cli
from rayeval.domain.push import PushSpec
from rayeval.domain.run import RunSpec
from rayeval.domain.verdict import Verdict
from rayeval.errors import UsageError
from rayeval.export.files import Artifacts
from rayeval.publish import Published, exit_code, publish, require_gateway

NOWHERE = "http://127.0.0.1:1"


def spec(run_type="daily", **push):
    return RunSpec(
        run_id="r",
        run_type=run_type,
        config_dir="/c",
        config_digest="",
        plans=(),
        push=PushSpec(**push),
    )


@pytest.mark.parametrize(
    ("asked", "changes", "why"),
    [
        ((None, "pr", NOWHERE), {}, "a pr run; `rayeval push` does it anyway"),
        ((None, "daily", None), {}, "no Pushgateway is configured"),
        ((None, "daily", NOWHERE), {"narrowed": True}, "only a part of the matrix"),
        ((None, "daily", NOWHERE), {"interrupted": True}, "interrupted"),
        ((False, "daily", NOWHERE), {}, "--no-push"),
    ],
)
def test_when_nothing_is_pushed_the_body_is_written_and_the_reason_told(
    reports, tmp_path, asked, changes, why
):
    wanted, run_type, url = asked
    report = reports.run(run_type=run_type, **changes)
    artifacts = Artifacts(tmp_path, "ts")
    done = publish(report, Verdict((), 0), spec(run_type, url=url), artifacts, wanted)
    assert why in next(done.lines("runs/ts"))
    assert not done.failed
    assert b"gate_pass" in (tmp_path / "metrics" / "ts.prom").read_bytes()


@pytest.mark.parametrize(("wanted", "run_type"), [(True, "pr"), (None, "daily")])
def test_a_push_that_fails_is_a_result_and_not_an_exception(reports, tmp_path, wanted, run_type):
    report = reports.run(run_type=run_type)
    here = spec(run_type, url=NOWHERE, attempts=1)
    done = publish(report, Verdict((), 0), here, Artifacts(tmp_path, "ts"), wanted)
    assert done.failed
    told = list(done.lines("runs/ts"))
    assert told[0].startswith("push failed: local_demo: http://127.0.0.1:1: ")
    assert told[-1] == "push again with: rayeval push runs/ts"


@pytest.mark.parametrize(
    ("code", "required", "errors", "wanted"),
    [(0, True, ("x",), 3), (0, False, ("x",), 0), (1, True, ("x",), 1), (0, True, (), 0)],
)
def test_a_failed_push_counts_only_where_it_is_required(code, required, errors, wanted):
    assert exit_code(code, Published(errors=errors), PushSpec(required=required)) == wanted


def test_asking_to_push_without_a_gateway_fails_before_anything_is_measured():
    for here, wanted in ((spec("pr"), True), (spec(required=True), None)):
        with pytest.raises(UsageError, match="PROM_PUSHGATEWAY_URL"):
            require_gateway(here, wanted)
    require_gateway(spec("pr", required=True), None)
    require_gateway(spec(required=True), False)


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["push"], "name a stored run"),
        (["push", "x", "--retire", "y"], "one of them"),
        (["push", "nowhere"], "nowhere: does not exist"),
        (["push", "--retire", "y"], "PROM_PUSHGATEWAY_URL"),
        (["push", "--retire", "y", "--url", "ftp://u:s3cret-s3cret@x"], "write http://HOST:PORT"),
        (["export", "nowhere"], "nowhere: does not exist"),
        (["export", "x", "--format", "pdf"], "write one of metrics"),
    ],
)
def test_a_wrong_use_is_told_with_its_mend(argv, told, monkeypatch):
    monkeypatch.delenv("PROM_PUSHGATEWAY_URL", raising=False)
    done = CliRunner().invoke(cli, argv)
    assert done.exit_code == 2
    assert told in done.output
    assert "s3cret" not in done.output
