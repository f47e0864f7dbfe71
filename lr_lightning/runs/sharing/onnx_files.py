"""Encoder and decoder of a model as ONNX files."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.distributions import Normal
from typing_extensions import override

from lr_lightning.assays.interventions import prior_samples
from lr_lightning.common.files import write_atomically
from lr_lightning.models import AutoencoderModule
from lr_lightning.onnx.comparison import compare
from lr_lightning.onnx.conversion import to_onnx
from lr_lightning.onnx.exportable import Exportable, export_mode
from lr_lightning.onnx.packages import missing_packages

ENCODER, DECODER = "encoder.onnx", "decoder.onnx"
ONNX_FILES = (ENCODER, DECODER)
"""Files of an exported folder, if it has ONNX models."""
CODE, LOG_VARIANCE, OBSERVATION = "code", "log_variance", "observation"
"""Names of inputs and outputs."""
NUM_COMPARED = 8
"""Number of codes, and of observations of each kind, at which exported models are compared with PyTorch."""

_OTHERWISE = "export without --onnx"


@dataclass(frozen=True)
class OnnxFile:
    """One of the files.

    Attributes:
        name: Its name.
        input: Name of the input, which has any batch size.
        shapes: Shape of the input and of each output, without the batch size, by name.
        differences: The largest difference from PyTorch of each output, by name; relative where values exceed 1.
    """

    name: str
    input: str
    shapes: Mapping[str, tuple[int, ...]]
    differences: Mapping[str, float]


def check_packages() -> None:
    """Raise ``ModuleNotFoundError`` if a package that the export needs is missing."""
    missing = missing_packages("an export to ONNX")
    if missing is not None:
        raise ModuleNotFoundError(f"{missing}; or {_OTHERWISE}")


def write_onnx(model: AutoencoderModule, folder: Path) -> list[OnnxFile]:
    """Write encoder and decoder to a folder, compared with PyTorch in ONNX Runtime for two batch sizes.

    The packages must be there, see :func:`check_packages`. The files compute what ``encode`` and ``decode`` of the
    model compute, for any batch size, in float32. The decoder is compared at codes of the prior, the encoder at the
    observations that these are decoded to and at uniform noise.

    Args:
        model: The model, float32 on the CPU; left unchanged.
        folder: The folder.

    Returns:
        The files that were written.

    Raises:
        ValueError: If a part cannot be exported, or the exported one computes other values than PyTorch; the message
            names it.
        OSError: If a file cannot be written.
    """
    generator = torch.Generator().manual_seed(0)
    codes = prior_samples(NUM_COMPARED, model.latent_dim, generator)
    noise = torch.rand(NUM_COMPARED, *model.observation_shape, generator=generator)
    with export_mode(model):
        decoder = Exportable(_Decoder(model), CODE, (OBSERVATION,), "decoder", _OTHERWISE)
        files = [_write(folder / DECODER, decoder, codes)]
        observations = torch.cat([model.decode(codes).float(), noise])
        encoder = Exportable(_Encoder(model), OBSERVATION, _encoded(model, noise), "encoder", _OTHERWISE, (CODE,))
        return [_write(folder / ENCODER, encoder, observations), *files]


def _encoded(model: AutoencoderModule, observations: Tensor) -> tuple[str, ...]:
    """Return the names of the outputs of the encoder."""
    return (CODE, LOG_VARIANCE) if isinstance(model.encode(observations), Normal) else (CODE,)


def _write(path: Path, part: Exportable, inputs: Tensor) -> OnnxFile:
    """Export a part, compare it at all inputs together and at each alone, and write it."""
    exported = to_onnx(part, inputs[:2], any_batch_size=True)
    differences = compare(part, exported, [inputs, *torch.split(inputs, 1)])
    for name, difference in differences.items():
        if isnan(difference):
            raise ValueError(
                f"the {name} of the exported {part.noun} cannot be compared with that of PyTorch, which jumps at all "
                f"{len(inputs)} inputs; {_OTHERWISE}"
            )
    write_atomically(path, lambda file: file.write(exported))
    outputs = dict(zip(part.outputs, part.module(inputs[:1]), strict=True))
    shapes = {name: tuple(value.shape[1:]) for name, value in {part.input: inputs, **outputs}.items()}
    return OnnxFile(path.name, part.input, shapes, differences)


class _Part(nn.Module):
    def __init__(self, autoencoder: AutoencoderModule) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        self.eval()


class _Encoder(_Part):
    @override
    def forward(self, observation: Tensor) -> tuple[Tensor, ...]:
        posterior = self.autoencoder.encode(observation)
        if isinstance(posterior, Normal):
            return posterior.mean.float(), 2 * posterior.stddev.log().float()
        return (posterior.float(),)


class _Decoder(_Part):
    @override
    def forward(self, code: Tensor) -> tuple[Tensor, ...]:
        return (self.autoencoder.decode(code).float(),)
