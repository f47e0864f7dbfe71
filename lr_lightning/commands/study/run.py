"""``lr-lightning study run``: trains and evaluates all runs of a study that are not done."""

import argparse
import sys
from pathlib import Path

from lr_lightning.commands.messages import UsageError
from lr_lightning.commands.study.driving import add_engine_arguments, drive_study
from lr_lightning.study.definition import find_study, read_definition
from lr_lightning.study.layout import CELL_CONFIG, StudyFolder, cell_folder
from lr_lightning.study.manifest import Manifest, read_manifest
from lr_lightning.study.packing import cells_trained_alone


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "study", metavar="FILE|NAME", help="study file, or name of a packaged study or of one that has been started"
    )
    add_engine_arguments(parser)
    parser.add_argument("--dry_run", action="store_true", help="print what would run and an estimate of time, and stop")


def run(options: argparse.Namespace) -> int:
    """Run the command; returns 0 if all runs are done, otherwise 1.

    Raises:
        UsageError: If the study or an option is invalid.
        KeyboardInterrupt: After Ctrl-C; the message shows how to go on.
    """
    try:
        path = find_study(options.study)
    except UsageError:
        folder = StudyFolder(options.root, options.study)
        if not folder.manifest.is_file() or options.dry_run:
            raise
        return drive_study(options, _started(folder))
    definition = read_definition(path)
    if options.dry_run:
        from lr_lightning.commands.study.dry_run import dry_run  # imports torch

        dry_run(definition, options.root, options.jobs)
        return 0
    from lr_lightning.study.preparation import prepare_study  # imports torch

    manifest, change = prepare_study(definition, options.root)
    for told in filter(None, (change, cells_trained_alone(manifest))):
        print(told, file=sys.stderr)
    return drive_study(options, manifest)


def _started(folder: StudyFolder) -> Manifest:
    """Return the manifest of a study whose file is not at hand.

    Raises:
        UsageError: If the config of a cell has been removed, which only the file can replace.
    """
    manifest = read_manifest(folder.manifest)
    for cell in manifest.cells:
        config: Path = cell_folder(folder.root, cell.identity) / CELL_CONFIG
        if not config.is_file():
            raise UsageError(f"{config} is missing; give the study file instead of the name, which writes it again")
    return manifest
