"""The default precision of training."""

import torch


def default_precision(accelerator: str) -> str:
    """Return ``"bf16-mixed"`` if the hardware supports bfloat16 natively, otherwise ``"32-true"``.

    Args:
        accelerator: The Trainer's accelerator, e.g. ``"auto"``, ``"cpu"`` or ``"gpu"``.
    """
    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"
    return "bf16-mixed" if torch.cpu._is_avx512_bf16_supported() else "32-true"
