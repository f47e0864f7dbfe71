"""The explorer as one HTML file with the model inside."""

import base64
import gzip
from typing import Any

import torch
from torch import Tensor

from lr_lightning.assays.interventions import prior_samples
from lr_lightning.explorer.assembly import assemble
from lr_lightning.explorer.data_object import explorer_data
from lr_lightning.explorer.explored_model import ExploredModel, Progress
from lr_lightning.explorer.onnx_export import export_onnx

_NUM_COMPARED = 4
"""Number of codes of the data, and of the prior, at which the exported model is compared with PyTorch."""


def static_page(
    explored: ExploredModel, *, num_samples: int | None = None, seed: int = 0, progress: Progress | None = None
) -> str:
    """Return the page of a model, which needs neither Python nor a connection.

    Args:
        explored: The model; left unchanged.
        num_samples: As in :func:`~lr_lightning.explorer.data_object.explorer_data`.
        seed: As there.
        progress: As there.

    Raises:
        ModuleNotFoundError: If a package of the extra ``explore`` is missing.
        ValueError: If the model cannot be exported, see :func:`~lr_lightning.explorer.onnx_export.export_onnx`, or as
            :func:`~lr_lightning.explorer.data_object.explorer_data`.
    """
    engine = onnx_engine(export_onnx(explored.autoencoder, _compared(explored, seed)))
    data = explorer_data(explored, num_samples=num_samples, seed=seed, progress=progress)
    return assemble(explored.title, data | {"engine": engine}, runtime=True)


def onnx_engine(model: bytes) -> dict[str, Any]:
    """Return the entry ``engine`` of the data object for a serialized ONNX model; the same bytes give the same text."""
    return {"kind": "onnx", "model": base64.b64encode(gzip.compress(model, mtime=0)).decode()}


def _compared(explored: ExploredModel, seed: int) -> Tensor:
    """Return codes of the data, if there are any, and of the prior."""
    generator = torch.Generator().manual_seed(seed)
    prior = prior_samples(_NUM_COMPARED, explored.autoencoder.latent_dim, generator)
    if explored.codes is None or not explored.codes.isfinite().all():
        return prior
    rows = torch.randperm(len(explored.codes), generator=generator)[:_NUM_COMPARED]
    return torch.cat([explored.codes[rows].float(), prior])
