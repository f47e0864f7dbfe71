"""The output of ``lr-lightning data list`` and ``info``."""

from math import prod
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lr_lightning.common.registry import public_path
from lr_lightning.data.data_set_record import DataSetRecord
from lr_lightning.data.dataset import FactorDataset
from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.registry import DATA_SETS, find_data_set
from lr_lightning.data.storage.file_check import looks_complete

_ROW = "{:<18}  {:>9}  {:>9}  {:>7}  {:<12}  {}"


def print_list(root: Path) -> None:
    """Print all known data sets, two lines each, with what of them is in ``root``.

    A set whose class cannot be imported or has no record is listed with the reason.
    """
    console = Console(highlight=False, emoji=False)
    console.print(f"Data sets under {root}\n", soft_wrap=True, markup=False)
    console.print(f"[bold]{_ROW.format('name', 'samples', 'in memory', 'on disk', 'present', 'where')}", soft_wrap=True)
    for name in DATA_SETS:
        try:
            _, record = find_data_set(name)
        except ValueError as error:
            console.print(_ROW.format(name, "-", "-", "-", "unusable", error), markup=False, soft_wrap=True)
            continue
        space = record.factor_space
        named = [f"{name} {size}" for name, size in zip(space.names, space.sizes, strict=True)]
        factors = ", ".join(named if len(named) <= 12 else [*named[:4], "...", f"{named[-1]}: {len(named)} factors"])
        on_disk = sum(path.stat().st_size for path in record.paths(root) if path.is_file())
        sizes = f"{record.num_samples:,}", _size(record.num_bytes), _size(on_disk)
        console.print(_ROW.format(name, *sizes, *_whereabouts(record, root)), markup=False, soft_wrap=True)
        console.print(f"  [dim]{escape(factors)}", soft_wrap=True)


def print_info(cls: type[FactorDataset], record: DataSetRecord, root: Path) -> None:
    """Print the facts in ``record`` about a data set that ``cls`` opens."""
    console = Console(highlight=False, emoji=False)
    shape = " x ".join(map(str, record.image_shape))
    console.print(f"[bold]{escape(record.name)}[/]  {escape(record.title)}", soft_wrap=True)
    console.print(f"{record.num_samples:,} observations {shape}, {public_path(cls)}, license {escape(record.license)}")
    console.print(_factor_table(record.factor_space))
    present, where = _whereabouts(record, root)
    console.print(f"present: {present}, {where}", soft_wrap=True, markup=False)
    if record.num_bytes:
        console.print(f"in memory: {_size(record.num_bytes)}")
    for line in record.file_lines():
        console.print(line, soft_wrap=True, markup=False)
    if record.twin is not None:
        console.print(f"{'rendered twin' if record.is_downloaded else 'rendered twin of'}: {record.twin}")


def print_opened_info(dataset: FactorDataset, origin: str, images: Path | None = None) -> None:
    """Print the facts about an opened data set, such as one of the user.

    Args:
        dataset: The set.
        origin: Its class, or the file that describes it.
        images: File or folder with the images.
    """
    console, space = Console(highlight=False, emoji=False), dataset.factor_space
    grid = "every combination once" if dataset.full_grid else f"no full grid: there are {len(space):,} combinations"
    shape = " x ".join(map(str, dataset.image_shape))
    console.print(f"[bold]{escape(dataset.name)}[/]  {escape(origin)}", soft_wrap=True)
    console.print(f"{len(dataset):,} observations {shape}, {grid if space.names else 'no factors'}")
    if space.names:
        console.print(_factor_table(space))
    if images is not None:
        console.print(f"images: {images}", soft_wrap=True, markup=False)
    console.print(f"in memory: {_size(len(dataset) * prod(dataset.image_shape))}")


def _factor_table(space: FactorSpace) -> Table:
    table = Table("factor", "size", "values")
    for name, texts in zip(space.names, space.value_labels, strict=True):
        shown = texts if len(texts) <= 15 else [*texts[:3], "...", texts[-1]]
        table.add_row(escape(name), str(len(texts)), escape(", ".join(shown)))
    return table


def _whereabouts(record: DataSetRecord, root: Path) -> tuple[str, str]:
    """Return whether the set is present, and where it is or which command gets it."""
    paths = record.paths(root)
    present = [path for path in paths if path.exists()]
    sizes = {root / file.path: file.size for file in record.files}
    broken = [path for path in present if path.is_file() and not looks_complete(path, sizes.get(path))]
    if broken:
        again = f"prepare {record.name}" if record.is_downloaded else f"render {record.name} --overwrite"
        return "incomplete", f"{broken[0]}; move it away and run lr-lightning data {again}"
    if present and len(present) == len(paths):
        return "yes", str(paths[0] if len(paths) == 1 else paths[0].parent)
    if not record.is_downloaded:
        return "yes", "made on demand"
    some = f"{len(present)} of {len(paths)} files" if present else "no"
    return some, f"lr-lightning data prepare {record.name}"


def _size(num_bytes: int) -> str:
    """Return a size with its unit; a dash for none."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("B", 1)):
        if num_bytes >= scale:
            return f"{num_bytes / scale:.3g} {unit}"
    return "-"
