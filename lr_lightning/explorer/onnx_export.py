"""Exports the round trip of a model, decoding and encoding, to ONNX."""

import torch
from torch import Tensor, nn

from lr_lightning.assays.checks import check_codes
from lr_lightning.assays.protocol import Autoencoder, modules_of, placement, posterior_mean
from lr_lightning.onnx import packages
from lr_lightning.onnx.comparison import compare
from lr_lightning.onnx.conversion import to_onnx
from lr_lightning.onnx.exportable import Exportable, export_mode

INPUT, OUTPUTS = "code", ("observation", "response")
"""Names of the input ``(1, D)`` and of the outputs, ``(1, *observation_shape)`` and ``(1, D)``, all float32."""

_LIVE = "--live shows it all the same, computed by PyTorch"


def missing_packages() -> str | None:
    """Return which packages of the extra ``explore`` are missing and how to install them; ``None`` if there are all."""
    return packages.missing_packages("a page with the model inside")


def export_onnx(autoencoder: Autoencoder, codes: Tensor) -> bytes:
    """Return an ONNX model that decodes a code, and encodes the observation to the response.

    Its batch size is 1. It is compared with PyTorch before it is returned, in float64 where float32 differs.

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
    with export_mode(autoencoder):
        codes = check_codes("codes", codes, autoencoder.latent_dim).float()
        round_trip = Exportable(
            _RoundTrip(autoencoder), INPUT, OUTPUTS, noun="model", otherwise=_LIVE, jumping=("response",)
        )
        exported = to_onnx(round_trip, torch.zeros(1, autoencoder.latent_dim))
        device, _ = placement(autoencoder)
        compare(round_trip, exported, codes.cpu().to(device=device)[:, None])  # each (1, D)
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
