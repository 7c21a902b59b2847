"""能力探测：每个参数一个用例；声明过而没有是 FAIL，没声明也没有是 SKIP，各有往返为证。"""

from __future__ import annotations

import pytest

from rayeval.domain.functional import Capability, Support
from rayeval.functional.expect import REFERENCE, UNPROMISED, Feature, broken, expect
from rayeval.functional.journal import CAPABILITY
from rayeval.functional.probes import PROBES
from rayeval.functional.probing import Probe, conclude
from rayeval.functional.recorder import RecordingClient

_MISSING = frozenset({Support.REJECTED, Support.IGNORED, Support.FLAKY})


@pytest.mark.parametrize(
    "probe",
    [
        pytest.param(probe, id=probe.name, marks=[pytest.mark.alone] if probe.alone else [])
        for probe in PROBES
    ],
)
def test_parameter(client: RecordingClient, probe: Probe, request: pytest.FixtureRequest) -> None:
    """探一个参数：结论留在用例上，再与场景的声明对照。

    出错（5xx、超时、断线、没点名的拒绝）时结论是 UNKNOWN，绝不算不支持。
    """
    declared = Feature.of(client.scenario, *probe.features).declared
    stash = request.node.stash
    stash[CAPABILITY] = Capability(probe.name, Support.UNKNOWN, declared, "not found out")
    support, why = conclude(probe, client)
    stash[CAPABILITY] = Capability(probe.name, support, declared, why)
    if support not in _MISSING:
        return
    last = client.exchanges[-1]
    if declared:
        promise = f"the scenario declares {probe.name}, but it is {support.value}: {why}"
        raise broken(last, promise, f"features.{probe.name} of the scenario")
    promised = probe.name not in UNPROMISED and declared is None
    promise = f"{probe.name} is part of the interface, but it is {support.value}: {why}"
    expect(last, not promised, promise, REFERENCE, strict=True)
    pytest.skip(f"{probe.name} is not declared, and {support.value}: {why}")
