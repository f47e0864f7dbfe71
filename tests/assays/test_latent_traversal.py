"""Decoded traversals, codes and reconstructions."""

from typing import Any

import pytest
import torch
from torch import Tensor

from lr_lightning.assays import encode_means, latent_traversal, reconstruct, traversal_values, wrap
from tests.assays.models import ConvVAE, responding_by


def test_moves_one_latent_at_a_time() -> None:
    base = torch.tensor([5.0, 7.0])
    traversal = latent_traversal(responding_by(lambda z: z, 2), base, torch.tensor([-1.0, 0.0, 1.0]), chunk_size=2)
    assert traversal.images.tolist() == [[[-1, 7], [0, 7], [1, 7]], [[5, -1], [5, 0], [5, 1]]]
    assert traversal.values.tolist() == [[-1, 0, 1]] * 2
    assert traversal.latents == (0, 1)
    assert base.tolist() == [5, 7]


def test_ranges_of_their_own_and_some_latents(vae: ConvVAE, codes: Tensor) -> None:
    values = traversal_values(codes, num_steps=5, width=1.5)
    torch.testing.assert_close(values[:, 2], codes.mean(dim=0))
    torch.testing.assert_close(values[:, 4], codes.mean(dim=0) + 1.5 * codes.std(dim=0, correction=0))
    traversal = latent_traversal(vae, codes[0], values, latents=[2, 0])
    assert traversal.images.shape == (2, 5, 1, 8, 8)
    torch.testing.assert_close(traversal.values, values[[2, 0]])
    moved = codes[0].clone()
    moved[2] = values[2, 1]
    vae.eval()
    torch.testing.assert_close(traversal.images[0, 1], vae.decode(moved[None])[0].detach())


def test_default_values_span_the_prior() -> None:
    values = latent_traversal(responding_by(lambda z: z, 1), torch.zeros(1)).values
    assert values.tolist() == [[-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"base": torch.zeros(1, 2)}, r"base .*got \(1, 2\)"),
        ({"base": torch.zeros(3)}, "base .*shape"),
        ({"values": torch.zeros(3, 4)}, r"values .*got shape \(3, 4\)"),
        ({"values": torch.tensor([torch.nan])}, "values .*finite"),
        ({"latents": [2]}, "latents"),
    ],
)
def test_rejects(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        latent_traversal(responding_by(lambda z: z, 2), **({"base": torch.zeros(2)} | arguments))


def test_rejects_a_single_step_and_no_images(vae: ConvVAE) -> None:
    with pytest.raises(ValueError, match=r"num_steps .*got 1"):
        traversal_values(torch.zeros(3, 2), num_steps=1)
    for run in (encode_means, reconstruct):
        with pytest.raises(ValueError, match=r"images .*got none"):
            run(vae, torch.zeros(0, 1, 8, 8))


def test_encodes_and_reconstructs_in_chunks(vae: ConvVAE) -> None:
    images = torch.randint(256, (9, 1, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    before = images.clone()
    codes, reconstructions = encode_means(vae, images, chunk_size=4), reconstruct(vae, images, chunk_size=4)
    assert torch.equal(images, before)
    assert vae.training
    vae.eval()
    expected = vae.encode(images / 255).mean.detach()
    torch.testing.assert_close(codes, expected)
    torch.testing.assert_close(reconstructions, vae.decode(expected).detach())


def test_the_posterior_mean_is_reconstructed() -> None:
    noisy = wrap(encode=lambda x: (x, torch.full_like(x, 5.0)), decode=lambda z: z, latent_dim=2)
    images = torch.tensor([[0.25, 0.5]])
    assert torch.equal(reconstruct(noisy, images), images)


def test_half_precision_models_give_float32(vae: ConvVAE) -> None:
    images = torch.zeros(2, 1, 8, 8)
    vae.bfloat16()
    assert encode_means(vae, images).dtype == torch.float32
    assert reconstruct(vae, images).dtype == torch.float32
    assert latent_traversal(vae, torch.zeros(3)).images.dtype == torch.float32
