"""Helpers for the tests of assays: a context without a run, and a check of interpretations."""

from collections.abc import Mapping, Sequence

import torch
from pytorch_lightning import Trainer
from torch import Tensor

from lr_lightning.assays import Autoencoder
from lr_lightning.callbacks import AssayCallback, AssayContext, CodeTable


def context_of(autoencoder: Autoencoder, codes: Tensor, log_variances: Tensor | None = None) -> AssayContext:
    """Return the context of an assay on ``codes``, without a run, data set and observations."""
    return AssayContext(
        autoencoder=autoencoder,
        table=CodeTable(codes, log_variances, None),
        observations=torch.empty(0),
        dataset=None,
        trainer=Trainer(accelerator="cpu", devices=1, logger=False, enable_checkpointing=False, barebones=True),
        generator=torch.Generator().manual_seed(0),
    )


def assert_says(assay: AssayCallback, scalars: Mapping[str, float], parts: Sequence[str]) -> None:
    """Check that the interpretations, of a model with 10 latents, are one sentence for each of ``parts``."""
    sentences = list(assay.interpretations(scalars, latent_dim=10))
    assert len(sentences) == len(parts)
    for sentence, part in zip(sentences, parts, strict=True):
        assert part in sentence
