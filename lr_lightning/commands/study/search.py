"""``lr-lightning study search``: searches for the values of a config with which a run scores best."""

import argparse
import shlex
from pathlib import Path

from lr_lightning.study.search.definition import read_search


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("search", metavar="FILE", type=Path, help="search file")
    parser.add_argument(
        "--address", metavar="auto|HOST:PORT", help="Ray cluster to join (default: start one on this machine)"
    )
    parser.add_argument("--jobs", type=int, metavar="N", help="trials at once (default: as many as there is room for)")


def run(options: argparse.Namespace) -> int:
    """Run the command; returns 0 if there is a best trial.

    Raises:
        UsageError: If the search is invalid.
        KeyboardInterrupt: After Ctrl-C; the message shows how to go on.
    """
    definition = read_search(options.search)
    from lr_lightning.study.search.check import check_search  # imports torch
    from lr_lightning.study.search.report import search_table
    from lr_lightning.study.search.trial import repeat_command
    from lr_lightning.study.search.tuning import best_of, run_search

    check_search(definition)
    again = f"lr-lightning study search {shlex.quote(str(options.search))}"
    try:
        trials = run_search(definition, options.root, options.address, options.jobs)
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(f"go on with: {again}") from interrupt
    search_table(definition, trials)
    best = best_of(trials)
    if best is None:
        return 1
    print(f"Best:   {best.folder}")
    print(f"Repeat: {repeat_command(definition, best.parameters)}")
    return 0
