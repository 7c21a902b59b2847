"""同一个缘故的发现只说一遍；证书的理由各不相同，也算一个缘故。"""

from rayeval.domain.verdict import Finding, Level
from rayeval.export.alike import alike


def uncertified(where, message, level=Level.WARN):
    return Finding("certificate", level, "uncertified", "demo", where, message)


def test_cells_without_a_certificate_are_one_line_with_the_first_ones_reason():
    mine = "the load generator did not keep its promise"
    found = [uncertified(f"c{n}", f"{mine}: worker 0 stalled for {n} ms") for n in (41, 42, 43)]
    found.append(uncertified("c41", "the baseline's load generator did not keep its promise: x"))
    one, other = alike(found)
    assert one.where == "c41 and 2 more"
    assert one.message.startswith(f"{mine}: worker 0 stalled for 41 ms; the others' reasons")
    assert other.message.endswith(": x")


def test_findings_of_other_rules_differ_by_their_words():
    found = [Finding("qps", Level.FAIL, "broken", "demo", f"c{n}", f"{n}: slower") for n in (1, 2)]
    assert [group.message for group in alike(found)] == ["1: slower", "2: slower"]
