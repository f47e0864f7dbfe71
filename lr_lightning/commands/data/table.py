"""What ``lr-lightning data list`` and ``info`` print."""

from collections.abc import Iterable
from math import prod
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

import lr_lightning.data
from lr_lightning.commands.data.values import texts_of_values, value_texts
from lr_lightning.data.data_set_record import DataSetRecord
from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.registry import CATALOGUE
from lr_lightning.data.sets.custom_dataset import CustomDataset
from lr_lightning.data.storage.file_check import looks_whole


def print_list(root: Path) -> None:
    """Print all sets of the catalogue, with what of them lies under ``root``: two lines each."""
    console = Console(highlight=False, emoji=False)
    console.print(f"Data sets under {root}\n", soft_wrap=True, markup=False)
    line = "{:<18}  {:>9}  {:>9}  {:>7}  {:<12}  {}"
    console.print(f"[bold]{line.format('name', 'samples', 'in memory', 'on disk', 'present', 'where')}", soft_wrap=True)
    for record in CATALOGUE:
        space = record.factor_space
        factors = ", ".join(f"{name} {size}" for name, size in zip(space.names, space.sizes, strict=True))
        present, where = _whereabouts(record, root)
        on_disk = sum(path.stat().st_size for path in _paths(record, root) if path.is_file())
        sizes = f"{record.num_samples:,}", _size(_memory(record)), _size(on_disk)
        console.print(line.format(record.name, *sizes, present, where), markup=False, soft_wrap=True)
        console.print(f"  [dim]{factors}", soft_wrap=True)


def print_info(record: DataSetRecord, root: Path) -> None:
    """Print what is known of a set of the catalogue."""
    console = Console(highlight=False, emoji=False)
    shape = " x ".join(map(str, record.image_shape))
    console.print(f"[bold]{record.name}[/]  {record.title}", soft_wrap=True)
    console.print(f"{record.num_samples:,} observations {shape}, {record.class_path}, licence {record.license}")
    console.print(_factor_table(record.factor_space, texts_of_values(record.factor_space, record.value_names)))
    present, where = _whereabouts(record, root)
    console.print(f"present: {present}, {where}", soft_wrap=True, markup=False)
    if size := _memory(record):
        console.print(f"in memory: {_size(size)}")
    for file in record.files:
        addresses = "".join(f"\n  url: {url}" for url in (file.url, *file.mirrors))
        console.print(f"file:  {file.path}{addresses}\n  {file.check}", soft_wrap=True)
    if record.twin is not None:
        console.print(f"{'rendered twin' if record.files else 'rendered twin of'}: {record.twin}")


def print_custom_info(dataset: CustomDataset) -> None:
    """Print what is known of a set that a YAML file describes."""
    console, space = Console(highlight=False, emoji=False), dataset.factor_space
    grid = "every combination once" if dataset.full_grid else f"no full grid: there are {len(space):,} combinations"
    shape = " x ".join(map(str, dataset.image_shape))
    console.print(f"[bold]{escape(dataset.name)}[/]  {escape(str(dataset.description.path))}", soft_wrap=True)
    console.print(f"{len(dataset):,} observations {shape}, {grid}")
    console.print(_factor_table(space, value_texts(dataset)))
    console.print(f"images: {dataset.description.images}", soft_wrap=True, markup=False)
    console.print(f"in memory: {_size(len(dataset) * prod(dataset.image_shape))}")


def _factor_table(space: FactorSpace, values: Iterable[list[str]]) -> Table:
    table = Table("factor", "size", "values")
    for name, texts in zip(space.names, values, strict=True):
        shown = texts if len(texts) <= 15 else [*texts[:3], "...", texts[-1]]
        table.add_row(escape(name), str(len(texts)), escape(", ".join(shown)))
    return table


def _paths(record: DataSetRecord, root: Path) -> list[Path]:
    """Return the files of a set under ``root``, whether they are there or not."""
    rendered = [] if record.rendered_path is None else [root / record.rendered_path]
    return [root / file.path for file in record.files] + rendered


def _whereabouts(record: DataSetRecord, root: Path) -> tuple[str, str]:
    """Say whether the set is there, and where, or how to come by it."""
    paths = _paths(record, root)
    present = [path for path in paths if path.is_file()]
    sizes = [file.size for file in record.files] + [None] * (len(paths) - len(record.files))
    broken = [path for path, size in zip(paths, sizes, strict=True) if path in present and not looks_whole(path, size)]
    if broken:
        again = f"prepare {record.name}" if record.files else f"render {record.name} --overwrite"
        return "incomplete", f"{broken[0]}; move it away and run lr-lightning data {again}"
    if present and len(present) == len(paths):
        return "yes", str(paths[0] if len(paths) == 1 else paths[0].parent)
    if not record.files:
        return "yes", "made on demand"
    some = f"{len(present)} of {len(paths)} files" if present else "no"
    return some, f"lr-lightning data prepare {record.name}"


def _memory(record: DataSetRecord) -> int:
    """Return the bytes that all observations take in memory; 0 for a set that draws them as they are asked for."""
    if record.sprites is not None or record.rendered_path is not None:
        return 0
    bits = 8 if len(record.image_shape) == 3 else 32
    if getattr(getattr(lr_lightning.data, record.class_path.rpartition(".")[2]), "binary", False):
        bits = 1
    return record.num_samples * prod(record.image_shape) * bits // 8


def _size(num_bytes: int) -> str:
    """Return a size with its unit; a dash for none."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("B", 1)):
        if num_bytes >= scale:
            return f"{num_bytes / scale:.3g} {unit}"
    return "-"
