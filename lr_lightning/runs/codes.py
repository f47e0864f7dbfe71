"""Codes of a data set: their computation for chosen observations, and their files."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lr_lightning.assays.encoding import encode_means, encode_posteriors
from lr_lightning.common.files import write_atomically
from lr_lightning.data import FactorDataset
from lr_lightning.models.base import AutoencoderModule


class RunCodes(NamedTuple):
    """Codes of a data set, as tensors.

    Attributes:
        codes: Codes (N, D) float32.
        log_variances: Log-variances of the posteriors (N, D) float32; ``None`` if there are none.
        factors: Values of the factors (N, K) int64; ``None`` if the data have no labels.
        indices: Index of each observation in the data set (N,) int64; ``None`` if it is unknown.
    """

    codes: Tensor
    log_variances: Tensor | None
    factors: Tensor | None
    indices: Tensor | None


def encode_observations(model: AutoencoderModule, dataset: FactorDataset, indices: Tensor) -> RunCodes:
    """Encode observations of a data set to posterior means, or to the codes of a deterministic autoencoder.

    Args:
        model: The model.
        dataset: The data set.
        indices: Which observations, shape (N,) int64.

    Returns:
        Their codes, on the CPU.
    """
    images, log_variances = dataset.images(indices).cpu(), None
    if model.network.variational:
        means, log_variances = encode_posteriors(model, images)
        log_variances = log_variances.float()
    else:
        means = encode_means(model, images)
    factors = dataset.factors(indices).cpu() if dataset.factor_space.names else None
    return RunCodes(means.float(), log_variances, factors, indices)


def read_codes(path: Path) -> RunCodes:
    """Return the codes in a file that ``lr-lightning predict`` or :func:`write_codes` has written."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: torch.from_numpy(file[name]) for name in RunCodes._fields if name in file}
    return RunCodes(arrays["codes"], *(arrays.get(name) for name in RunCodes._fields[1:]))


def write_codes(path: Path, codes: RunCodes) -> None:
    """Write codes to an ``.npz`` file as ``lr-lightning predict`` does, complete or not at all."""
    arrays = {name: tensor.numpy() for name, tensor in codes._asdict().items() if tensor is not None}
    write_atomically(path, lambda file: np.savez_compressed(file, **arrays))
