"""A square window in the plane of two latents, and its decoded observations."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_code, check_codes, check_latent_pair
from lr_lightning.assays.decoding import decode_codes
from lr_lightning.assays.protocol import Autoencoder
from lr_lightning.common.checks import check_at_least, check_positive
from lr_lightning.common.printed_result import PrintedResult


@dataclass(frozen=True)
class LatentSlice:
    r"""The square of side ``2 * radius`` around ``center`` in the plane of two latents.

    A grid of ``n`` by ``n`` nodes on it has spacing ``2 * radius / (n - 1)``. Each node is the center of a square cell
    of that side, so the outer cells extend half a spacing beyond the window.

    Attributes:
        latents: The two latents; the first one varies along the rows.
        radius: Half the side, in latent units. 2 suits codes with a standard normal prior; see :meth:`around`.
        center: Center of the window, in latent units.

    Raises:
        ValueError: If the latents are not two different ones, ``radius`` is not positive or ``center`` is not finite.

    Example:
        >>> LatentSlice((0, 3)).values(5)[1]
        tensor([-2., -1.,  0.,  1.,  2.], dtype=torch.float64)
    """

    latents: tuple[int, int]
    radius: float = 2.0
    center: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        if len(self.latents) != 2 or self.latents[0] == self.latents[1] or min(self.latents) < 0:
            raise ValueError(f"latents must be two different ones, counted from 0, got {self.latents}")
        check_positive("radius", self.radius)
        if len(self.center) != 2 or not torch.tensor(self.center).isfinite().all():
            raise ValueError(f"center must be two finite values, got {self.center}")

    @classmethod
    def around(cls, codes: Tensor, latents: tuple[int, int], width: float = 2.0) -> "LatentSlice":
        """Return the window around the mean of codes that extends ``width`` standard deviations in each direction.

        The standard deviation is the larger one of the two latents. If both are constant (collapsed), it is taken to be
        1, that of the prior.

        Args:
            codes: Posterior means, shape ``(N, D)``.
            latents: The two latents.
            width: Half the side in standard deviations.

        Raises:
            ValueError: If ``codes`` is not a finite matrix, a latent does not exist or ``width`` is not positive.
        """
        codes = check_codes("codes", codes, None)
        check_latent_pair(latents, codes.shape[1])
        chosen = codes[:, list(latents)].double()
        std, mean = torch.std_mean(chosen, dim=0, correction=0)
        first, second = mean.tolist()
        return cls(latents, width * (float(std.max()) or 1.0), (first, second))

    def spacing(self, num_steps: int) -> float:
        """Return the distance between adjacent nodes, in latent units.

        Raises:
            ValueError: If ``num_steps`` is below 2.
        """
        check_at_least("num_steps", num_steps, 2)
        return 2 * self.radius / (num_steps - 1)

    def values(self, num_steps: int) -> Tensor:
        """Return the values of both latents at the nodes, ``(2, n)`` float64 on the CPU.

        Raises:
            ValueError: If ``num_steps`` is below 2.
        """
        check_at_least("num_steps", num_steps, 2)
        steps = torch.linspace(-self.radius, self.radius, num_steps, dtype=torch.float64)
        return torch.tensor(self.center, dtype=torch.float64)[:, None] + steps

    def codes(self, base: Tensor, num_steps: int) -> Tensor:
        """Return the codes of all nodes, ``(n, n, D)`` in the dtype and on the device of ``base``.

        Entry ``[i, j]`` has the ``i``-th value of the first latent and the ``j``-th of the second.

        Args:
            base: Code that provides the other latents, shape ``(D,)``; not modified.
            num_steps: Number of nodes ``n`` along each latent.

        Raises:
            TypeError: If ``base`` is not a tensor.
            ValueError: If ``base`` is not a single finite code, lacks a latent, or ``num_steps`` is below 2.
        """
        base = check_code("base", base)
        check_latent_pair(self.latents, len(base))
        nodes = torch.stack(torch.meshgrid(*self.values(num_steps), indexing="ij"), dim=-1)
        codes = base.repeat(num_steps, num_steps, 1)
        codes[..., list(self.latents)] = nodes.to(codes)
        return codes

    def prior_mass(self, num_steps: int) -> Tensor:
        """Return the probability ``(n, n)`` float64 of each cell under the standard normal prior of the two latents."""
        values, half = self.values(num_steps), self.spacing(num_steps) / 2
        # By symmetry, take all cells to the upper tail: there erfc tends to 0 and keeps its digits, while in the lower
        # tail it rounds to 2 and differences vanish.
        outer = values.abs() / 2**0.5
        mass = (torch.erfc(outer - half / 2**0.5) - torch.erfc(outer + half / 2**0.5)) / 2
        return mass[0, :, None] * mass[1]


@dataclass(frozen=True, eq=False, repr=False)
class DecodedSlice(PrintedResult):
    """Decoded observations of a slice, as returned by :func:`decode_slice`.

    Attributes:
        window: The slice.
        observations: ``(n, n, C, H, W)``, or ``(n, n, P)`` for points, float in data range, on the CPU: rows for the
            first latent.
    """

    window: LatentSlice
    observations: Tensor


def decode_slice(
    autoencoder: Autoencoder,
    base: Tensor,
    window: LatentSlice,
    *,
    num_steps: int = 9,
    chunk_size: int | None = None,
) -> DecodedSlice:
    """Decode a grid of codes on a slice.

    Args:
        autoencoder: Model to probe; left unchanged, see :func:`assay_mode`.
        base: Code that provides the other latents, shape ``(D,)``; not modified.
        window: The slice.
        num_steps: Number of observations ``n`` along each latent, at least 2; choose a small number for figures.
        chunk_size: Codes per pass; 1024, or 32 on a CPU, if ``None``, fewer for large images.

    Raises:
        TypeError: If ``autoencoder`` is not an :class:`Autoencoder` or ``base`` is not a tensor.
        ValueError: If ``base`` has the wrong shape or is not finite, a latent does not exist, ``num_steps < 2`` or
            ``chunk_size < 1``.
    """
    codes = window.codes(base, num_steps)
    decoded = decode_codes(autoencoder, codes.flatten(0, 1), chunk_size=chunk_size)
    return DecodedSlice(window, decoded.view(num_steps, num_steps, *decoded.shape[1:]))
