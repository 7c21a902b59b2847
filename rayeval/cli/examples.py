"""帮助的版面：动词分几栏，每个动词带几条能照抄的例子。"""

from __future__ import annotations

from rayeval.cli.options import EXIT_CODES

MEASURE, LOOK, PREPARE = "Measure", "Look at stored runs", "Prepare and tidy up"

EXAMPLES: dict[str, tuple[str, ...]] = {
    "run": (
        "rayeval run --config configs/demo --address inline",
        "rayeval run --scenario local_single_demo --stage perf --stage accuracy",
        "rayeval run --run-type daily --address auto --baseline artifacts",
        "rayeval run --run-type daily --resume 20260101T000000Z-1a2b3c",
    ),
    "perf": (
        "rayeval perf http://127.0.0.1:8000/v1 -c 1,2,4 -il 128,2048 -ol 128",
        "rayeval perf http://127.0.0.1:8000/v1 -c 256 --request-rate 20",
        "rayeval perf http://127.0.0.1:8000/v1 -c 64 --use-climb --growth-rate 2",
        "rayeval perf http://127.0.0.1:8000/v1 -c 8 --format csv > cells.csv",
    ),
    "functional": (
        "rayeval functional http://127.0.0.1:8000/v1",
        "rayeval functional http://127.0.0.1:8000/v1 -s chat_core --feature tools",
        "rayeval functional http://127.0.0.1:8000/v1 -s guided -k json_schema",
        "rayeval functional http://127.0.0.1:8000/v1 --format json > cases.json",
    ),
    "accuracy": (
        "rayeval accuracy http://127.0.0.1:8000/v1 -d gpqa_diamond.csv",
        "rayeval accuracy http://127.0.0.1:8000/v1 -d gpqa_diamond.csv -n 5",
        "rayeval accuracy http://127.0.0.1:8000/v1 -d mmlu.csv --benchmark mmlu",
        "rayeval accuracy http://127.0.0.1:8000/v1 -d q.csv --format csv > score.csv",
    ),
    "mock": (
        "rayeval mock --port 8000 --ttft-ms 50 --itl-ms 10",
        "rayeval mock --port 8000 --reasoning --fault http_503:every=10",
        "rayeval mock --list-faults",
    ),
    "gate": (
        "rayeval gate artifacts --baseline nightly/artifacts",
        "rayeval gate artifacts --config configs --markdown summary.md",
    ),
    "compare": (
        "rayeval compare nightly/artifacts artifacts",
        "rayeval compare before/report.json after/report.json --markdown compared.md",
    ),
    "report": (
        "rayeval report artifacts --open",
        "rayeval report artifacts/runs/20260101T000000Z --to pages",
    ),
    "export": (
        "rayeval export artifacts/runs/20260101T000000Z",
        "rayeval export artifacts/runs/20260101T000000Z --format csv --bom",
    ),
    "push": (
        "rayeval push artifacts/runs/20260101T000000Z --dry-run",
        "rayeval push artifacts/runs/20260101T000000Z --url http://pushgateway:9091",
        "rayeval push --retire local_single_demo",
    ),
    "doctor": (
        "rayeval doctor",
        "rayeval doctor --config configs/demo --address auto",
        "rayeval doctor --address 10.0.0.1:6379 --json",
    ),
    "validate": (
        "rayeval validate",
        "rayeval validate --config configs/demo",
    ),
    "plan": (
        "rayeval plan --config configs/demo",
        "rayeval plan --run-type daily --scenario local_single_demo --json",
    ),
    "schema": (
        "rayeval schema --config configs",
        "rayeval schema --check",
    ),
    "cleanup": (
        "rayeval cleanup --run-id 20260101T000000Z-1a2b3c",
        "rayeval cleanup --run-id 20260101T000000Z-1a2b3c --namespace default",
    ),
}
"""动词 → 例子，一条一行，80 列里不折行。"""


def epilog(verb: str) -> str:
    """一个动词的帮助的末尾：例子，再是退出码。"""
    return "\n  ".join(("Examples:", *EXAMPLES[verb])) + f"\n\n{EXIT_CODES}"
