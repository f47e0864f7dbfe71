"""Writes the codes of a data set, for tools that score them."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lr_lightning.data.datamodule import FactorDataModule
from lr_lightning.loggers.atomic import write_atomically


def write_codes(path: Path, datamodule: Any, batches: Any) -> None:
    """Write the codes of a data set to a ``.npz`` file, and say where.

    The arrays are ``codes`` (N, D) float32 and, where known, ``log_variances`` (N, D) float32 and ``factors`` (N, K)
    int64.

    Args:
        path: The file; written under a temporary name and renamed.
        datamodule: Where the batches came from; one of ours knows the factors.
        batches: What ``predict_step`` returned for each batch, in order.
    """
    codes = _joined(batches, "codes")
    arrays = {"codes": codes.numpy()}
    if batches[0]["log_vars"] is not None:
        arrays["log_variances"] = _joined(batches, "log_vars").numpy()
    if isinstance(datamodule, FactorDataModule):
        arrays["factors"] = datamodule.dataset.factors(datamodule.test_indices).cpu().numpy()
    write_atomically(path, lambda file: np.savez_compressed(file, **arrays))  # type: ignore[arg-type]
    print(f"{len(codes):,} codes of {codes.shape[1]} latents: {path}")


def _joined(batches: Any, name: str) -> Tensor:
    return torch.cat([batch[name] for batch in batches]).float().cpu()
