"""Keeps PyTorch's optimizers from looking for a GPU at every step where there is none."""

import os

import torch

_NVML_CHECK = "PYTORCH_NVML_BASED_CUDA_CHECK"


def settle_device_check() -> None:
    """Undo, on a machine without a CUDA device, how Lightning lets PyTorch find out that there is none.

    Importing Lightning tells ``torch.cuda.is_available()`` to ask NVIDIA's management library, so that a process that
    forks later has not yet touched the driver. Where that library is missing, each call searches the disk for it
    again, and optimizers call it at every step: 6 % of the time of a tiny network's step. PyTorch's usual check takes
    microseconds there, and without a device there is no driver to touch.
    """
    if torch.cuda.device_count() == 0:
        os.environ.pop(_NVML_CHECK, None)
