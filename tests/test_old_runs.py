"""Run folders of an earlier version can be evaluated, assayed and resumed."""

import importlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import wandb

from lr_lightning.cli import main
from lr_lightning.common.renamed_keys import current_class_path
from lr_lightning.models import BetaVAE, FactorVAE
from tests.logged_rows import logged_rows

RUNS = Path(__file__).parent / "fixtures" / "runs"
NAMES = sorted(path.name for path in RUNS.iterdir() if path.is_dir())
QUIET = ["--trainer.enable_progress_bar=false", "--trainer.enable_model_summary=false"]
CLASS_PATHS = (RUNS.parent / "class_paths.txt").read_text().split()
"""Where an earlier version defined the classes that a config may name."""

pytestmark = [
    pytest.mark.filterwarnings("ignore:independence is undefined"),  # models trained for a few steps
    pytest.mark.filterwarnings("ignore:score undefined"),
    pytest.mark.filterwarnings("ignore:The dirpath has changed"),  # a moved run
]


@pytest.fixture(params=NAMES)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a copy of an old run at the path in its config."""
    copy: Path = tmp_path / "runs" / request.param
    shutil.copytree(RUNS / request.param, copy)
    return copy


def run(*arguments: str) -> int | str | None:
    """Return the exit code of the command line on ``arguments``."""
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    wandb.finish()
    return stopped.value.code


def test_kinds_of_runs() -> None:
    assert NAMES == ["beta_vae", "factor_vae", "full_paths", "resumed", "seeds"]


@pytest.mark.parametrize("path", CLASS_PATHS)
def test_a_class_is_found_by_its_earlier_path(path: str) -> None:
    module, _, name = current_class_path(path).rpartition(".")
    assert getattr(importlib.import_module(module), name).__name__ == name


def test_an_old_run_is_evaluated(folder: Path) -> None:
    """Its weights and data reproduce the recorded losses, with every command that reads a run."""
    recorded = json.loads((folder / "results.json").read_text())["fit"]["scalars"]
    last = str(folder / "checkpoints" / "last.ckpt")
    assert run("validate", last, *QUIET) == 0
    found = json.loads((folder / "results.json").read_text())["validate"]["scalars"]
    for key in ("val/loss", "val/reconstruction", "val/kl"):
        assert found[key] == pytest.approx(recorded[key], rel=1e-5)
    assert run("test", str(folder), *QUIET, "--assays.disentanglement=null") == 0
    assert run("predict", str(folder), *QUIET) == 0
    names = ["codes_seed_3.npz", "codes_seed_4.npz"] if folder.name == "seeds" else ["codes.npz"]
    for name in names:
        with np.load(folder / name, allow_pickle=False) as codes:
            assert codes["codes"].shape == (128, 2)
    best = str(folder / "checkpoints" / ("seed_3.ckpt" if folder.name == "seeds" else "best.ckpt"))
    assert run("assay", best, "--out=report", "--assays=response_matrix,latent_statistics", "--num_samples=16") == 0
    assert Path("report/index.html").is_file()


def test_an_old_run_is_resumed(folder: Path) -> None:
    before = logged_rows(folder)
    limit = "--trainer.max_steps=16" if folder.name == "resumed" else "--trainer.max_epochs=4"
    assert run("fit", f"--config={folder / 'config.yaml'}", "--ckpt_path=last", limit, *QUIET) == 0
    after = logged_rows(folder)
    assert [row for row in after if row in before] == before  # every earlier row, unchanged
    assert [int(row["step"]) for row in after if "val/loss" in row][-1] == 15
    checkpoint = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    assert checkpoint["global_step"] == 16


@pytest.mark.parametrize(
    ("name", "kind"), [("beta_vae", BetaVAE), ("factor_vae", FactorVAE), ("full_paths", BetaVAE), ("seeds", BetaVAE)]
)
def test_an_old_checkpoint_loads_in_python(name: str, kind: type[BetaVAE]) -> None:
    path = RUNS / name / "checkpoints" / ("seed_4.ckpt" if name == "seeds" else "best.ckpt")
    model = kind.load_from_checkpoint(path, map_location="cpu", weights_only=True)
    assert model.latent_dim == 2
