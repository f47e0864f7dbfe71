"""``lr-lightning study report``."""

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from lr_lightning.commands.study.command import main
from lr_lightning.commands.study.report import _clear_folder
from lr_lightning.study.analysis.rank_correlation import rank_correlations
from lr_lightning.study.evaluation_file import read_evaluation, write_evaluation
from lr_lightning.study.failure import Failure, write_failure
from lr_lightning.study.layout import evaluation_path, run_folder
from lr_lightning.study.table import read_table
from lr_lightning.testing.synthetic_study import synthetic_manifest, write_synthetic_study

ROOT = Path("studies")
CDS = "assay/conditioned_response/cds"
SMALL = ["--num_resamples", "3", "--scores", f"{CDS},metric_0_variant_0,val/loss", "--targets", CDS]


def write_study() -> None:
    """Write a study of 16 runs: one has failed, one waits, one has learning curves, and one has no scores."""
    manifest = synthetic_manifest(2, 2, 2, 2)
    runs = list(manifest.runs)
    write_synthetic_study(ROOT, manifest, runs[:14], num_scores=3)
    first, failed = (run_folder(ROOT, cell.identity, seed) for cell, seed in (runs[0], runs[15]))
    failed.mkdir()
    write_failure(failed, Failure("failed", "the disk <b>is</b> full"))
    cell, seed = runs[1]
    without = evaluation_path(run_folder(ROOT, cell.identity, seed), manifest.evaluation.digest)
    write_evaluation(without, replace(read_evaluation(without), scalars={}, validation={}, scores={}))
    (first / "metrics.csv").write_text("step,val/loss\n10,3.5\n20,2.5\n")


def test_a_study_that_is_not_finished(capsys: pytest.CaptureFixture[str]) -> None:
    write_study()
    assert main(["report", "synthetic", "--out", "report", *SMALL]) == 0
    out, folder = capsys.readouterr().out, Path("report")
    page = (folder / "index.html").read_text()
    assert "2 of 16 runs are missing: 1 failed, 1 " in out
    assert "14 of 16 are done" in page
    lead = page[: page.index("<nav>")]
    assert "the disk &lt;b&gt;is&lt;/b&gt; full" in lead
    assert "val/loss is the same in all runs on DSprites" in lead
    assert len(re.findall("data:image/png", page)) == len(list(folder.glob("figures/*.png"))) == 12
    assert "http" not in page
    table = read_table("synthetic")
    correlations = pd.read_csv(folder / "rank_correlations.csv")
    expected = rank_correlations(table, SMALL[3].split(","), num_resamples=3)
    assert correlations["correlation"].tolist() == pytest.approx(expected["correlation"].tolist(), nan_ok=True)
    summary = pd.read_csv(folder / "scores_by_objective.csv")
    assert summary[summary["score"] == CDS]["num_missing"].sum() == 3  # two of them are not done
    assert f"{CDS} is undefined or missing in 1 of 14 runs" in lead
    selection = pd.read_csv(folder / "model_selection.csv")
    assert set(selection["selector"]) == {"val/loss"}  # the other score needs labels
    assert pd.read_csv(folder / "learning_curves.csv")["value"].tolist() == [3.5, 2.5]


def test_an_existing_report_is_replaced_only_if_asked(capsys: pytest.CaptureFixture[str]) -> None:
    write_study()
    folder = Path("report")
    mine = [folder / "mine.csv", folder / "figures/mine.png"]
    for path in mine:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    few = ["--num_resamples", "1", "--scores", "val/loss", "--targets", ""]
    assert main(["report", "synthetic", "--out", "report", *few]) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert main(["report", "synthetic", "--out", "report", "--overwrite", *few]) == 0
    files = {path for path in folder.rglob("*") if path.is_file()}
    assert len(files) > 10
    assert "learning_curves.csv" in {path.name for path in files}
    _clear_folder(folder)
    assert {path for path in folder.rglob("*") if path.is_file()} == {*mine}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["unknown", "--out", "report"], "unknown"),
        (["synthetic", "--out", "report", "--scores", "mog"], "mog"),
        (["synthetic", "--out", "report", "--targets", "mog"], "mog"),
        (["synthetic", "--out", "report", "--scores", ","], "--scores"),
        (["synthetic", "--out", "report", "--num_resamples", "0"], "--num_resamples"),
        (["synthetic", "--out", "studies/synthetic"], "--out"),
    ],
)
def test_wrong_arguments(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_study()
    assert main(["report", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not Path("report").exists()


def test_nothing_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    write_synthetic_study(ROOT, synthetic_manifest(1, 1, 1, 1), [])
    assert main(["report", "synthetic", "--out", "report"]) == 2
    assert "no run of synthetic is done" in capsys.readouterr().err
