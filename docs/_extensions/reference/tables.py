"""Parts of pages in reStructuredText."""

from collections.abc import Iterable, Sequence


def heading(text: str, underline: str) -> list[str]:
    """Return the lines of a heading, with an empty line after it."""
    return [text, underline * len(text), ""]


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], widths: Sequence[int] | None = None) -> list[str]:
    """Return the lines of a table; cells are reStructuredText of one line."""
    lines = [".. list-table::", "   :header-rows: 1"]
    if widths is not None:
        lines.append(f"   :widths: {' '.join(map(str, widths))}")
    lines.append("")
    for row in [columns, *rows]:
        for place, cell in enumerate(row):
            lines.append(f"   {'*' if place == 0 else ' '} - {cell}".rstrip())
    return [*lines, ""]


def literal(text: object) -> str:
    """Return inline code; empty for no text."""
    return f"``{text}``" if str(text) else ""


def block(text: str, language: str = "text") -> list[str]:
    """Return the lines of a code block."""
    return [f".. code-block:: {language}", "", *(f"   {line}".rstrip() for line in text.splitlines()), ""]
