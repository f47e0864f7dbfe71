"""Codes of factor traversals."""

from typing import Any

import torch
from torch import Tensor

from lr_lightning.assays import sample_traversals, traversals_from_codes
from lr_lightning.assays.traversals import Codes
from lr_lightning.callbacks.context import AssayContext
from lr_lightning.callbacks.needs import is_unlabeled


def encoded_traversals(context: AssayContext, num_traversals: int, codes: Codes = "mean") -> list[Tensor]:
    """Return codes ``(T, V, D)`` along each factor: looked up if the table covers the data set, otherwise encoded.

    Codes are posterior means, or one sample from the posterior of each member. The code of a deterministic model is the
    only sample that there is.

    Raises:
        ValueError: If the data set lacks combinations of its factors.
    """
    dataset, table = context.dataset, context.table
    if not getattr(dataset, "full_grid", False):
        name = getattr(dataset, "name", "this data set")
        missing = "has no factors" if is_unlabeled(dataset) else "lacks some"
        raise ValueError(f"it needs every combination of the factors, and {name} {missing}")
    if table.log_variances is None:
        codes = "mean"
    if _covers(dataset, table.factors):
        return traversals_from_codes(
            table.codes,
            dataset.factor_space,
            num_traversals,
            context.generator,
            log_variances=table.log_variances if codes == "sample" else None,
        )
    return sample_traversals(context.autoencoder, dataset, num_traversals, context.generator, codes=codes)


def _covers(dataset: Any, factors: Tensor | None) -> bool:
    """Return whether ``factors`` are the factors of all samples of ``dataset``, in order."""
    if factors is None or len(factors) != len(dataset):
        return False
    return torch.equal(factors, dataset.factor_space.factors(torch.arange(len(dataset))))
