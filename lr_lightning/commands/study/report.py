"""``lr-lightning study report``: what the table of a study shows, as one page with figures and tables."""

import argparse
from pathlib import Path

from rich.console import Console

from lr_lightning.commands.messages import UsageError
from lr_lightning.commands.study.score_names import names_in
from lr_lightning.study.opening import open_study

INDEX = "index.html"
_SECTIONS = (
    "model_selection",
    "rank_correlations",
    "scores_by_objective",
    "scores_by_strength",
    "variance_shares",
    "transfer",
    "learning_curves",
)
_FILES = (INDEX, *(f"{name}.csv" for name in _SECTIONS), *(f"figures/{name}*.png" for name in _SECTIONS))
"""What a report consists of; other files in its folder are kept."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument("study", metavar="FILE|NAME", help="the file of a study, or its name")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="folder of the report")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing report")
    parser.add_argument(
        "--scores",
        metavar="NAMES",
        help="comma-separated names of scores, as in the table, or 'all' (default: one of each usual score)",
    )
    parser.add_argument(
        "--targets",
        metavar="NAMES",
        help="scores with labels that judge the picks of other scores (default: MIG, DCI, FactorVAE score, CDS)",
    )
    parser.add_argument(
        "--num_resamples", type=int, default=500, help="bootstrap resamples of the intervals (default: %(default)s)"
    )


def run(options: argparse.Namespace) -> int:
    """Write the report."""
    if options.num_resamples < 1:
        raise UsageError(f"--num_resamples must be at least 1, got {options.num_resamples}")
    opened = open_study(options.study, options.root)
    _check_folder(options.out, options.overwrite)

    # import pandas, matplotlib and PyTorch, which wrong arguments need not wait for
    from lr_lightning.commands.page import render
    from lr_lightning.commands.study.report_content import StudyResults, read_study, study_report
    from lr_lightning.common.files import write_atomically

    results: StudyResults = read_study(opened, names_in(options.scores), names_in(options.targets))
    _clear_folder(options.out)
    report = study_report(results, options.out, options.num_resamples)
    page = render(report).encode()
    write_atomically(options.out / INDEX, lambda file: file.write(page))
    console = Console(highlight=False, emoji=False)
    for kind, texts in (("warning", report.warnings), ("note", report.notes)):
        for text in texts:
            console.print(f"{kind}: {text}", soft_wrap=True, markup=False)
    console.print(f"Report: {(options.out / INDEX).resolve()}", soft_wrap=True, markup=False)
    return 0


def _check_folder(folder: Path, overwrite: bool) -> None:
    """Raise an error if ``folder`` contains files that a report must not replace."""
    from lr_lightning.commands.run.folder import CONFIG

    if (folder / CONFIG).exists() or (folder / "manifest.json").exists():
        raise UsageError(f"--out: {folder} is the folder of a run or a study; choose another")
    if folder.exists() and any(folder.iterdir()) and not overwrite:
        raise FileExistsError(
            f"{folder} is not empty; add --overwrite to replace a report there, or choose another with --out"
        )


def _clear_folder(folder: Path) -> None:
    """Create ``folder``, and remove the files of an earlier report, starting with the page."""
    from lr_lightning.commands.run.folder import check_writable

    check_writable(folder, "folder", "--out")
    for path in [path for pattern in _FILES for path in folder.glob(pattern)]:
        path.unlink()
