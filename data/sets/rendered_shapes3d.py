"""Rendered counterpart of 3DShapes: the same factors in the same order, drawn instead of downloaded."""

from collections.abc import Iterator
from colorsys import hsv_to_rgb
from contextlib import contextmanager
from itertools import product
from typing import Self

import torch
from torch import Tensor

from lr_lightning.data.data_set_record import DataSetRecord
from lr_lightning.data.dataset import FactorDataset
from lr_lightning.data.drawing.shapes3d_geometry import Regions, touched_pixels, trace, trace_empty
from lr_lightning.data.drawing.shapes3d_scene import SIZE, build_room
from lr_lightning.data.drawing.shapes3d_solids import SOLIDS
from lr_lightning.data.sets.shapes3d import SHAPES3D_FACTORS

# Hues are fully saturated and a tenth of the circle apart, so each color channel has one of six levels, 0/5 to 5/5. A
# channel of an image is the sum of sky, floor, wall and object, each tabulated per geometry for every level of its hue.
_NUM_LEVELS = 6
_SKY_ROW, _FLOOR_ROW, _WALL_ROW, _OBJECT_ROW = 0, 3, 3 + _NUM_LEVELS, 3 + 2 * _NUM_LEVELS
_NUM_ROWS = 3 + 3 * _NUM_LEVELS
_SKY = (153 / 255, 226 / 255, 249 / 255)
_FRACTION_BITS = 7  # fixed-point fraction bits, the most for which 255 fits into int16


def _hue_levels() -> Tensor:
    """Return the red, green and blue levels of the ten hues, ``(10, 3)`` int64."""
    hues = SHAPES3D_FACTORS.values[0]
    return torch.tensor([[round((_NUM_LEVELS - 1) * channel) for channel in hsv_to_rgb(hue, 1, 1)] for hue in hues])


def _table_rows(regions: Regions) -> Tensor:
    """Tabulate a geometry in fixed-point numbers.

    Returns:
        ``(_NUM_ROWS, H, W)`` int16: the sky in red, green and blue, then floor, wall and object at every level.
    """
    level = torch.linspace(0, 1, _NUM_LEVELS)[:, None, None]
    sky_cover, sunny_cover, shadow_cover, wall_cover, object_cover = regions.cover  # (H, W) each
    sunny, shadow, wall, solid = regions.light
    half = 0.5 / 255  # added once, so that truncating the sum rounds it
    rows = [
        torch.tensor(_SKY)[:, None, None] * sky_cover + half,
        # cover * min(level * factor, 1): a surface cannot be brighter than white
        torch.minimum(level * sunny, sunny_cover) + torch.minimum(level * shadow, shadow_cover),
        torch.minimum(level * wall, wall_cover),
        torch.minimum(level * solid + regions.highlight, object_cover),
    ]
    return torch.cat(rows).mul_(255 << _FRACTION_BITS).round_().short()


@contextmanager
def _one_thread() -> Iterator[None]:
    """Run torch in one thread: thousands of short operations would mostly wait for other threads on a busy machine."""
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(num_threads)


@_one_thread()
def _build_table() -> Tensor:
    """Tabulate all geometries: ``(scales * shapes * orientations * _NUM_ROWS, SIZE * SIZE)`` int16."""
    *_, scales, shapes, azimuths = SHAPES3D_FACTORS.values
    table = torch.empty(len(scales), len(shapes), len(azimuths), _NUM_ROWS, SIZE, SIZE, dtype=torch.int16)
    for k, azimuth in enumerate(azimuths):
        room = build_room(azimuth)
        table[:, :, k] = _table_rows(trace_empty(room))
        for (i, scale), (j, solid) in product(enumerate(scales), enumerate(SOLIDS)):
            size = solid.size * scale
            rows, columns = touched_pixels(room.camera, solid, size)
            table[i, j, k, :, rows, columns] = _table_rows(trace(room.crop(rows, columns), solid, size))
    return table.view(-1, SIZE * SIZE)


class RenderedShapes3D(FactorDataset):
    """The 480,000 images of 3DShapes, drawn from their factors.

    The scene was fitted to 156 original images, with a mean squared error of 0.00038 (pixels in [0, 1]). The remaining
    differences are edges, a fine wall texture and the facets of the original round solids. The constructor casts 4 x 4
    rays per pixel for each of the 480 geometries (about 1 s, 83 MB); each channel of an image is then the sum of four
    rows of an integer table, with the same result on every device.

    Images are ``(3, 64, 64)`` uint8 RGB.

    Attributes:
        renderer_version: Incremented whenever an image changes, and recorded with results.

    References:
        Burgess and Kim, 3D Shapes Dataset, 2018, https://github.com/google-deepmind/3d-shapes.

    Example:
        >>> dataset = RenderedShapes3D()
        >>> dataset.images(torch.tensor([0, 479_999])).shape
        torch.Size([2, 3, 64, 64])
    """

    records = (
        DataSetRecord(
            name="rendered_shapes3d",
            title="3DShapes, rendered anew: no file needed, but not the published images",
            num_samples=len(SHAPES3D_FACTORS),
            image_shape=(3, SIZE, SIZE),
            factor_space=SHAPES3D_FACTORS,
            license="MIT",
            bits_per_value=0,
            rendered_path="rendered_3dshapes.h5",
            twin="shapes3d",
        ),
    )
    name = "rendered_shapes3d"
    factor_space = SHAPES3D_FACTORS
    full_grid = True
    image_shape: tuple[int, ...] = (3, SIZE, SIZE)
    renderer_version: int = 1

    def __init__(self) -> None:
        self._table = _build_table()
        self._levels = _hue_levels()

    def __len__(self) -> int:
        return len(self.factor_space)

    def images(self, indices: Tensor) -> Tensor:
        """Draw images ``(N, 3, 64, 64)`` uint8 of ``indices`` (N,), on the set's device.

        Raises:
            IndexError: If an index lies outside ``[0, len(self))``.
        """
        factors = self.factors(indices)
        _, _, _, scale, shape, orientation = factors.unbind(1)
        _, _, _, _, num_shapes, num_orientations = self.factor_space.sizes
        geometry = (scale * num_shapes + shape) * num_orientations + orientation
        row = _NUM_ROWS * geometry[:, None]  # (N, 1)
        floor, wall, solid = self._levels[factors[:, :3]].unbind(1)  # (N, 3) each
        channel = torch.arange(3, device=row.device)
        # index_select copies whole rows, four times as fast as indexing with []
        pixels = self._table.index_select(0, (row + _SKY_ROW + channel).flatten())  # (N * 3, H * W)
        for start, level in ((_FLOOR_ROW, floor), (_WALL_ROW, wall), (_OBJECT_ROW, solid)):
            pixels += self._table.index_select(0, (row + start + level).flatten())
        return pixels.bitwise_right_shift_(_FRACTION_BITS).to(torch.uint8).view(-1, *self.image_shape)

    def factors(self, indices: Tensor) -> Tensor:
        """Return factor values ``(N, 6)`` int64 of ``indices`` (N,), on the set's device.

        Raises:
            IndexError: If an index lies outside ``[0, len(self))``.
        """
        return self.factor_space.factors(indices).to(self._table.device)

    def to(self, device: torch.device | str) -> Self:
        """Move the table to ``device``, so that batches are drawn there; return ``self``."""
        self._table, self._levels = self._table.to(device), self._levels.to(device)
        return self
