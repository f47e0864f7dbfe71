"""How codes are distributed on a slice, and what fraction of them lies where the response map contracts."""

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_codes, check_latent_pair
from lr_lightning.assays.latent_slice import LatentSlice
from lr_lightning.assays.response_map import ResponseMap
from lr_lightning.common.printed_result import PrintedResult


@dataclass(frozen=True, eq=False, repr=False)
class SliceHistogram(PrintedResult):
    """Number of codes in each cell of a slice, as returned by :func:`slice_histogram`.

    Attributes:
        window: The slice.
        counts: ``(n, n)`` float64 on the CPU; the first latent runs along the rows.
        num_samples: Number of codes ``N``, including those outside the cells.
    """

    window: LatentSlice
    counts: Tensor
    num_samples: int

    @property
    def inside(self) -> float:
        """Fraction of the codes inside the cells."""
        return float(self.counts.sum() / self.num_samples)


def slice_histogram(codes: Tensor, window: LatentSlice, *, num_steps: int = 64) -> SliceHistogram:
    """Count codes in the cells around the nodes of a slice.

    Codes are projected onto the two latents regardless of the others, so many of the codes counted may be far from the
    plane on which a response map was measured.

    Args:
        codes: Posterior means, shape ``(N, D)``; not modified.
        window: The slice.
        num_steps: Number of cells ``n`` along each latent, at least 2.

    Raises:
        TypeError: If ``codes`` is not a tensor.
        ValueError: If ``codes`` is not a finite floating-point matrix, a latent does not exist or ``num_steps < 2``.

    Example:
        >>> slice_histogram(torch.tensor([[0.0, 2.0], [0.1, 1.9], [9.0, 0.0]]), LatentSlice((0, 1)), num_steps=3).counts
        tensor([[0., 0., 0.],
                [0., 0., 2.],
                [0., 0., 0.]], dtype=torch.float64)
    """
    codes = check_codes("codes", codes, None).double().cpu()
    check_latent_pair(window.latents, codes.shape[1])
    lowest = window.values(num_steps)[:, 0]
    cells = ((codes[:, list(window.latents)] - lowest) / window.spacing(num_steps) + 0.5).floor()
    cells = cells[((cells >= 0) & (cells < num_steps)).all(dim=1)].long()
    counts = torch.bincount(cells[:, 0] * num_steps + cells[:, 1], minlength=num_steps**2)
    return SliceHistogram(window, counts.double().view(num_steps, num_steps), len(codes))


def contracting_share(result: ResponseMap, histogram: SliceHistogram) -> Tensor:
    """Return the fraction of the codes on a slice that lie where the response map contracts.

    Negative divergence indicates the learned manifold; a model whose codes lie on it has a fraction near 1. But the
    fraction is also high for a collapsed model that maps every code to the same point.

    Args:
        result: Response map.
        histogram: Histogram of codes on the same nodes.

    Returns:
        Scalar float64 in ``[0, 1]``, over the codes inside the cells; higher is better. NaN with a warning if there are
        none or the divergence is not finite.

    Raises:
        ValueError: If ``result`` and ``histogram`` have different windows or numbers of nodes.
    """
    if result.window != histogram.window or result.divergence.shape != histogram.counts.shape:
        raise ValueError(
            f"result and histogram must have the same window and number of nodes, got {result.window} with "
            f"{len(result.divergence)} and {histogram.window} with {len(histogram.counts)}"
        )
    total = histogram.counts.sum()
    undefined = "no code lies in the window" if not total else "the divergence is not finite"
    if not total or not result.divergence.isfinite().all():
        warnings.warn(f"contracting_share is undefined: {undefined}", stacklevel=2)
        return torch.tensor(torch.nan, dtype=torch.float64)
    return histogram.counts[result.divergence < 0].sum() / total
