"""体检里关于机器的判断：给它读数，看它怎么说。"""

from pathlib import Path

import pytest

from rayeval.doctor import machine
from rayeval.doctor.finding import State
from rayeval.doctor.scene import Load

GIB = machine.GIB
HEAVY = Load(streams=4000, one_worker=1000)


@pytest.mark.parametrize(
    ("usable", "quota", "state"),
    [(8, None, State.OK), (8, 8.0, State.OK), (8, 2.5, State.WARN), (1, None, State.WARN)],
)
def test_a_quota_below_the_cores_and_a_lone_core_are_told(usable, quota, state):
    told = machine.cpus(usable, quota)
    assert told.state is state
    assert quota is None or quota >= usable or "--num-cpus=2" in told.mend


@pytest.mark.parametrize(
    ("soft", "hard", "load", "state", "mend"),
    [
        (65536, 65536, HEAVY, State.OK, ""),
        (machine.UNLIMITED, machine.UNLIMITED, HEAVY, State.OK, ""),
        (1024, 65536, None, State.WARN, "ulimit -n 4096"),
        (1024, 65536, HEAVY, State.FAIL, "ulimit -n 4096"),
        (1024, 1024, HEAVY, State.FAIL, "raise the hard limit"),
        (4096, 65536, Load(9000, 9000), State.FAIL, "ulimit -n 9256"),
    ],
)
def test_open_files_are_measured_against_one_load_worker(soft, hard, load, state, mend):
    told = machine.open_files(soft, hard, load)
    assert told.state is state
    assert told.mend.startswith(mend)


@pytest.mark.parametrize(
    ("soft", "state"), [(500, State.WARN), (4096, State.OK), (machine.UNLIMITED, State.OK)]
)
def test_few_processes_are_told(soft, state):
    assert machine.processes(soft).state is state


@pytest.mark.parametrize(
    ("total", "free", "state"),
    [
        (None, None, State.WARN),
        (64 << 20, 64 << 20, State.WARN),
        (8 * GIB, 100 << 20, State.WARN),
        (2 * GIB, 2 * GIB, State.OK),
    ],
)
def test_a_containers_default_shared_memory_is_told(total, free, state):
    told = machine.shared_memory(total, free)
    assert told.state is state
    assert total is None or state is State.OK or "--shm-size" in told.mend


@pytest.mark.parametrize(
    ("free", "trouble", "state"),
    [
        (90 * GIB, None, State.OK),
        (GIB, None, State.WARN),
        (1 << 20, None, State.FAIL),
        (90 * GIB, "Permission denied", State.FAIL),
    ],
)
def test_a_full_or_closed_disk_is_told(free, trouble, state):
    told = machine.disk(Path("artifacts"), free, trouble)
    assert told.state is state
    assert trouble is None or trouble in told.seen


@pytest.mark.parametrize(
    ("last", "load", "state"),
    [
        (60999, HEAVY, State.OK),
        (35000, None, State.OK),
        (38000, HEAVY, State.WARN),
        (33000, HEAVY, State.FAIL),
    ],
)
def test_ports_are_counted_against_the_highest_concurrency(last, load, state):
    assert machine.ephemeral_ports(32768, last, load).state is state


def test_a_port_in_use_is_named_with_its_scenario():
    told = machine.service_ports({"one": 8000, "two": 8001}, lambda port: port != 8001)
    assert told.state is State.FAIL
    assert told.seen == "8001 is in use (two)"
    assert machine.service_ports({"one": 8000}, lambda _: True).state is State.OK
    assert machine.service_ports({}, lambda _: False).state is State.SKIP


def test_a_folder_that_is_not_there_yet_is_tried_in_the_nearest_one_that_is(tmp_path):
    told = machine.check_disk(tmp_path / "a" / "b")
    assert "writable" in told.seen
    assert list(tmp_path.iterdir()) == []
    file = tmp_path / "file"
    file.write_text("")
    assert machine.check_disk(file).state is State.FAIL


@pytest.mark.parametrize(
    "check",
    [
        machine.check_cpus,
        machine.check_processes,
        machine.check_shared_memory,
        lambda: machine.check_open_files(None),
        lambda: machine.check_ephemeral_ports(None),
    ],
)
def test_this_machine_can_be_read(check):
    assert check().seen
