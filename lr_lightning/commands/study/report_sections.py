"""The sections of the report on a study: an analysis each, with its figures and its table."""

import io
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from lr_lightning.commands.page import Picture, Section
from lr_lightning.common.files import write_atomically
from lr_lightning.plots.study.correlations import rank_correlation_figure
from lr_lightning.plots.study.curves import learning_curves_figure
from lr_lightning.plots.study.objectives import objectives_figure
from lr_lightning.plots.study.panels import short_score
from lr_lightning.plots.study.selection import model_selection_figure
from lr_lightning.plots.study.shares import variance_shares_figure
from lr_lightning.plots.study.strengths import strengths_figure
from lr_lightning.plots.study.transfers import transfer_figure
from lr_lightning.study.analysis.group_summaries import scores_by_objective, scores_by_strength
from lr_lightning.study.analysis.learning_curves import learning_curves
from lr_lightning.study.analysis.model_selection import model_selection
from lr_lightning.study.analysis.rank_correlation import rank_correlations
from lr_lightning.study.analysis.runs import directions
from lr_lightning.study.analysis.score_choice import needs_labels
from lr_lightning.study.analysis.transfer import transfer, transfer_summary
from lr_lightning.study.analysis.variance_shares import variance_shares

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_FIGURES = 8
"""Scores with violins and lines of their own; all scores are in the tables."""

_MOST_ROWS = 400
"""Longer tables are only in their file."""

_CURVES = ("val/loss", "val/reconstruction", "val/kl")
_LABELED_SELECTORS = ("/cds", "/ccs")
"""Response scores that need labels, which pick models too, for comparison with those that need none."""


class Pages:
    """Writes the figures and tables of a report.

    Attributes:
        notes: What could not be analyzed.

    Args:
        folder: Folder of the report.
        num_resamples: Number of bootstrap resamples.
    """

    def __init__(self, folder: Path, num_resamples: int) -> None:
        self.folder = folder
        self.num_resamples = num_resamples
        self.notes: list[str] = []
        self._start = time.monotonic()

    def picture(self, figure: "Figure", name: str, caption: str) -> Picture:
        """Write a figure as PNG, and return it for the page."""
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
        path = self.folder / "figures" / f"{re.sub(r'[^A-Za-z0-9_.-]+', '_', name)}.png"
        write_atomically(path, lambda file: file.write(buffer.getvalue()))
        return Picture(caption, buffer.getvalue())

    def section(
        self,
        name: str,
        summary: str,
        table: pd.DataFrame,
        *,
        pictures: Sequence[Picture],
        explained: Sequence[str] = (),
    ) -> Section:
        """Write the table of an analysis as CSV, and return its section of the page."""
        text = table.to_csv(index=False)
        write_atomically(self.folder / f"{name}.csv", lambda file: file.write(text.encode()))
        now = time.monotonic()
        seconds, self._start = now - self._start, now
        tables = {name: _rows(table)} if len(table) <= _MOST_ROWS else {}
        return Section(
            name, summary, explained, pictures=pictures, tables=tables, arrays=f"{name}.csv", seconds=seconds, wide=True
        )


def sections(
    pages: Pages,
    table: pd.DataFrame,
    scores: Sequence[str],
    targets: Sequence[str],
    folders: Mapping[tuple[str, int], Path],
) -> Iterator[Section]:
    """Yield the sections of the report, in order.

    Args:
        pages: Writes figures and tables.
        table: Tidy table of the study, with rows without a value for runs that are not done.
        scores: The scores to report.
        targets: Scores with labels that judge models.
        folders: Folders of the runs that are done, by cell and seed.
    """
    drawn = [*targets, *(name for name in scores if name not in targets)][:_MOST_FIGURES]
    better = directions(table)
    yield from _selection(pages, table, scores, targets, better)
    yield _correlations(pages, table, scores, better)
    yield pages.section(
        "scores_by_objective",
        "Distribution of each score over the runs of an objective",
        scores_by_objective(table, scores),
        pictures=_pictures(pages, "scores_by_objective", objectives_figure, table, drawn),
    )
    yield pages.section(
        "scores_by_strength",
        "Each score against the strength of regularization; points are runs, bars 95 % intervals of means over seeds",
        scores_by_strength(table, scores),
        pictures=_pictures(pages, "scores_by_strength", strengths_figure, table, drawn),
    )
    shares = variance_shares(table, scores)
    yield pages.section(
        "variance_shares",
        "Share of the variance of each score that objective, strength and seed explain, corrected for few seeds",
        shares,
        pictures=[
            pages.picture(
                variance_shares_figure(shares, better),
                "variance_shares",
                "Scores without a bar do not vary, or no cell has two runs.",
            )
        ],
        explained=_median_shares(shares),
    )
    yield from _transfer(pages, table, targets, better)
    yield from _curves(pages, table, folders)


def _pictures(
    pages: Pages,
    section: str,
    draw: Callable[[pd.DataFrame, str], "Figure"],
    table: pd.DataFrame,
    scores: Sequence[str],
) -> list[Picture]:
    """Return a figure of each score."""
    return [pages.picture(draw(table, name), f"{section}_{name}", short_score(name)) for name in scores]


def _selection(
    pages: Pages,
    table: pd.DataFrame,
    scores: Sequence[str],
    targets: Sequence[str],
    better: Mapping[str, bool | None],
) -> Iterator[Section]:
    selectors = [name for name in scores if not needs_labels(name) or name.endswith(_LABELED_SELECTORS)]
    judges = [name for name in targets if better[name] is not None]
    if all(selector == judge for selector in selectors for judge in judges):  # by itself, a score picks the best
        pages.notes.append(
            "model selection needs a score with labels and a known direction, and a score without labels."
        )
        return
    pages.notes += [
        f"{name} judges no models, because its direction is not known." for name in targets if name not in judges
    ]
    selection = model_selection(table, selectors, judges, num_resamples=pages.num_resamples)
    selection = selection[selection["selector"] != selection["target"]]
    yield pages.section(
        "model_selection",
        "How good the runs are that scores without labels pick, by scores with labels",
        selection,
        pictures=[
            pages.picture(
                model_selection_figure(selection, target, higher_is_better=better),
                f"model_selection_{target}",
                "Bars run from a random choice to the best tenth by each score, with a 95 % interval for the same grid "
                "trained with other seeds. A question mark: it is not known which direction is better, so both are "
                "shown; which one is right cannot be known without labels. CDS and CCS, which need labels, are for "
                "comparison.",
            )
            for target in dict.fromkeys(selection["target"])
        ],
        explained=list(_best_selectors(selection)),
    )


def _best_selectors(selection: pd.DataFrame) -> Iterator[str]:
    """Yield which score without labels picks best for each target, of those whose direction is known."""
    tenth = selection[selection["share"] == 0.1]
    both_ways = tenth.groupby(["target", "selector"], sort=False)["picks"].transform("nunique") > 1
    blind = tenth[~both_ways & ~tenth["selector"].str.endswith(_LABELED_SELECTORS)]
    for target, rows in blind.groupby("target", sort=False):
        by_selector = rows.groupby("selector", sort=False)["recovered"]
        sets = by_selector.count().max()  # means over fewer data sets than those of others do not compare
        recovered = by_selector.mean()[by_selector.count() == sets]
        if sets > 0:
            yield (
                f"{short_score(str(target))}: of {len(recovered)} scores without labels and with a known direction, "
                f"{short_score(str(recovered.idxmax()))} goes furthest, {recovered.max():.0%} of the way from a random "
                f"choice to the best tenth{f', mean over {sets} data sets' if sets > 1 else ''}."
            )


def _correlations(
    pages: Pages, table: pd.DataFrame, scores: Sequence[str], better: Mapping[str, bool | None]
) -> Section:
    correlations = rank_correlations(table, scores, num_resamples=pages.num_resamples)
    caption = "Arrow: lower is better, so agreement is a negative correlation. Crossed out: undefined."
    return pages.section(
        "rank_correlations",
        "Spearman rank correlation between scores over runs; the table has 95 % bootstrap intervals over runs",
        correlations,
        pictures=[
            pages.picture(
                rank_correlation_figure(correlations, dataset, better), f"rank_correlations_{dataset}", caption
            )
            for dataset in dict.fromkeys(correlations["dataset"])
        ],
    )


def _median_shares(shares: pd.DataFrame) -> list[str]:
    medians = shares.groupby("source", sort=False)["adjusted"].median().dropna()
    parts = [f"{source} {share:.0%}" for source, share in medians.items()]
    return [f"Medians over scores and data sets: {', '.join(parts)}."] if parts else []


def _transfer(
    pages: Pages, table: pd.DataFrame, targets: Sequence[str], better: Mapping[str, bool | None]
) -> Iterator[Section]:
    names = [name for name in targets if better[name] is not None]
    if len(names) * table["dataset"].nunique() < 2:
        pages.notes.append("transfer of settings needs two data sets, or two scores with labels and a known direction.")
        return
    try:
        transfers = transfer(table, names)
    except ValueError as error:  # a grid in which the table does not tell settings apart
        pages.notes.append(f"transfer of settings was not analyzed: {error}.")
        return
    pictures = []
    if transfers["source_dataset"].nunique() > 1:
        figure = transfer_figure(transfers, "datasets")
        pictures.append(pages.picture(figure, "transfer_datasets", "Between data sets, by the same score."))
    if len(names) > 1:
        figure = transfer_figure(transfers, "scores")
        pictures.append(pages.picture(figure, "transfer_scores", "Between scores, on the same data set."))
    rows = transfer_summary(transfers).itertuples()
    yield pages.section(
        "transfer",
        "How often a run of the setting that is best on a source, by one seed, beats a random run of a target",
        transfers,
        pictures=pictures,
        explained=[
            f"{row.dataset} data set, {row.score} score: {row.beats_random:.0%}, mean over {row.num_pairs} pairs; "
            "chance is 50%."
            for row in rows
        ],
    )


def _curves(pages: Pages, table: pd.DataFrame, folders: Mapping[tuple[str, int], Path]) -> Iterator[Section]:
    curves = learning_curves(table, folders, _CURVES)
    if curves.empty:
        pages.notes.append(f"no run has logged {', '.join(_CURVES)}, so there are no learning curves.")
        return
    num_runs = len(table.drop_duplicates(["dataset", "cell", "seed"]))
    pictures = []
    for name, rows in curves.groupby("name", sort=False):
        missing = num_runs - len(rows.drop_duplicates(["dataset", "cell", "seed"]))
        figure = learning_curves_figure(curves, name, missing)
        pictures.append(pages.picture(figure, f"learning_curves_{name}", short_score(name)))
    yield pages.section("learning_curves", "Losses in validations during training", curves, pictures=pictures)


def _rows(table: pd.DataFrame) -> tuple[list[str], list[list[float | str]]]:
    """Return the columns and rows of a table for the page."""
    texts = [column for column in table.columns if not pd.api.types.is_numeric_dtype(table[column])]
    shown = table.astype(dict.fromkeys(texts, str))
    return list(shown.columns), [
        [value if isinstance(value, str) else float(value) for value in row] for row in shown.itertuples(index=False)
    ]
