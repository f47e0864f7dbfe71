"""``lr-lightning study table``."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from lr_lightning.commands.study.command import main
from lr_lightning.study.failure import Failure, write_failure
from lr_lightning.study.layout import run_folder
from lr_lightning.study.table import read_table
from lr_lightning.testing.synthetic_study import synthetic_manifest, write_synthetic_study

ROOT = Path("studies")


@pytest.fixture
def _study() -> None:
    manifest = synthetic_manifest(2, 1, 1, 3)
    write_synthetic_study(ROOT, manifest, list(manifest.runs)[:2], num_scores=3)


@pytest.mark.usefixtures("_study")
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_the_files(capsys: pytest.CaptureFixture[str], suffix: str) -> None:
    assert main(["table", "synthetic", "--out", f"folder/t{suffix}"]) == 0
    read = pd.read_csv if suffix == ".csv" else pd.read_parquet
    table, coverage = read(f"folder/t{suffix}"), read(f"folder/t_coverage{suffix}")
    expected = read_table("synthetic")
    assert list(table.columns) == list(expected.columns)
    assert table["value"].tolist() == pytest.approx(expected["value"].tolist(), rel=0, abs=0, nan_ok=True)
    assert table["name"].tolist() == expected["name"].tolist()
    assert coverage["done"].tolist() == [2, 0]
    assert coverage["waiting"].tolist() == [1, 3]
    out = capsys.readouterr().out
    assert f"folder/t{suffix} with {len(expected)} rows" in out
    assert f"folder/t_coverage{suffix}: 2 of 6 runs are done; 1 of 2 cells have none" in out


@pytest.mark.usefixtures("_study")
def test_the_settings_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", "synthetic"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    [heading] = [line for line in lines if "objective" in line]
    assert heading[:4] == ["objective", "beta", "c_max", "seeds"]
    [done] = [line for line in lines if line[:1] == ["BetaVAE"]]
    assert done[1:5] == ["1", "2", "of", "3"]
    assert done[5:8] == ["0.010", "±", "0.000"]
    assert ["AnnealedVAE", "1", "0", "of", "3"] in lines
    assert ["waiting:", "AnnealedVAE", "c_max=1", "DSprites,", "seeds", "0,", "1,", "2"] in lines


@pytest.mark.usefixtures("_study")
def test_columns_are_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", "synthetic", "--scores", "val/loss, metric_0"]) == 0
    out = capsys.readouterr().out
    assert "val/loss" in out
    assert "variant_2" in out
    assert "cds" not in out
    assert main(["table", "synthetic", "--scores", "metric_9"]) == 2
    assert "'metric_9'" in capsys.readouterr().err


def test_many_missing_runs_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    manifest = synthetic_manifest(1, 1, 1, 50)
    write_synthetic_study(ROOT, manifest, list(manifest.runs)[:1], num_scores=1)
    for cell, seed in list(manifest.runs)[1:30]:
        write_failure(run_folder(ROOT, cell.identity, seed), Failure("failed", f"[why {seed}]"))
    assert main(["table", "synthetic"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.endswith("seed 20: [why 20]")]
    assert not [line for line in lines if line.endswith("seed 21: [why 21]")]
    assert "and 10 more, see lr-lightning study status synthetic" in lines


def test_before_the_first_run_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    write_synthetic_study(ROOT, synthetic_manifest(1, 1, 1, 2), [])
    assert main(["table", "synthetic", "--scores", "mig"]) == 0
    out = capsys.readouterr().out
    assert "no run of synthetic is done" in out
    assert (ROOT / "synthetic" / "table.csv").is_file()


@pytest.mark.usefixtures("_study")
def test_by_default_it_lies_in_the_folder_of_the_study(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", "synthetic"]) == 0
    assert len(pd.read_csv(ROOT / "synthetic" / "table.csv")) == len(read_table("synthetic"))
    assert (ROOT / "synthetic" / "table_coverage.csv").is_file()


def test_what_cannot_be_written_is_told_before_anything_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    write_synthetic_study(ROOT, synthetic_manifest(1, 1, 1, 1), num_scores=1)
    for path in ROOT.rglob("evaluations/*"):
        path.write_text("damaged")
    assert main(["table", "synthetic", "--out", "t.xlsx"]) == 2
    assert "t.xlsx" in capsys.readouterr().err
    assert main(["table", "synthetic"]) == 1
    assert "/evaluations/" in capsys.readouterr().err


def test_it_does_not_import_torch() -> None:
    write_synthetic_study(ROOT, synthetic_manifest(1, 1, 1, 1), num_scores=1)
    script = (
        "import sys; from lr_lightning.commands.study.command import main; assert main(['table', 'synthetic']) == 0; "
        "sys.exit('torch' if 'torch' in sys.modules else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
