"""The content of the report on a study."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lr_lightning import __version__
from lr_lightning.commands.messages import UsageError
from lr_lightning.commands.page import Report
from lr_lightning.commands.study.report_sections import Pages, sections
from lr_lightning.study.analysis.missing_scores import missing_scores
from lr_lightning.study.analysis.runs import directions
from lr_lightning.study.analysis.score_choice import main_scores, main_targets, usual_direction
from lr_lightning.study.cell_columns import cell_columns
from lr_lightning.study.layout import run_folder
from lr_lightning.study.manifest import Manifest
from lr_lightning.study.opening import OpenedStudy
from lr_lightning.study.run_states import RunKey, RunState, run_states
from lr_lightning.study.table import table_of
from lr_lightning.study.udr_file import missing_udr, read_study_udr

_STATES = {"running": "are running", "failed": "failed", "diverged": "ended with a loss that is not finite"}


@dataclass(frozen=True)
class StudyResults:
    """What a report is about.

    Attributes:
        opened: The study.
        states: The state of each of its runs.
        table: Tidy table with the chosen scores, and one row without a value for each run that has none of them, so
            that figures and tables count it as missing.
        scores: The chosen scores.
        targets: Scores with labels that judge models.
        others: Number of scores that were not chosen.
        cells_without_udr: Number of cells whose UDR is missing or out of date.
    """

    opened: OpenedStudy
    states: dict[RunKey, RunState]
    table: pd.DataFrame
    scores: Sequence[str]
    targets: Sequence[str]
    others: int
    cells_without_udr: int


def read_study(opened: OpenedStudy, scores: Sequence[str] | None, targets: Sequence[str] | None) -> StudyResults:
    """Read the results of a study.

    Args:
        opened: The study.
        scores: Names of the scores to report, or ``["all"]``; one of each usual score if ``None``.
        targets: Names of the scores that judge models; the usual ones if ``None``.

    Raises:
        UsageError: If no run is done, or a name is unknown.
    """
    manifest, root = opened.manifest, opened.folder.root
    states = run_states(manifest, root)
    udr = read_study_udr(manifest, root, states)
    table = table_of(manifest, root, states, udr)
    if table.empty:
        raise UsageError(
            f"no run of {manifest.name} is done, so there is nothing to report; see lr-lightning study status"
        )
    names = list(dict.fromkeys(table["name"]))
    chosen = main_scores(names) if scores is None else names if scores == ["all"] else list(scores)
    judges = main_targets(chosen) if targets is None else list(targets)
    chosen += [name for name in judges if name not in chosen]
    if not chosen:
        raise UsageError("--scores must name at least one score of the table, or be 'all'")
    for name in chosen:
        if name not in names:
            raise UsageError(f"--scores and --targets: the table has no score {name!r}; it has {', '.join(names)}")
    table = table[table["name"].isin(chosen)]
    known = {name: usual_direction(name) for name, better in directions(table).items() if better is None}
    better = table["name"].astype(object).map(known).astype("boolean")
    table = table.assign(higher_is_better=table["higher_is_better"].fillna(better))
    known_runs = set(zip(table["cell"], table["seed"], strict=True))
    others = _rows(manifest, [key for key in states if key not in known_runs]).assign(name=chosen[0])
    if len(others):
        shared = [column for column in others.columns if column in table.columns]
        plain = {column: object for column in shared if isinstance(table[column].dtype, pd.CategoricalDtype)}
        table = pd.concat([table.astype(plain), others[shared].astype(plain)], ignore_index=True)
    return StudyResults(opened, states, table, chosen, judges, len(names) - len(chosen), len(udr.missing))


def study_report(results: StudyResults, folder: Path, num_resamples: int) -> Report:
    """Analyze the results, and return the report.

    Args:
        results: What it is about.
        folder: Folder of the report, where figures (PNG) and tables (CSV) are written.
        num_resamples: Number of bootstrap resamples of the intervals.
    """
    opened, root = results.opened, results.opened.folder.root
    manifest = opened.manifest
    pages = Pages(folder, num_resamples)
    folders = {key: run_folder(root, *key) for key, state in results.states.items() if state.state == "done"}
    found = list(sections(pages, results.table, results.scores, results.targets, folders))
    return Report(
        title=f"Study {manifest.name}",
        facts=_facts(results),
        warnings=list(_warnings(results)),
        notes=[*_notes(results), *pages.notes],
        sections=found,
        fine=f"All {len(results.states):,} runs of the study are done, and each has all scores of this report.",
    )


def _rows(manifest: Manifest, keys: Sequence[RunKey]) -> pd.DataFrame:
    """Return one row for each of some runs, without scores."""
    cells = cell_columns(manifest).set_index("cell", drop=False)
    return cells.loc[[cell for cell, _ in keys]].assign(seed=[seed for _, seed in keys]).reset_index(drop=True)


def _facts(results: StudyResults) -> dict[str, str]:
    manifest = results.opened.manifest
    done = sum(state.state == "done" for state in results.states.values())
    steps = results.table["step"].dropna()
    versions = [str(version) for version in dict.fromkeys(results.table["versions"].dropna())]
    least, most = int(steps.min()), int(steps.max())
    return {
        "Runs": f"{done:,} of {len(results.states):,} are done: {len(manifest.cells):,} cells with "
        f"{len(manifest.seeds):,} seeds each",
        "Objectives": ", ".join(dict.fromkeys(cell.objective for cell in manifest.cells)),
        "Data sets": ", ".join(dict.fromkeys(cell.dataset for cell in manifest.cells)),
        "Steps": f"{least:,}" if least == most else f"{least:,} to {most:,}",
        "Codes": f"{manifest.evaluation.codes} of the posterior, {manifest.evaluation.checkpoint} checkpoint",
        "Versions": "; ".join(versions[:3]) + (f"; and {len(versions) - 3} others" if len(versions) > 3 else ""),
        "Report": f"lr-lightning {__version__}",
    }


def _warnings(results: StudyResults) -> Iterator[str]:
    """Yield what is missing, the failed runs with their reasons first."""
    if results.opened.change:
        yield f"{results.opened.change}."
    yield from missing_udr(results.opened.folder, results.cells_without_udr)
    counts: Counter[str] = Counter(state.state for state in results.states.values())
    total = len(results.states)
    if counts["done"] < total:
        parts = [f"{counts[state]:,} {text}" for state, text in _STATES.items() if counts[state]]
        parts += [f"{counts['waiting']:,} have not been run or were interrupted"] if counts["waiting"] else []
        yield f"{total - counts['done']:,} of {total:,} runs are missing: {', '.join(parts)}."
    reasons = Counter(state.failure.sentence for state in results.states.values() if state.failure is not None)
    for sentence, count in reasons.most_common(5):
        yield f"{count:,} run{'' if count == 1 else 's'}: {sentence.rstrip('.')}."
    keys = zip(results.table["cell"], results.table["seed"], strict=True)
    done = results.table[[results.states[key].state == "done" for key in keys]]
    counts_of_scores = missing_scores(done, results.scores).groupby("score", sort=False)[["num_runs", "num_missing"]]
    for row in counts_of_scores.sum().itertuples():
        if row.num_missing:
            total = row.num_runs + row.num_missing
            yield f"{row.Index} is undefined or missing in {row.num_missing:,} of {total:,} runs that are done."


def _notes(results: StudyResults) -> Iterator[str]:
    if results.others:
        yield f"{results.others:,} other scores are in the table, but not in this report; choose with --scores."
    counts = missing_scores(results.table, results.scores)
    constant = counts[counts["constant"] & (counts["num_runs"] > 1)]
    for score, rows in constant.groupby("score", sort=False):
        sets = ", ".join(rows["dataset"])
        yield f"{score} is the same in all runs on {sets}, so its correlations and shares there are undefined."
