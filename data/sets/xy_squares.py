"""XYSquares: squares on a grid, drawn on demand."""

from typing import Self

import torch
from torch import Tensor

from lr_lightning.common.checks import check_at_least
from lr_lightning.data.data_set_record import DataSetRecord
from lr_lightning.data.dataset import FactorDataset
from lr_lightning.data.factor_space import FactorSpace

_NAMES = ("x_R", "y_R", "x_G", "y_G", "x_B", "y_B")


def _positions(square_size: int, image_size: int, grid_size: int | None, grid_spacing: int) -> list[int]:
    """Return the first pixel of a square at each position of the grid, which is centered in the image."""
    most = (image_size - square_size) // grid_spacing + 1
    if grid_size is not None and grid_size > most:
        raise ValueError(f"grid_size must be at most {most}, the number of positions in the image, got {grid_size}")
    number = most if grid_size is None else grid_size
    offset = (image_size - square_size - (number - 1) * grid_spacing) // 2
    return [offset + grid_spacing * position for position in range(number)]


class XYSquares(FactorDataset):
    """A red, a green and a blue square, each anywhere on a grid: 8⁶ images ``(3, 64, 64)`` uint8 in {0, 255}.

    The factors are the horizontal and vertical positions of the squares, ``x_R``, ``y_R``, ``x_G``, ``y_G``, ``x_B``
    and ``y_B``; their values are the first pixels of a square. With the default spacing, squares at different positions
    never overlap. So any move of a square changes the reconstruction error by the same amount, and the loss contains no
    information about which positions are neighbors. With a spacing below ``square_size``, neighbors overlap.

    Images, their order, the parameters and their defaults are the same as in ``XYSquaresData`` of disent.

    Args:
        square_size: Width and height of a square, in pixels.
        image_size: Width and height of the image, in pixels.
        grid_size: Number of positions along each axis; as many as fit by default.
        grid_spacing: Distance between neighboring positions, in pixels; ``square_size`` by default.
        num_squares: Number of squares, 1 to 3.
        rgb: Whether each square has a separate channel. Otherwise images have one channel, in which squares may hide
            each other.
        fill_value: Value of the squares, 1 to 255; the background is 0.

    Raises:
        ValueError: If an argument is out of range, or the squares or the grid do not fit into the image.

    References:
        Michlo, Klein and James, Overlooked Implications of the Reconstruction Loss for VAE Disentanglement, IJCAI 2023,
        arXiv:2202.13341; https://github.com/nmichlo/disent.

    Example:
        >>> dataset = XYSquares()
        >>> dataset.images(torch.tensor([0, 262_143])).sum(dim=(2, 3)) // 255
        tensor([[64, 64, 64],
                [64, 64, 64]])
        >>> dataset.images(torch.tensor([262_143]))[0, 0].nonzero()[0]
        tensor([56, 56])
    """

    records = (
        DataSetRecord(
            name="xy_squares",
            title="Three squares on a grid, drawn on demand",
            num_samples=8**6,
            image_shape=(3, 64, 64),
            factor_space=FactorSpace(_NAMES, [8] * 6, [range(0, 64, 8)] * 6),
            license="MIT",
            bits_per_value=0,
        ),
    )
    name = "xy_squares"
    full_grid = True

    def __init__(
        self,
        square_size: int = 8,
        image_size: int = 64,
        grid_size: int | None = None,
        grid_spacing: int | None = None,
        num_squares: int = 3,
        rgb: bool = True,
        fill_value: int = 255,
    ) -> None:
        spacing = square_size if grid_spacing is None else grid_spacing
        grid = 1 if grid_size is None else grid_size
        for name, number in (("square_size", square_size), ("grid_spacing", spacing), ("grid_size", grid)):
            check_at_least(name, number, 1)
        check_at_least("image_size", image_size, square_size)
        for name, number, most in (("num_squares", num_squares, 3), ("fill_value", fill_value, 255)):
            if not 1 <= number <= most:
                raise ValueError(f"{name} must be in [1, {most}], got {number}")
        positions = _positions(square_size, image_size, grid_size, spacing)
        names = _NAMES[: 2 * num_squares]
        self.factor_space = FactorSpace(names, [len(positions)] * len(names), [positions] * len(names))
        self.image_shape: tuple[int, ...] = (3 if rgb else 1, image_size, image_size)
        self._rgb, self._fill_value = rgb, fill_value
        pixels = torch.arange(image_size)
        starts = torch.tensor(positions)[:, None]
        self._covered = (pixels >= starts) & (pixels < starts + square_size)  # (positions, pixels)

    def __len__(self) -> int:
        return len(self.factor_space)

    def images(self, indices: Tensor) -> Tensor:
        """Draw images ``(N, C, H, W)`` uint8 of ``indices`` (N,), on the device of the set.

        Raises:
            IndexError: If an index lies outside ``[0, len(self))``.
        """
        factors = self.factors(indices)
        columns, rows = self._covered[factors[:, ::2]], self._covered[factors[:, 1::2]]  # (N, squares, pixels)
        squares = rows[..., :, None] & columns[..., None, :]
        if not self._rgb:
            squares = squares.any(dim=1, keepdim=True)
        images = torch.zeros(len(indices), *self.image_shape, dtype=torch.uint8, device=squares.device)
        images[:, : squares.shape[1]] = squares.to(torch.uint8) * self._fill_value
        return images

    def factors(self, indices: Tensor) -> Tensor:
        """Return factor values ``(N, K)`` int64 of ``indices`` (N,), on the device of the set.

        Raises:
            IndexError: If an index lies outside ``[0, len(self))``.
        """
        return self.factor_space.factors(indices).to(self._covered.device)

    def to(self, device: torch.device | str) -> Self:
        """Draw later batches on ``device``; return ``self``."""
        self._covered = self._covered.to(device)
        return self
