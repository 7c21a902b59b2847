"""命令行：`rayeval accuracy URL`。"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rayeval.cli import words
from rayeval.cli.options import JUDGING
from rayeval.cli.service import Asked

EXAM = "Exam"
ASKING = "Asking"


def accuracy(
    asked: Asked,
    *,
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset",
            "-d",
            metavar="CSV|URL",
            help="The questions; not shipped.",
            rich_help_panel=EXAM,
        ),
    ] = None,
    profile: Annotated[
        Path | None,
        typer.Option(help="A tests/accuracy/*.yaml; flags win over it.", rich_help_panel=EXAM),
    ] = None,
    benchmark: Annotated[
        str | None,
        typer.Option(
            metavar="gpqa|mmlu",
            help="Default: gpqa.",
            rich_help_panel=EXAM,
            autocompletion=words.choose("gpqa", "mmlu"),
        ),
    ] = None,
    examples: Annotated[
        int | None,
        typer.Option("--examples", "-n", min=1, help="Sample so many.", rich_help_panel=EXAM),
    ] = None,
    repeats: Annotated[
        int | None,
        typer.Option("--repeats", "-r", min=1, help="Ask it all N times.", rich_help_panel=EXAM),
    ] = None,
    template: Annotated[
        str | None,
        typer.Option(help="Prompt file or simple-evals checkout.", rich_help_panel=EXAM),
    ] = None,
    system: Annotated[
        str | None, typer.Option(help="System message; default: none.", rich_help_panel=EXAM)
    ] = None,
    dataset_name: Annotated[
        str | None, typer.Option(help="Default: the file's name.", rich_help_panel=EXAM)
    ] = None,
    sha256: Annotated[
        str | None, typer.Option(help="Checksum of the file.", rich_help_panel=EXAM)
    ] = None,
    min_score: Annotated[
        float | None, typer.Option(help="Fail below it, 0 to 1.", rich_help_panel=JUDGING)
    ] = None,
    max_error_ratio: Annotated[
        float | None,
        typer.Option(help="More failures: no score; default 0.05.", rich_help_panel=EXAM),
    ] = None,
    include_questions: Annotated[
        bool | None,
        typer.Option("--include-questions", help="Keep texts in files.", rich_help_panel=EXAM),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option("--threads", "-t", min=1, help="In flight; 8.", rich_help_panel=ASKING),
    ] = None,
    shards: Annotated[
        int | None, typer.Option(min=1, help="Ray tasks; 2.", rich_help_panel=ASKING)
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="Of one answer; 2048.", rich_help_panel=ASKING)
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(min=0.0, help="Default 0.6.", rich_help_panel=ASKING)
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(help="Seconds of one request; 600.", rich_help_panel=ASKING)
    ] = None,
    max_retries: Annotated[
        int | None, typer.Option(min=0, help="Of one question; 5.", rich_help_panel=ASKING)
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(
            metavar="RUN|FILE",
            help="Go on with an interrupted run's answers.",
            rich_help_panel=ASKING,
        ),
    ] = None,
) -> int:
    """考一个已在跑的服务。先看开关，再导入重的东西，然后跑。"""
    given = {
        "dataset": dataset,
        "dataset_name": dataset_name,
        "sha256": sha256,
        "benchmark": benchmark,
        "num_examples": examples,
        "n_repeats": repeats,
        "threads": threads,
        "shards": shards,
        "max_tokens": max_tokens,
        "temperature": temperature,
        "timeout_s": timeout,
        "max_retries": max_retries,
        "template_file": template,
        "system_message": system,
        "min_score": min_score,
        "max_error_ratio": max_error_ratio,
        "include_questions": include_questions,
    }

    from rayeval.accuracy_flags import accuracy_spec

    spec = accuracy_spec(given, profile)
    from rayeval.one_stage import accuracy_job

    return accuracy_job(
        asked.service(),
        spec,
        asked.manner("accuracy"),
        baseline=asked.baseline,
        resume=resume,
        console=asked.console(),
    )
