"""The response field on slices through two latents."""

from typing import Any

from torch import Tensor

from lr_lightning.assays.latent_pairs import strongest_pairs
from lr_lightning.assays.latent_slice import LatentSlice
from lr_lightning.assays.protocol import Autoencoder
from lr_lightning.assays.response_map import response_map
from lr_lightning.explorer.explored_model import Progress
from lr_lightning.explorer.matrices import Responses
from lr_lightning.explorer.plain_values import plain_values

NUM_STEPS = 21
"""Nodes along each latent; odd, so that one is in the middle."""
_NUM_PAIRS = 6
_WIDTH = 3.0
"""Half the side of a slice, in standard deviations of the codes."""


def slice_entry(autoencoder: Autoencoder, codes: Tensor, base: Tensor, latents: tuple[int, int]) -> dict[str, Any]:
    """Return an entry of ``slices``: the field and its divergence at ``(xs[i], ys[j])``.

    Args:
        autoencoder: The model.
        codes: Codes ``(N, D)``, around whose mean the slice lies.
        base: Code that fixes the other latents ``(D,)``.
        latents: The two latents.

    Raises:
        ValueError: If a latent does not exist, both are the same, or ``base`` is not a finite code.
    """
    window = LatentSlice.around(codes, latents, _WIDTH)
    result = response_map(autoencoder, base, window, num_steps=NUM_STEPS)
    return {
        "latents": list(latents),
        "base": plain_values(base),
        "xs": plain_values(result.values[0]),
        "ys": plain_values(result.values[1]),
        "field": plain_values(result.field),
        "divergence": plain_values(result.divergence),
    }


def slice_entries(
    autoencoder: Autoencoder, codes: Tensor, base: Tensor, responses: Responses, progress: Progress | None
) -> list[dict[str, Any]]:
    """Return slices through the pairs of latents that respond to each other most, as the response map assay does."""
    shown = responses.shown
    if len(shown) < 2:
        return []
    matrix, active = responses.result.matrix[shown][:, shown], responses.active[shown]
    entries = []
    pairs = strongest_pairs(matrix, _NUM_PAIRS, active)
    for number, (first, second) in enumerate(pairs):
        entries.append(slice_entry(autoencoder, codes, base, (shown[first], shown[second])))
        if progress is not None:
            progress("slices", number + 1, len(pairs))
    return entries
