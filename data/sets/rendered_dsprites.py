"""Rendered counterpart of dSprites: the same factors in the same order, drawn instead of downloaded."""

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
    """Tabulate the number of sorted pixel offsets to the left of each crossing, called its rank.

    Args:
        offsets: Distances of pixel centers from the shape's center, ``(positions, SIZE)`` float64.

    Returns:
        ``(glyphs, positions, SIZE, MAX_CROSSINGS)`` int16, indexed by glyph (shape, scale and orientation), posY and
        row. Unused slots contain zero, a rank to the left of every pixel.
    """
    heights, pixel = offsets.flatten().sort()  # every row for every posY, and its flat index in ``offsets``
    rows, ranks, num_glyphs = [], [], 0
    for outlines in glyph_outlines(_SCALES, _ORIENTATIONS):
        glyph, line, x = outline_crossings(outlines, heights)
        rows.append((num_glyphs + glyph) * len(heights) + pixel[line])
        ranks.append(torch.searchsorted(heights, x))
        num_glyphs += len(outlines)
    row, order = torch.cat(rows).sort()
    # ``row`` is sorted, so searchsorted finds where each run of equal rows starts: slots count 0, 1, ... within a row.
    slot = torch.arange(len(row)) - torch.searchsorted(row, row)
    table = torch.zeros(num_glyphs * len(heights), MAX_CROSSINGS, dtype=torch.int16)
    table[row, slot] = torch.cat(ranks)[order].short()
    return table.view(num_glyphs, *offsets.shape, MAX_CROSSINGS)


class RenderedDSprites(FactorDataset):
    """The 737,280 images of dSprites, drawn from their factors.

    A pixel is white if its center lies inside the outline, by the even-odd rule. The outlines were fitted to 320 images
    of the original set; 230 of them are reproduced exactly, and the others differ by at most 4 pixels. The constructor
    tabulates the crossings of outlines and pixel rows (12 MB, well under a second); a batch is then one gather and four
    comparisons of small integers, with the same result on every device.

    Images are ``(1, 64, 64)`` uint8 in {0, 255}; the public file stores {0, 1}.

    Attributes:
        renderer_version: Incremented whenever an image changes, and recorded with results.

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
        # Comparing integer ranks is the same as comparing float64 offsets: x < crossing iff rank(x) < rank(crossing).
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
        for k in range(1, MAX_CROSSINGS):  # even-odd rule: inside if an odd number of crossings is to the right
            inside ^= columns < crossings[:, :, k]
        return inside.to(torch.uint8).mul_(255)[:, None]

    def factors(self, indices: Tensor) -> Tensor:
        """Return factor values ``(N, 6)`` int64 of ``indices`` (N,), on the set's device.

        Raises:
            IndexError: If an index lies outside ``[0, len(self))``.
        """
        return self.factor_space.factors(indices).to(self._crossings.device)

    def to(self, device: torch.device | str) -> Self:
        """Move the tables to ``device``, so that batches are drawn there; return ``self``."""
        self._crossings, self._columns = self._crossings.to(device), self._columns.to(device)
        return self
