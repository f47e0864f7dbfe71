"""The table of goals on the front page, written from what all benchmarks found.

``run_all.py`` writes it after its own page, between two marks of the README.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from measuring import Group, Table

BEGIN, END = "<!-- written by benchmarks/run_all.py -->", "<!-- end of what it wrote -->"


def goals(groups: Sequence[Group], facts: Mapping[str, str]) -> str:
    """Return a sentence on the machine and the goals of all ``groups`` as markdown."""
    rows = [target.row() for group in groups for target in group.targets]
    table = Table("", ["compared", "goal", "measured", "met"], rows).markdown()
    body = "\n".join(line for line in table.splitlines() if line.startswith("|"))
    return (
        f"On {facts['processor']}, {facts['date']}, where `lr-lightning fit` trains in `{facts['precision']}` unless "
        f"told otherwise:\n\n{body}\n"
    )


def with_goals(page: str, text: str) -> str:
    """Return ``page`` with ``text`` between its two marks.

    Raises:
        ValueError: If ``page`` lacks a mark or they stand the wrong way round.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page must have the lines {BEGIN!r} and {END!r}, in this order")
    return f"{before}{BEGIN}\n\n{text}\n{END}{after}"


def write_goals(path: Path, text: str) -> None:
    """Put ``text`` between the two marks of the file ``path``.

    Raises:
        ValueError: If the file lacks a mark.
    """
    path.write_text(with_goals(path.read_text(), text))
