"""`rayeval perf` 的开关：acs-bench 的名字与缺省，错处以开关的名字说。"""

import pytest
import typer
from typer.testing import CliRunner

from rayeval.cli import cli
from rayeval.domain.perf import PerfSpec
from rayeval.errors import UsageError
from rayeval.perf_flags import FLAGS
from rayeval.perf_profile import perf_spec

PERF = typer.main.get_command(cli).commands["perf"]


def parsed(*words):
    return PERF.make_context("perf", list(words), resilient_parsing=False).params


def spec(*words):
    return perf_spec(parsed(*words))


def problem(*words):
    with pytest.raises(UsageError) as told:
        spec(*words)
    assert told.value.exit_code == 2
    return str(told.value)


def test_defaults_are_those_of_acs_bench():
    made = spec()
    assert [(c.input_length, c.output_length) for c in made.cells()] == [(128, 128)]
    assert (made.concurrency, made.warmup, made.epochs) == ((1,), 0, 1)
    assert made.cells()[0].num_requests == 16
    assert (made.control_method, made.backend, made.timeout_s) == ("queue", "openai-chat", 1000)
    sampling = made.sampling
    assert (sampling.temperature, sampling.top_k, sampling.top_p) == (0.6, 8, 1.0)
    assert sampling.ignore_eos
    assert made.stream
    assert made.goodput == {}
    assert made.workers is None


def test_short_names_of_two_letters_are_read_as_acs_bench_writes_them():
    words = "-c 1,2 -n 16,32 -il 128 -ol 64,32 -w 1 -e 2 -cb threading-pool -b openai"
    climb = "-ub -cm linear -gr 1 -gi 500 -ic 1"
    made = spec(*words.split(), *climb.split())
    assert (made.concurrency, made.num_requests) == ((1, 2), (16, 32))
    assert (made.input_length, made.output_length) == ((128,), (64, 32))
    assert (made.warmup, made.epochs, made.backend) == (1, 2, "openai")
    assert made.control_method == "climb"
    assert made.climb.model_dump() == {
        "mode": "linear",
        "growth_rate": 1,
        "growth_interval": 500,
        "init_concurrency": 1,
    }


def test_one_number_of_requests_is_for_every_concurrency():
    assert spec("-c", "1,2,4", "-n", "16").num_requests == (16, 16, 16)


def test_lists_are_written_with_commas_or_by_repeating_the_flag():
    assert spec("-c", "1,2", "-c", "4").concurrency == (1, 2, 4)
    assert spec("-c", "1, 2").concurrency == (1, 2)


def test_a_climb_starts_at_the_concurrency_unless_told():
    assert spec("-ub", "-c", "4").schedule(4).permits_at(0.0) == 4


def test_finite_request_rate_is_an_open_loop_under_the_cap():
    made = spec("-r", "5", "-c", "8", "--burstiness", "0.5", "--overflow", "shed")
    assert made.control_method == "rate"
    assert made.open_loop.model_dump() == {
        "request_rate": 5.0,
        "arrival": "gamma",
        "burstiness": 0.5,
        "overflow": "shed",
    }
    assert spec("-r", "inf").open_loop is None


def test_switches_and_objectives():
    made = spec("--no-ignore-eos", "--no-stream", "--top-k", "none", "--goodput", "ttft:50,e2e:900")
    assert not made.sampling.ignore_eos
    assert not made.stream
    assert made.sampling.top_k is None
    assert made.goodput == {"ttft": 50, "e2e": 900}


def leaves(shape, prefix=""):
    for name, field in shape.model_fields.items():
        inner = (field.annotation, *getattr(field.annotation, "__args__", ()))
        nested = next((t for t in inner if hasattr(t, "model_fields")), None)
        yield from leaves(nested, f"{prefix}{name}.") if nested else [prefix + name]


def test_every_field_of_the_profile_has_a_flag():
    by_method = {"control_method"}  # 由 -ub 与 -r 定
    assert {flag.field for flag in FLAGS if flag.field} == set(leaves(PerfSpec)) - by_method


@pytest.mark.parametrize(
    ("words", "flag", "mend"),
    [
        ("-c 1,,2", "--concurrency", "like 1,2,4"),
        ("-c a", "--concurrency", "'a'"),
        ("-c 0", "--concurrency", "from 1 on"),
        ("-il 2,2", "--input-length", "twice"),
        ("-c 4 -n 2", "--num-requests 2 is below --concurrency 4", "raise it"),
        ("-c 1,2,4 -n 16,32", "--num-requests", "one for each"),
        ("-w x", "--warmup", "whole number"),
        ("-r 5", "--request-rate", "--concurrency"),
        ("-r 5 -c 2 -ub", "--request-rate", "drop one"),
        ("-r -5 -c 2", "--request-rate", "greater than 0"),
        ("--burstiness 2", "--burstiness", "--request-rate"),
        ("-gr 2", "--growth-rate", "--use-climb"),
        ("-ub -c 4 -ic 1", "--growth-rate", "--init-concurrency none"),
        ("-ub -cm steep", "--climb-mode", "linear, static"),
        ("-b grpc", "--backend", "openai-chat, openai"),
        ("-cb asyncio", "--concurrency-backend", "threading-pool"),
        ("--top-p 3", "--top-p", "less than or equal to 1"),
        ("--timeout 0", "--timeout", "greater than 0"),
        ("--workers 65", "--workers", "64"),
        ("--shared-prefix 128", "--shared-prefix", "--input-length"),
        ("--goodput ttft=50", "--goodput", "ttft:50"),
        ("--goodput lag:50", "--goodput", "ttft"),
        ("--goodput e2e:x", "--goodput", "a number"),
        ("--goodput e2e:-1", "--goodput", "above 0"),
    ],
)
def test_a_bad_flag_is_told_by_its_name_with_the_mend(words, flag, mend):
    told = problem(*words.split())
    assert flag in told
    assert mend in told
    assert len(told.splitlines()) == 1


def test_all_bad_flags_are_told_at_once():
    told = problem("-w", "x", "--top-p", "3", "-e", "0").splitlines()
    assert {line.partition(":")[0] for line in told} == {"--warmup", "--top-p", "--epochs"}


def test_help_says_what_each_flag_does_when_not_given():
    env = {"COLUMNS": "80", "TERMINAL_WIDTH": "80"}
    text = CliRunner(env=env).invoke(cli, ["perf", "--help"]).output
    shown = " ".join(text.replace("│", " ").split())
    assert "[default: (" not in shown
    for usual in ("1", "128", "ignore-eos", "no-min-tokens", "stream"):
        assert f"[default: {usual}]" in shown
