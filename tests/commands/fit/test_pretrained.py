"""Runs that start from a file of weights of a torchvision model do not need the file later."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torchvision import models

from lr_lightning.cli import main
from lr_lightning.models import BetaVAE

RUN = [
    *("--model=BetaVAE", "--model.network=TorchvisionEncoder", "--model.network.image_size=32"),
    *("--model.network.backbone=shufflenet_v2_x0_5", "--model.network.weights=weights.pth"),
    *("--model.network.widths=[8]", "--model.network.hidden_units=[8]", "--model.network.latent_dim=2"),
    *("--data=FactorDataModule", "--data.dataset=CustomDataset", "--data.dataset.path=set.yaml"),
    *("--data.batch_size=4", "--data.val_size=4", "--data.batches_per_epoch=2"),
    *("--trainer.accelerator=cpu", "--trainer.logger=false", "--trainer.precision=32-true", "--assays={}"),
    *("--trainer.enable_progress_bar=false", "--trainer.enable_model_summary=false"),
]


def run(*arguments: str) -> int:
    """Return the exit code of the command line on ``arguments``."""
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


@pytest.fixture(autouse=True)
def _files() -> None:
    """Write images and weights to the current folder."""
    images = np.random.default_rng(0).integers(256, size=(16, 32, 32, 3), dtype=np.uint8)
    np.savez("images.npz", images=images)
    Path("set.yaml").write_text("name: noise\nfactors: {index: 16}\nimages: images.npz\n")
    torch.save(models.get_model("shufflenet_v2_x0_5", weights=None).state_dict(), "weights.pth")


@pytest.mark.parametrize("seeds", [[], ["--seeds=2"]], ids=["one seed", "two seeds"])
def test_run_resumes_and_loads_without_the_file(seeds: list[str]) -> None:
    whole, half = Path("whole"), Path("half")
    assert run("fit", *RUN, *seeds, "--trainer.max_epochs=2", f"--trainer.default_root_dir={whole}") == 0
    assert run("fit", *RUN, *seeds, "--trainer.max_epochs=1", f"--trainer.default_root_dir={half}") == 0
    saved = yaml.safe_load((half / "config.yaml").read_text())["model"]["init_args"]["network"]["init_args"]
    assert saved["weights"] == str(Path("weights.pth").absolute())
    Path("weights.pth").unlink()
    assert run("fit", str(half), "--trainer.max_epochs=2") == 0
    assert run("validate", str(half)) == 0
    states = [torch.load(folder / "checkpoints/last.ckpt", weights_only=True)["state_dict"] for folder in (whole, half)]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    if not seeds:
        model = BetaVAE.load_from_checkpoint(half / "checkpoints/last.ckpt", "cpu", weights_only=True)
        assert all(torch.equal(value, states[1][name]) for name, value in model.state_dict().items())


def test_new_runs_need_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    Path("weights.pth").unlink()
    assert run("fit", *RUN, "--trainer.default_root_dir=run") != 0
    printed = capsys.readouterr()
    assert f"{Path('weights.pth').absolute()};" in printed.err
    assert "Traceback" not in printed.err
    assert not list(Path("run").rglob("*"))
