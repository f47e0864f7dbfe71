"""Keeps PyTorch's optimizers from looking for a GPU at every step on machines without one."""

import os

import torch

_NVML_CHECK = "PYTORCH_NVML_BASED_CUDA_CHECK"


def settle_device_check() -> None:
    """Restore PyTorch's default check for CUDA devices, which Lightning replaces, on machines without one.

    Importing Lightning makes ``torch.cuda.is_available()`` query NVIDIA's management library, so that the driver is not
    initialized before a fork. If the library is missing, every call searches the disk for it, and optimizers call it at
    every step: 6 % of a tiny network's step. PyTorch's default check takes microseconds, and without a device there is
    no driver to initialize.
    """
    if torch.cuda.device_count() == 0:
        os.environ.pop(_NVML_CHECK, None)
