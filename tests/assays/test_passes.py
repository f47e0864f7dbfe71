"""Passes through a model."""

import torch

from lr_lightning.assays.passes import in_passes, samples_per_pass


def test_progress_follows_each_pass() -> None:
    calls: list[tuple[int, int]] = []
    codes = torch.arange(40.0)[:, None]
    counts = [(len(chunk), len(calls)) for chunk in in_passes(codes, 15, lambda *call: calls.append(call))]
    assert counts == [(15, 0), (15, 1), (10, 2)]
    assert calls == [(15, 40), (30, 40), (40, 40)]


def test_default_passes_are_small_on_a_cpu() -> None:
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    assert [samples_per_pass(None, device) for device in (cpu, gpu)] == [32, 1024]
    assert [samples_per_pass(5, device) for device in (cpu, gpu)] == [5, 5]
