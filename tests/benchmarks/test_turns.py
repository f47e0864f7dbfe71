"""Processes that train in turns."""

import sys
import time
from pathlib import Path

import pytest
from race import race
from turns import Contestant, ContestantError

SCRIPT = """
import sys, time
sys.path.insert(0, {folder!r})
from turns import Turns
turns = Turns()
count = 0
try:
    while True:
        count += 1
        time.sleep({seconds})
        turns.step({per_call})
finally:
    print("made", count)
"""


def command(tmp_path: Path, seconds: float = 0.0, per_call: int = 1) -> list[str]:
    folder = str(Path(__file__).parents[2] / "benchmarks")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(folder=folder, seconds=seconds, per_call=per_call))
    return [sys.executable, str(script)]


def test_makes_the_requested_steps_and_waits(tmp_path: Path) -> None:
    runner = Contestant("a", command(tmp_path), tmp_path / "a")
    runner.turn(warm_up=3, steps=5)
    runner.turn(warm_up=1, steps=2)
    time.sleep(0.2)  # it would continue if it did not wait
    assert sum(runner.memory()) > 1  # MB of an interpreter
    runner.stop()
    assert "made 12" in (tmp_path / "a" / "output.txt").read_text()  # the first, 3 + 5 and 1 + 2


def test_rate_excludes_waiting(tmp_path: Path) -> None:
    runner = Contestant("a", command(tmp_path, seconds=0.02, per_call=10), tmp_path / "a")
    assert runner.seconds_to_first_step > 0.02
    time.sleep(0.3)
    # 30 steps in three calls of at least 20 ms: at most 500 per second; including the wait, it would be below 80
    assert 80 < runner.turn(warm_up=10, steps=30) <= 500
    runner.stop()


def test_a_peer_that_dies_does_not_end_the_race(tmp_path: Path) -> None:
    commands = {"ours": command(tmp_path), "peer": command(tmp_path)}
    mortal = tmp_path / "mortal.py"
    mortal.write_text(
        (tmp_path / "script.py").read_text().replace("count += 1", "count += 1; assert count < 5, 'dead'")
    )
    commands["peer"] = [sys.executable, str(mortal)]
    found = race(commands, tmp_path, rounds=4, warm_up=0, steps=2, optional=("peer",))
    assert list(found.rates) == list(found.memory) == ["ours"]
    assert len(found.rates["ours"].values) == 4
    assert "dead" in found.failures["peer"]
    with pytest.raises(ContestantError, match="peer"):
        race(commands, tmp_path, rounds=4, warm_up=0, steps=2)


def test_error_contains_the_last_output(tmp_path: Path) -> None:
    failing = [sys.executable, "-c", "raise SystemExit('no such module')"]
    with pytest.raises(ContestantError, match=r"\ba\b.*no such module"):
        Contestant("a", failing, tmp_path / "a")
