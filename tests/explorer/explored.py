"""Models to explore, for tests."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from lr_lightning.assays import encode_means, posterior_mean, wrap
from lr_lightning.assays.encoding import encode_posteriors
from lr_lightning.callbacks import AssayContext, CodeTable
from lr_lightning.explorer.explored_model import ExploredModel
from lr_lightning.models import AutoencoderModule
from lr_lightning.testing.bars import Bars
from lr_lightning.testing.tiny_runs import tiny_model
from tests.callbacks.assays.runs import context_of


def lively(model: AutoencoderModule, gain: float = 1.7) -> AutoencoderModule:
    """Return an untrained model in evaluation mode whose observations and responses depend on the codes.

    PyTorch's weights of linear layers and convolutions shrink signals by about 1.7 per layer.
    """
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            module.weight.data.mul_(gain)
    return model.eval()


def explored_bars(**changes: Any) -> ExploredModel:
    """Return an untrained model with three latents on 48 images of bars, with the codes of all of them."""
    model, dataset = lively(tiny_model(), 3.0), Bars()
    indices = torch.arange(len(dataset))
    codes, log_variances = encode_posteriors(model, dataset.images(indices))
    explored = ExploredModel(
        autoencoder=model,
        title="BetaVAE on bars",
        subtitle="MLP, 3 latents",
        codes=codes,
        log_variances=log_variances,
        factors=dataset.factors(indices),
        dataset=dataset,
    )
    return replace(explored, **changes)


def explored_points(latent_dim: int = 2) -> ExploredModel:
    """Return a deterministic linear model of points in three dimensions, without a data set."""
    generator = torch.Generator().manual_seed(5)
    with torch.random.fork_rng():
        decoder, encoder = nn.Linear(latent_dim, 3, bias=False), nn.Linear(3, latent_dim, bias=False)
    decoder.weight.data = torch.randn(3, latent_dim, generator=generator)
    encoder.weight.data = torch.linalg.pinv(decoder.weight.data)
    autoencoder = wrap(encode=encoder, decode=decoder, latent_dim=latent_dim)
    observations = torch.randn(40, 3, generator=generator)
    codes = encode_means(autoencoder, observations)
    return ExploredModel(autoencoder, "Points", codes=codes, observations=observations[:16])


def assay_context(explored: ExploredModel) -> AssayContext:
    """Return the context of an assay on the same model and codes."""
    assert explored.codes is not None
    context = context_of(explored.autoencoder, explored.codes, explored.log_variances)
    context.table = CodeTable(explored.codes, explored.log_variances, explored.factors)
    context.dataset = explored.dataset
    return context


def round_trip(explored: ExploredModel, codes: Tensor) -> tuple[Tensor, Tensor]:
    """Return observations and responses of codes, computed without any assay."""
    with torch.no_grad():
        observations = explored.autoencoder.decode(codes)
        return observations, posterior_mean(explored.autoencoder.encode(observations))
