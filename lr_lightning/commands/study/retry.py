"""``lr-lightning study retry``: tries the failed runs of a study again, and nothing else."""

import argparse

from lr_lightning.commands.study.driving import add_engine_arguments, drive_study
from lr_lightning.study.job import Run
from lr_lightning.study.opening import open_study
from lr_lightning.study.run_states import run_states


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("study", metavar="FILE|NAME", help="study file, or name of a study that has been started")
    parser.add_argument("--all", action="store_true", help="also runs whose loss was not finite, which train as before")
    add_engine_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Run the command; returns 0 if the failed runs are done now, otherwise 1.

    Raises:
        UsageError: If there is no such study, or an option is invalid.
        KeyboardInterrupt: After Ctrl-C; the message shows how to go on.
    """
    study = open_study(options.study, options.root)
    states = ("failed", "diverged") if options.all else ("failed",)
    found = run_states(study.manifest, options.root)
    chosen = [Run(*key) for key, state in found.items() if state.state in states]
    if not chosen:
        print(f"no run of {study.manifest.name} has {' or '.join(states)}")
        return 0
    return drive_study(options, study.manifest, chosen)
