"""用例与故障的凭据：在带着一种故障的内置服务上跑用例，看谁不再通过。

`python -m tests.contract.pairs` 为新用例、新故障取证（`--all` 从头来），写下 pairs.json，
并把 tests/README.md 里两个记号之间的表换成新的；用例或故障没有配上对时以 1 退出。
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from rayeval.mock.faults.registry import FAULTS

ROOT = Path(__file__).parents[2]
FUNCTIONAL = ROOT / "rayeval" / "functional"
STORED = Path(__file__).with_name("pairs.json")
README = ROOT / "tests" / "README.md"
BEGIN, END = "<!-- pairs: begin -->", "<!-- pairs: end -->"
OPTIONAL = """
function_call tool_choice tool_choice_none tool_choice_required tool_choice_named
parallel_tool_calls guided guided_keywords guided_choice guided_regex guided_json json_object
structured_outputs grammar regex reasoning thinking_switch reasoning_effort completions echo n seed
logprobs top_logprobs logit_bias stop max_tokens max_completion_tokens min_tokens ignore_eos
temperature top_p top_k min_p presence_penalty frequency_penalty repetition_penalty stream_usage
"""
FEATURES = OPTIONAL.split()
"""场景声明全部能力：缺了就是 FAIL，不会以 SKIP 混过去。"""
LIMIT_S = 30.0
HASTY_S = 1.0
"""用例的时限；钝器的短，挂死与滴字靠它收场。"""
BLUNT = {fault.name for fault in FAULTS if fault.blunt}
WITNESSES = 3
"""一种故障没有分到用例时，至多留几个作它的凭据。"""
PROBES = (
    *("chat_core/answers[non_stream-en]", "chat_core/answers[stream-en]"),
    "chat_core/leaving_early_does_no_harm",
)
"""钝器打翻一切，跑这几个就够。"""
WORKERS = 2
Pairs = Mapping[str, Sequence[str]]


ORDER = ("PASS", "SKIP", "ERROR", "FAIL")


class Watch:
    """pytest 的小插件：只留 `chosen`，记下每个用例的结局；宽判放过而严判不放过的算 FAIL。"""

    def __init__(self, chosen: Collection[str] | None, alive: Callable[[], bool]) -> None:
        self.chosen = chosen
        self.alive = alive
        self.said: dict[str, str] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self.chosen is not None:
            items[:] = [item for item in items if case_id(item) in self.chosen]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        name = case_id(item)
        said = verdict(report, call, item)
        self.said[name] = max(self.said.get(name, "PASS"), said, key=ORDER.index)
        if not self.alive():
            item.session.shouldstop = "the service died: what follows says nothing"
        return report


def verdict(report: pytest.TestReport, call: pytest.CallInfo[None], item: pytest.Item) -> str:
    """一个阶段的结局。FAIL 是违约；没答上来（断线、超时）只是 ERROR，什么用例都能如此。"""
    error = call.excinfo.value if call.excinfo else None
    if isinstance(error, AssertionError | pytest.fail.Exception):
        return "FAIL"
    if report.failed:
        return "ERROR"
    if strictly_broken(item):
        return "FAIL"
    return "SKIP" if report.skipped else "PASS"


def case_id(item: pytest.Item) -> str:
    """与 runner 写的同名：套件/用例[参数]。"""
    return f"{item.path.stem.removeprefix('test_')}/{item.name.removeprefix('test_')}"


def strictly_broken(item: pytest.Item) -> bool:
    """宽判放过、严判不放过的违约。"""
    from rayeval.functional.journal import CLIENT

    client = item.stash.get(CLIENT, None)
    exchanges = [] if client is None else client.exchanges
    return any(getattr(exchange, "strict_broken", ()) for exchange in exchanges)


def outcomes(fault: str | None, chosen: Collection[str] | None = None) -> dict[str, str]:
    """在带着 `fault` 的服务上，每个用例的结局：PASS、SKIP、ERROR、FAIL；`chosen` 限定跑哪些。"""
    limit = HASTY_S if fault in BLUNT else LIMIT_S
    with _mock(fault) as (process, url), Path(os.devnull).open("w") as nowhere:
        argv = [
            *_files(chosen),
            *("-c", os.devnull, "--rootdir", str(FUNCTIONAL), "-p", "no:cacheprovider"),
            *("--import-mode=importlib", "-q", "--tb=no", "-p", "rayeval.functional.plugin"),
            *("--rayeval-url", url, "--rayeval-model", "mock"),
            *("--rayeval-features", ",".join(FEATURES), f"--rayeval-case-timeout={limit}"),
        ]
        watch = Watch(chosen, lambda: process.poll() is None)
        with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            pytest.main(argv, plugins=[watch])
    return watch.said


def _files(chosen: Collection[str] | None) -> list[str]:
    """`chosen` 所在的套件文件；不限定时是全部。"""
    files = sorted(FUNCTIONAL.rglob("test_*.py"))
    if chosen is not None:
        suites = {case.partition("/")[0] for case in chosen}
        files = [file for file in files if file.stem.removeprefix("test_") in suites]
    return [str(file) for file in files]


def side_by_side(
    jobs: Sequence[tuple[str | None, Collection[str] | None]],
) -> list[dict[str, str]]:
    """几件 `outcomes` 并排做；pytest 在别的进程里跑，与外面的互不相干。"""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(WORKERS, mp_context=context) as pool:
        return list(pool.map(outcomes, *zip(*jobs, strict=True)))


def chosen_pairs(
    caught: Mapping[str, Collection[str]], cases: Sequence[str], kept: Pairs | None = None
) -> dict[str, list[str]]:
    """故障 → 归它的用例：每个用例归打翻最少的那种故障；没分到的留几个凭据。钝器只作凭据。

    `kept` 是先前配好、不再动的。
    """
    sharp = [f.name for f in FAULTS if not f.blunt and caught.get(f.name)]
    pairs = {fault.name: list((kept or {}).get(fault.name, ())) for fault in FAULTS}
    for case in cases:
        able = [name for name in sharp if case in caught[name]]
        if able:
            pairs[min(able, key=lambda name: len(caught[name]))].append(case)
    rarity = Counter(case for found in caught.values() for case in found)
    for name in [name for name, mine in pairs.items() if not mine]:
        pairs[name] = sorted(caught.get(name, ()), key=lambda c: (rarity[c], c))[:WITNESSES]
    return pairs


def fails(fault: str, said: str) -> bool:
    """这个结局算不算被 `fault` 打翻：钝器只能叫用例出错，别的须叫它违约。"""
    return said == "FAIL" or (said == "ERROR" and fault in BLUNT)


def unpaired(cases: Sequence[str], pairs: Pairs) -> list[str]:
    """没有哪种锋利的故障认领的用例。"""
    claims = [one for name, mine in pairs.items() if name not in BLUNT for one in mine]
    return [case for case in cases if not any(matches(claim, case) for claim in claims)]


def claimed(mine: Sequence[str], cases: Sequence[str]) -> list[str]:
    """一种故障认领的用例。"""
    return [case for case in cases if any(matches(claim, case) for claim in mine)]


def compact(chosen: Collection[str], cases: Sequence[str]) -> list[str]:
    """写短：一组参数全在的写成 `名字[*]` 或 `名字[前缀*]`，不多不少恰是 `chosen`。"""
    left, patterns = set(chosen), []
    for case in cases:
        if case not in left:
            continue
        ends = [match.end() for match in re.finditer(r"[\[:-]", case)]
        forms = [f"{case[:end]}*]" for end in ends] + [case]
        for form in forms:
            covered = {one for one in cases if matches(form, one)}
            if form == case or (len(covered) > 1 and covered <= set(chosen)):
                left -= covered
                patterns.append(form)
                break
    return patterns


def matches(pattern: str, case: str) -> bool:
    """`*` 是任意一段；别的字符照字面。"""
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), case) is not None


def table(pairs: Pairs) -> str:
    """故障、毛病、归它的用例。"""
    rows = ["| fault | defect | cases that it must fail |", "|---|---|---|"]
    for fault in FAULTS:
        found = ", ".join(f"`{pattern}`" for pattern in pairs.get(fault.name, ()))
        rows.append(f"| `{fault.name}` | {fault.defect} | {found} |")
    return "\n".join(rows)


def stored() -> Pairs:
    """上次取证写下的。"""
    return json.loads(STORED.read_text(encoding="utf-8"))


def readme_with(pairs: Pairs, text: str) -> str:
    """README 换上新表；两个记号须在。"""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table(pairs)}\n{END}{after}"


def record(fresh: Collection[str], known: Pairs) -> dict[str, set[str]]:
    """取证：故障 → 被它打翻的用例。老故障只跑 `fresh`，新故障跑全部用例，钝器只跑 PROBES。"""
    jobs: list[tuple[str | None, Collection[str] | None]] = []
    for fault in FAULTS:
        chosen = PROBES if fault.blunt else None
        if fault.name in known:
            chosen = () if fault.blunt else fresh
        if chosen is None or chosen:
            jobs.append((fault.name, chosen))
    found = side_by_side(jobs) if jobs else []
    return {
        str(name): {case for case, said in one.items() if fails(str(name), said)}
        for (name, _), one in zip(jobs, found, strict=True)
    }


def main(argv: Sequence[str]) -> int:
    """取证、配对、写下；`--all` 从头来，否则只补新用例与新故障。"""
    (plain,) = side_by_side([(None, None)])
    cases, known = list(plain), {} if "--all" in argv else stored()
    kept = {name: claimed(mine, cases) for name, mine in known.items()}
    kept = {name: mine for name, mine in kept.items() if mine}
    fresh = unpaired(cases, kept)
    found = record(fresh, kept)
    names = [fault.name for fault in FAULTS]
    caught = {name: {*kept.get(name, ()), *found.get(name, ())} for name in names}
    pairs = chosen_pairs(caught, fresh, kept)
    written = {name: compact(mine, cases) for name, mine in pairs.items()}
    STORED.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    README.write_text(readme_with(written, README.read_text(encoding="utf-8")), encoding="utf-8")
    troubles = [f"{said} without a fault: {case}" for case, said in plain.items() if said != "PASS"]
    troubles += [f"no fault makes it fail: {case}" for case in unpaired(cases, written)]
    troubles += [f"no case catches it: {name}" for name, mine in written.items() if not mine]
    print("\n".join([*troubles, f"{len(cases)} cases, {len(names)} faults"]))
    return 1 if troubles else 0


@contextlib.contextmanager
def _mock(fault: str | None) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """一个内置服务；给出它的进程与以 /v1 结尾的地址。"""
    flags = [] if fault is None else ["--fault", fault]
    argv = [sys.executable, "-m", "rayeval.mock", "--port", "0", "--reasoning", *flags]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline().decode()
            assert line.startswith("listening on "), f"the service did not start with {fault}"
            yield process, line.removeprefix("listening on ").strip() + "/v1"
        finally:
            process.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
