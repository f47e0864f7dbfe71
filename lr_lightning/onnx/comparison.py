"""Compares an exported model with PyTorch."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from lr_lightning.onnx.exportable import Exportable

TOLERANCE = 1e-4
"""Largest difference from PyTorch, of values up to 1; relative for larger ones."""

_NUDGE = 1e-6


def compare(exportable: Exportable, exported: bytes, batches: Iterable[Tensor]) -> dict[str, float]:
    """Compare an exported model with PyTorch; within :func:`~lr_lightning.onnx.exportable.export_mode`.

    Where PyTorch's float32 differs by more than the tolerance, its float64 decides: some of its own kernels are the
    inexact ones, such as group norm of channels-last images.

    Args:
        exportable: The module.
        exported: It as a serialized ONNX model.
        batches: Inputs ``(B, ...)`` float32, on the device of the module.

    Returns:
        The largest difference of each output, relative where the values of a row exceed 1. It is NaN for an output that
        was not compared, because it jumps at every row: round-off alone decides on which side of a jump it lies.

    Raises:
        ValueError: If the exported model computes other values than PyTorch, or PyTorch's are not finite.
    """
    session = inference_session(exported)
    largest: dict[str, list[Tensor]] = {name: [] for name in exportable.outputs}
    for batch in batches:
        expected = _outputs(exportable, batch)
        if not all(output.isfinite().all() for output in expected.values()):
            raise ValueError(f"the {exportable.noun} computes values that are not finite; has the model diverged?")
        found = session.run(list(exportable.outputs), {exportable.input: batch.cpu().numpy()})
        for name, output in zip(exportable.outputs, map(torch.from_numpy, found), strict=True):
            kept = _is_continuous(exportable, batch, expected) if name in exportable.jumping else slice(None)
            difference = _differences(output, expected[name])[kept]
            if not (difference <= TOLERANCE).all() and (exact := _exact(exportable, batch)) is not None:
                difference = _differences(output, exact[name])[kept]
            if not (difference <= TOLERANCE).all():
                raise ValueError(
                    f"the {name} of the exported {exportable.noun} differs from that of PyTorch by "
                    f"{float(difference.max()):.2g}, more than {TOLERANCE:g}; {exportable.otherwise}"
                )
            largest[name].append(difference)
    return {name: _largest(differences) for name, differences in largest.items()}


def inference_session(exported: bytes) -> Any:
    """Return an ``onnxruntime.InferenceSession`` on the CPU, with one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(exported, options, providers=["CPUExecutionProvider"])


def _outputs(exportable: Exportable, batch: Tensor) -> dict[str, Tensor]:
    outputs = exportable.module(batch)
    return {name: output.cpu() for name, output in zip(exportable.outputs, outputs, strict=True)}


def _is_continuous(exportable: Exportable, batch: Tensor, expected: dict[str, Tensor]) -> Tensor:
    """Return for each row, shape ``(B,)`` bool, whether a tiny change of the input changes no such output by much."""
    kept = torch.ones(batch.shape[0], dtype=torch.bool)
    for sign in (-1, 1):
        nudged = _outputs(exportable, batch + sign * _NUDGE * (1 + batch.abs()))
        for name in exportable.jumping:
            kept &= _differences(nudged[name], expected[name]) <= TOLERANCE
    return kept


def _exact(exportable: Exportable, batch: Tensor) -> dict[str, Tensor] | None:
    """Return what PyTorch computes in float64, in float32; ``None`` if the model computes in float32 only."""
    module: nn.Module = exportable.module
    tensors = dict(module.named_parameters()) | dict(module.named_buffers())
    doubled = {name: each.double() if each.is_floating_point() else each for name, each in tensors.items()}
    try:
        outputs = torch.func.functional_call(module, doubled, (batch.double(),))
    except RuntimeError:  # types that do not fit together
        return None
    return {name: output.cpu() for name, output in zip(exportable.outputs, outputs, strict=True)}


def _differences(found: Tensor, wanted: Tensor) -> Tensor:
    """Return the largest difference in each row, shape ``(B,)``, relative to its largest value if that is above 1.

    It is infinite for other shapes.
    """
    if found.shape != wanted.shape:
        return torch.full(wanted.shape[:1], torch.inf)
    values = wanted.flatten(1)
    return (found.flatten(1) - values).abs().amax(dim=1) / values.abs().amax(dim=1).clamp_min(1)


def _largest(differences: list[Tensor]) -> float:
    joined = torch.cat(differences) if differences else torch.empty(0)
    return float(joined.max()) if len(joined) else torch.nan
