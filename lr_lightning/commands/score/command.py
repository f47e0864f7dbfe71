"""``lr-lightning score``: disentanglement scores of codes and factors from any framework."""

import argparse
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rich.console import Console
from rich.markup import escape

from lr_lightning.commands.failure import run_command
from lr_lightning.commands.progress import terminal_progress
from lr_lightning.commands.score.run_refusal import refuse_run
from lr_lightning.common.checks import one_line
from lr_lightning.common.cores import CoreMeter
from lr_lightning.common.thread_limit import fitting, given_by_environment, limit_threads

if TYPE_CHECKING:
    from lr_lightning.metrics.base import DisentanglementMetric
    from lr_lightning.metrics.score_table import ScoreTable
    from lr_lightning.metrics.suite import Progress as ReportProgress

_DESCRIPTION = """\
Score how codes relate to the factors of variation they were made from.

FILE is a .npz file from any framework, with the arrays codes (N, D), floating point, and factors (N, K), the integer
index of each factor's value; also log_variances (N, D), for the scores that look at the whole posterior and for
--codes sample. `lr-lightning predict RUN` writes one. To score a run itself, use `lr-lightning test RUN` or
`lr-lightning assay RUN`."""


def main(argv: Sequence[str]) -> int:
    """Run ``lr-lightning score``.

    Args:
        argv: Arguments, such as ``["codes.npz", "--metrics", "mig,dci"]``.

    Returns:
        Exit code: 0 on success, 1 on failure, 2 for a wrong command line, 130 after Ctrl-C. Errors are printed to
        standard error, one sentence each.
    """
    meter = CoreMeter()  # so that it has seen what others use by the time scoring begins
    return run_command(
        "score",
        lambda: _parser().parse_args(argv),
        lambda arguments: _list() if arguments.list else _score(arguments, meter),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lr-lightning score",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", type=Path, nargs="?", help="codes and factors (.npz)")
    parser.add_argument("--list", action="store_true", help="list metrics and groups of metrics, and exit")
    parser.add_argument(
        "--metrics",
        default="default",
        help="metrics, groups or import paths, separated by commas (default: %(default)s)",
    )
    parser.add_argument("--num_train", type=int, help="rows to fit or count on (default: 10,000, or two thirds)")
    parser.add_argument("--num_test", type=int, help="rows held out (default: 5,000, or one third)")
    parser.add_argument(
        "--order",
        choices=("first", "random"),
        help="take the first rows to train and the next to test, the default if their numbers are given; or draw rows",
    )
    parser.add_argument(
        "--codes",
        choices=("mean", "sample"),
        default="mean",
        help="score the codes as they are (mean), or one sample from the posterior of each row, which needs "
        "log_variances in the file (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of all random choices (default: %(default)s)")
    parser.add_argument(
        "--num_repeats", type=int, default=1, help="number of repeats with newly drawn rows, for standard errors"
    )
    parser.add_argument("--few_rows", action="store_true", help="accept a table with fewer rows than latents")
    parser.add_argument(
        "--levels",
        choices=("all", "cheap", "none"),
        default="all",
        help="which metrics get chance and ceiling: all (two to five times as slow), only those that fit no "
        "predictors (cheap), or none (default: %(default)s)",
    )
    parser.add_argument("--truncated", action="store_true", help="also score active latents only (names with _active)")
    parser.add_argument(
        "--threads",
        type=_threads,
        default="auto",
        help="threads of each operation (default: %(default)s, the cores that others leave free at the start, unless "
        "OMP_NUM_THREADS is set)",
    )
    parser.add_argument("--out", type=Path, help="file for the table: .json, .csv or .parquet")
    parser.add_argument("--figures", type=Path, help="folder for heat maps of the matrices behind the scores")
    return parser


def _list() -> None:
    from lr_lightning.metrics.registry import ALIASES, GROUPS, METRICS

    console = Console(highlight=False, emoji=False)
    for name in METRICS:
        try:
            summary = (METRICS[name].__doc__ or "").split(";")[0].split("\n")[0].rstrip(".")
        except ValueError as error:  # an installed package that cannot be imported
            summary = f"cannot be used: {one_line(error)}"
        console.print(f"[bold]{name:34}[/]{escape(summary)}", soft_wrap=True)
    console.print("\nGroups:")
    for name, members in GROUPS.items():
        console.print(
            f"[bold]{name:34}[/]{', '.join(members) if name != 'all' else 'all metrics of this package'}",
            soft_wrap=True,
        )
    console.print("\nNames in other libraries:")
    for name, members in ALIASES.items():
        console.print(f"[bold]{name:36}[/]{', '.join(members)}", soft_wrap=True)


def _score(arguments: argparse.Namespace, meter: CoreMeter) -> None:
    if arguments.file is None:
        raise ValueError("missing argument: the file to score, as in lr-lightning score codes.npz")
    refuse_run(arguments.file)
    counts_given = arguments.num_train is not None or arguments.num_test is not None
    order: Literal["first", "random"] = arguments.order or ("first" if counts_given else "random")
    if order == "first" and arguments.num_repeats > 1:
        raise ValueError("--num_repeats draws new rows each time and needs --order random")
    if arguments.figures is not None and arguments.figures.exists() and not arguments.figures.is_dir():
        raise ValueError(f"--figures must be a folder, but {arguments.figures} is a file")
    if arguments.out is not None:
        from lr_lightning.metrics.score_files import check_table_path

        check_table_path(arguments.out)
    from lr_lightning.commands.score.input import read_score_input

    arrays = read_score_input(arguments.file, few_rows=arguments.few_rows)

    from lr_lightning.metrics.core.sample import Sampling
    from lr_lightning.metrics.registry import make_metrics
    from lr_lightning.metrics.suite import DisentanglementSuite

    if arrays.sampled and arguments.codes == "sample":
        raise ValueError(f"--codes sample is redundant: {arguments.file} holds samples from posteriors; leave it out")
    sampling = Sampling(arguments.num_train, arguments.num_test, order, arguments.seed, arguments.codes)
    names = [name.strip() for name in arguments.metrics.split(",") if name.strip()]
    if arrays.factors is None and names == ["default"]:
        names = ["unsupervised"]
    metrics, notes = make_metrics(names), list[str]()
    if arrays.sampled:
        metrics, notes = _without_means(metrics, arguments.file)
    _set_threads(arguments.threads, meter)
    suite = DisentanglementSuite(metrics, sampling, arguments.num_repeats, arguments.truncated, arguments.levels)
    with warnings.catch_warnings(record=True) as caught, _progress() as progress:
        warnings.simplefilter("always")
        table = suite.run(arrays.codes, arrays.factors, arrays.log_variances, progress)
    if arrays.sampled:
        table = replace(table, rows=tuple(row._replace(codes="sample") for row in table.rows))
    notes = list(dict.fromkeys([*notes, *(str(warning.message) for warning in caught)]))
    _report(arguments, table, len(arrays.codes), sampling.sizes(len(arrays.codes)), notes)


def _set_threads(threads: int | Literal["auto"], meter: CoreMeter) -> None:
    if threads != "auto":
        limit_threads(threads)
    elif not given_by_environment():
        limit_threads(fitting(meter.read()))


def _threads(word: str) -> int | Literal["auto"]:
    """Return the value of ``--threads``."""
    if word == "auto":
        return "auto"
    if not word.isdecimal() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"must be auto or a number of at least 1, got {word!r}")
    return int(word)


def _without_means(
    metrics: "dict[str, DisentanglementMetric]", file: Path
) -> "tuple[dict[str, DisentanglementMetric], list[str]]":
    """Return the metrics that can be computed from samples without their posteriors, and a note on the others.

    Raises:
        ValueError: If there are none.
    """
    kept = {name: metric for name, metric in metrics.items() if metric.kind_of_codes("sample") == "sample"}
    reason = f"they need posterior means, and {file} holds samples"
    left_out = ", ".join(name for name in metrics if name not in kept)
    if metrics and not kept:
        raise ValueError(f"--metrics {left_out} cannot be computed: {reason}; use predict --codes mean")
    return kept, [f"{left_out} left out: {reason}"] if left_out else []


def _report(
    arguments: argparse.Namespace, table: "ScoreTable", num_rows: int, sizes: tuple[int, int], notes: list[str]
) -> None:
    """Print the table of scores and notes, and write the files given by ``--out`` and ``--figures``.

    Args:
        arguments: The options of the command.
        table: The scores.
        num_rows: Number of rows of the file.
        sizes: How many of them were used to train and to test.
        notes: What to add.
    """
    from lr_lightning.metrics.score_files import write_score_table
    from lr_lightning.metrics.score_report import score_report

    console = Console(highlight=False, emoji=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=120)
    num_train, num_test = sizes
    of_all = "" if num_train == num_rows else f" of {num_rows:,}"
    held_out = f" and {num_test:,} held out" if any(row.num_test for row in table.rows) else ""
    sampled = ", posterior samples" if any(row.codes == "sample" for row in table.rows) else ""
    title = f"{arguments.file}: {num_train:,}{of_all} rows{held_out}, seed {arguments.seed}{sampled}"
    console.print(title, soft_wrap=True, markup=False)
    console.print(score_report(table.rows))
    for note in notes:
        console.print(f"note: {note}", soft_wrap=True, markup=False)
    if arguments.out is not None:
        write_score_table(arguments.out, table)
        console.print(f"wrote {arguments.out}", soft_wrap=True, markup=False)
    if arguments.figures is not None:
        _write_figures(arguments.figures, table)
        console.print(f"wrote figures to {arguments.figures}", soft_wrap=True, markup=False)


def _write_figures(folder: Path, table: "ScoreTable") -> None:
    from functools import partial

    from lr_lightning.common.files import write_atomically
    from lr_lightning.plots import score_matrix_figure
    from lr_lightning.plots.scores import distinct_matrices

    for name, result in distinct_matrices(table).items():
        figure = score_matrix_figure(result)
        write_atomically(folder / f"{name}.png", partial(figure.savefig, format="png", dpi=120))


@contextmanager
def _progress() -> "Iterator[ReportProgress]":
    """Show on standard error which metric is being computed."""
    with terminal_progress() as display:
        task = display.add_task("", total=None)
        yield lambda name, done, total: display.update(task, description=name, completed=done, total=total)
