"""How many samples go through the model at once, and progress reports after each pass."""

from collections.abc import Callable, Iterator
from math import prod

import torch
from torch import Tensor

from lr_lightning.assays.protocol import Autoencoder, device_of, modules_of
from lr_lightning.common.passes import pass_size


def samples_per_pass(
    chunk_size: int | None, autoencoder: Autoencoder, tensor: Tensor, largest: int | None = None
) -> int:
    """Return ``chunk_size`` or, if it is ``None``, the default for the model's device and the size of its observations.

    Args:
        chunk_size: Number given by the user.
        autoencoder: Model. The size is known if it is or uses a module with an attribute ``observation_shape``.
        tensor: The tensor to process, whose device counts if the model has no parameters.
        largest: Upper bound of the default for observations of up to 64x64 pixels.
    """
    if chunk_size is not None:
        return chunk_size
    return pass_size(device_of(autoencoder, tensor).type, _values_per_observation(autoencoder), largest)


def _values_per_observation(autoencoder: Autoencoder) -> int:
    """Return the number of values of an observation, 0 if it is unknown."""
    shapes = (getattr(module, "observation_shape", ()) for module in modules_of(autoencoder))
    return max((prod(shape) for shape in shapes if shape), default=0)


def in_passes(codes: Tensor, size: int, progress: Callable[[int, int], None] | None) -> Iterator[Tensor]:
    """Yield ``codes`` in chunks of ``size`` rows; call ``progress`` after each with the rows processed and their total.

    It is called when the next chunk is requested, that is, after this one has been processed.
    """
    done = 0
    for chunk in torch.split(codes, size):
        yield chunk
        done += len(chunk)
        if progress is not None:
            progress(done, len(codes))
