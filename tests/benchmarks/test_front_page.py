"""The pages written from the recorded results."""

import json
import re
from pathlib import Path

import pytest
from front_page import BEGIN, END, goals, with_goals, write_goals
from measuring import Group, Target, group_of
from run_all import page

ROOT = Path(__file__).parents[2]
FACTS = {"processor": "Some CPU, 2 cores", "date": "2026-01-02", "precision": "32-true"}


def test_goals_of_all_groups_in_order() -> None:
    first = Group("Training", [], [Target("images/s over a peer", 2.0, 1.7), Target("share", 0.06, 0.05, False)])
    second = Group("Seeds", [], [Target("time of 16", None, 1.0, at_least=False)])
    quick = Group("GPU", [], [Target("steps/s", 1.0, 2.0)], is_quick=True)
    lines = goals([first, quick, second], FACTS).splitlines()
    assert all(fact in lines[0] for fact in FACTS.values())
    assert lines[4:] == [
        "| images/s over a peer | ≥ 1.70 | 2.00 | yes |",
        "| share | ≤ 0.0500 | 0.0600 | **no** |",
        "| time of 16 | ≤ 1.00 | not measured |  |",
    ]


def test_replaces_only_the_text_between_the_markers(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(f"# Title\n\n{BEGIN}\nold\n{END}\n\nThe end.\n")
    write_goals(path, "new\n")
    once = path.read_text()
    assert once == f"# Title\n\n{BEGIN}\n\nnew\n\n{END}\n\nThe end.\n"
    write_goals(path, "new\n")
    assert path.read_text() == once


@pytest.mark.parametrize("text", ["nothing", f"{BEGIN} only", f"{END} before {BEGIN}"])
def test_rejects_a_page_without_markers(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(BEGIN)):
        with_goals(text, "new")


def test_pages_are_up_to_date() -> None:
    record = json.loads((ROOT / "benchmarks" / "results.json").read_text())
    groups = [group_of(group) for group in record["groups"]]
    readme = (ROOT / "README.md").read_text()
    assert with_goals(readme, goals(groups, record["facts"])) == readme
    assert page(groups, record["facts"]) == (ROOT / "docs" / "benchmarks.md").read_text()
