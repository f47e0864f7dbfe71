"""A study as a table to read: one row for each setting, with means and intervals over its seeds."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from lr_lightning.commands.messages import UsageError
from lr_lightning.study.analysis.group_summaries import scores_by_strength
from lr_lightning.study.analysis.score_choice import main_scores, main_targets
from lr_lightning.study.cell_columns import cell_columns
from lr_lightning.study.key_hint import key_hint
from lr_lightning.study.manifest import Manifest
from lr_lightning.study.run_states import RunKey, RunState

_SHOWN_ANYWAY = ("data.dataset", "model")
"""Keys of the grid whose values stand in the columns ``objective`` and ``dataset``."""


class SeedMean(NamedTuple):
    """A score of a setting.

    Attributes:
        mean: Mean over its seeds, of those where the score is finite.
        half_width: Half of the 95 % interval of the mean by Student's t; NaN for a single seed.
        num_seeds: Number of seeds with a finite score.
    """

    mean: float
    half_width: float
    num_seeds: int


class SettingRow(NamedTuple):
    """A setting.

    Attributes:
        cell: Identity of its cell.
        values: The values that distinguish it from others, in the order of the columns.
        num_done: Number of its runs that are done.
    """

    cell: str
    values: Sequence[str]
    num_done: int


class SettingSummary(NamedTuple):
    """The settings of a study and their scores.

    Attributes:
        columns: Names of the values that distinguish settings.
        rows: The settings, in the order of the study.
        scores: Scores by setting and name; runs without a finite value have none.
    """

    columns: Sequence[str]
    rows: Sequence[SettingRow]
    scores: Mapping[tuple[str, str], SeedMean]


def summarize_settings(
    manifest: Manifest, states: Mapping[RunKey, RunState], table: pd.DataFrame, scores: Sequence[str]
) -> SettingSummary:
    """Summarize scores over the seeds of each setting, with the intervals of ``study report``.

    Args:
        manifest: The study.
        states: The state of each run.
        table: Its tidy table.
        scores: Names of the scores, which the table has.
    """
    values = setting_columns(manifest)
    done = Counter(cell for (cell, _), state in states.items() if state.state == "done")
    rows = [
        SettingRow(cell.identity, tuple(map(_text, row)), done[cell.identity])
        for cell, row in zip(manifest.cells, values.itertuples(index=False), strict=True)
    ]
    if not scores:
        return SettingSummary(list(values.columns), rows, {})
    means = scores_by_strength(table, scores)
    found = {
        (str(row.cell), str(row.score)): SeedMean(float(row.mean), float(row.high - row.mean), int(row.num_runs))
        for row in means.itertuples()
        if row.num_runs
    }
    return SettingSummary(list(values.columns), rows, found)


def setting_columns(manifest: Manifest) -> pd.DataFrame:
    """Return the values that distinguish the cells of a study, one row each; their labels if no value does.

    Keys are shortened to their last parts where these are unique.
    """
    cells = cell_columns(manifest)
    keys = [key for key in cells.columns if "." in key and key not in _SHOWN_ANYWAY]
    varied = [key for key in ("objective", "dataset", *keys) if cells[key].astype(object).map(repr).nunique() > 1]
    if not varied or cells[varied].astype(object).map(repr).duplicated().any():
        return cells[["label"]]
    last = {key: key.removesuffix(".class_path").rpartition(".")[2] for key in varied}
    counts = Counter(last.values())
    return cells[varied].rename(columns={key: name for key, name in last.items() if counts[name] == 1})


def chosen_columns(table: pd.DataFrame, given: Sequence[str]) -> list[str]:
    """Return the scores that a user asks for.

    Args:
        table: Tidy table of a study.
        given: Names of scores; names of metrics or assays, for the usual scores of each; or ``"all"``.

    Raises:
        UsageError: If there are none, or the table does not have one.
    """
    names = list(dict.fromkeys(table["name"]))
    quantities = table[table["kind"] != "val"].drop_duplicates("name")
    by_metric = {str(metric): list(rows["name"]) for metric, rows in quantities.groupby("metric", observed=True)}
    if not given:
        raise UsageError("--scores must name at least one score of the table, or be 'all'")
    chosen: list[str] = []
    for name in given:
        if name == "all":
            chosen += names
        elif name in names:
            chosen.append(name)
        elif name in by_metric:
            chosen += main_scores(by_metric[name])
        else:
            raise UsageError(f"--scores: the table has no score {name!r}; {key_hint(name, [*names, *by_metric])}")
    return list(dict.fromkeys(chosen))


def usual_columns(table: pd.DataFrame) -> list[str]:
    """Return the scores to show by default, the most telling ones first: a terminal may not have room for all.

    First come the scores with labels that judge models in a report, then one of each other usual score. Scores without
    a value are left out, unless there are no others.
    """
    defined = table[table["value"].notna()]
    names = main_scores(dict.fromkeys((table if defined.empty else defined)["name"]))
    return list(dict.fromkeys([*main_targets(names), *names]))


def missing_runs(manifest: Manifest, states: Mapping[RunKey, RunState]) -> Iterator[str]:
    """Yield a line for each run that failed, and for the other runs of each cell that are not done."""
    for cell in manifest.cells:
        waiting: dict[str, list[int]] = {}
        for seed in manifest.seeds:
            state = states[cell.identity, seed]
            if state.failure is not None:
                yield f"{state.state}: {cell.label}, seed {seed}: {state.failure.sentence}"
            elif state.state != "done":
                waiting.setdefault(state.state, []).append(seed)
        for name, seeds in waiting.items():
            yield f"{name}: {cell.label}, seed{'s' if len(seeds) > 1 else ''} {_listed(seeds)}"


def _listed(seeds: Iterable[int], most: int = 10) -> str:
    shown = list(seeds)
    more = f" and {len(shown) - most:,} more" if len(shown) > most else ""
    return ", ".join(map(str, shown[:most])) + more


def _text(value: object) -> str:
    if pd.isna(value):  # never an array: lists are text
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)
