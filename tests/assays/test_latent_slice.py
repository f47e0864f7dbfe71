"""Windows on two latents: nodes, cells, prior mass and decoded observations."""

from math import erf, sqrt
from typing import Any

import pytest
import torch
from torch import Tensor

from lr_lightning.assays import wrap
from lr_lightning.assays.latent_slice import LatentSlice, decode_slice
from tests.assays.models import ConvVAE


def test_nodes_move_the_two_latents_only() -> None:
    base = torch.tensor([7.0, 8.0, 9.0])
    codes = LatentSlice((2, 0), radius=1.0, center=(10.0, 20.0)).codes(base, 3)
    assert codes.shape == (3, 3, 3)
    assert (codes[..., 1] == 8).all()
    assert codes[:, 1, 2].tolist() == [9, 10, 11]  # the first latent of the slice along rows
    assert codes[1, :, 0].tolist() == [19, 20, 21]
    assert base.tolist() == [7, 8, 9]
    assert codes.dtype == torch.float32


@pytest.mark.parametrize("center", [(0.0, 0.0), (0.5, -1.0), (9.0, 0.0), (-8.0, 3.0)])
def test_prior_mass_is_that_of_the_cells(center: tuple[float, float]) -> None:
    mass = LatentSlice((0, 1), radius=1.9, center=center).prior_mass(20)
    assert (mass > 0).all()
    # the density at the middle times the area is off by spacing^2 (z^2 - 1) / 24 in each latent; twice that
    nodes = torch.meshgrid(*LatentSlice((0, 1), 1.9, center).values(20), indexing="ij")
    density = torch.exp(-(nodes[0] ** 2 + nodes[1] ** 2) / 2) / (2 * torch.pi) * 0.2**2
    widest = max(abs(center[0]), abs(center[1])) + 1.9
    torch.testing.assert_close(mass, density, rtol=0.2**2 * (widest**2 + 1) / 12, atol=0)


def test_prior_mass_adds_up() -> None:
    side = erf((2 + 2 / 99) / sqrt(2))  # cells reach half a spacing beyond the window
    assert LatentSlice((0, 1)).prior_mass(100).sum().item() == pytest.approx(side**2, rel=1e-12)


def test_window_around_codes() -> None:
    codes = torch.tensor([[1.0, 5.0, 0.0], [3.0, 5.0, 0.0], [1.0, 9.0, 0.0], [3.0, 9.0, 0.0]])
    assert LatentSlice.around(codes, (0, 1)) == LatentSlice((0, 1), radius=4.0, center=(2.0, 7.0))
    assert LatentSlice.around(codes, (2, 0), width=1.0) == LatentSlice((2, 0), radius=1.0, center=(0.0, 2.0))
    assert LatentSlice.around(codes[:1], (0, 1)) == LatentSlice((0, 1), radius=2.0, center=(1.0, 5.0))  # nothing varies
    with pytest.raises(ValueError, match=r"latents .*got \(0, 3\)"):
        LatentSlice.around(codes, (0, 3))


def test_decoded_observations_are_those_of_the_nodes(vae: ConvVAE) -> None:
    base = torch.tensor([0.3, 0.4, 0.5])
    flags = [module.training for module in vae.modules()]
    result = decode_slice(vae, base, LatentSlice((2, 0)), num_steps=4, chunk_size=5)
    assert [module.training for module in vae.modules()] == flags
    assert result.observations.shape == (4, 4, 1, 8, 8)
    vae.eval()
    with torch.no_grad():
        expected = vae.decode(torch.tensor([[-2.0, 0.4, 2 / 3]]))[0]
    torch.testing.assert_close(result.observations[2, 0], expected)


def test_points_can_be_decoded() -> None:
    line = wrap(encode=lambda x: x[:, :2], decode=lambda z: torch.cat([z, z[:, :1]], dim=1), latent_dim=2)
    assert decode_slice(line, torch.zeros(2), LatentSlice((0, 1))).observations.shape == (9, 9, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"latents": (1, 1)}, r"latents .*got \(1, 1\)"),
        ({"latents": (-1, 1)}, "latents"),
        ({"latents": (0, 1, 2)}, "latents"),
        ({"radius": 0.0}, "radius .*got 0.0"),
        ({"radius": float("nan")}, "radius"),
        ({"center": (0.0, float("inf"))}, "center .*finite"),
    ],
)
def test_rejects_windows(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LatentSlice(**({"latents": (0, 1)} | arguments))


@pytest.mark.parametrize(
    ("base", "latents", "num_steps", "message"),
    [
        (torch.zeros(2, 3), (0, 1), 3, r"base .*got \(2, 3\)"),
        (torch.zeros(3), (0, 3), 3, r"latents .*got \(0, 3\)"),
        (torch.zeros(3), (0, 1), 1, "num_steps .*got 1"),
        (torch.zeros(4), (0, 1), 3, "codes .*D=3"),
        (torch.full((3,), torch.nan), (0, 1), 3, "base .*finite"),
    ],
)
def test_rejects(base: Tensor, latents: tuple[int, int], num_steps: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode_slice(
            wrap(encode=lambda x: x, decode=lambda z: z, latent_dim=3), base, LatentSlice(latents), num_steps=num_steps
        )
