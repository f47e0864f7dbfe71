"""``lr-lightning data``: list, describe, render and fetch data sets."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from lr_lightning.data.catalogue import CATALOGUE, DataSetRecord, find_record
from lr_lightning.data.dataset import FactorDataset
from lr_lightning.data.rendered_dsprites import RenderedDSprites
from lr_lightning.data.rendered_shapes3d import RenderedShapes3D
from lr_lightning.data.write_h5 import write_h5

_DESCRIPTION = (
    "Data sets lie in the folder --root, by default $LR_LIGHTNING_DATA, or data_sets/ in the current folder without it."
)


def main(argv: Sequence[str]) -> int:
    """Run ``lr-lightning data`` with the words after it.

    Args:
        argv: Arguments, such as ``["render", "shapes3d"]``.

    Returns:
        Exit code: 0 if all went well, 1 if something could not be done, 2 for a wrong command or name, and 130 after
        Ctrl-C. What went wrong is one sentence on standard error.
    """
    try:
        arguments = _parser().parse_args(argv)
        record = find_record(arguments.name) if "name" in arguments else None
    except SystemExit as exit_:  # of argparse, which has printed its message
        return int(exit_.code or 0)
    except KeyError as error:
        return _fail(error, 2)
    root = Path(arguments.root or os.environ.get("LR_LIGHTNING_DATA") or "data_sets")
    try:
        if record is None:
            _list(root)
        elif arguments.command == "info":
            _info(record, root)
        elif arguments.command == "render":
            _render(record, root, arguments.out, arguments.overwrite)
        else:
            _prepare(record, root)
    except KeyboardInterrupt:
        print("interrupted; no unfinished file bears a final name", file=sys.stderr)
        return 130
    except (OSError, ValueError, KeyError) as error:
        return _fail(error, 1)
    return 0


def _fail(error: Exception, code: int) -> int:
    message = error.args[0] if isinstance(error, KeyError) else error  # str() of a KeyError adds quotes
    print(f"lr-lightning data: {message}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lr-lightning data", description=_DESCRIPTION)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    list_ = commands.add_parser("list", help="list the data sets and which are there", description=_DESCRIPTION)
    info = commands.add_parser("info", help="show factors, files and licence of a data set")
    render = commands.add_parser("render", help="write a rendered twin of a public set as an HDF5 file")
    prepare = commands.add_parser("prepare", help="fetch the files of a public set and verify them")
    for command in (list_, info, render, prepare):
        command.add_argument("--root", type=Path, help="folder of the data sets")
    for command in (info, render, prepare):
        command.add_argument("name", metavar="NAME", help="name of the data set, see list")
    render.add_argument("--out", type=Path, help="file to write instead of one in the folder of the data sets")
    render.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    return parser


def _list(root: Path) -> None:
    table = Table("name", "samples", "factors", "where", title=f"Data sets under {root}", show_lines=True)
    table.columns[1].justify = "right"
    table.columns[0].no_wrap = True
    for record in CATALOGUE:
        space = record.factor_space
        factors = ", ".join(f"{name} {size}" for name, size in zip(space.names, space.sizes, strict=True))
        table.add_row(record.name, f"{record.num_samples:,}", factors, _where(record, root))
    Console().print(table)


def _where(record: DataSetRecord, root: Path) -> str:
    """Say where the set is, or how to come by it."""
    paths = [root / file.path for file in record.files]
    present = [path for path in paths if path.is_file()]
    if paths and len(present) == len(paths):
        return str(paths[0] if len(paths) == 1 else paths[0].parent)
    if present:
        return f"{len(present)} of {len(paths)} files in {paths[0].parent}"
    if paths:
        return f"missing: prepare {record.name}"
    if record.rendered_path is not None and (root / record.rendered_path).is_file():
        return str(root / record.rendered_path)
    return "made on demand"


def _info(record: DataSetRecord, root: Path) -> None:
    console = Console(highlight=False)
    shape = " x ".join(map(str, record.image_shape))
    console.print(f"[bold]{record.name}[/]  {record.title}", soft_wrap=True)
    console.print(f"{record.num_samples:,} observations {shape}, {record.class_path}, licence {record.licence}")
    table = Table("factor", "size", "values")
    for name, values in zip(record.factor_space.names, record.factor_space.values, strict=True):
        shown = list(record.value_names.get(name, [f"{value:.4g}" for value in values]))
        table.add_row(name, str(len(values)), ", ".join(shown if len(shown) <= 15 else [*shown[:3], "...", shown[-1]]))
    console.print(table)
    console.print(f"where: {_where(record, root)}", soft_wrap=True)
    for file in record.files:
        addresses = "".join(f"\n  url: {url}" for url in (file.url, *file.mirrors))
        console.print(f"file:  {file.path}{addresses}\n  {file.check}", soft_wrap=True)
    if record.twin is not None:
        console.print(f"{'rendered twin' if record.files else 'rendered twin of'}: {record.twin}")


def _render(record: DataSetRecord, root: Path, out: Path | None, overwrite: bool) -> None:
    if record.rendered_path is None and record.twin is not None:
        record = find_record(record.twin)
    if record.rendered_path is None:
        names = ", ".join(record.name for record in CATALOGUE if record.rendered_path is not None)
        raise ValueError(f"{record.name} cannot be rendered; those that can are {names}")
    path = out or root / record.rendered_path
    if path.exists() and not overwrite:  # before the renderer is set up
        raise FileExistsError(f"{path} is there already; add --overwrite to replace it, or choose another with --out")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with _progress(record.name, *columns) as advance:
        write_h5(_renderer(record.name), path, overwrite=overwrite, progress=advance)
    Console(highlight=False).print(f"wrote {path}, {path.stat().st_size / 1e6:.0f} MB", soft_wrap=True)


def _renderer(name: str) -> FactorDataset:
    return RenderedShapes3D() if name == "rendered_shapes3d" else RenderedDSprites()


def _prepare(record: DataSetRecord, root: Path) -> None:
    console = Console(highlight=False)
    if not record.files:
        console.print(f"{record.name} needs no file: {record.class_path} makes it on demand", soft_wrap=True)
        return
    remedy = "check the connection and run again, or fetch it elsewhere and put it into the folder of the data sets"
    if record.twin is not None:
        remedy = f"the rendered twin, {find_record(record.twin).class_path}, needs no file"
    for file in record.files:
        path = root / file.path
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        with _progress(path.name, *columns) as advance:
            file.fetch(root, remedy=remedy, progress=advance)
        console.print(f"{path} is there, {file.check}", soft_wrap=True)


@contextmanager
def _progress(title: str, *columns: ProgressColumn) -> Iterator[Callable[[int, int | None], None]]:
    """Show a progress bar on standard error; yields a function of what is done and the total."""
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
