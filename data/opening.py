"""Open any known data set by its name."""

from pathlib import Path
from typing import Any

from lr_lightning.data.dataset import FactorDataset
from lr_lightning.data.registry import find_data_set


def open_data_set(name: str, root: str | Path, **arguments: Any) -> FactorDataset:
    """Open the data set ``name``, whose files are in ``root``.

    A rendered set is read from the file that ``lr-lightning data render`` writes, if it exists; otherwise it is drawn
    on demand. Variants of dSprites paint the public sprites if their file exists, and the rendered ones otherwise.

    Args:
        name: Name of the set, or the import path of its class.
        root: Root folder of the data sets.
        arguments: Further arguments of the class; they override those in the set's record.

    Returns:
        The set.

    Raises:
        FileNotFoundError: If a file of the set is missing; the message says how to download it.
        ValueError: If there is no such set.
        OSError, ValueError: If a file is damaged or not the expected one; see the class.

    Example:
        >>> len(open_data_set("double_helix", "data_sets"))
        1024
    """
    cls, record = find_data_set(name)
    root = Path(root)
    known = record.init_args(root)
    if record.sprites is not None:
        known["sprites"] = _open_sprites(record.sprites, root)
    rendered = None if record.rendered_path is None else root / record.rendered_path
    if rendered is not None and record.twin is not None and rendered.is_file():
        cls, known = find_data_set(record.twin)[0], {"path": rendered}
    return cls(**{**known, **arguments})


def _open_sprites(name: str, root: Path) -> FactorDataset:
    _, record = find_data_set(name)
    return open_data_set(name if record.is_present(root) or record.twin is None else record.twin, root)
