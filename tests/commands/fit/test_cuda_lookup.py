"""A step of an optimizer does not search the disk for a GPU's libraries."""

import ctypes

import pytest
import torch

from lr_lightning.commands.fit.cuda_lookup import settle_device_check


@pytest.mark.skipif(torch.cuda.is_available(), reason="a machine with a GPU has what is searched for")
@pytest.mark.skipif(torch.version.cuda is None, reason="PyTorch without CUDA does not search")
def test_steps_open_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTORCH_NVML_BASED_CUDA_CHECK", "1")  # as importing Lightning sets it
    opened: list[str] = []
    library = ctypes.CDLL
    monkeypatch.setattr(ctypes, "CDLL", lambda name: opened.append(name) or library(name))  # type: ignore[func-returns-value]
    weight = torch.nn.Parameter(torch.ones(3))
    weight.grad = torch.ones(3)
    optimizer = torch.optim.Adam([weight])
    optimizer.step()
    assert opened, "PyTorch no longer searches, so the check need not be settled"
    settle_device_check()
    opened.clear()
    optimizer.step()
    assert opened == []
