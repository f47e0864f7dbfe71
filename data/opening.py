"""Open any set of the catalogue by its name."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from lr_lightning.data.data_set_record import DataSetRecord
from lr_lightning.data.dataset import FactorDataset
from lr_lightning.data.registry import find_record


def open_data_set(name: str, root: str | Path, **arguments: Any) -> FactorDataset:
    """Open the set ``name`` of the catalogue from the folder for data sets.

    A rendered set is read from the file that ``lr-lightning data render`` wrote, if it is there, and else drawn on
    demand. Variants of dSprites paint the public file, if it is there, and else the rendered twin.

    Args:
        name: Name in the catalogue.
        root: Folder for data sets.
        arguments: Arguments of the set's class besides those that the catalogue knows, or in their place.

    Returns:
        The set.

    Raises:
        KeyError: If there is no set of that name; the message lists the names.
        FileNotFoundError: If a file of the set is not there; the message says how to fetch it.
        OSError, ValueError: If a file is damaged or another, as the set's class raises them.

    Example:
        >>> len(open_data_set("double_helix", "data_sets"))
        1024
    """
    record, root = find_record(name), Path(root)
    known = record.init_args(root)
    if record.sprites is not None:
        known["sprites"] = _open_sprites(record.sprites, root)
    rendered = None if record.rendered_path is None else root / record.rendered_path
    if rendered is not None and record.twin is not None and rendered.is_file():
        record, known = find_record(record.twin), {"path": rendered}
    return _class_of(record)(**{**known, **arguments})


def _open_sprites(name: str, root: Path) -> FactorDataset:
    record = find_record(name)
    return open_data_set(name if record.is_present(root) or record.twin is None else record.twin, root)


def _class_of(record: DataSetRecord) -> Callable[..., FactorDataset]:
    module, _, name = record.class_path.rpartition(".")
    return cast(Callable[..., FactorDataset], getattr(import_module(module), name))
