"""``lr-lightning study run``: trains and evaluates all runs of a study that are not done."""

import argparse
import sys

from lr_lightning.commands.study.driving import add_engine_arguments, drive_study
from lr_lightning.study.definition import find_study, read_definition


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("study", metavar="FILE", help="study file, or name of a packaged study")
    add_engine_arguments(parser)
    parser.add_argument("--dry_run", action="store_true", help="print what would run and an estimate of time, and stop")


def run(options: argparse.Namespace) -> int:
    """Run the command; returns 0 if all runs are done, otherwise 1.

    Raises:
        UsageError: If the study or an option is invalid.
        KeyboardInterrupt: After Ctrl-C; the message shows how to go on.
    """
    definition = read_definition(find_study(options.study))
    if options.dry_run:
        from lr_lightning.commands.study.dry_run import dry_run  # imports torch

        dry_run(definition, options.root, options.jobs)
        return 0
    from lr_lightning.study.preparation import prepare_study  # imports torch

    manifest, change = prepare_study(definition, options.root)
    if change:
        print(change, file=sys.stderr)
    return drive_study(options, manifest)
