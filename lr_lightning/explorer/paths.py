"""Paths between codes along which the response is small, beside straight lines."""

from typing import Any

import torch
from torch import Tensor

from lr_lightning.assays.code_path import CodeGraph, code_graph, code_path, random_pairs
from lr_lightning.assays.protocol import Autoencoder
from lr_lightning.assays.response_path import compare_with_line
from lr_lightning.explorer.explored_model import Progress
from lr_lightning.explorer.plain_values import plain_values

NUM_POINTS = 33
_NUM_NODES = 128
"""Number of codes that paths may pass through."""
_NUM_PAIRS = 4
_VALUES = 1024
"""Number of values of one point of all paths together, which bounds the size of the page."""


def path_between(
    autoencoder: Autoencoder, codes: Tensor, start: Tensor, end: Tensor, generator: torch.Generator
) -> dict[str, Any]:
    """Return an entry of ``paths`` between two codes, through codes of the data.

    Args:
        autoencoder: The model.
        codes: Codes ``(N, D)`` that the path may pass through, of which some are drawn.
        start: The first code ``(D,)``.
        end: The last one.
        generator: Source of the draw.

    Raises:
        ValueError: If both are the same, or one is not a finite code.
    """
    if torch.equal(start, end):
        raise ValueError("the path must end elsewhere than where it starts, got two equal codes")
    drawn = codes[torch.randperm(len(codes), generator=generator)[: _NUM_NODES - 2]]
    graph = code_graph(autoencoder, torch.cat([torch.stack([start, end]), drawn]))
    return _path_entry(autoencoder, graph, 0, 1)


def path_entries(
    autoencoder: Autoencoder, codes: Tensor, ends: Tensor, generator: torch.Generator, progress: Progress | None
) -> list[dict[str, Any]]:
    """Return paths between random pairs of ``ends`` (E, D), through codes of the data; none if they are all equal."""
    if len(ends) < 2:
        return []
    pairs = random_pairs(ends, max(1, min(_NUM_PAIRS, _VALUES // ends.shape[1])), generator)
    drawn = codes[torch.randperm(len(codes), generator=generator)[: max(_NUM_NODES - len(ends), 0)]]
    if not len(pairs):
        return []
    graph = code_graph(
        autoencoder,
        torch.cat([ends, drawn]),
        progress=None if progress is None else lambda done, total: progress("paths", done, total),
    )
    return [_path_entry(autoencoder, graph, first, second) for first, second in pairs.tolist()]


def _path_entry(autoencoder: Autoencoder, graph: CodeGraph, start: int, end: int) -> dict[str, Any]:
    comparison = compare_with_line(autoencoder, code_path(graph, start, end).codes, num_points=NUM_POINTS, num_images=2)
    path, line = comparison.path, comparison.line
    return {
        "from": plain_values(graph.codes[start]),
        "to": plain_values(graph.codes[end]),
        "straight": plain_values(line.codes),
        "response": plain_values(path.codes),
        "straight_costs": plain_values(line.costs),
        "response_costs": plain_values(path.costs),
        "caption": f"Mean squared response {line.mean_cost:.3g} along the straight line of length {line.length:.3g}, "
        f"{path.mean_cost:.3g} along the path through codes of the data, of length {path.length:.3g}.",
    }
