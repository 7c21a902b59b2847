"""要不到的资源当场就说。"""

import pytest

from rayeval_actors.room import lacking

NODES = [{"Resources": {"CPU": 8.0, "GPU": 1.0}}, {"Resources": {"NPU": 8.0}}, {}]


@pytest.mark.parametrize("wanted", [{}, {"num_gpus": 0.0}, {"num_gpus": 1.0}, {"NPU": 8.0}])
def test_one_node_is_enough(wanted):
    assert lacking(wanted, NODES) is None


@pytest.mark.parametrize("wanted", [{"num_gpus": 2.0}, {"NPU": 9.0}, {"num_gpus": 1.0, "NPU": 1.0}])
def test_resources_do_not_add_up_over_nodes(wanted):
    words = lacking(wanted, NODES)
    assert all(f"{amount:g}" in words for amount in wanted.values())
    assert "or mend resources" in words
