"""Runs what is left of a study: the common part of ``study run`` and ``study retry``."""

import argparse
import sys
from collections.abc import Collection

from lr_lightning.commands.study.display import StudyDisplay
from lr_lightning.commands.study.summary import summary_lines
from lr_lightning.study.driver import Driver, Run
from lr_lightning.study.engines.choice import ENGINES, EngineChoice, make_engine
from lr_lightning.study.layout import StudyFolder
from lr_lightning.study.manifest import Manifest
from lr_lightning.study.run_job import run_job


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
        default=2,
        metavar="N",
        help="how often a run is tried again whose process or machine was lost (default: %(default)s)",
    )


def drive_study(
    options: argparse.Namespace, manifest: Manifest, again: str, chosen: Collection[Run] | None = None
) -> int:
    """Run what is left of a study, and print what has become of it.

    Args:
        options: The options of :func:`add_engine_arguments`, and the folder of all studies as ``root``.
        manifest: The study.
        again: The command that goes on after an interruption.
        chosen: The runs to drive; all by default.

    Returns:
        0 if all runs are done, otherwise 1.

    Raises:
        UsageError: If an option is invalid, or a job needs more than there is.
        KeyboardInterrupt: After Ctrl-C; the message shows how to go on.
    """
    driver = Driver(options.root, manifest, chosen)
    if driver.has_work:
        try:
            _drive(driver, options, manifest)
        except KeyboardInterrupt as interrupt:
            raise KeyboardInterrupt(f"go on with: {again}") from interrupt
    for line in summary_lines(driver.progress, manifest, StudyFolder(options.root, manifest.name)):
        print(line)
    if driver.progress.stopped:
        print(
            f"no more runs were started: {driver.progress.stopped}; make room, and go on with: {again}", file=sys.stderr
        )
    return 0 if len(driver.progress.done) == driver.progress.total else 1


def _drive(driver: Driver, options: argparse.Namespace, manifest: Manifest) -> None:
    choice = EngineChoice(options.engine, options.jobs, options.address)
    engine, threads = make_engine(choice, run_job, manifest.resources, StudyFolder(options.root, manifest.name).logs)
    display = StudyDisplay(manifest.name)
    try:
        with display.shown():
            driver.drive(engine, threads, options.retries, display)
    finally:
        engine.close()
