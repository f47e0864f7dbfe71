"""Codes of any width are checked before use."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from lr_lightning.assays import (
    LatentSlice,
    decode_slice,
    factor_topology,
    hybrid_samples,
    maximum_mean_discrepancy,
    memorization,
    posterior_samples,
    prior_gap,
    random_pairs,
    slice_histogram,
    starting_codes,
)
from tests.assays.models import responding_by

WINDOW = LatentSlice((0, 1))
IDENTITY = responding_by(lambda z: z, 2)


@pytest.mark.parametrize(
    "assay",
    [
        lambda codes: memorization(torch.zeros(3, 2), codes),
        lambda codes: starting_codes("prior", codes, 3),
        lambda codes: slice_histogram(codes, WINDOW),
        lambda codes: LatentSlice.around(codes, (0, 1)),
        lambda codes: random_pairs(codes, 3),
        lambda codes: maximum_mean_discrepancy(codes, torch.zeros(3, 2)),
        lambda codes: factor_topology([codes]),
        lambda codes: decode_slice(IDENTITY, codes, WINDOW),
        posterior_samples,
        hybrid_samples,
        prior_gap,
    ],
)
def test_codes_that_are_no_matrix(assay: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError, match="got list"):
        assay([[1.0, 2.0]])
    with pytest.raises(ValueError, match=r"shape .*got \(\)"):
        assay(torch.tensor(1.0))


def test_a_slice_of_one_node_has_no_spacing() -> None:
    with pytest.raises(ValueError, match=r"num_steps .*got 1"):
        WINDOW.spacing(1)
