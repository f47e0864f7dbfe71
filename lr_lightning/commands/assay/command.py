"""``lr-lightning assay``: runs assays on a checkpoint and writes a report."""

import argparse
import json
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lr_lightning.commands.collection import resume_collection
from lr_lightning.commands.messages import UsageError
from lr_lightning.common.cores import CoreMeter

if TYPE_CHECKING:
    from lr_lightning.callbacks import AssayCallback
    from lr_lightning.commands.assay.trainer import AssayCLI
    from lr_lightning.commands.page import Report

INDEX = "index.html"

_DESCRIPTION = """\
Run assays on a trained model and write a report: FOLDER/index.html, a single self-contained page. FOLDER also contains
the figures as PNG, the raw arrays as .npz and the scalars in results.json.

RUN is a run folder, whose best checkpoint is used, a checkpoint in one, the folder of an exported model, or `demo`, the
model of this package; nothing is written to it. Other options are those of `lr-lightning test`: --data.dataset ... for
other data, --assays.response_map.num_steps 64 to set an argument of an assay, --assays.mine my_package.MyAssay to add
one, --trainer.accelerator cpu."""


def run(arguments: list[str], meter: CoreMeter | None = None) -> None:
    """Run ``lr-lightning assay``.

    Args:
        arguments: ``"assay"`` and the arguments after it.
        meter: Measures the free cores since the start of the process.

    Raises:
        UsageError: If the arguments, the run's config or the name of an assay are invalid.
        FileExistsError: If the folder of the report contains files that must not be replaced.
        KeyboardInterrupt: If interrupted; no page is written.
    """
    options, rest = _parser().parse_known_args(arguments[1:])
    if options.list:
        _list()
        return
    if not rest or rest[0].startswith("-"):
        raise UsageError("missing argument RUN, the run to assay: lr-lightning assay RUN --out FOLDER")
    if options.out is None:
        raise UsageError("missing option --out FOLDER, the folder of the report")
    _check_folder(options.out, options.overwrite)
    command_line = _prepare(options, rest, meter)
    resume_collection()
    try:
        _clear_folder(options.out)
        notes = [*_size_notes(options.num_samples, command_line), *_start(command_line)]
        report = _write(options.out / INDEX, command_line, notes)
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(f"{options.out / INDEX} was not written") from interrupt
    _print(report, options.out / INDEX)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lr-lightning assay",
        usage="lr-lightning assay RUN --out FOLDER [options]",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--list", action="store_true", help="list the assays and exit")
    parser.add_argument(
        "--assays",
        metavar="NAMES",
        default="all",
        help="comma-separated names or import paths (default: all; all,explorer adds the page of the explorer)",
    )
    parser.add_argument("--out", metavar="FOLDER", type=Path, help="folder of the report")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing report")
    parser.add_argument(
        "--split",
        choices=("validation", "test"),
        default="validation",
        help="data to use: the validation set, which training has not seen, or the test set, usually the whole data "
        "set, which takes longer (default: %(default)s)",
    )
    parser.add_argument(
        "--num_samples",
        type=int,
        metavar="N",
        help="codes drawn from the set on which assays intervene (default: see --list). The rows of scores are set by "
        "--assays.disentanglement.num_train and --assays.disentanglement.num_test",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the assays' random choices (default: %(default)s)")
    return parser


def _list() -> None:
    from rich.console import Console
    from rich.text import Text

    from lr_lightning.callbacks.registry import ASSAYS
    from lr_lightning.callbacks.report_arguments import default_size

    console = Console(highlight=False, emoji=False)
    for name in ASSAYS:
        heading = Text(f"{name:22}", style="bold")
        try:
            assay = ASSAYS[name]
        except ValueError as error:
            console.print(heading, Text(f"unavailable: {error}", style="red"), sep="", soft_wrap=True)
            continue
        size = default_size(assay)
        remark = "" if size is None else f"  ({size} codes)"
        note = Text(remark if assay.by_default else f"{remark}  (only if named)", style="dim")
        console.print(heading, assay.summary or assay.__name__, note, sep="", soft_wrap=True, markup=False)


def _check_folder(folder: Path, overwrite: bool) -> None:
    """Raise ``FileExistsError`` if ``folder`` contains files that a report must not replace."""
    from lr_lightning.commands.run.folder import CONFIG

    if (folder / CONFIG).is_file():
        raise FileExistsError(f"{folder} is a run folder; choose another with --out")
    if folder.exists() and any(folder.iterdir()) and not overwrite:
        raise FileExistsError(
            f"{folder} is not empty; add --overwrite to replace a report there, or choose another with --out"
        )


def _clear_folder(folder: Path) -> None:
    """Create ``folder``, and remove the files of an earlier report, starting with the page."""
    from lr_lightning.commands.run.folder import check_writable

    check_writable(folder, "folder", "--out")
    patterns = [INDEX, "results.json"]
    patterns += [f"figures/*-{moment}.png" for moment in ("validate", "test")]
    patterns += [f"pages/*-{moment}.html" for moment in ("validate", "test")]
    patterns += [f"assays/*-{moment}.{suffix}" for moment in ("validate", "test") for suffix in ("npz", "json")]
    for path in [path for pattern in patterns for path in folder.glob(pattern)]:
        path.unlink()


def _prepare(options: argparse.Namespace, rest: Sequence[str], meter: CoreMeter | None) -> "AssayCLI":
    """Return a Trainer with the model and data of the run and the chosen assays."""
    from lr_lightning.callbacks.report_arguments import report_arguments
    from lr_lightning.commands.assay.assay_choice import choose_assays
    from lr_lightning.commands.assay.trainer import SETTINGS, AssayCLI
    from lr_lightning.commands.fit.training import prepare
    from lr_lightning.commands.run.run_argument import expand_run_argument

    try:
        choice = choose_assays([name.strip() for name in options.assays.split(",") if name.strip()])
    except ValueError as error:
        raise UsageError(str(error)) from error
    if options.num_samples is not None and not any(assay.size_argument for assay in choice.assays.values()):
        raise UsageError(f"--num_samples {options.num_samples} {_without_size(choice.assays)}")
    assays = {
        name: {
            "class_path": f"{assay.__module__}.{assay.__qualname__}",
            "init_args": report_arguments(assay, options.seed, options.num_samples),
        }
        for name, assay in choice.assays.items()
    }
    stage = "test" if options.split == "test" else "validate"
    stage, config, checkpoint, *overrides = expand_run_argument([stage, *rest])
    words = [stage, config, checkpoint, *SETTINGS, "--assays=null", f"--assays={json.dumps(assays)}", *overrides]
    return prepare(words, partial(AssayCLI, meter=meter, folder=options.out, skipped=choice.unavailable))


def _size_notes(num_samples: int | None, command_line: "AssayCLI") -> Iterator[str]:
    """Yield which assays ``--num_samples`` does not concern."""
    others = {assay.name: type(assay) for assay in command_line.assays if assay.size_argument is None}
    if num_samples is not None and others:
        yield f"--num_samples {num_samples} {_without_size(others)}"


def _without_size(assays: Mapping[str, "type[AssayCallback]"]) -> str:
    """Return what an assay without a number of codes does with ``--num_samples``, and what scores have instead."""
    from lr_lightning.callbacks import DisentanglementAssay

    scores = [name for name, assay in assays.items() if issubclass(assay, DisentanglementAssay)]
    instead = [f"; the rows of scores are set by --assays.{name}.num_train and .num_test" for name in scores]
    return f"does not concern {', '.join(assays)}, which have no number of codes{''.join(instead)}"


def _start(command_line: "AssayCLI") -> list[str]:
    """Run the assays, and return the warnings of this package and of the assays.

    Raises:
        ValueError: If an assay cannot run on this model; the message names it.
        RuntimeError: If an assay fails for another reason.
    """
    command_line.convert_data()
    stages = command_line.stages
    # Lightning warns of callbacks in the checkpoint, which are missing here on purpose
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
        if _is_own(warning.filename, command_line.assays):
            notes.append(str(warning.message))
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return list(dict.fromkeys(notes))


def _is_own(filename: str, assays: Iterable["AssayCallback"]) -> bool:
    """Return whether a file belongs to this package or to the package of an assay."""
    import lr_lightning.callbacks

    packages = [lr_lightning, lr_lightning.callbacks]  # two folders in an editable installation
    packages += [sys.modules[type(assay).__module__.partition(".")[0]] for assay in assays]
    paths = [path for package in packages for path in getattr(package, "__path__", [package.__file__])]
    return any(Path(filename).is_relative_to(path) for path in paths)


def _write(path: Path, command_line: "AssayCLI", notes: list[str]) -> "Report":
    """Write the page, and return its content."""
    from lr_lightning.commands.assay.report import assay_report
    from lr_lightning.commands.page import render
    from lr_lightning.common.files import write_atomically

    report = assay_report(command_line, notes)
    page = render(report).encode()
    write_atomically(path, lambda file: file.write(page))
    return report


def _print(report: "Report", path: Path) -> None:
    """Print the warnings, the notes and the path of the page."""
    from rich.console import Console

    console = Console(highlight=False, emoji=False)
    for kind, texts in (("warning", report.warnings), ("note", report.notes)):
        for text in texts:
            console.print(f"{kind}: {text}", soft_wrap=True, markup=False)
    console.print(f"Report: {path.resolve()}", soft_wrap=True, markup=False)
