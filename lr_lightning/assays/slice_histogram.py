"""Where codes lie on a slice, and how many of them where the response map contracts."""

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_codes
from lr_lightning.assays.latent_slice import LatentSlice
from lr_lightning.assays.response_map import ResponseMap


@dataclass(frozen=True, eq=False)
class SliceHistogram:
    """Number of codes in each cell of a slice; made by :func:`slice_histogram`.

    Attributes:
        window: The slice.
        counts: ``(n, n)`` float64 on the CPU: rows for the first latent.
        num_samples: Number of codes ``N``, those outside of the cells included.
    """

    window: LatentSlice
    counts: Tensor
    num_samples: int

    @property
    def inside(self) -> float:
        """Share of the codes that lie in the cells."""
        return float(self.counts.sum() / self.num_samples)


def slice_histogram(codes: Tensor, window: LatentSlice, *, num_steps: int = 64) -> SliceHistogram:
    """Count codes in the cells around the nodes of a slice.

    Codes are projected on the two latents: where the others stand is not asked, so that many of those counted may lie
    far from the plane on which a response map was measured.

    Args:
        codes: Posterior means, shape ``(N, D)``; not written to.
        window: The slice.
        num_steps: Number of cells ``n`` along each latent, at least 2.

    Raises:
        TypeError: If ``codes`` is no tensor.
        ValueError: If ``codes`` is no finite floating-point matrix, there are no such latents or ``num_steps < 2``.

    Example:
        >>> slice_histogram(torch.tensor([[0.0, 2.0], [0.1, 1.9], [9.0, 0.0]]), LatentSlice((0, 1)), num_steps=3).counts
        tensor([[0., 0., 0.],
                [0., 0., 2.],
                [0., 0., 0.]], dtype=torch.float64)
    """
    codes = check_codes("codes", codes, None).double().cpu()
    if max(window.latents) >= codes.shape[1]:
        raise ValueError(f"latents must be two of 0..{codes.shape[1] - 1}, got {window.latents}")
    lowest = window.values(num_steps)[:, 0]
    cells = ((codes[:, list(window.latents)] - lowest) / window.spacing(num_steps) + 0.5).floor()
    cells = cells[((cells >= 0) & (cells < num_steps)).all(dim=1)].long()
    counts = torch.bincount(cells[:, 0] * num_steps + cells[:, 1], minlength=num_steps**2)
    return SliceHistogram(window, counts.double().view(num_steps, num_steps), len(codes))


def contracting_share(result: ResponseMap, histogram: SliceHistogram) -> Tensor:
    """Return the share of the codes on a slice that lie where the response map contracts.

    Divergence below 0 is the sign of the learned manifold: a model that responds to its own codes as to what it learned
    has a share near 1. It is high as well where nothing was learned and every code falls to one point.

    Args:
        result: Response map.
        histogram: Histogram of codes on the same nodes.

    Returns:
        Scalar float64 in ``[0, 1]``, over the codes inside the cells; higher is better. NaN with a warning if there are
        none, or where the divergence is undefined.

    Raises:
        ValueError: If the two have different windows or numbers of nodes.
    """
    if result.window != histogram.window or result.divergence.shape != histogram.counts.shape:
        raise ValueError(
            f"map and histogram must have one window and number of nodes, got {result.window} with "
            f"{len(result.divergence)} and {histogram.window} with {len(histogram.counts)}"
        )
    total = histogram.counts.sum()
    undefined = "no code lies in the window" if not total else "the divergence is not finite"
    if not total or not result.divergence.isfinite().all():
        warnings.warn(f"the share of contracting codes is undefined: {undefined}", stacklevel=2)
        return torch.tensor(torch.nan, dtype=torch.float64)
    return histogram.counts[result.divergence < 0].sum() / total
