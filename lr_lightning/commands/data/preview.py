"""``lr-lightning data preview``: a figure of the effect of each factor."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from lr_lightning.data.dataset import FactorDataset
from lr_lightning.data.preview_rows import preview_rows, samples_of_values

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lr_lightning.plots import ImageRow

_SUFFIXES = (".png", ".pdf", ".svg")
_MOST_POINTS = 4000
_MOST_ROWS = 6  # of random images


def write_preview(dataset: FactorDataset, out: Path, num_columns: int, seed: int) -> None:
    """Draw a data set and write the figure.

    Each row varies one factor, starting from one random image. If the only factor is a label, each row shows samples of
    one label; without factors, all rows show random images. Points in two or three dimensions are drawn as scatter
    plots, colored by each factor.

    Args:
        dataset: Images with 1 or 3 channels, or points.
        out: File to write, ``.png``, ``.pdf`` or ``.svg``; an existing file is replaced.
        num_columns: Maximum number of images in a row.
        seed: Seed that selects the images.

    Raises:
        ValueError: If the observations are neither images nor points, ``num_columns`` is below 2, or ``out`` has
            another suffix.
    """
    from lr_lightning.common.files import write_atomically

    check_suffix(out)
    if num_columns < 2:
        raise ValueError(f"--num-columns must be at least 2, got {num_columns}")
    figure = _draw(dataset, num_columns, torch.Generator().manual_seed(seed))
    write_atomically(out, lambda file: figure.savefig(file, format=out.suffix[1:]))


def check_suffix(out: Path) -> None:
    """Raise ``ValueError`` unless ``out`` ends in a known format of figures."""
    if out.suffix not in _SUFFIXES:
        raise ValueError(f"{out} must end in one of {', '.join(_SUFFIXES)}")


def _draw(dataset: FactorDataset, num_columns: int, generator: torch.Generator) -> "Figure":
    from lr_lightning.plots import factor_scatter_figure, image_rows_figure

    space, values = dataset.factor_space, dataset.factor_space.value_labels
    title = f"{dataset.name}: {len(dataset):,} observations"
    if len(dataset.image_shape) == 1 and dataset.image_shape[0] in (2, 3):
        chosen = torch.randperm(len(dataset), generator=generator)[:_MOST_POINTS]
        factors, names = dataset.factors(chosen), space.names
        if not names:
            factors, names, values = torch.zeros(len(chosen), 1, dtype=torch.int64), ("factors",), [["none"]]
        return factor_scatter_figure(dataset.images(chosen), factors, names, values, title=title)
    if len(dataset.image_shape) != 3 or dataset.image_shape[0] not in (1, 3):
        raise ValueError(
            f"{dataset.name} has observations {tuple(dataset.image_shape)}; a preview shows images (1, H, W) or "
            "(3, H, W), or points (2,) or (3,)"
        )
    if not space.names:
        return image_rows_figure(_random_rows(dataset, num_columns, generator), title=title)
    label_only = not dataset.full_grid and space.num_factors == 1
    rows = (_sample_rows if label_only else _traversal_rows)(dataset, values, num_columns, generator)
    near = "" if label_only or dataset.full_grid else ", other factors as similar as available"
    return image_rows_figure(rows, title=f"{title}{near}")


def _traversal_rows(
    dataset: FactorDataset, values: Sequence[Sequence[str]], num_columns: int, generator: torch.Generator
) -> "list[ImageRow]":
    """Return one row for each factor, all starting from one image."""
    from lr_lightning.plots import ImageRow

    traversals = preview_rows(dataset, num_columns, generator, fill=True)
    rows = []
    for (name, positions, indices), texts in zip(traversals, values, strict=True):
        shown = len(positions.unique())  # type: ignore[no-untyped-call]
        label = name if shown == len(texts) else f"{name}\n{shown} of {len(texts)}"
        rows.append(ImageRow(label, dataset.images(indices), [texts[position] for position in positions.tolist()]))
    return rows


def _random_rows(dataset: FactorDataset, num_columns: int, generator: torch.Generator) -> "list[ImageRow]":
    from lr_lightning.plots import ImageRow

    chosen = torch.randperm(len(dataset), generator=generator)[: _MOST_ROWS * num_columns].sort().values
    return [ImageRow("", dataset.images(indices)) for indices in torch.split(chosen, num_columns)]


def _sample_rows(
    dataset: FactorDataset, values: Sequence[Sequence[str]], num_columns: int, generator: torch.Generator
) -> "list[ImageRow]":
    """Return one row of random images for each value of the only factor."""
    from lr_lightning.plots import ImageRow

    [name], [texts] = dataset.factor_space.names, values
    samples = samples_of_values(dataset, name, num_columns, generator)
    return [
        ImageRow(f"{name} {text}", dataset.images(indices))
        for text, indices in zip(texts, samples, strict=True)
        if len(indices)
    ]
