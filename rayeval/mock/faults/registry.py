"""全部故障；`--fault NAME` 从这里找。"""

from __future__ import annotations

import difflib

from rayeval.mock.faults.fault import Dose, Fault
from rayeval.mock.faults.of_features import GUIDED, REASONING, TOOLS
from rayeval.mock.faults.of_params import IGNORED
from rayeval.mock.faults.of_replies import CONTENT, ENVELOPE, USAGE
from rayeval.mock.faults.of_service import CHECKS, ERRORS, WIRES

FAULTS: tuple[Fault, ...] = (
    *ENVELOPE,
    *USAGE,
    *CONTENT,
    *IGNORED,
    *TOOLS,
    *GUIDED,
    *REASONING,
    *CHECKS,
    *ERRORS,
    *WIRES,
)


def find(name: str) -> Fault:
    """叫这个名字的故障；没有则抛 ValueError，附上最像的。"""
    known = {fault.name: fault for fault in FAULTS}
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else "see --list-faults"
    raise ValueError(f"no fault is called {name!r}; {hint}")


def dose(text: str) -> Dose:
    """`NAME`、`NAME:every=2`、`NAME:after=10,every=5,burst=2` → Dose；写错抛 ValueError。"""
    name, _, rest = text.partition(":")
    values = {"every": 1, "after": 0, "burst": 1}
    for part in filter(None, rest.split(",")):
        key, _, value = part.partition("=")
        if key not in values or not value.isascii() or not value.isdigit():
            raise ValueError(f"{text!r}: write NAME, or NAME:every=N,after=N,burst=N")
        values[key] = int(value)
    if not 1 <= values["burst"] <= values["every"]:
        raise ValueError(f"{text!r}: burst must be between 1 and every={values['every']}")
    return Dose(find(name), **values)


def listing() -> str:
    """`--list-faults` 的全文：一行一种，名字与毛病。"""
    width = max(len(fault.name) for fault in FAULTS)
    return "\n".join(f"{fault.name:<{width}}  {fault.defect}" for fault in FAULTS)
