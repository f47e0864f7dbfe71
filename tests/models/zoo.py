"""A small model for each objective, for tests that apply to all of them."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from lr_lightning import models
from lr_lightning.data import FactorDataModule, FactorPairs, RenderedDSprites
from lr_lightning.models import AutoencoderModule, CyclicSchedule
from lr_lightning.networks import MLP, GroupedNetwork


def _network(variational: bool = True) -> MLP:
    return MLP(4, (1, 64, 64), widths=(64,), variational=variational)


def _variational(name: str, **options: Any) -> Callable[..., AutoencoderModule]:
    return lambda **further: getattr(models, name)(_network(), **(options | further))


def _deterministic(name: str, **options: Any) -> Callable[..., AutoencoderModule]:
    return lambda **further: getattr(models, name)(_network(variational=False), **(options | further))


def _grouped(name: str, variational: bool) -> Callable[..., AutoencoderModule]:
    """Return a maker of a model with a small network in place of the twelve layers that such models have."""

    def make(**further: Any) -> AutoencoderModule:
        parts = _network(variational)
        network = GroupedNetwork(parts.encoder, parts.decoder, 4, 2, (1, 64, 64), variational)
        model: AutoencoderModule = getattr(models, name)(network, **further)
        return model

    return make


MODELS: dict[str, Callable[..., AutoencoderModule]] = {
    "autoencoder": _deterministic("Autoencoder"),
    "wae": _deterministic("WAE"),
    "rae_weight": _deterministic("RAE"),
    "rae_gradient": _deterministic("RAE", decoder_penalty="gradient"),
    "qlae": _deterministic("QLAE"),
    "structural_autoencoder": _grouped("StructuralAutoencoder", variational=False),
    "vae": _variational("VAE"),
    "beta_vae": _variational("BetaVAE"),
    "scheduled_beta_vae": _variational("BetaVAE", beta=CyclicSchedule(0.0, 4.0, 200)),
    "annealed_vae": _variational("AnnealedVAE"),
    "factor_vae": _variational("FactorVAE", discriminator_widths=[50, 50]),
    "beta_tc_vae": _variational("BetaTCVAE"),
    "dip_vae_i": _variational("DIPVAE", dip_type="i"),
    "dip_vae_ii": _variational("DIPVAE", dip_type="ii"),
    "info_vae": _variational("InfoVAE"),
    "vlae": _grouped("VLAE", variational=True),
    "ada_gvae": _variational("AdaGVAE"),
    "ada_mlvae": _variational("AdaMLVAE"),
}
"""Makers of models for images (1, 64, 64)."""


def make(name: str, seed: int = 0, **options: Any) -> AutoencoderModule:
    """Return a fresh model of ``MODELS``, with the same weights for each seed, trained with a learning rate of 1e-3.

    Options are those of :class:`AutoencoderModule`.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return MODELS[name](**({"optimizer": partial(torch.optim.Adam, lr=1e-3)} | options))


def data_module(name: str, batch_size: int = 8) -> FactorDataModule:
    """Return rendered dSprites in the batches that model ``name`` trains on, with 48 samples for validation."""
    groups = FactorPairs() if name.startswith("ada_") else None
    return FactorDataModule(RenderedDSprites(), batch_size, eval_batch_size=24, val_size=48, groups=groups)
