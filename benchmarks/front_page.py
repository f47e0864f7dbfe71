"""The table of goals in the README; ``run_all.py`` writes it between two markers."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from measuring import Group, Table

BEGIN, END = "<!-- goals: begin (written by benchmarks/run_all.py) -->", "<!-- goals: end -->"


def goals(groups: Sequence[Group], facts: Mapping[str, str]) -> str:
    """Return the goals of all ``groups`` but quick checks as markdown, below a line about the machine."""
    rows = [target.row() for group in groups if not group.is_quick for target in group.targets]
    table = Table("", ["compared", "goal", "measured", "met"], rows).markdown()
    body = "\n".join(line for line in table.splitlines() if line.startswith("|"))
    return (
        f"Measured on {facts['processor']}, {facts['date']}; `lr-lightning fit` trains in `{facts['precision']}`, its "
        f"default there:\n\n{body}\n"
    )


def with_goals(page: str, text: str) -> str:
    """Return ``page`` with ``text`` between its two markers.

    Raises:
        ValueError: If ``page`` lacks a marker, or they are in the wrong order.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page must contain the lines {BEGIN!r} and {END!r}, in this order")
    return f"{before}{BEGIN}\n\n{text}\n{END}{after}"


def write_goals(path: Path, text: str) -> None:
    """Write ``text`` between the two markers of the file ``path``.

    Raises:
        ValueError: If the file lacks a marker.
    """
    path.write_text(with_goals(path.read_text(), text))
