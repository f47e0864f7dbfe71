"""``lr-lightning assay``: runs assays on a checkpoint and writes what they find as one page."""

import argparse
import json
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lr_lightning.commands.messages import UsageError

if TYPE_CHECKING:
    from lr_lightning.commands.assay.page import Report
    from lr_lightning.commands.assay.trainer import AssayCLI

INDEX = "index.html"

_DESCRIPTION = """\
Run assays on a trained model and write a report: FOLDER/index.html, a page that needs no other file, with the figures
beside it as PNG, the raw arrays as .npz and the scalars in results.json.

RUN is a run folder, of which the best checkpoint is taken, or a checkpoint in one; nothing is written there. Other
options are those of `lr-lightning test`: --data.dataset ... for other data, --assays.response_map.num_steps 64 for
another argument of an assay, --trainer.accelerator cpu."""


def run(arguments: list[str]) -> None:
    """Run ``lr-lightning assay``.

    Args:
        arguments: ``"assay"`` and the words after it.

    Raises:
        UsageError: If the arguments, the run's config or the name of an assay cannot be used.
        FileExistsError: If the folder of the report holds something that must not be replaced.
        KeyboardInterrupt: If it was interrupted, in which case there is no page.
    """
    options, rest = _parser().parse_known_args(arguments[1:])
    if options.list:
        _list()
        return
    if not rest or rest[0].startswith("-"):
        raise UsageError("say what to assay: lr-lightning assay RUN --out FOLDER")
    if options.out is None:
        raise UsageError("say where to write the report: --out FOLDER")
    _check_folder(options.out, options.overwrite)
    command_line = _prepare(options, rest)
    try:
        _clear_folder(options.out)
        notes = _start(command_line)
        report = _write(options.out / INDEX, command_line, notes)
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(f"{options.out / INDEX} was not written") from interrupt
    _tell(report, options.out / INDEX)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lr-lightning assay",
        usage="lr-lightning assay RUN --out FOLDER [options]",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--list", action="store_true", help="list the assays, and stop")
    parser.add_argument("--assays", metavar="NAMES", default="all", help="names with commas between (default: all)")
    parser.add_argument("--out", metavar="FOLDER", type=Path, help="folder of the report")
    parser.add_argument("--overwrite", action="store_true", help="replace a report that is there")
    parser.add_argument(
        "--split",
        choices=("validation", "test"),
        default="validation",
        help="data to measure on: the validation set, which training has not seen, or the test set, as a rule the "
        "whole set, which takes longer (default: %(default)s)",
    )
    parser.add_argument("--num_samples", type=int, help="codes that each assay measures at (default: see --list)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the assays' random choices (default: %(default)s)")
    return parser


def _list() -> None:
    from rich.console import Console

    from lr_lightning.callbacks.registry import CATALOGUE

    console = Console(highlight=False, emoji=False)
    for name, entry in CATALOGUE.items():
        size = "" if entry.default_size is None else f"  [dim]({entry.default_size} codes)[/]"
        console.print(f"[bold]{name:22}[/]{entry.summary}{size}", soft_wrap=True)


def _check_folder(folder: Path, overwrite: bool) -> None:
    """Raise ``FileExistsError`` if ``folder`` holds what a report must not replace."""
    from lr_lightning.commands.run.folder import CONFIG

    if (folder / CONFIG).is_file():
        raise FileExistsError(f"{folder} is a run folder; choose another with --out")
    if folder.exists() and any(folder.iterdir()) and not overwrite:
        raise FileExistsError(
            f"{folder} holds files already; add --overwrite to replace a report there, or choose another with --out"
        )


def _clear_folder(folder: Path) -> None:
    """Make ``folder``, and remove what an earlier report left there, the page first."""
    from lr_lightning.commands.run.folder import check_writable

    check_writable(folder, "folder", "--out")
    patterns = [INDEX, "results.json"]
    patterns += [f"figures/*-{moment}.png" for moment in ("validate", "test")]
    patterns += [f"assays/*-{moment}.{suffix}" for moment in ("validate", "test") for suffix in ("npz", "json")]
    for path in [path for pattern in patterns for path in folder.glob(pattern)]:
        path.unlink()


def _prepare(options: argparse.Namespace, rest: Sequence[str]) -> "AssayCLI":
    """Return a Trainer with the model and data of the run and the assays that were asked for."""
    from lr_lightning.callbacks.registry import CATALOGUE, choose_assays
    from lr_lightning.commands.assay.trainer import SETTINGS, AssayCLI
    from lr_lightning.commands.fit.training import prepare
    from lr_lightning.commands.run.folder import expand_run_argument

    try:
        names = choose_assays([name.strip() for name in options.assays.split(",") if name.strip()])
    except ValueError as error:
        raise UsageError(str(error)) from error
    assays = {name: CATALOGUE[name].config(options.seed, options.num_samples) for name in names}
    stage = "test" if options.split == "test" else "validate"
    stage, config, checkpoint, *overrides = expand_run_argument([stage, *rest])
    words = [stage, config, checkpoint, *SETTINGS, "--assays=null", f"--assays={json.dumps(assays)}", *overrides]
    return prepare(words, partial(AssayCLI, folder=options.out))


def _start(command_line: "AssayCLI") -> list[str]:
    """Run the assays; return what this package warned of meanwhile.

    Raises:
        ValueError: If an assay cannot work on this model; the text names it.
        RuntimeError: If it fails otherwise.
    """
    stages = command_line.stages
    # Lightning's, on callbacks that wrote the checkpoint and are left out on purpose
    warnings.filterwarnings("ignore", message="Be aware that when using `ckpt_path`")
    with warnings.catch_warnings(record=True) as caught, stages.shown():
        warnings.simplefilter("always")
        try:
            command_line.start()
        except Exception as error:
            if stages.current is None:
                raise
            kind = ValueError if isinstance(error, ValueError) else RuntimeError
            raise kind(f"the assay {stages.current} failed: {error}") from error
    notes = []
    for warning in caught:
        if _is_own(warning.filename):
            notes.append(str(warning.message))
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return list(dict.fromkeys(notes))


def _is_own(filename: str) -> bool:
    """Return whether a file belongs to this package."""
    import lr_lightning.callbacks

    folders = [*lr_lightning.__path__, *lr_lightning.callbacks.__path__]
    return any(Path(filename).is_relative_to(folder) for folder in folders)


def _write(path: Path, command_line: "AssayCLI", notes: list[str]) -> "Report":
    """Write the page, and return what is on it."""
    from lr_lightning.commands.assay.page import render
    from lr_lightning.commands.assay.report import assay_report
    from lr_lightning.common.files import write_atomically

    report = assay_report(command_line, notes)
    page = render(report).encode()
    write_atomically(path, lambda file: file.write(page))
    return report


def _tell(report: "Report", path: Path) -> None:
    """Print the warnings, the notes and where the page is."""
    from rich.console import Console

    console = Console(highlight=False, emoji=False)
    for kind, texts in (("warning", report.warnings), ("note", report.notes)):
        for text in texts:
            console.print(f"{kind}: {text}", soft_wrap=True, markup=False)
    console.print(f"Report: {path.resolve()}", soft_wrap=True, markup=False)
