"""Results that print as a few lines, show as tables in notebooks and turn into data frames."""

import html
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from textwrap import fill
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

_WIDTH = 100  # of printed lines
_MOST_ROWS, _MOST_COLUMNS = 24, 16  # printed; notebooks scroll, and show more


class TableFields(NamedTuple):
    """The fields of a result that make up its table.

    Attributes:
        rows: What a row is, such as ``"latent"``.
        parts: Fields with one entry per row; those that are ``None`` are left out.
        matrix: Instead of ``parts``, the field with a matrix ``(R, C)``.
        columns: What a column of the matrix is.
        labels: Field with the names of the rows; numbers if empty or ``None``.
    """

    rows: str
    parts: tuple[str, ...] = ()
    matrix: str = ""
    columns: str = ""
    labels: str = ""


class PrintedResult:
    """Base of results whose ``repr`` lists their fields: numbers as they are, tensors by shape, never by entries."""

    def __repr__(self) -> str:
        """Return the fields on a few lines."""
        return described(self)


class TabularResult(PrintedResult):
    """Base of results with a table: :meth:`to_pandas`, printed with the other fields, and shown in notebooks.

    Attributes:
        table_fields: The fields that make up the table.
    """

    table_fields: ClassVar[TableFields]

    def to_pandas(self) -> "pd.DataFrame":
        """Return the table, with names for its rows and columns."""
        import pandas as pd  # here, because it takes half a second to import

        rows, parts, matrix, columns, labels = self.table_fields
        if matrix:
            frame = pd.DataFrame(getattr(self, matrix).numpy())
            frame.columns.name = columns
        else:
            found = {name: getattr(self, name) for name in parts}
            frame = pd.DataFrame({name: _values(part) for name, part in found.items() if part is not None})
        names = getattr(self, labels) if labels else None
        frame.index = pd.RangeIndex(len(frame)) if names is None else pd.Index(_values(names))
        frame.index.name = rows
        return frame

    def __repr__(self) -> str:
        """Return the fields and the table."""
        table = self._shown().to_string(
            max_rows=_MOST_ROWS, max_cols=_MOST_COLUMNS, line_width=_WIDTH, float_format=_number, na_rep="nan"
        )
        return f"{described(self)}\n{table}"

    def _shown(self) -> "pd.DataFrame":
        """Return the part of the table to print."""
        return self.to_pandas()

    def _repr_html_(self) -> str:
        """Return the same for notebooks."""
        table = self._shown().to_html(max_rows=60, max_cols=40, float_format=_number, na_rep="nan", border=0)
        return f"<p>{html.escape(described(self))}</p>{table}"


def described(result: Any) -> str:
    """Return the name of a dataclass or named tuple with its fields; those that are ``None`` are left out."""
    names = [field.name for field in fields(result)] if is_dataclass(result) else list(result._fields)
    values = [(name, getattr(result, name)) for name in names if not name.startswith("_")]
    parts = [f"{name}={_short(value)}" for name, value in values if value is not None]
    text = f"{type(result).__name__}({', '.join(parts)})"
    return fill(text, _WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _short(value: Any) -> str:
    """Return a value in at most a few words."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):  # a tensor or an array
        if not value.shape:
            return _short(value.item())
        dtype = str(value.dtype).removeprefix("torch.")
        return f"<{dtype} {' x '.join(map(str, value.shape))}>"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, PrintedResult):
        return f"<{type(value).__name__}>"
    if isinstance(value, tuple | list) and not (len(value) <= 6 and all(isinstance(each, int | str) for each in value)):
        return f"<{len(value)} entries>"
    if isinstance(value, Mapping):
        return f"<{len(value)} entries>"
    return repr(value)


def _number(value: float) -> str:
    return f"{value:.4g}"


def _values(part: Any) -> list[Any]:
    """Return the entries of a tensor or sequence as Python values."""
    return list(part.tolist() if hasattr(part, "tolist") else part)
