"""What is exported, and the mode in which it is exported."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from lr_lightning.assays.protocol import Autoencoder, assay_mode


@dataclass(frozen=True)
class Exportable:
    """A module to be exported, with names for its tensors and for messages.

    Attributes:
        module: Maps one tensor ``(B, ...)`` to a tuple of tensors ``(B, ...)``, all float32. Its part ``autoencoder``
            is the model.
        input: Name of the input.
        outputs: Names of the outputs.
        noun: What the module is, for messages: "decoder".
        otherwise: What to do if it cannot be exported, for messages.
        jumping: Outputs that may be discontinuous, such as quantized codes.
    """

    module: nn.Module
    input: str
    outputs: tuple[str, ...]
    noun: str
    otherwise: str
    jumping: tuple[str, ...] = ()


@contextmanager
def export_mode(autoencoder: Autoencoder) -> Iterator[None]:
    """Run a model as it is exported and compared: in evaluation mode, uncompiled and in full float32 precision."""
    with (
        assay_mode(autoencoder),
        torch.compiler.set_stance("force_eager"),  # networks are not compiled just for this
        torch.backends.cudnn.flags(enabled=True, allow_tf32=False),
    ):
        yield
