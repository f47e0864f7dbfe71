"""Decoding of codes."""

import torch
from torch import Tensor

from lr_lightning.assays.decoding import decode_codes
from tests.assays.models import ConvVAE


def test_decodes_in_evaluation_mode(vae: ConvVAE, codes: Tensor) -> None:
    decoded = decode_codes(vae, codes, chunk_size=7)
    assert vae.training
    assert decoded.shape == (40, 1, 8, 8)
    vae.eval()
    with torch.no_grad():
        torch.testing.assert_close(decoded, vae.decode(codes))
