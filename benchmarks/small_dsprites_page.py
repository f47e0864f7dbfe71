"""Write the tables and draw the figures of ``docs/studies/small_dsprites.md`` from the table of the study beside it.

python benchmarks/small_dsprites_page.py
"""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from marked_tables import MarkedPage, mean_and_deviation
from matplotlib.figure import Figure
from measuring import Cell, Table
from PIL import Image
from score_titles import CODE_SCORES

from lr_lightning.plots.study.correlations import rank_correlation_figure
from lr_lightning.plots.study.selection import model_selection_figure
from lr_lightning.plots.study.shares import variance_shares_figure
from lr_lightning.plots.study.strengths import strengths_figure
from lr_lightning.study import model_selection, rank_correlations, variance_shares
from lr_lightning.study.analysis.score_choice import usual_direction

FOLDER = Path(__file__).parents[1] / "docs" / "studies"
CONDITIONED, MATRIX = "assay/conditioned_response", "assay/response_matrix"
ACTIVE = f"{MATRIX}/active_latents"
TARGETS = {"mig": "MIG", "dci_lightgbm_disentanglement": "DCI", "factor_vae_score_train": "FactorVAE score"}
RESPONSES = {f"{CONDITIONED}/cds": "CDS", f"{CONDITIONED}/ccs": "CCS"}
WITHOUT_LABELS = {
    "udr_lasso": "UDR (lasso)",
    "udr_spearman": "UDR (Spearman)",
    f"{MATRIX}/independence": "independence",
    f"{MATRIX}/directedness": "directedness",
    f"{MATRIX}/effective_dimension": "effective dimension",
    ACTIVE: "active latents",
    "assay/noise_recovery/ratio_1": "noise that remains, amplitude 1",
    "assay/response_jacobian/spectral_radius": "spectral radius of the response Jacobian",
    "gaussian_total_correlation": "total correlation (Gaussian)",
    "active_units": "active units",
    "test/reconstruction": "reconstruction",
    "test/kl": "KL divergence",
}
OTHERS = CODE_SCORES | {"beta_vae_score_train": "BetaVAE score"}
SELECTORS = WITHOUT_LABELS | RESPONSES
TITLES = TARGETS | RESPONSES | OTHERS | WITHOUT_LABELS
SHARE = 0.1
"""Share of runs that a score picks."""
COLORS = 128
NUM_RANDOM = 2000
"""Random scores that show what chance gives."""


def scores(path: Path) -> Table:
    """Return one row for each setting: means and standard deviations over its seeds."""
    shown = TARGETS | RESPONSES | {f"{MATRIX}/independence": "independence", "udr_lasso": "UDR (lasso)"}
    shown |= {"test/reconstruction": "reconstruction", "test/kl": "KL"}
    lines: list[list[Cell]] = []
    for label, rows in pd.read_csv(path).groupby("label", sort=False, observed=True):
        values = rows.groupby("name", observed=True).value
        spreads = (mean_and_deviation(each := values.get_group(name), 1 if each.max() > 1 else 2) for name in shown)
        lines.append([str(label), str(rows.seed.nunique()), *spreads])
    return Table("", ["setting", "seeds", *shown.values()], lines)


def shares(path: Path) -> Table:
    """Return how much of the variance of each score is due to objective, strength and seed, with an interval."""
    found = variance_shares(pd.read_csv(path), list(TITLES))
    lines: list[list[Cell]] = []
    for name, rows in found.groupby("score", sort=False, observed=True):
        sources = rows.set_index("source")
        parts = [_with_interval(sources.loc[source], "adjusted") for source in sources.index]
        lines.append([TITLES[str(name)], *parts])
    return Table("", ["score", *dict.fromkeys(found.source)], lines)


def agreement(path: Path) -> Table:
    """Return the rank correlation of each score with scores that need labels, over all runs and inside groups.

    The first columns have intervals for other settings and seeds. The others are correlations with MIG after the mean
    of a group has been subtracted from both: that of the setting, to see whether a score knows the better seed, or that
    of the runs with as many active latents, because many scores grow if few latents are used.
    """
    table = pd.read_csv(path)
    found = rank_correlations(table, list(TITLES), unit="cells")
    swapped = found.rename(columns={"score": "other", "other": "score"})
    pairs = pd.concat([found, swapped]).set_index(["score", "other"]).sort_index()
    judges = {"mig": "MIG", "dci_lightgbm_disentanglement": "DCI", f"{CONDITIONED}/cds": "CDS"}
    values = table[table.name.isin(list(TITLES))].pivot(index=["cell", "seed"], columns="name", values="value")
    groups = {"of a setting": values.index.get_level_values("cell"), "with as many active latents": values[ACTIVE]}
    inside = {title: _inside(values, group) for title, group in groups.items()}
    lines: list[list[Cell]] = []
    for name, title in TITLES.items():
        cells = ["" if name == judge else _with_interval(pairs.loc[name, judge], "correlation") for judge in judges]
        lines.append([title, *cells, *("" if name == "mig" else _number(each[name]) for each in inside.values())])
    chances = (f"± {_chance_inside(values.mig, group):.2f}" for group in groups.values())
    lines.append(["95 % of scores that know nothing: within", "", "", "", *chances])
    columns = [f"with {title}" for title in judges.values()] + [f"with MIG, runs {title}" for title in groups]
    return Table("", ["score", *columns], lines)


def selection(path: Path) -> Table:
    """Return how far each score goes from a random choice (0) to the best tenth (1) by each target."""
    found = _selection(pd.read_csv(path))
    picked = found[found.share == SHARE].set_index(["selector", "picks", "target"])
    lines: list[list[Cell]] = []
    for name, picks in dict.fromkeys((name, picks) for name, picks, _ in picked.index):
        rows = [picked.loc[name, picks, target] for target in TARGETS]
        beats = f"{rows[0].beats_random:.2f}"
        lines.append([SELECTORS[name], picks, *(_with_interval(row, "recovered") for row in rows), beats])
    columns = [f"recovered, {title}" for title in TARGETS.values()]
    return Table("", ["score", "picks the", *columns, "beats a random run by MIG"], lines)


def figures(path: Path) -> dict[str, Figure]:
    """Return the figures of the page by name."""
    table = pd.read_csv(path)
    names = [name for name in TITLES if name not in ("active_units", ACTIVE)]
    picked = _selection(table)
    return {
        "mig": strengths_figure(table, "mig"),
        "correlations": rank_correlation_figure(rank_correlations(table, names), table.dataset[0]),
        "shares": variance_shares_figure(variance_shares(table, list(TITLES))),
        "selection": model_selection_figure(picked[picked.target == "mig"], "mig", SHARE),
    }


def save(figure: Figure, path: Path) -> None:
    """Write a figure with few colors, small enough for the repository."""
    buffer = BytesIO()
    figure.savefig(buffer, dpi=80)
    with Image.open(buffer) as image:
        image.convert("RGB").quantize(COLORS).save(path, optimize=True)


def _selection(table: pd.DataFrame) -> pd.DataFrame:
    known = {name: better for name in SELECTORS if (better := usual_direction(name)) is not None}
    return model_selection(table, list(SELECTORS), list(TARGETS), shares=[SHARE], higher_is_better=known)


def _chance_inside(judged: Any, groups: Any) -> float:
    """Return the correlation inside groups below which 95 % of random scores stay, in absolute value."""
    noise = pd.DataFrame(np.random.default_rng(0).normal(size=(len(judged), NUM_RANDOM)), index=judged.index)
    return float(_centered(noise, groups).corrwith(_centered(judged, groups), method="spearman").abs().quantile(0.95))


def _inside(values: pd.DataFrame, groups: Any) -> Any:
    """Return the rank correlation of each column with MIG inside groups of runs."""
    centered = _centered(values, groups)
    varying = centered.loc[:, centered.abs().max() > 0]
    return varying.corrwith(varying.mig, method="spearman").reindex(values.columns)


def _centered(values: Any, groups: Any) -> Any:
    """Return each value less the mean of its group."""
    return values - values.groupby(groups, observed=True).transform("mean")


def _number(value: float) -> str:
    """Return a correlation, empty where it is undefined."""
    return "" if np.isnan(value) else f"{value:.2f}"


def _with_interval(row: Any, name: str) -> str:
    low, high = (row[key] for key in (("low", "high") if "low" in row else (f"{name}_low", f"{name}_high")))
    return f"{row[name]:.2f} ({low:.2f} to {high:.2f})"


PAGE = MarkedPage(
    FOLDER / "small_dsprites.md",
    FOLDER,
    "small_dsprites_page.py",
    {"scores": scores, "shares": shares, "agreement": agreement, "selection": selection},
    file="small_dsprites.csv.gz",
)


if __name__ == "__main__":
    PAGE.write()
    for name, figure in figures(FOLDER / "small_dsprites.csv.gz").items():
        save(figure, FOLDER / f"small_dsprites_{name}.png")
