"""``lr-lightning data``: list, describe, preview, render and fetch data sets."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from lr_lightning.commands.data.opening import is_class, is_description, open_named, prepare_cache
from lr_lightning.commands.data.preview import check_suffix, write_preview
from lr_lightning.commands.data.table import print_custom_info, print_info, print_list
from lr_lightning.commands.failure import fail, sentence
from lr_lightning.commands.progress import progress_bar
from lr_lightning.data.dataset import FactorDataset
from lr_lightning.data.registry import CATALOGUE, DataSetRecord, find_record
from lr_lightning.data.sets.custom_dataset import CustomDataset
from lr_lightning.data.sets.rendered_dsprites import RenderedDSprites
from lr_lightning.data.sets.rendered_shapes3d import RenderedShapes3D
from lr_lightning.data.storage.write_h5 import write_h5

_DESCRIPTION = (
    "Data sets lie in the folder --root, by default $LR_LIGHTNING_DATA, or data_sets/ in the current folder without it."
)
_NAME = "name of the data set, see list"
_OR_DESCRIPTION = f"{_NAME}, or a YAML file that describes a set of your own"
_OR_CLASS = f"{_OR_DESCRIPTION}, or a class, such as ColorDSprites, with --dataset.ARGUMENT VALUE for its arguments"


def main(argv: Sequence[str]) -> int:
    """Run ``lr-lightning data`` with the words after it.

    Args:
        argv: Arguments, such as ``["render", "shapes3d"]``.

    Returns:
        Exit code: 0 if all went well, 1 if something could not be done, 2 for a wrong command or name, and 130 after
        Ctrl-C. What went wrong is one sentence on standard error.
    """
    try:
        arguments = _parse(argv)
        name = getattr(arguments, "name", "")
        record = find_record(name) if _is_of_catalogue(arguments.command, name) else None
    except SystemExit as exit_:  # of argparse, which has printed its message
        return int(exit_.code or 0)
    except KeyError as error:
        print(f"lr-lightning data: {sentence(error)}", file=sys.stderr)
        return 2
    root = Path(arguments.root or os.environ.get("LR_LIGHTNING_DATA") or "data_sets")
    try:
        _run(arguments, record, root)
    except KeyboardInterrupt:
        print("interrupted; no unfinished file bears a final name", file=sys.stderr)
        return 130
    except Exception as error:
        return fail("data", error)
    return 0


def _run(arguments: argparse.Namespace, record: DataSetRecord | None, root: Path) -> None:
    if arguments.command == "list":
        print_list(root)
    elif arguments.command == "preview":
        _preview(arguments, root)
    elif record is None:  # the user's own
        dataset = CustomDataset(arguments.name)
        if arguments.command == "info":
            print_custom_info(dataset)
        else:
            _print_cache(dataset)
    elif arguments.command == "info":
        print_info(record, root)
    elif arguments.command == "render":
        _render(record, root, arguments.out, arguments.overwrite)
    else:
        _prepare(record, root, cache=not arguments.no_cache)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    """Parse the command line; what only a class can take goes to ``class_arguments``."""
    parser = argparse.ArgumentParser(prog="lr-lightning data", description=_DESCRIPTION, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    list_ = commands.add_parser("list", help="list the data sets and which are there", description=_DESCRIPTION)
    info = commands.add_parser("info", help="show factors, files and licence of a data set")
    preview = commands.add_parser(
        "preview", help="draw what each factor of a data set does", description="Draw what each factor does."
    )
    render = commands.add_parser("render", help="write a rendered twin of a public set as an HDF5 file")
    prepare = commands.add_parser(
        "prepare", help="fetch the files of a public set, verify and convert them for fast reading"
    )
    for command in (list_, info, preview, render, prepare):
        command.add_argument("--root", type=Path, help="folder of the data sets")
    for command, text in ((info, _OR_DESCRIPTION), (preview, _OR_CLASS), (render, _NAME), (prepare, _OR_DESCRIPTION)):
        command.add_argument("name", metavar="NAME", help=text)
    preview.add_argument("out", type=Path, metavar="OUT", help="figure to write: .png, .pdf or .svg")
    preview.add_argument("--num-columns", type=int, default=10, help="images of a row at most (10)")
    preview.add_argument("--seed", type=int, default=0, help="seed of the choice of images (0)")
    render.add_argument("--out", type=Path, help="file to write instead of one in the folder of the data sets")
    render.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    prepare.add_argument("--no-cache", action="store_true", help="fetch and verify only, convert nothing")
    arguments, rest = parser.parse_known_args(argv)
    if rest and (arguments.command != "preview" or not rest[0].startswith("--dataset.")):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    arguments.class_arguments = rest
    return arguments


def _is_of_catalogue(command: str, name: str) -> bool:
    own = command != "render" and is_description(name)
    return command != "list" and not own and not (command == "preview" and is_class(name))


def _preview(arguments: argparse.Namespace, root: Path) -> None:
    check_suffix(arguments.out)  # before a set is opened
    dataset = open_named(arguments.name, root, arguments.class_arguments)
    prepare_cache(dataset)
    write_preview(dataset, arguments.out, arguments.num_columns, arguments.seed)
    print(f"wrote {arguments.out}")


def _render(record: DataSetRecord, root: Path, out: Path | None, overwrite: bool) -> None:
    if record.rendered_path is None and record.twin is not None:
        record = find_record(record.twin)
    if record.rendered_path is None:
        names = ", ".join(record.name for record in CATALOGUE if record.rendered_path is not None)
        raise ValueError(f"{record.name} cannot be rendered; those that can are {names}")
    path = out or root / record.rendered_path
    if path.exists() and not overwrite:  # before the renderer is set up
        raise FileExistsError(f"{path} is there already; add --overwrite to replace it, or choose another with --out")
    with progress_bar(record.name) as advance:
        write_h5(_renderer(record.name), path, overwrite=overwrite, progress=advance)
    Console(highlight=False, emoji=False).print(
        f"wrote {path}, {path.stat().st_size / 1e6:.0f} MB", soft_wrap=True, markup=False
    )


def _renderer(name: str) -> FactorDataset:
    return RenderedShapes3D() if name == "rendered_shapes3d" else RenderedDSprites()


def _prepare(record: DataSetRecord, root: Path, cache: bool) -> None:
    console = Console(highlight=False, emoji=False)
    if not record.files:
        console.print(
            f"{record.name} needs no file: {record.class_path} makes it on demand", soft_wrap=True, markup=False
        )
        return
    remedy = "check the connection and run again, or fetch it elsewhere and put it into the folder of the data sets"
    if record.twin is not None:
        remedy = f"the rendered twin, {find_record(record.twin).class_path}, needs no file"
    for file in record.files:
        with progress_bar(file.path, is_bytes=True) as advance:
            path = file.fetch(root, remedy=remedy, progress=advance)
        console.print(f"{path} is there, {file.check}", soft_wrap=True, markup=False)
    if cache:
        _print_cache(open_named(record.name, root))


def _print_cache(dataset: FactorDataset) -> None:
    path = prepare_cache(dataset, verify=True)
    if path is not None:
        size = f"{path.stat().st_size / 1e6:,.0f} MB"
        Console(highlight=False, emoji=False).print(
            f"{path} is there, {size}, mapped into memory by all runs", soft_wrap=True, markup=False
        )
