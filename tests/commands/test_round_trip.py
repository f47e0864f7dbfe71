"""The files of a run can be read back, for every model and its shortest config."""

import inspect
from pathlib import Path

import numpy as np
import pytest
import torch

from lr_lightning import models
from lr_lightning.cli import main
from lr_lightning.models import AutoencoderModule

QUIET = [
    "--trainer.max_steps=2",
    "--trainer.accelerator=cpu",
    "--trainer.precision=32-true",
    "--trainer.logger=false",
    "--trainer.enable_progress_bar=false",
    "--trainer.enable_model_summary=false",
]
SMALL = ["--data=FactorDataModule", "--data.batch_size=4", "--data.val_size=6", "--data.batches_per_epoch=2"]
HELIX = [*SMALL, "--data.dataset=DoubleHelix", "--data.dataset.num_samples=16", "--model.likelihood=Gaussian"]
SPRITES = [*SMALL, "--data.dataset=RenderedDSprites", "--data.test_size=6"]
FLAT = ["--model.network=MLP", "--model.network.widths=[4]", "--model.network.observation_shape=[1,64,64]"]
DATA_AND_NETWORK = {
    "AdaGVAE": [*SPRITES, *FLAT, "--data.groups=FactorPairs"],
    "AdaMLVAE": [*SPRITES, *FLAT, "--data.groups=FactorPairs"],
    "FactorVAE": [*HELIX, "--model.network=MLP", "--model.discriminator_widths=[4]"],
    "StructuralAutoencoder": [*SPRITES, "--model.network=StructuralConv64", "--model.network.channels=1"],
    "VLAE": [*SPRITES, "--model.network=LadderConv64", "--model.network.channels=1"],
}
MODELS = [
    name
    for name in models.__all__
    if inspect.isclass(kind := getattr(models, name))
    and issubclass(kind, AutoencoderModule)
    and not inspect.isabstract(kind)
]


def run(*arguments: str) -> None:
    """Run the command line; it must succeed."""
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    assert stopped.value.code == 0


@pytest.mark.parametrize("name", MODELS)
def test_round_trip(name: str) -> None:
    data_and_network = DATA_AND_NETWORK.get(name, [*HELIX, "--model.network=MLP"])
    run("fit", f"--model={name}", *data_and_network, *QUIET, "--trainer.default_root_dir=run")
    run("test", "run", "--assays.disentanglement=null")
    run("predict", "run")
    run("assay", "run", "--out=report", "--assays=latent_statistics")
    run("fit", "--config=run/config.yaml", "--trainer.default_root_dir=again")

    checkpoint = Path("run/checkpoints/best.ckpt")
    model = getattr(models, name).load_from_checkpoint(checkpoint, map_location="cpu", weights_only=True)
    again = torch.load("again/checkpoints/best.ckpt", weights_only=True)["state_dict"]
    assert again.keys() == model.state_dict().keys()
    assert all(torch.equal(again[key], value) for key, value in model.state_dict().items())
    with np.load("run/codes.npz", allow_pickle=False) as codes:
        assert ("log_variances" in codes) == model.network.variational == model.needs_variational
    assert Path("report/index.html").is_file()
