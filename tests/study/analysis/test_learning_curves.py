"""Learning curves of runs."""

from pathlib import Path

import numpy as np
import pytest

from lr_lightning.study.analysis.learning_curves import learning_curve_summary, learning_curves
from tests.study.analysis.tables import study_table


def test_curves_of_run_folders(tmp_path: Path) -> None:
    table = study_table(lambda _: {"mig": 1.0}, objectives=2, strengths=1, seeds=3)
    folders = {}
    for cell in table["cell"].unique():
        for seed in range(3):
            folder = folders[cell, seed] = tmp_path / cell / str(seed)
            folder.mkdir(parents=True)
            lines = [f"{step},{step + seed + 100 * ('-1-' in cell)},{'' if step == 10 else 7}" for step in (10, 20)]
            (folder / "metrics.csv").write_text("\n".join(["step,val/loss,val/kl", *lines, ""]))
    (folders["Dots-0-0", 2] / "metrics.csv").unlink()
    (folders["Dots-1-0", 2] / "metrics.csv").write_text("step,val/loss,val/kl\n10,broken,\n20,122,7\n")
    curves = learning_curves(table, folders, ["val/loss", "val/kl", "val/unknown"])
    assert len(curves) == 5 * 3
    assert curves[["cell", "seed", "step"]].iloc[-1].tolist() == ["Dots-1-0", 2, 20]
    assert curves["value"].dtype == np.float64
    summary = learning_curve_summary(curves)
    losses = summary[summary["name"] == "val/loss"].set_index(["objective", "step"])
    assert losses.loc[("Objective0", 20), ["mean", "sd", "num_runs"]].tolist() == [20.5, pytest.approx(0.5**0.5), 2]
    assert losses.loc[("Objective1", 10), ["mean", "num_runs"]].tolist() == [110.5, 2]  # one value is no number
    assert losses.loc[("Objective1", 20), "num_runs"] == 3
    assert np.isclose(summary[summary["name"] == "val/kl"]["mean"], 7).all()


def test_runs_without_folders_are_left_out() -> None:
    table = study_table(lambda _: {"mig": 1.0})
    curves = learning_curves(table, {}, ["val/loss"])
    assert curves.empty
    assert learning_curve_summary(curves).empty
