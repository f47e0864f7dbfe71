"""The precision that training uses when none is asked for."""

import torch


def default_precision(accelerator: str) -> str:
    """Return ``"bf16-mixed"`` where the processor computes in bfloat16 itself, else ``"32-true"``.

    Args:
        accelerator: The Trainer's, such as ``"auto"``, ``"cpu"`` or ``"gpu"``.
    """
    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"
    return "bf16-mixed" if torch.cpu._is_avx512_bf16_supported() else "32-true"
