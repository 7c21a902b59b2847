"""看板的每个查询，问真的 Prometheus：三天的数据，两种前缀，数据里有的每种变量取值。"""

import itertools
import re
import time
from urllib.parse import urlencode

import pytest

from dashboards.source import preview
from rayeval.domain.verdict import GateSpec
from rayeval.export.catalogue import CATALOGUE, IDENTITY
from rayeval.export.metrics import samples
from rayeval.gate.judge import judge
from tests.real import days, stack
from tests.real.board import BOARD, FILTERS, PANELS, filled, panel_rows, results
from tests.real.observed import PREFIXES

pytestmark = pytest.mark.real

DAY_OF = {"": "today", "1d": "yesterday", "7d": "week"}
VARIABLES = {v["name"]: v for v in BOARD["templating"]["list"]}
LATEST = re.compile(r"last_over_time\((\w+)\{[^}]*\}\[26h\](?: offset (\w+))?\)")
RATIO = re.compile(r"(last_over_time\(.*\)) / \((last_over_time\(.*\)) > 0\)")


def known(day, job, now):
    """那一天推上去的样本：族名 → 标签 → 值；Prometheus 视空标签为没有。"""
    report = days.run(day, now)
    older = {"week": None, "yesterday": "week", "today": "yesterday"}[day]
    verdict = judge(report, days.run(older, now) if older else None, GateSpec())
    found = {}
    for sample in samples(report, verdict, job):
        name = sample.family + (f"_{sample.suffix}" if sample.suffix else "")
        labels = frozenset((k, v) for k, v in sample.labels.items() if v)
        found.setdefault(name, {})[labels] = sample.value
    return found


def chosen(expr, labels):
    """写死在查询里的筛选是否留下这条序列；变量都代成了 .*。"""
    found = re.findall(r'(\w+)=~"([^"]*)"', expr)
    return all(re.fullmatch(wish, labels.get(name, "")) for name, wish in found)


def expected(expr, prefix, now):
    """我们写的几种查询该有的答案，从报告算起，不经 Prometheus。"""
    job = PREFIXES[prefix]
    whole = RATIO.fullmatch(expr)
    if whole:
        top, bottom = (expected(part, prefix, now) for part in whole.groups())
        return {k: v / bottom[k] for k, v in top.items() if bottom.get(k, 0) > 0}
    simple = LATEST.fullmatch(expr)
    if simple:
        values = known(DAY_OF[simple[2] or ""], job, now)[simple[1].removeprefix(prefix)]
        return {k: v for k, v in values.items() if chosen(expr, dict(k))}
    raw = re.fullmatch(r"(\w+)\{[^}]*\}", expr)
    if raw:
        return known("today", job, now)[raw[1].removeprefix(prefix)]
    return None


@pytest.mark.parametrize("prefix", PREFIXES, ids=lambda prefix: f"prefix={prefix or 'none'}")
def test_every_query_returns_the_series_and_values_that_were_measured(observed, prefix):
    wrong = [
        f"{panel['title']} {target['refId']}: {trouble}"
        for panel in PANELS
        for target in panel["targets"]
        if (trouble := difference(observed, panel["title"], target["expr"], prefix))
    ]
    assert not wrong, "\n".join(wrong)


def difference(observed, title, template, prefix):
    """一个查询的答案与所测的差在哪；没有差别为空。"""
    expr = filled(template, prefix)
    found = stack.query(observed.prometheus, expr, time.time())
    if title == "Age of the newest run":
        return "" if len(found) == 2 and all(0 <= age < 600 for age in found.values()) else found
    if title == "Last push":
        return "" if sorted(found.values()) == [1.0] * 2 * len(PREFIXES) else found
    wanted = expected(expr, prefix, observed.now)
    if not wanted:
        return f"no answer is known for {expr}"
    if set(found) != set(wanted):
        return f"{len(found)} series, not {len(wanted)}: {set(found) ^ set(wanted)}"
    return "" if found == pytest.approx(wanted, rel=1e-9) else f"{found} != {wanted}"


@pytest.mark.parametrize("prefix", PREFIXES, ids=lambda prefix: f"prefix={prefix or 'none'}")
def test_every_combination_of_variables_narrows_every_query_to_its_series(observed, prefix):
    at = time.time()
    for panel in PANELS:
        for target in panel["targets"]:
            whole = stack.query(observed.prometheus, filled(target["expr"], prefix), at)
            used = sorted(set(re.findall(r'=~"\$(\w+)"', target["expr"])))
            combinations = {tuple(dict(k).get(name, "") for name in used) for k in whole}
            for values in combinations:
                chosen = dict(zip(used, map(re.escape, values), strict=True))
                chosen = {k: v.replace("\\", "\\\\") for k, v in chosen.items()}
                expr = filled(target["expr"], prefix, **chosen)
                wanted = {
                    key: value
                    for key, value in whole.items()
                    if tuple(dict(key).get(name, "") for name in used) == values
                }
                found = stack.query(observed.prometheus, expr, at)
                assert set(found) == set(wanted), f"{panel['title']}: {expr}"


@pytest.mark.parametrize("prefix", PREFIXES, ids=lambda prefix: f"prefix={prefix or 'none'}")
def test_the_variables_offer_what_the_data_holds(observed, prefix):
    offered = {name: values_of(observed, VARIABLES[name], prefix) for name in FILTERS}
    assert offered == {
        "scenario": {"local_demo", "k8s_pd_demo"},
        "model": {"Qwen/Qwen3-32B", "通义千问"},
        "quant": {"w8a8"},
        "backend": {"openai-chat"},
        "run_type": {"daily"},
        "input_len": {"128"},
        "output_len": {"32"},
        "concurrency": {"1", "4", "8"},
        "dataset": {"random"},
    }


def values_of(observed, variable, prefix):
    """label_values(选择器, 标签) 的取值，同 Grafana 那样问。"""
    inner = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"])
    selector, label = filled(inner[1], prefix), inner[2]
    fields = {"match[]": selector, "start": str(observed.now - 14 * days.DAY)}
    url = f"{observed.prometheus}/api/v1/label/{label}/values?{urlencode(fields)}"
    return set(stack.fetch(url)["data"])


def test_the_offset_panels_show_the_ratios_of_the_three_days(observed):
    ratios = {
        (panel["title"], value)
        for panel in PANELS
        if " to -" in panel["title"]
        for value in {
            round(found, 4)
            for found in stack.query(
                observed.prometheus, filled(panel["targets"][0]["expr"], ""), time.time()
            ).values()
        }
    }
    slower, since = days.PACE["today"], days.PACE["today"] / days.PACE["yesterday"]
    assert ratios == {
        ("TTFT: today to -1d", round(since, 4)),
        ("TTFT: today to -7d", round(slower, 4)),
        ("E2E: today to -1d", round(since, 4)),
        ("E2E: today to -7d", round(slower, 4)),
        ("QPS: today to -1d", round(1 / since, 4)),
        ("QPS: today to -7d", round(1 / slower, 4)),
        ("Output tokens per second: today to -1d", round(1 / since, 4)),
        ("Output tokens per second: today to -7d", round(1 / slower, 4)),
    }


def test_every_line_panel_draws_two_weeks(observed):
    for panel in PANELS:
        if panel["type"] == "timeseries":
            for target in panel["targets"]:
                expr = filled(target["expr"], "")
                found = stack.query_range(
                    observed.prometheus, expr, time.time(), 14 * days.DAY, 6 * days.HOUR
                )
                assert found, f"{panel['title']}: {expr}"


def test_the_shipped_alerts_fire_for_what_got_worse_and_for_nothing_else(observed):
    wanted = {
        ("RayevalTTFTRegression", 4),
        ("RayevalE2ERegression", 4),
        ("RayevalThroughputRegression", 4),
        ("RayevalAccuracyLow", 2),
        ("RayevalCaseFailed", 2 * 1),
    }

    def firing():
        alerts = stack.fetch(f"{observed.prometheus}/api/v1/alerts")["data"]["alerts"]
        names = [alert["labels"]["alertname"] for alert in alerts]
        return {(name, names.count(name)) for name in names} == wanted

    stack.until(firing, f"the alerts {wanted}")


def test_the_catalogue_is_what_prometheus_holds(observed):
    fields = {"match[]": '{job="rayeval"}', "start": str(observed.now - 14 * days.DAY)}
    answer = stack.fetch(f"{observed.prometheus}/api/v1/series", **fields)
    held = {}
    for series in answer["data"]:
        name = series.pop("__name__")
        held.setdefault(name, set()).update(series)
    ours = {name: labels for name, labels in held.items() if not name.startswith("push_")}
    summaries = [name for name, family in CATALOGUE.items() if family.kind == "summary"]
    suffixed = [f"{n}{s}" for n, s in itertools.product(summaries, ("_sum", "_count"))]
    recorded = {name for name in ours if name.startswith(("rayeval:", "ALERTS"))}
    assert set(ours) - recorded == {*CATALOGUE, *suffixed}
    for name, labels in ours.items():
        if name in CATALOGUE:
            more = {"quantile"} if CATALOGUE[name].kind == "summary" else set()
            assert labels <= {*IDENTITY, *CATALOGUE[name].labels, *more}


def test_what_the_panels_hold_can_be_drawn(observed, tmp_path):
    rows = panel_rows()
    assert sum(map(len, rows.values())) == len(PANELS)
    kinds = {panel["type"] for title in ("Overview", "Functional") for panel in rows[title]}
    assert kinds == {panel["type"] for panel in PANELS}
    found = [(panel, results(observed, panel, time.time())) for panel in rows["Functional"]]
    assert all(series for _, series in found)
    preview.draw(found, tmp_path / "row.png")
    assert (tmp_path / "row.png").read_bytes().startswith(b"\x89PNG")
