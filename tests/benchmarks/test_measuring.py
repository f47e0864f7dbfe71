"""Medians, ratios, exponents and tables of the benchmarks."""

import argparse
import json
import sys
from pathlib import Path

import pytest
from measuring import (
    Group,
    Spread,
    Table,
    Target,
    deliver,
    group_of,
    growth_exponent,
    interleaved,
    number,
    peak_memory,
    ratio,
)


def test_ratios_are_taken_within_turns() -> None:
    # a machine that slows down by ten in the last turn, where the second way takes twice as long as the first
    first, second = Spread((1.0, 2.0, 10.0)), Spread((2.0, 4.0, 20.0))
    assert ratio(second, first).values == (2.0, 2.0, 2.0)
    assert ratio(Spread((1.0, 9.0, 4.0)), Spread((1.0, 3.0, 2.0))).median == 2.0


def test_spread() -> None:
    spread = Spread((4.0, 1.0, 2.0))
    assert spread.median == 2.0
    assert spread.scaled(3).values == (12.0, 3.0, 6.0)
    assert spread.inverse(8).values == (2.0, 8.0, 4.0)
    assert str(spread) == "2.00 (1.00-4.00)"
    assert str(Spread((5.0,))) == "5.00"


def test_ways_run_in_turns_after_a_warm_up() -> None:
    calls: list[str] = []
    seconds, results = interleaved({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 2, warm_up=1)
    assert calls == ["a", "b"] * 3
    assert {name: len(spread.values) for name, spread in seconds.items()} == {"a": 2, "b": 2}
    assert results == {"a": None, "b": None}


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.5])
def test_exponent_of_a_power_law(exponent: float) -> None:
    sizes = [10, 100, 5000]
    found = growth_exponent(sizes, [3 * size**exponent for size in sizes])
    assert found == pytest.approx(exponent, abs=1e-9)  # round-off of logarithms of at most 1e10
    assert growth_exponent([10], [1.0]) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.012345, "0.0123"), (1.0, "1.00"), (99.96, "100.0"), (123.4, "123"), (54321.0, "54,321"), (0.0, "0")],
)
def test_number_format(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_peak_memory_is_additional_and_resets() -> None:
    found: list[float] = []
    for megabytes in (200, 80):
        with peak_memory(found):
            bytes(bytearray(b"1") * (megabytes * 500_000))  # two copies at once, of half the size each
    assert 190 < found[0] < 220  # the system counts in batches of pages; the interpreter itself needs little
    assert 70 < found[1] < 100


def test_table_and_targets_as_markdown() -> None:
    group = Group("Title", [Table("Rows", ["", "s"], [["a", Spread((1.0, 3.0))], ["b", None]], note="A note.")])
    group.targets = [Target("speed", 2.0, 1.7), Target("time", 1.5, 1.3, at_least=False), Target("gone", None, 1.0)]
    lines = group.markdown().splitlines()
    assert lines[:2] == ["## Title", ""]
    for line in (
        "A note.",
        "| a | 2.00 (1.00-3.00) |",
        "| b | - |",
        "| speed | ≥ 1.70 | 2.00 | yes |",
        "| time | ≤ 1.30 | 1.50 | **no** |",
        "| gone | ≥ 1.00 | not measured |  |",
    ):
        assert line in lines


def test_a_goal_may_be_met_exactly() -> None:
    assert Target("", 1.7, 1.7).row()[-1] == "yes"
    assert Target("", 1.3, 1.3, at_least=False).row()[-1] == "yes"


@pytest.mark.parametrize("quick", [False, True])
def test_group_survives_a_round_trip(quick: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    group = Group("Title", [Table("Rows", ["", "s"], [["a", Spread((1.0, 3.0))], ["b", 2.0]])], [Target("x", 1.0, 2.0)])
    path = tmp_path / "group.json"
    deliver(group, argparse.Namespace(json=path, quick=quick))
    assert group_of(json.loads(path.read_text())) == group
    assert capsys.readouterr().out.strip() == group.markdown().strip()
    assert group.is_quick == ("not a measurement" in group.markdown()) == quick
