"""Runs what is left of a study: the common part of ``study run`` and ``study retry``."""

import argparse
import sys
from collections.abc import Collection
from pathlib import Path

from lr_lightning.commands.messages import UsageError
from lr_lightning.commands.study.display import StudyDisplay
from lr_lightning.commands.study.summary import summary_lines
from lr_lightning.commands.study.udr import compute_udr
from lr_lightning.common.files import quoted_path
from lr_lightning.study.driver import Driver
from lr_lightning.study.engines.choice import ENGINES, EngineChoice, make_engine
from lr_lightning.study.job import Run
from lr_lightning.study.layout import STUDIES, StudyFolder
from lr_lightning.study.manifest import Manifest
from lr_lightning.study.run_job import run_job

_RETRIES = 2


def add_engine_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose how jobs run."""
    parser.add_argument("--engine", choices=ENGINES, default=ENGINES[0], help="what runs jobs (default: %(default)s)")
    parser.add_argument(
        "--address",
        metavar="auto|HOST:PORT",
        help="Ray cluster to join, for --engine ray (default: start one on this machine)",
    )
    parser.add_argument("--jobs", type=int, metavar="N", help="jobs at once (default: as many as there is room for)")
    parser.add_argument(
        "--retries",
        type=int,
        default=_RETRIES,
        metavar="N",
        help="how often a run is tried again whose process or machine was lost (default: %(default)s)",
    )


def drive_study(options: argparse.Namespace, manifest: Manifest, chosen: Collection[Run] | None = None) -> int:
    """Run what is left of a study, and print what has become of it.

    Args:
        options: The options of the command.
        manifest: The study.
        chosen: The runs to drive; all by default.

    Returns:
        0 if all runs are done and compared, otherwise 1.

    Raises:
        UsageError: If an option is invalid, or a job needs more than there is.
        KeyboardInterrupt: After Ctrl-C; the message shows how to go on.
    """
    if options.retries < 0:
        raise UsageError(f"--retries must be at least 0, got {options.retries}")
    driver = Driver(options.root, manifest, chosen)
    try:
        if driver.has_work:
            _drive(driver, options, manifest)
        not_compared = 0 if driver.progress.stopped else compute_udr(manifest, options.root)
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(f"to go on: {_command(options)}") from interrupt
    for line in summary_lines(driver.progress, StudyFolder(options.root, manifest.name)):
        print(line)
    if why := driver.progress.stopped:
        print(f"no more runs were started: {why}; make room, and go on: {_command(options)}", file=sys.stderr)
    return 0 if len(driver.progress.done) == driver.progress.total and not not_compared else 1


def _drive(driver: Driver, options: argparse.Namespace, manifest: Manifest) -> None:
    choice = EngineChoice(options.engine, options.jobs, options.address)
    engine, threads = make_engine(choice, run_job, manifest.resources, StudyFolder(options.root, manifest.name).logs)
    display = StudyDisplay(manifest.name)
    try:
        with display.shown():
            driver.drive(engine, threads, options.retries, display)
    finally:
        engine.close()


def _command(options: argparse.Namespace) -> str:
    """Return the command that the options were given to, for another start."""
    words = ["lr-lightning", "study", options.command, quoted_path(Path(options.study))]
    words += ["--all"] if getattr(options, "all", False) else []
    defaults = {"root": STUDIES, "engine": ENGINES[0], "address": None, "jobs": None, "retries": _RETRIES}
    for name, default in defaults.items():
        if (value := getattr(options, name)) != default:
            words += [f"--{name}", quoted_path(Path(str(value)))]
    return " ".join(words)
