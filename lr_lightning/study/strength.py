"""The strength of a cell: the one number that its block of the grid varies, such as the weight of a regularizer."""

from collections.abc import Iterable

from lr_lightning.study.manifest import Cell, Manifest

_MODEL = "model."


def strengths(manifest: Manifest) -> dict[str, float | None]:
    """Return the strength of each cell of a study, by its identity.

    It is the number that varies within the block of the grid; if several vary, the one among the arguments of the
    model; if none does, the only number among the arguments of the model. ``None`` where this leaves no number, or
    several.
    """
    found: dict[str, float | None] = {}
    for block in dict.fromkeys(cell.block for cell in manifest.cells):
        cells = [cell for cell in manifest.cells if cell.block == block]
        key = _varied(cells)
        for cell in cells:
            value = cell.parameters.get(key) if key is not None else None
            found[cell.identity] = float(value) if _is_number(value) else None  # type: ignore[arg-type]
    return found


def _varied(cells: Iterable[Cell]) -> str | None:
    """Return the key of the number that distinguishes cells of one block, ``None`` if it is not unique."""
    values: dict[str, set[object]] = {}
    for cell in cells:
        for key, value in cell.parameters.items():
            if _is_number(value):
                values.setdefault(key, set()).add(value)
    varied = [key for key, numbers in values.items() if len(numbers) > 1]
    of_model = [key for key in varied or values if key.startswith(_MODEL)]
    if len(varied) == 1:
        return varied[0]
    return of_model[0] if len(of_model) == 1 else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
