"""``lr-lightning study udr``: compares the seeds of each cell of a study, without labels."""

import argparse
import sys
from pathlib import Path

from lr_lightning.commands.messages import UsageError
from lr_lightning.commands.progress import progress_bar
from lr_lightning.study.manifest import Manifest
from lr_lightning.study.opening import open_study
from lr_lightning.study.run_states import run_states
from lr_lightning.study.udr_file import read_study_udr


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument("study", metavar="FILE|NAME", help="the file of a study, or its name")
    parser.add_argument("--jobs", type=int, metavar="N", help="processes at once (default: as many as there are cores)")


def run(options: argparse.Namespace) -> int:
    """Compute UDR where it is missing or out of date; returns 1 if some cells cannot be compared, otherwise 0.

    Raises:
        UsageError: If there is no such study, it does not ask for UDR, or an option is invalid.
    """
    opened = open_study(options.study, options.root)
    if options.jobs is not None and options.jobs < 1:
        raise UsageError(f"--jobs must be at least 1, got {options.jobs}")
    if opened.manifest.evaluation.udr_inputs is None:
        raise UsageError(f"{opened.manifest.name} has no UDR; add udr: true to test in its file, and run it again")
    if opened.change:
        print(f"note: {opened.change}", file=sys.stderr)
    return compute_udr(opened.manifest, options.root, options.jobs)


def compute_udr(manifest: Manifest, root: Path, jobs: int | None = None) -> int:
    """Compute UDR of the cells of a study that lack it, and print how many there are.

    Args:
        manifest: The study; nothing happens unless its evaluation asks for UDR.
        root: Folder of all studies.
        jobs: Number of processes; as many as there are cores by default.

    Returns:
        1 if some cells cannot be compared, otherwise 0.
    """
    if manifest.evaluation.udr_inputs is None:
        return 0
    udr = read_study_udr(manifest, root, run_states(manifest, root))
    sentences: list[str] = []
    if udr.missing:
        from lr_lightning.study.udr import update_udr  # imports torch

        with progress_bar("UDR") as tell:
            sentences = update_udr(manifest, root, udr, processes=jobs, tell=tell)
    for sentence in sentences:
        print(sentence, file=sys.stderr)
    total, computed = len(manifest.cells), len(udr.missing) - len(sentences)
    line = f"UDR is known for {len(udr.current) + computed:,} of {total:,} cells, {computed:,} of them computed now"
    alone = total - len(udr.current) - len(udr.missing)
    print(f"{line}; {alone:,} have fewer than two runs done" if alone else line)
    return 1 if sentences else 0
