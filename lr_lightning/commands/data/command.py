"""``lr-lightning data``: list, describe, preview, render and fetch data sets."""

import argparse
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rich.console import Console

from lr_lightning.commands.data.opening import closest_class, is_class, is_description, open_named, prepare_cache
from lr_lightning.commands.data.preview import check_suffix, write_preview
from lr_lightning.commands.data.table import print_info, print_list, print_opened_info
from lr_lightning.commands.failure import run_command
from lr_lightning.commands.messages import UsageError
from lr_lightning.commands.progress import progress_bar
from lr_lightning.common.registry import public_path
from lr_lightning.data.custom.custom_dataset import CustomDataset
from lr_lightning.data.data_set_record import DataSetRecord
from lr_lightning.data.dataset import FactorDataset
from lr_lightning.data.opening import open_data_set
from lr_lightning.data.registry import OWN_DATA, find_data_set
from lr_lightning.data.storage.write_h5 import write_h5

_DESCRIPTION = (
    "Data sets are in the folder --root; by default in $LR_LIGHTNING_DATA, or in ./data_sets if that is not set."
)
_NAME = "name of the data set, see list"
_OR_CLASS = (
    f"{_NAME}, the import path of its class, or a YAML file that describes your own set; a class, such as "
    "ColorDSprites or PictureFolder, takes arguments as --dataset.ARGUMENT VALUE"
)


def main(argv: Sequence[str]) -> int:
    """Run ``lr-lightning data`` with the words after it.

    Args:
        argv: Arguments, such as ``["render", "shapes3d"]``.

    Returns:
        Exit code: 0 on success, 1 on failure, 2 for a wrong command or name, 130 after Ctrl-C. Errors are printed as
        one sentence on standard error.
    """
    interrupted = "interrupted; unfinished files keep their temporary names"
    return run_command("data", lambda: _parse(argv), _run, interrupted)


def _run(arguments: argparse.Namespace) -> None:
    root = Path(arguments.root or os.environ.get("LR_LIGHTNING_DATA") or "data_sets")
    match arguments.command:
        case "list":
            print_list(root)
        case "info":
            _info(arguments, root)
        case "preview":
            _preview(arguments, root)
        case "render":
            _render(arguments.name, root, arguments.out, arguments.overwrite)
        case "prepare":
            _prepare(arguments, root)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    """Parse the command line; ``--dataset.*`` arguments are collected in ``class_arguments``."""
    parser = argparse.ArgumentParser(prog="lr-lightning data", description=_DESCRIPTION, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    list_ = commands.add_parser("list", help="list the data sets and which are present", description=_DESCRIPTION)
    info = commands.add_parser("info", help="show factors, files and license of a data set")
    preview = commands.add_parser(
        "preview", help="draw the effect of each factor", description="Draw the effect of each factor of a data set."
    )
    render = commands.add_parser("render", help="write a rendered twin of a public set as an HDF5 file")
    prepare = commands.add_parser(
        "prepare", help="download the files of a public set, verify them and convert them for fast reading"
    )
    for command in (list_, info, preview, render, prepare):
        command.add_argument("--root", type=Path, help="folder of the data sets")
    for command, text in ((info, _OR_CLASS), (preview, _OR_CLASS), (render, _NAME), (prepare, _OR_CLASS)):
        command.add_argument("name", metavar="NAME", help=text)
    preview.add_argument("out", type=Path, metavar="OUT", help="figure to write: .png, .pdf or .svg")
    preview.add_argument("--num-columns", type=int, default=10, help="maximum number of images in a row (10)")
    preview.add_argument("--seed", type=int, default=0, help="seed that selects the images (0)")
    render.add_argument("--out", type=Path, help="file to write; by default in the folder of the data sets")
    render.add_argument("--overwrite", action="store_true", help="replace an existing file")
    prepare.add_argument("--no-cache", action="store_true", help="download and verify, but do not convert")
    arguments, rest = parser.parse_known_args(argv)
    opens = arguments.command == "preview" or (arguments.command in ("info", "prepare") and is_class(arguments.name))
    if rest and not (opens and rest[0].startswith("--dataset.")):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    arguments.class_arguments = rest
    return arguments


def _is_opened(arguments: argparse.Namespace) -> bool:
    """Return whether the data set is a class to be opened with arguments, not one that has a record."""
    return is_class(arguments.name) and (bool(arguments.class_arguments) or arguments.name in OWN_DATA)


def _find(name: str) -> tuple[type[FactorDataset], DataSetRecord]:
    """Return class and record of a known set; a wrong name is a usage error."""
    try:
        return find_data_set(name)
    except ValueError as error:
        unknown = f"there is no data set {name!r}"
        if Path(name).is_dir():
            raise UsageError(f"{unknown}; a folder of pictures is PictureFolder --dataset.path {name!r}") from error
        # of an import path, the error says what is wrong with it
        if "." not in name and "did you mean" not in str(error) and (close := closest_class(name)) is not None:
            raise UsageError(f"{unknown}; did you mean {close}?") from error
        raise UsageError(str(error)) from error


def _info(arguments: argparse.Namespace, root: Path) -> None:
    name = arguments.name
    if is_description(name):
        dataset = CustomDataset(name)
        print_opened_info(dataset, name, dataset.description.images)
    elif _is_opened(arguments):
        opened = open_named(name, root, arguments.class_arguments)
        print_opened_info(opened, public_path(type(opened)))
    else:
        print_info(*_find(name), root)


def _preview(arguments: argparse.Namespace, root: Path) -> None:
    check_suffix(arguments.out)  # before a set is opened
    if not is_description(arguments.name) and not is_class(arguments.name):
        _find(arguments.name)
    dataset = open_named(arguments.name, root, arguments.class_arguments)
    prepare_cache(dataset)
    write_preview(dataset, arguments.out, arguments.num_columns, arguments.seed)
    print(f"wrote {arguments.out}")


def _render(name: str, root: Path, out: Path | None, overwrite: bool) -> None:
    cls, record = _find(name)
    if record.rendered_path is None and record.twin is not None:
        cls, record = find_data_set(record.twin)
    if record.rendered_path is None:
        raise ValueError(f"{name} cannot be rendered to a file; `lr-lightning data info {name}` shows its files")
    path = out or root / record.rendered_path
    if path.exists() and not overwrite:  # before the renderer is set up
        raise FileExistsError(f"{path} already exists; replace it with --overwrite, or choose another file with --out")
    with progress_bar(record.name) as advance:
        write_h5(cls(**record.options), path, overwrite=overwrite, progress=advance)
    _print(f"wrote {path}, {path.stat().st_size / 1e6:.0f} MB")


def _prepare(arguments: argparse.Namespace, root: Path) -> None:
    name = arguments.name
    if is_description(name) or _is_opened(arguments):
        _print_cache(open_named(name, root, arguments.class_arguments))
        return
    cls, record = _find(name)
    if not record.is_downloaded:
        _print(f"{name} needs no file: {public_path(cls)} generates it on demand")
        return
    remedy = "check the connection and run again, or download it elsewhere and put it into the folder of the data sets"
    if record.twin is not None:
        remedy = f"the rendered twin, {public_path(find_data_set(record.twin)[0])}, needs no file"
    for line in record.fetch(root, remedy=remedy, bar=partial(progress_bar, is_bytes=True)):
        _print(line)
    if not arguments.no_cache:
        _print_cache(open_data_set(name, root))


def _print_cache(dataset: FactorDataset) -> None:
    path = prepare_cache(dataset, verify=True)
    if path is not None:
        _print(f"{path} is there, {path.stat().st_size / 1e6:,.0f} MB, mapped into memory by all runs")


def _print(line: str) -> None:
    """Print a line as it is, without breaking it."""
    Console(highlight=False, emoji=False).print(line, soft_wrap=True, markup=False)
