"""Double helix against its formula."""

from math import pi
from pathlib import Path

import numpy as np
import pytest
import torch

from lr_lightning.data.sets.double_helix import DoubleHelix
from lr_lightning.testing.data_set_tester import DataSetTester

ALL = torch.arange(1024)


class TestDoubleHelix(DataSetTester):
    def make(self, folder: Path) -> DoubleHelix:
        return DoubleHelix()


def test_points_lie_on_the_helices_of_the_formula() -> None:
    dataset = DoubleHelix(width=1.5, radii=(2.0, 3.0, 5.0), noise=0.0)
    height, strand = dataset.height.double().numpy(), dataset.factors(ALL)[:, 0].numpy()
    angle = np.pi * (1.5 * height + 2 * strand / 2)
    expected = np.stack([2 * np.cos(angle), 3 * np.sin(angle), 5 * height], axis=1)
    # float32 angles up to 2.5 pi are rounded by 5e-7, times the largest radius
    np.testing.assert_allclose(dataset.images(ALL).numpy(), expected, rtol=0, atol=5e-6)
    np.testing.assert_allclose(dataset.angle.numpy(), angle, rtol=0, atol=2e-6)


def test_strands_and_heights_are_uniform() -> None:
    dataset = DoubleHelix(num_samples=10_000, strands=3)
    assert dataset.height.min() >= -1
    assert dataset.height.max() < 1
    # mean of U[-1, 1): standard error sqrt(1/3 / 10,000) = 0.0058; of its square: sqrt(4/45 / 10,000) = 0.003
    assert dataset.height.mean().item() == pytest.approx(0, abs=5 * 0.0058)
    assert dataset.height.square().mean().item() == pytest.approx(1 / 3, abs=5 * 0.003)
    counts = dataset.factors(torch.arange(10_000))[:, 0].bincount().tolist()
    assert len(counts) == 3
    assert counts == pytest.approx([10_000 / 3] * 3, abs=5 * (10_000 * 2 / 9) ** 0.5)


def test_the_second_strand_is_half_a_turn_ahead() -> None:
    dataset = DoubleHelix()
    turn = dataset.angle - pi * dataset.height
    torch.testing.assert_close(turn, pi * dataset.factors(ALL)[:, 0].float(), rtol=0, atol=1e-5)


def test_noise_has_the_standard_deviation_asked_for() -> None:
    noise = DoubleHelix(noise=0.1, seed=4).images(ALL) - DoubleHelix(noise=0.0, seed=4).images(ALL)
    # 3,072 draws: the standard error of a standard deviation is 0.1 / sqrt(2 * 3072) = 0.0013
    assert noise.std().item() == pytest.approx(0.1, abs=5 * 0.0013)
    assert noise.mean().item() == pytest.approx(0.0, abs=5 * 0.1 / 3072**0.5)


def test_seed_decides_everything() -> None:
    first = DoubleHelix(seed=1)
    assert torch.equal(first.images(ALL), DoubleHelix(seed=1).images(ALL))
    assert not torch.equal(first.images(ALL), DoubleHelix(seed=2).images(ALL))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_samples": 0}, "num_samples must be at least 1, got 0"),
        ({"strands": 0}, "strands must be at least 1, got 0"),
        ({"noise": -0.1}, r"noise .*got -0\.1"),
        ({"radii": (1.0, 1.0)}, r"radii must be three numbers, got \(1\.0, 1\.0\)"),
    ],
)
def test_rejects(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DoubleHelix(**arguments)  # type: ignore[arg-type]
