"""Tables of rows that all processes of a run can gather, also those that have no rows."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics.utilities import dim_zero_cat


def tables_for_all_processes(batches: Mapping[str, Sequence[Tensor]], device: Any, group: Any) -> dict[str, Tensor]:
    """Return the batches of each table concatenated, in shapes and types that agree over processes.

    A process without batches has an empty table of the shape and type that the others have, and a table in several
    types takes the widest: collectives read the memory of other processes as they would their own, and abort, hang or
    return noise where it is laid out otherwise.

    Args:
        batches: Batches ``(B, ...)`` of each table by its name, the same names in each process.
        device: Where empty tables are made.
        group: Group of processes, all if ``None``.

    Returns:
        Tables ``(N, ...)`` by name; those that no process has are left out.

    Raises:
        ValueError: In each process, if the rows of a table have different shapes.
    """
    tables = {name: dim_zero_cat(list(parts)) for name, parts in batches.items() if len(parts)}
    own = {name: (tuple(table.shape[1:]), table.dtype) for name, table in tables.items()}
    everywhere: list[Any] = [None] * torch.distributed.get_world_size(group)
    torch.distributed.all_gather_object(everywhere, own, group=group)
    agreed = {}
    for name in batches:
        found = [layouts[name] for layouts in everywhere if name in layouts]
        if not found:
            continue
        shapes = sorted({shape for shape, _ in found})
        if len(shapes) > 1:
            raise ValueError(f"{name} have rows of different shapes in different processes: {shapes}")
        dtype = functools.reduce(torch.promote_types, (dtype for _, dtype in found))
        table = tables.get(name, torch.empty((0, *shapes[0]), device=device))
        agreed[name] = table.to(dtype)
    return agreed
