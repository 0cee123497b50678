"""The fault run, small. Its stores and processes are real ones of its own: here it runs as `make faults` runs it."""

import json

from tests.processes import PYTHON, bare_environment, run


def test_nothing_is_lost_or_done_twice_when_processes_die_and_stores_stop() -> None:
    small = ("--kills", "3", "--stops", "1", "--seed", "2")
    done = run(PYTHON, "-m", "tests.faults", *small, env=bare_environment(PLAIN_STATIC="1"), timeout=420)
    assert done.stdout, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["faults"] == []
    assert found["sees_a_lost_write"], "a write that was acknowledged and then deleted has to be found missing"
    assert sum(found["kills"].values()) == 3
    assert found["stores_stopped"] == 2
    assert found["acknowledged"]["sessions"] > 0
    assert found["acknowledged"]["decisions"] > 0
