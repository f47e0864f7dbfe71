"""The paper's toy: a VAE trained on a double helix contracts onto the strands and expands on the ridge between."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from lr_lightning.assays import response_jacobians
from lr_lightning.assays.latent_slice import LatentSlice
from lr_lightning.assays.response_map import response_map
from lr_lightning.configs import CONFIG_FOLDER
from lr_lightning.models import BetaVAE


@pytest.fixture(scope="module")
def autoencoder(tmp_path_factory: pytest.TempPathFactory) -> BetaVAE:
    """Return a VAE trained with the shipped configuration."""
    from lr_lightning.commands.fit.training import run

    folder = tmp_path_factory.mktemp("helix")
    options = ["--trainer.logger=false", "--trainer.enable_progress_bar=false", "--trainer.accelerator=cpu"]
    options += [f"--trainer.default_root_dir={folder / 'run'}", "--trainer.enable_model_summary=false"]
    run(["fit", f"--config={Path(str(CONFIG_FOLDER)) / 'helix.yaml'}", *options])
    checkpoint = folder / "run" / "checkpoints" / "last.ckpt"
    model = BetaVAE.load_from_checkpoint(checkpoint, weights_only=True, map_location="cpu")
    return model.eval()


@torch.no_grad()
def strand_codes(autoencoder: BetaVAE, strand: int) -> Tensor:
    """Return the codes (200, 2) of points of one strand without noise, its ends left out."""
    height = torch.linspace(-0.95, 0.95, 200)
    angle = torch.pi * (height + strand)
    return autoencoder.encode(torch.stack([angle.cos(), angle.sin(), height], dim=1)).mean


def exact_divergence(autoencoder: BetaVAE, codes: Tensor) -> Tensor:
    """Return the trace of the Jacobian of the response map, less 2, at ``codes`` (N, 2)."""
    jacobians = response_jacobians(autoencoder, codes)
    return jacobians.diagonal(dim1=1, dim2=2).sum(dim=1) - 2


@pytest.mark.slow
def test_contracts_along_both_strands_and_expands_between_them(autoencoder: BetaVAE) -> None:
    first, second = strand_codes(autoencoder, 0), strand_codes(autoencoder, 1)
    for strand in (first, second):
        divergence = exact_divergence(autoencoder, strand)
        assert (divergence < 0).double().mean() > 0.95
        assert divergence.median() < -0.5
    # from each code towards the nearest of the other strand: somewhere in the middle half lies the ridge
    nearest = second[torch.cdist(first, second).argmin(dim=1)]
    way = torch.linspace(0.25, 0.75, 21)[None, :, None]
    between = first[:, None] + way * (nearest - first)[:, None]  # (200, 21, 2)
    divergence = exact_divergence(autoencoder, between.flatten(0, 1)).reshape(200, 21)
    assert (divergence.amax(dim=1) > 0).double().mean() > 0.95


@pytest.mark.slow
def test_the_map_on_a_grid_agrees_with_the_exact_divergence(autoencoder: BetaVAE) -> None:
    """Where the map is smooth: on the ridge a grid of this spacing cannot follow it."""
    window = LatentSlice((0, 1), radius=2.0)
    grid = response_map(autoencoder, torch.zeros(2), window, num_steps=101)
    first, second = window.values(101)
    codes = torch.cartesian_prod(first, second).float()
    exact = exact_divergence(autoencoder, codes).reshape(101, 101)
    smooth = exact.abs() < 1.5
    assert smooth.double().mean() > 0.3
    difference = (grid.divergence - exact)[1:-1, 1:-1][smooth[1:-1, 1:-1]].abs()
    assert difference.median() < 0.05
