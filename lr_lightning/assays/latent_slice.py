"""A square window over two latents, and what decoding shows in it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_codes
from lr_lightning.assays.decoding import decode_codes
from lr_lightning.assays.protocol import Autoencoder


@dataclass(frozen=True)
class LatentSlice:
    r"""The square of side ``2 * radius`` around ``center`` in the plane of two latents.

    Cut into ``n`` by ``n`` nodes it has the spacing ``2 * radius / (n - 1)``; each node is the middle of a square cell
    of that side, so that the cells reach half a spacing beyond the window.

    Attributes:
        latents: The two latents, first the one of rows.
        radius: Half of the side, in latent units. 2 suits codes with a standard normal prior; see :meth:`around`.
        center: Middle of the window, in latent units.

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
        if not 0 < self.radius < torch.inf:
            raise ValueError(f"radius must be positive, got {self.radius}")
        if len(self.center) != 2 or not torch.tensor(self.center).isfinite().all():
            raise ValueError(f"center must be two finite values, got {self.center}")

    @classmethod
    def around(cls, codes: Tensor, latents: tuple[int, int], width: float = 2.0) -> "LatentSlice":
        """Return the window around the mean of codes, ``width`` standard deviations of the wider latent in each way.

        If neither varies (both are collapsed), the standard deviation is taken to be that of the prior, 1.

        Args:
            codes: Posterior means, shape ``(N, D)``.
            latents: The two latents.
            width: Half of the side in standard deviations.

        Raises:
            ValueError: If ``codes`` is no finite matrix, there are no such latents or ``width`` is not positive.
        """
        chosen = _pick(check_codes("codes", codes, None), latents).double()
        std, mean = torch.std_mean(chosen, dim=0, correction=0)
        first, second = mean.tolist()
        return cls(latents, width * (float(std.max()) or 1.0), (first, second))

    def spacing(self, num_steps: int) -> float:
        """Return the distance between neighbouring nodes, in latent units.

        Raises:
            ValueError: If ``num_steps`` is below 2.
        """
        if num_steps < 2:
            raise ValueError(f"num_steps must be at least 2, got {num_steps}")
        return 2 * self.radius / (num_steps - 1)

    def values(self, num_steps: int) -> Tensor:
        """Return the values of both latents at the nodes, ``(2, n)`` float64 on the CPU.

        Raises:
            ValueError: If ``num_steps`` is below 2.
        """
        self.spacing(num_steps)  # raises
        steps = torch.linspace(-self.radius, self.radius, num_steps, dtype=torch.float64)
        return torch.tensor(self.center, dtype=torch.float64)[:, None] + steps

    def codes(self, base: Tensor, num_steps: int) -> Tensor:
        """Return the codes of all nodes, ``(n, n, D)`` in the dtype and on the device of ``base``.

        Entry ``[i, j]`` has the ``i``-th value of the first latent and the ``j``-th of the second.

        Args:
            base: Code at which the other latents stand, shape ``(D,)``; not written to.
            num_steps: Number of nodes ``n`` along each latent.

        Raises:
            ValueError: If ``base`` is not one code, lacks a latent, or ``num_steps`` is below 2.
        """
        if base.ndim != 1:
            raise ValueError(f"base must be one code of shape (D,), got {tuple(base.shape)}")
        _pick(base[None], self.latents)
        nodes = torch.stack(torch.meshgrid(*self.values(num_steps), indexing="ij"), dim=-1)
        codes = base.repeat(num_steps, num_steps, 1)
        codes[..., list(self.latents)] = nodes.to(codes)
        return codes

    def prior_mass(self, num_steps: int) -> Tensor:
        """Return the mass ``(n, n)`` float64 that the standard normal prior of the two latents has in each cell."""
        values, half = self.values(num_steps), self.spacing(num_steps) / 2
        outer = values.abs() / 2**0.5  # in the upper tail, which does not round to 1
        mass = (torch.erfc(outer - half / 2**0.5) - torch.erfc(outer + half / 2**0.5)) / 2
        return mass[0, :, None] * mass[1]


@dataclass(frozen=True, eq=False)
class DecodedSlice:
    """Decoded observations of a slice; made by :func:`decode_slice`.

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
        autoencoder: Model under study; left as it was, see :func:`assay_mode`.
        base: Code at which the other latents stand, shape ``(D,)``; not written to.
        window: The slice.
        num_steps: Number of observations ``n`` along each latent, at least 2; few, to be looked at.
        chunk_size: Codes per pass; 1024, or 32 on a CPU, if ``None``.

    Raises:
        TypeError: If ``autoencoder`` or ``base`` is of another kind.
        ValueError: If ``base`` has another shape or is not finite, there are no such latents, ``num_steps < 2`` or
            ``chunk_size < 1``.
    """
    if not isinstance(base, Tensor):
        raise TypeError(f"base must be a torch.Tensor, got {type(base).__name__}")
    codes = window.codes(base.detach(), num_steps)
    decoded = decode_codes(autoencoder, codes.flatten(0, 1), chunk_size=chunk_size)
    return DecodedSlice(window, decoded.view(num_steps, num_steps, *decoded.shape[1:]))


def _pick(codes: Tensor, latents: tuple[int, int]) -> Tensor:
    """Return two columns of ``codes`` (N, D), or say that they are not there."""
    if not all(0 <= latent < codes.shape[1] for latent in latents):
        raise ValueError(f"latents must be two of 0..{codes.shape[1] - 1}, got {latents}")
    return codes[:, list(latents)]
