"""Points on intertwined helices: a small data set on a known manifold."""

from math import pi

import torch

from lr_lightning.common.checks import check_at_least
from lr_lightning.data.data_set_record import DataSetRecord
from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.storage.tensor_dataset import TensorFactorDataset


class DoubleHelix(TensorFactorDataset):
    r"""Noisy points on helices in three dimensions, generated from a seed.

    .. math:: x = (R_x \cos\theta, R_y \sin\theta, R_z \zeta) + \sigma \epsilon, \quad
              \theta = \pi (w \zeta + 2 n / \mathrm{strands})

    with height :math:`\zeta \sim U[-1, 1)`, strand :math:`n` uniform over the strands and
    :math:`\epsilon \sim N(0, I)`. Observations are float32 ``(3,)``, not images. The strand is the only discrete
    factor; height and angle are attributes, in the order of the samples.

    Args:
        num_samples: Number of points ``N``.
        strands: Number of helices.
        width: Half turns of a helix from its middle to either end, :math:`w`.
        radii: :math:`(R_x, R_y, R_z)`.
        noise: Standard deviation :math:`\sigma` of the noise.
        seed: Random seed; the global generator is not used.

    Attributes:
        height: :math:`\zeta`, ``(N,)`` float32 in ``[-1, 1)``; stays on the CPU.
        angle: :math:`\theta`, ``(N,)`` float32 in radians, not wrapped; stays on the CPU.

    Raises:
        ValueError: If ``num_samples`` or ``strands`` is below 1, ``noise`` is negative, or there are not three radii.
    """

    records = (
        DataSetRecord(
            name="double_helix",
            title="Points on two intertwined helices, generated from a seed",
            num_samples=1024,
            image_shape=(3,),
            factor_space=FactorSpace(["strand"], [2]),
            license="MIT",
            bits_per_value=32,
        ),
    )

    def __init__(
        self,
        num_samples: int = 1024,
        strands: int = 2,
        width: float = 1.0,
        radii: tuple[float, float, float] = (1.0, 1.0, 1.0),
        noise: float = 0.1,
        seed: int = 0,
    ) -> None:
        check_at_least("num_samples", num_samples, 1)
        check_at_least("strands", strands, 1)
        check_at_least("noise", noise, 0)
        if len(radii) != 3:
            raise ValueError(f"radii must be three numbers, got {radii}")
        generator = torch.Generator().manual_seed(seed)
        self.height = torch.rand(num_samples, generator=generator) * 2 - 1
        strand = torch.randint(strands, (num_samples,), generator=generator)
        self.angle = pi * (width * self.height + 2 * strand / strands)
        points = torch.stack([self.angle.cos(), self.angle.sin(), self.height], dim=1) * torch.tensor(radii)  # (N, 3)
        points += noise * torch.randn(num_samples, 3, generator=generator)
        super().__init__("double_helix", points, strand[:, None], FactorSpace(["strand"], [strands]))
