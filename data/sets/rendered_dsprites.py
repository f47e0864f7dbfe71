"""Rendered twin of dSprites: the same factors in the same order, drawn instead of downloaded."""

from typing import Self

import torch
from torch import Tensor

from lr_lightning.data.data_set_record import DataSetRecord
from lr_lightning.data.dataset import FactorDataset
from lr_lightning.data.drawing.dsprites_outlines import (
    MAX_CROSSINGS,
    SIZE,
    glyph_outlines,
    outline_crossings,
    pixel_offsets,
)
from lr_lightning.data.sets.dsprites import DSPRITES_FACTORS

_, _, _SCALES, _ORIENTATIONS, _POSITIONS, _ = DSPRITES_FACTORS.values


def _crossing_table(offsets: Tensor) -> Tensor:
    """Tabulate how many of the sorted pixel offsets lie left of each crossing.

    Args:
        offsets: Distances of pixel centres from the shape's centre, ``(positions, SIZE)`` float64.

    Returns:
        ``(glyphs, positions, SIZE, MAX_CROSSINGS)`` int16 for shape, scale, orientation; posY; row. Zero, left of
        every pixel, stands for no crossing.
    """
    heights, pixel = offsets.flatten().sort()  # every row of every posY, and its number in ``offsets``
    rows, ranks, num_glyphs = [], [], 0
    for outlines in glyph_outlines(_SCALES, _ORIENTATIONS):
        glyph, line, x = outline_crossings(outlines, heights)
        rows.append((num_glyphs + glyph) * len(heights) + pixel[line])
        ranks.append(torch.searchsorted(heights, x))
        num_glyphs += len(outlines)
    row, order = torch.cat(rows).sort()
    slot = torch.arange(len(row)) - torch.searchsorted(row, row)  # 0, 1, .. among the crossings of one row
    table = torch.zeros(num_glyphs * len(heights), MAX_CROSSINGS, dtype=torch.int16)
    table[row, slot] = torch.cat(ranks)[order].short()
    return table.view(num_glyphs, *offsets.shape, MAX_CROSSINGS)


class RenderedDSprites(FactorDataset):
    """The 737,280 images of dSprites, drawn from their factors.

    A pixel is white where its centre lies inside the outline, by the even-odd rule. The outlines were fitted to
    320 frames of the original set, of which 230 come out identical and the others differ by 4 pixels at most.
    Construction tabulates the crossings of outlines and pixel rows (12 MB, well under a second); a batch is then one
    gather and four comparisons of small integers, the same on every device.

    Images are ``(1, 64, 64)`` uint8 in the display range {0, 255}, where the public file stores {0, 1}.

    Attributes:
        renderer_version: Raised whenever an image changes, to be recorded with results.

    References:
        Matthey, Higgins, Hassabis and Lerchner, dSprites: Disentanglement testing Sprites dataset, 2017,
        https://github.com/google-deepmind/dsprites-dataset.

    Example:
        >>> dataset = RenderedDSprites()
        >>> dataset.images(torch.tensor([0, 1])).shape
        torch.Size([2, 1, 64, 64])
    """

    records = (
        DataSetRecord(
            name="rendered_dsprites",
            title="dSprites, drawn anew: no file needed, but not the published images",
            num_samples=len(DSPRITES_FACTORS),
            image_shape=(1, SIZE, SIZE),
            factor_space=DSPRITES_FACTORS,
            license="MIT",
            bits_per_value=0,
            rendered_path="rendered_dsprites.h5",
            twin="dsprites",
        ),
    )
    name = "rendered_dsprites"
    factor_space = DSPRITES_FACTORS
    full_grid = True
    image_shape: tuple[int, ...] = (1, SIZE, SIZE)
    renderer_version: int = 1

    def __init__(self) -> None:
        offsets = pixel_offsets(_POSITIONS)
        self._crossings = _crossing_table(offsets)
        # Ranks decide as the float64 offsets would: x < crossing exactly if rank(x) < rank(crossing).
        self._columns = torch.searchsorted(offsets.flatten().sort().values, offsets).short()  # (positions, SIZE)

    def __len__(self) -> int:
        return len(self.factor_space)

    def images(self, indices: Tensor) -> Tensor:
        """Draw images ``(N, 1, 64, 64)`` uint8 in {0, 255} of ``indices`` (N,), on the set's device.

        Raises:
            IndexError: If an index lies outside ``[0, len(self))``.
        """
        _, shape, scale, orientation, pos_x, pos_y = self.factors(indices).unbind(1)
        glyph = (shape * self.factor_space.sizes[2] + scale) * self.factor_space.sizes[3] + orientation
        columns = self._columns[pos_x][:, None, :]  # (N, 1, W)
        crossings = self._crossings[glyph, pos_y][..., None]  # (N, H, crossings, 1)
        inside = columns < crossings[:, :, 0]  # (N, H, W)
        for k in range(1, MAX_CROSSINGS):
            inside ^= columns < crossings[:, :, k]
        return inside.to(torch.uint8).mul_(255)[:, None]

    def factors(self, indices: Tensor) -> Tensor:
        """Return factor values ``(N, 6)`` int64 of ``indices`` (N,), on the set's device.

        Raises:
            IndexError: If an index lies outside ``[0, len(self))``.
        """
        return self.factor_space.factors(indices).to(self._crossings.device)

    def to(self, device: torch.device | str) -> Self:
        """Move the tables to ``device``, where batches are then drawn; return ``self``."""
        self._crossings, self._columns = self._crossings.to(device), self._columns.to(device)
        return self
