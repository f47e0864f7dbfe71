"""Tables in a page of the documentation, each between two marker lines, which a script writes from a file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measuring import Table


def mean_and_deviation(values: Any, decimals: int) -> str:
    """Return the mean of a column and, over several values, their standard deviation."""
    mean = f"{values.mean():.{decimals}f}"
    return f"{mean} ± {values.std():.{decimals}f}" if len(values) > 1 else mean


@dataclass(frozen=True)
class MarkedPage:
    """A page whose tables are written from the files in a folder.

    Attributes:
        path: The page.
        folder: Folder of the files.
        script: Script that writes the tables, for the markers.
        tables: Name of each table, and what makes it from its file.
        file: Name of the file of all tables; ``<name>.csv`` for each table if ``None``.
    """

    path: Path
    folder: Path
    script: str
    tables: Mapping[str, Callable[[Path], Table]]
    file: str | None = None

    def markers(self, name: str) -> tuple[str, str]:
        """Return the lines before and after a table."""
        return f"<!-- {name}: begin (written by benchmarks/{self.script}) -->", f"<!-- {name}: end -->"

    def with_tables(self, text: str, folder: Path | None = None) -> str:
        """Return ``text`` with all tables between their markers, as far as their files exist.

        Args:
            text: A page with the markers of all tables.
            folder: Another folder of files.

        Raises:
            ValueError: If a marker is missing.
        """
        for name, table in self.tables.items():
            begin, end = self.markers(name)
            if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
                raise ValueError(f"the page must contain the lines {begin!r} and {end!r} once, in this order")
            before, after = text[: text.index(begin)], text[text.index(end) :]
            path = (folder or self.folder) / (self.file or f"{name}.csv")
            if path.is_file():
                lines = "\n".join(line for line in table(path).markdown().splitlines() if line.startswith("|"))
            else:
                lines = "Not measured yet."
            text = f"{before}{begin}\n\n{lines}\n\n{after}"
        return text

    def write(self) -> None:
        """Write the tables into the page."""
        self.path.write_text(self.with_tables(self.path.read_text()))
