"""Figures of the scores of many runs."""

import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lr_lightning.plots.study.correlations import rank_correlation_figure
from lr_lightning.plots.study.curves import learning_curves_figure
from lr_lightning.plots.study.objectives import objectives_figure
from lr_lightning.plots.study.selection import model_selection_figure
from lr_lightning.plots.study.shares import variance_shares_figure
from lr_lightning.plots.study.strengths import strengths_figure
from lr_lightning.plots.study.transfers import transfer_figure
from lr_lightning.study.analysis.model_selection import model_selection
from lr_lightning.study.analysis.rank_correlation import rank_correlations
from lr_lightning.study.analysis.transfer import transfer
from lr_lightning.study.analysis.variance_shares import variance_shares
from tests.study.analysis.tables import Run, study_table


def draw(run: Run) -> dict[str, float]:
    mig = run.objective + run.strength / 10 + run.seed / 100
    return {"mig": mig, "loss": -mig, "kl": run.generator.normal(), "constant": 1.0}


def example(seeds: int = 3) -> pd.DataFrame:
    """Return a table with 24 runs for each data set and three seeds, one of which has no MIG."""
    table = study_table(draw, objectives=2, seeds=seeds, datasets=("Dots", "Cars"))
    return table.drop(index=4).assign(chance=0.05, ceiling=np.nan)


def panels(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.get_title()]


def title(figure: Figure) -> str:
    return figure.get_suptitle() or figure.axes[0].get_title()


def test_violins_state_runs_and_missing_ones() -> None:
    figure = objectives_figure(example(), "mig")
    assert [axes.get_title() for axes in panels(figure)] == ["Dots", "Cars"]
    assert "n = 47 runs" in title(figure)
    assert "1 without" in title(figure)
    dots = panels(figure)[0]
    assert [label.get_text() for label in dots.get_xticklabels()] == ["Objective0 (11)", "Objective1 (12)"]
    assert [text.get_text() for text in dots.texts] == ["chance"]  # no ceiling is known
    assert dots.texts[0].xy[1] == 0.05  # type: ignore[attr-defined]
    points = [line for line in dots.lines if len(line.get_ydata()) == 12]  # type: ignore[arg-type]
    expected = [1 + strength / 10 + seed / 100 for strength in range(4) for seed in range(3)]
    assert np.asarray(points[0].get_ydata()).tolist() == pytest.approx(expected)


def test_lines_of_means_with_seeds_as_points() -> None:
    figure = strengths_figure(example(), "loss")
    dots = panels(figure)[0]
    assert dots.get_ylabel() == "loss ↓"
    lines = [line for line in dots.lines if line.get_marker() == "o"]
    assert lines[1].get_ydata() == pytest.approx([-1 - strength / 10 - 0.01 for strength in range(4)])
    shifted = np.asarray(lines[1].get_xdata(), dtype=float)
    assert np.rint(shifted).tolist() == [1, 2, 3, 4]
    low, high = dots.get_ylim()
    assert low < -1.32 < 0 < high < 0.2  # the axis follows the values, not the intervals


def test_objectives_without_a_strength_are_at_the_first_rank() -> None:
    table = study_table(draw, objectives=2, strengths=1, seeds=3).assign(strength=np.nan)
    dots = panels(strengths_figure(table, "mig"))[0]
    lines = [line for line in dots.lines if line.get_marker() == "o"]
    assert [np.rint(np.asarray(line.get_xdata(), dtype=float)).tolist() for line in lines] == [[1], [1]]


def test_legends_are_not_wider_than_the_figure() -> None:
    table = study_table(draw, objectives=12, strengths=2, seeds=1)
    table["objective"] = "AnObjectiveWithALongName" + table["objective"].astype(str)
    figure = strengths_figure(table, "mig")
    figure.draw_without_rendering()
    [legend] = figure.legends
    box = legend.get_window_extent()
    assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
    styles = {(line.get_color(), line.get_linestyle()) for line in panels(figure)[0].lines if line.get_marker() == "o"}
    assert len(styles) == 12


def test_correlations_are_symmetric_and_undefined_ones_counted() -> None:
    correlations = rank_correlations(example(), num_resamples=2)
    figure = rank_correlation_figure(correlations, "Dots", {"loss": False})
    assert "n = 23 to 24 runs for each pair; up to 1 missing" in title(figure)
    assert "3 pairs undefined" in title(figure)
    numbers = [text.get_text() for text in figure.axes[0].texts]
    assert numbers.count("-1.00") == 2
    assert numbers.count("1.00") == 3  # not of the constant score
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["mig", "loss ↓", "kl", "constant"]
    with pytest.raises(ValueError, match=r"dataset.*Faces"):
        rank_correlation_figure(correlations, "Faces")


def test_shares_are_stacked() -> None:
    shares = variance_shares(example(), ["mig", "kl", "constant"])
    figure = variance_shares_figure(shares)
    assert "n = 23 to 24 runs for each score; up to 1 missing; 2 undefined" in title(figure)
    bars = panels(figure)[0].patches
    adjusted = shares[(shares["dataset"] == "Dots") & (shares["score"] == "mig")].set_index("source")["adjusted"]
    assert bars[0].get_width() == pytest.approx(adjusted["objective"])  # type: ignore[attr-defined]
    assert bars[3].get_x() == pytest.approx(adjusted["objective"])  # type: ignore[attr-defined]
    of_dots = shares[(shares["dataset"] == "Dots")].pivot(index="source", columns="score", values="adjusted")
    drawn = of_dots.loc[["objective", "strength", "seed"], ["mig", "kl", "constant"]].to_numpy().ravel()
    assert (drawn < 0).any()
    widths = [bar.get_width() for bar in bars]  # type: ignore[attr-defined]
    assert widths == pytest.approx(np.maximum(drawn, 0).tolist(), nan_ok=True)


def test_selection_runs_from_random_choice_to_the_picked_runs() -> None:
    selection = model_selection(example(), ["loss", "kl"], ["mig"], num_resamples=5)
    figure = model_selection_figure(selection, "mig")
    assert "n = 23 to 24 candidates; up to 1 missing" in title(figure)
    dots = panels(figure)[0]
    assert [label.get_text() for label in dots.get_yticklabels()] == ["lowest loss", "highest kl ?", "lowest kl ?"]
    row = selection[(selection["selector"] == "loss") & (selection["share"] == 0.1)].iloc[0]
    bar = dots.patches[0]
    assert (bar.get_x(), bar.get_x() + bar.get_width()) == pytest.approx((row["random"], row["chosen"]))  # type: ignore[attr-defined]
    assert "best run" in title(model_selection_figure(selection, "mig", None))
    with pytest.raises(ValueError, match=r"target.*loss"):
        model_selection_figure(selection, "loss")


def test_transfer_between_data_sets_and_between_scores() -> None:
    transfers = transfer(example(4), ["mig", "loss", "constant"])
    figure = transfer_figure(transfers, "datasets")
    assert "3 scores; n = 8 settings, 4 seeds; 1 score missing" in title(figure)
    complete = transfer_figure(transfers[transfers["source_score"] == "loss"], "datasets")
    assert "1 score; n = 8 settings, 4 seeds, none missing" in title(complete)
    same = transfers[transfers["source_score"] == transfers["target_score"]]
    mean = same[(same["source_dataset"] == "Dots") & (same["target_dataset"] == "Cars")]["beats_random"].mean()
    assert figure.axes[0].texts[1].get_text() == f"{mean:.2f}"
    scores = transfer_figure(transfers, "scores").axes[0]
    assert [label.get_text() for label in scores.get_yticklabels()] == ["mig", "loss", "constant"]


def test_learning_curves() -> None:
    runs = example().drop_duplicates(["dataset", "cell", "seed"])
    curves = pd.concat(
        [runs.assign(name="val/loss", step=step, value=step + runs["seed"]) for step in (10, 20)], ignore_index=True
    )
    curves.loc[curves["objective"] == "Objective1", "value"] += 100
    figure = learning_curves_figure(curves, "val/loss", num_missing=2)
    assert "n = 48 runs; 2 without" in title(figure)
    assert panels(figure)[0].lines[0].get_ydata() == pytest.approx([11, 21])
    assert panels(figure)[0].lines[1].get_ydata() == pytest.approx([111, 121])
    with pytest.raises(ValueError, match=r"name.*val/kl"):
        learning_curves_figure(curves, "val/kl")


def test_a_tiny_study() -> None:
    """Eight runs, one of each setting, and a score that none has."""
    table = study_table(draw, objectives=2, seeds=1)
    table = pd.concat([table, table[table["name"] == "mig"].assign(name="dci", value=math.nan)], ignore_index=True)
    for figure in (
        objectives_figure(table, "dci"),
        strengths_figure(table, "dci"),
        variance_shares_figure(variance_shares(table)),
        rank_correlation_figure(rank_correlations(table, num_resamples=2), "Dots"),
        model_selection_figure(model_selection(table, ["loss", "dci"], ["mig"]), "mig"),
        transfer_figure(transfer(table, ["mig", "dci"]), "scores"),
    ):
        figure.draw_without_rendering()
    assert "n = 0 runs; 8 without" in title(objectives_figure(table, "dci"))
