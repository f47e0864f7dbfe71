"""``lr-lightning import``: trained models of other projects as run folders."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from lr_lightning.commands.failure import run_command
from lr_lightning.commands.messages import UsageError

_DESCRIPTION = """\
Write a run folder with a trained model of another project, for `lr-lightning assay`, `test`, `validate` and `predict`.

FORMAT is one of those that --list shows; FILE is the file or folder that the other project published. It is only read:
nothing in it is executed."""


def main(argv: Sequence[str]) -> int:
    """Run ``lr-lightning import``.

    Args:
        argv: Arguments, such as ``["leeb2022", "model_a.pt", "--out", "runs/leeb2022_vae"]``.

    Returns:
        Exit code: 0 on success, 1 on failure, 2 for a wrong command line, 130 after Ctrl-C. Errors are printed to
        standard error, one sentence each.
    """
    return run_command(
        "import",
        lambda: _parser().parse_args(argv),
        lambda arguments: _list() if arguments.list else _import(arguments),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lr-lightning import",
        usage="lr-lightning import FORMAT FILE --out FOLDER",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("format", metavar="FORMAT", nargs="?", help="name of the format")
    parser.add_argument("file", metavar="FILE", type=Path, nargs="?", help="file or folder to read")
    parser.add_argument("--out", metavar="FOLDER", type=Path, help="the new run folder")
    parser.add_argument("--list", action="store_true", help="list the formats and exit")
    return parser


def _list() -> None:
    from lr_lightning.importers import IMPORTERS

    width = max(map(len, IMPORTERS))
    for name in IMPORTERS:
        importer = IMPORTERS[name]
        print(f"{name:{width}}  {importer.summary}; {importer.url}")


def _import(arguments: argparse.Namespace) -> None:
    for name, value in {"FORMAT": arguments.format, "FILE": arguments.file, "--out FOLDER": arguments.out}.items():
        if value is None:
            raise UsageError(f"missing argument {name}: lr-lightning import FORMAT FILE --out FOLDER")
    import lr_lightning
    from lr_lightning.common.files import quoted_path
    from lr_lightning.importers import IMPORTERS

    if arguments.format not in IMPORTERS:
        try:
            IMPORTERS[arguments.format]
        except ValueError as error:
            raise UsageError(str(error)) from error
    run = lr_lightning.import_model(arguments.format, arguments.file, arguments.out)
    for note in run.results["import"]["notes"]:
        print(f"note: {note}")
    place = quoted_path(arguments.out)
    print(f"Run folder: {place}; next: lr-lightning assay {place} --out report")
