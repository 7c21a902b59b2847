"""指标的出路：写进 metrics/{ts}.prom，该推的推到 Pushgateway，说清推成了没有。"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rayeval.domain.push import PushSpec
from rayeval.domain.report import RunReport
from rayeval.domain.run import RunSpec
from rayeval.domain.verdict import Verdict
from rayeval.errors import InfrastructureError, PushError, UsageError
from rayeval.export.files import Artifacts

if TYPE_CHECKING:
    from rayeval.export.exposition import Group

NO_URL = (
    "no Pushgateway is configured; set push.url in matrix.yaml, or PROM_PUSHGATEWAY_URL in the "
    "environment"
)


@dataclass(frozen=True, slots=True)
class Published:
    """一次推送的结局：没推的缘故，或推上的组数、序列数与各组的错。"""

    url: str = ""
    skipped: str = ""
    told: bool = True
    groups: int = 0
    series: int = 0
    errors: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """该推而没有全推上。"""
        return bool(self.errors)

    def lines(self, run: str) -> Iterator[str]:
        """给人看的几行；`run` 是重推时要写的名字。"""
        if self.skipped:
            if self.told:
                yield f"metrics not pushed: {self.skipped}"
            return
        groups = f"{self.groups} group{'' if self.groups == 1 else 's'}"
        if self.groups or not self.errors:
            yield f"metrics pushed to {self.url}: {groups}, {self.series} series"
        for error in self.errors:
            yield f"push failed: {error}"
        if self.errors:
            yield f"push again with: rayeval push {run}"


def require_gateway(spec: RunSpec, wanted: bool | None) -> None:  # noqa: FBT001 三态
    """要推却没有地址，在测量之前就说。"""
    asked = wanted or (wanted is None and spec.push.required and _is_usual(spec))
    if asked and spec.push.url is None:
        raise UsageError(NO_URL)


def publish(
    report: RunReport,
    verdict: Verdict,
    spec: RunSpec,
    artifacts: Artifacts,
    wanted: bool | None,  # noqa: FBT001 三态：要、不要、照配置
) -> Published:
    """写正文；`wanted` 为 None 时照配置决定推不推。推不上不是异常，是结局。"""
    from rayeval.export import exposition
    from rayeval.export.metrics import samples

    push = spec.push
    body = exposition.text(samples(report, verdict, push.job), push.prefix)
    name = artifacts.write(artifacts.metrics(), body)
    reason = _reason_not_to(report, spec, wanted)
    if reason is not None:
        expected = push.url is not None or _is_usual(spec)  # 没有网关的人不必每次都听一遍
        return Published(skipped=reason, told=expected)
    return deliver(exposition.groups(body, name), push)


def deliver(groups: Sequence[Group], push: PushSpec) -> Published:
    """把各组推上去；网关不行、配置读不了，都写在结局里。"""
    from rayeval.export.pushgateway import opened

    url = push.url or ""
    try:
        with opened(push) as gateway:
            done = gateway.push(groups)
    except PushError as error:
        return Published(url=url, errors=(str(error),))
    return Published(
        url=url,
        groups=sum(not delivery.error for delivery in done),
        series=sum(delivery.series for delivery in done if not delivery.error),
        errors=tuple(f"{d.key['scenario']}: {d.error}" for d in done if d.error),
    )


def exit_code(code: int, published: Published, push: PushSpec) -> int:
    """推送失败只在配置要求时才算数，而且盖不过别的失败。"""
    if code == 0 and push.required and published.failed:
        return InfrastructureError.exit_code
    return code


def _is_usual(spec: RunSpec) -> bool:
    """不用说就推的那种运行。"""
    return spec.run_type in spec.push.run_types


def _reason_not_to(
    report: RunReport, spec: RunSpec, wanted: bool | None  # noqa: FBT001 三态
) -> str | None:
    """不推的缘故；要推则为 None。

    一组整个替换：只测了一部分的运行会抹掉别的阶段昨天的数，所以没明说就不推。
    """
    if wanted is False:
        return "--no-push"
    if wanted:
        return None
    if not _is_usual(spec):
        return f"a {spec.run_type} run; `rayeval push` does it anyway"
    if spec.push.url is None:
        return NO_URL
    if report.interrupted or report.narrowed:
        what = "was interrupted" if report.interrupted else "took only a part of the matrix"
        return f"the run {what}, and a push replaces whole groups; `rayeval push` does it anyway"
    return None
