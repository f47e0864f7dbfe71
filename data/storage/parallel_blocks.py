"""Read the rows of a source in parallel."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from lr_lightning.common.cores import num_cores
from lr_lightning.data.storage.image_source import block_rows

_BLOCK_ROWS = 128  # large photographs take seconds per block; progress is shown after each


def blocks_in_parallel(
    row: Callable[[int], Tensor],
    num_rows: int,
    row_shape: Sequence[int],
    around: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Iterator[Tensor]:
    """Yield rows in order, in blocks ``(B, *row_shape)`` uint8, computed by one thread per core.

    Threads run at once while they decode and scale, which release Python's global lock. Pillow holds it while pixels
    are copied out of it, nearly half of the time for large photographs, which bounds the gain there.

    Args:
        row: Returns row number ``i``; called from several threads.
        num_rows: Number of rows.
        row_shape: Shape of a row.
        around: Makes a context that is entered for each block: what changes the state of the whole process, such as
            filters of warnings, cannot be entered in ``row``.

    Raises:
        Exception: What ``row`` raises, for the first row that fails.
    """
    rows = block_rows(row_shape, _BLOCK_ROWS)
    with ThreadPoolExecutor(num_cores()) as pool:
        for start in range(0, num_rows, rows):
            with around():
                block = list(pool.map(row, range(start, min(start + rows, num_rows))))
            yield torch.stack(block)
