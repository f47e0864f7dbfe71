"""Exports the round trip of a model, decoding and encoding, to ONNX."""

import re
import warnings
from collections.abc import Iterator
from importlib.util import find_spec

import torch
from torch import Tensor, nn

from lr_lightning.assays.checks import check_codes
from lr_lightning.assays.protocol import Autoencoder, assay_mode, modules_of, placement, posterior_mean
from lr_lightning.common.checks import first_line

INPUT, OUTPUTS = "code", ("observation", "response")
"""Names of the input ``(1, D)`` and of the outputs, ``(1, *observation_shape)`` and ``(1, D)``, all float32."""

TOLERANCE = 1e-4
"""Largest difference from PyTorch, of values up to 1; relative for larger ones."""

_PACKAGES = ("onnx", "onnxruntime", "onnxscript")
_LIVE = "--live shows it all the same, computed by PyTorch"
_NUDGE = 1e-6
_OPERATOR = re.compile(r"OpOverload\(op='([\w.:]+)'")
"""How errors of the exporter name an operator."""


def missing_packages() -> str | None:
    """Return which packages of the extra ``explore`` are missing and how to install them; ``None`` if there are all."""
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if not missing:
        return None
    return f"a page with the model inside needs {', '.join(missing)}: pip install 'lr-lightning[explore]'"


def export_onnx(autoencoder: Autoencoder, codes: Tensor) -> bytes:
    """Return an ONNX model that decodes a code, and encodes the observation to the response.

    Its batch size is 1. It is compared with PyTorch before it is returned, in float64 where float32 differs. It has
    no traces of where it was made: the exporter's notes on the source code of each operator, with paths of this
    machine, are removed.

    Args:
        autoencoder: The model; left unchanged, see :func:`~lr_lightning.assays.assay_mode`.
        codes: Codes ``(N, D)`` at which it is compared with PyTorch. Responses are not compared where that of PyTorch
            jumps, as between two values of a quantized latent.

    Raises:
        ModuleNotFoundError: If a package of the extra ``explore`` is missing.
        ValueError: If an operator of the model has no ONNX form, the weights are not float32, or the exported model
            computes other values than PyTorch; the message suggests ``--live``.
    """
    missing = missing_packages()
    if missing is not None:
        raise ModuleNotFoundError(f"{missing}, or use --live, which needs none")
    with (
        assay_mode(autoencoder),
        torch.compiler.set_stance("force_eager"),  # networks are not compiled just for this
        torch.backends.cudnn.flags(enabled=True, allow_tf32=False),
    ):
        codes = check_codes("codes", codes, autoencoder.latent_dim).float().cpu()
        device, dtype = placement(autoencoder)
        if dtype not in (None, torch.float32):
            raise ValueError(f"the page computes in float32, and the weights of the model are {dtype}; {_LIVE}")
        round_trip = _RoundTrip(autoencoder)
        example = torch.zeros(1, autoencoder.latent_dim, device=device)
        exported = _exported(round_trip, example)
        _check(exported, round_trip, codes.to(device=device))
    return exported


class _RoundTrip(nn.Module):
    """Decoding and encoding as one module."""

    def __init__(self, autoencoder: Autoencoder) -> None:
        super().__init__()
        # the weights of a model that is no module itself, so that they are found
        self.parts = nn.ModuleList([] if isinstance(autoencoder, nn.Module) else modules_of(autoencoder))
        self.autoencoder = autoencoder
        self.eval()

    def forward(self, code: Tensor) -> tuple[Tensor, Tensor]:
        observation = self.autoencoder.decode(code)
        return observation.float(), posterior_mean(self.autoencoder.encode(observation)).float()


def _exported(round_trip: nn.Module, example: Tensor) -> bytes:
    """Return the round trip as a serialized ONNX model.

    Raises:
        ValueError: If it cannot be exported.
    """
    from onnx_ir.passes.common import ClearMetadataAndDocStringPass

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the exporter
            program = torch.export.export(round_trip, (example,), strict=False)
            converted = torch.onnx.export(
                program, dynamo=True, verbose=False, input_names=[INPUT], output_names=list(OUTPUTS)
            )
            assert converted is not None
            ClearMetadataAndDocStringPass()(converted.model)
            content: bytes = converted.model_proto.SerializeToString()
    except Exception as error:  # the exporter lets errors of all its parts pass
        raise ValueError(f"the model cannot be exported to ONNX: {_reason(error)}; {_LIVE}") from error
    return content


def _reason(error: Exception) -> str:
    """Return which operator has no ONNX form, or the first line of the first error."""
    chain = list(_chain(error))
    for each in chain:
        found = _OPERATOR.search(str(each))
        if found:
            return f"there is no ONNX form of the operator {found[1]}"
    return first_line(chain[-1])


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, the one that caused it, and so on."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _check(exported: bytes, round_trip: nn.Module, codes: Tensor) -> None:
    """Raise ``ValueError`` unless an exported model computes what PyTorch computes.

    Args:
        exported: The ONNX model.
        round_trip: The module in PyTorch.
        codes: Codes ``(N, D)`` on the device of the module.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(exported, options, providers=["CPUExecutionProvider"])
    for code in codes[:, None]:  # each (1, D)
        expected = [output.cpu() for output in round_trip(code)]
        if not all(output.isfinite().all() for output in expected):
            raise ValueError("decoding and encoding a code gives values that are not finite; has the model diverged?")
        nudges = [sign * _NUDGE * (1 + code.abs()) for sign in (-1, 1)]
        jumps = any(_difference(round_trip(code + nudge)[1].cpu(), expected[1]) > TOLERANCE for nudge in nudges)
        found = [torch.from_numpy(output) for output in session.run(list(OUTPUTS), {INPUT: code.cpu().numpy()})]
        for name, output, wanted in zip(OUTPUTS, found, expected, strict=True):
            if name == "response" and jumps:
                continue  # round-off alone decides on which side of the jump the response lies
            difference = _difference(output, wanted)
            if not difference <= TOLERANCE and (exact := _exact(round_trip, code)) is not None:
                # Some of PyTorch's own kernels are the inexact ones, such as group norm of channels-last images
                difference = _difference(output, exact[name])
            if not difference <= TOLERANCE:
                raise ValueError(
                    f"the {name} of the exported model differs from that of PyTorch by {difference:.2g}, more than "
                    f"{TOLERANCE:g}; {_LIVE}"
                )


def _exact(round_trip: nn.Module, code: Tensor) -> dict[str, Tensor] | None:
    """Return what PyTorch computes in float64, in float32; ``None`` if the model computes in float32 only."""
    tensors = dict(round_trip.named_parameters()) | dict(round_trip.named_buffers())
    doubled = {name: each.double() if each.is_floating_point() else each for name, each in tensors.items()}
    try:
        outputs = torch.func.functional_call(round_trip, doubled, (code.double(),))
    except RuntimeError:  # types that do not fit together
        return None
    return {name: output.cpu() for name, output in zip(OUTPUTS, outputs, strict=True)}


def _difference(found: Tensor, wanted: Tensor) -> float:
    """Return the largest difference, relative to the largest value if that is above 1; infinite for other shapes."""
    if found.shape != wanted.shape:
        return torch.inf
    return float((found - wanted).abs().max() / wanted.abs().max().clamp_min(1))
