"""清扫与端口：认得自己的，不碰别人的。"""

import os
import socket
import subprocess
import sys

import pytest

from rayeval.errors import LaunchError
from rayeval.service import owner, sweep
from rayeval.service.ports import held_port

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


def test_orphans_are_ended_and_others_are_not():
    mark = {sweep.MARK: f"run-{os.getpid()}"}
    theirs = subprocess.Popen(SLEEP, env={**os.environ, "RAYEVAL_RUN_ID": f"run-{os.getpid()}"})
    mine = subprocess.Popen(SLEEP, env={**os.environ, **mark})
    try:
        found = [item for item in sweep.orphans() if item.run_id == mark[sweep.MARK]]
        assert [item.pid for item in found] == [mine.pid]
        assert sweep.end(found) == found
        assert theirs.poll() is None
    finally:
        for process in (theirs, mine):
            process.kill()
            process.wait()


def test_a_guarded_process_is_no_orphan(tmp_path):
    guard = tmp_path / "guard.py"
    guard.write_text(f"import subprocess; subprocess.run({SLEEP!r})", encoding="utf-8")
    run_id = f"guarded-{os.getpid()}"
    with subprocess.Popen(
        [sys.executable, str(guard)], env={**os.environ, sweep.MARK: run_id}
    ) as guarding:
        while len(found := sweep.marked(run_id)) < 2:
            assert guarding.poll() is None
        assert not [item for item in sweep.orphans() if item.run_id == run_id]
        sweep.end(found)


def test_an_owner_is_dead_only_when_this_machine_knows_it():
    me = owner.this_process()
    who, pid, start = me.split("/")
    assert not owner.is_dead(me)
    assert owner.is_dead(f"{who}/{pid}/{int(start) - 1}")
    assert owner.is_dead(f"{who}/999999999/5")
    assert not owner.is_dead(f"me@elsewhere/{pid}/1")
    for odd in ("", "unknown", "a/b/c", f"{who}/{pid}/"):
        assert not owner.is_dead(odd)


def test_ports_are_held_for_one_launcher_each():
    with held_port("127.0.0.1", None) as one, held_port("127.0.0.1", None) as two:
        assert one != two
        with (
            pytest.raises(LaunchError, match=f"{one} is in use"),
            held_port("127.0.0.1", one),
        ):
            pass
    with held_port("127.0.0.1", one):
        pass


def test_a_port_that_someone_listens_on_is_refused_with_the_mend():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(LaunchError, match="end what listens"), held_port("127.0.0.1", port):
            pass
