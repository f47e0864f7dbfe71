"""Sizes and layers of the residual network for images of any size."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from lr_lightning.networks import ResidualConv
from lr_lightning.networks.any_size import default_widths, stage_sizes

SIZES = [32, 64, (48, 80), 128, 256]
EXTREMES = [(32, 256), (176, 208), (240, 48)]


def make(image_size: int | tuple[int, int], **options: Any) -> ResidualConv:
    """Return a small network, identical each time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return ResidualConv(5, image_size, **({"widths": (8, 16), "hidden_units": (16,)} | options))


def num_block(inputs: int, outputs: int, shortcut: bool) -> int:
    """Return the number of parameters of a block: two convolutions, and one of 1 x 1 if there is a shortcut."""
    return 9 * inputs * outputs + 9 * outputs * outputs + 4 * outputs + shortcut * (inputs * outputs + 2 * outputs)


@pytest.mark.parametrize(
    ("image_size", "widths", "grid"),
    [
        (32, [32, 64, 128], (4, 4)),
        (64, [32, 64, 128, 256], (4, 4)),
        ((48, 80), [32, 64, 128, 256], (3, 5)),
        (128, [32, 64, 128, 256, 256], (4, 4)),
        (256, [32, 64, 128, 256, 256, 256], (4, 4)),
        ((176, 208), [32, 64, 128, 256, 256, 256], (3, 4)),
        ((32, 256), [32, 64, 128, 256], (2, 16)),  # no side is halved below 2
    ],
)
@pytest.mark.parametrize(("channels", "variational", "blocks"), [(3, True, 1), (1, False, 2)])
def test_number_of_parameters(
    image_size: int | tuple[int, int],
    widths: list[int],
    grid: tuple[int, int],
    channels: int,
    variational: bool,
    blocks: int,
) -> None:
    network = ResidualConv(7, image_size, channels, blocks_per_stage=blocks, variational=variational)
    features = widths[-1] * grid[0] * grid[1]
    plain = (blocks - 1) * sum(num_block(width, width, shortcut=False) for width in widths)
    encoder = sum(num_block(a, b, shortcut=True) for a, b in pairwise([channels, *widths]))
    encoder += (features + 1) * 256 + 257 * (14 if variational else 7)
    decoder = 8 * 256 + 257 * features
    decoder += sum(num_block(b, a, shortcut=a != b) for a, b in pairwise(widths))
    plain_decoder = plain - (blocks - 1) * num_block(widths[0], widths[0], shortcut=False)  # the last has none
    assert sum(p.numel() for p in network.encoder.parameters()) == encoder + plain
    assert sum(p.numel() for p in network.decoder.parameters()) == decoder + plain_decoder + (9 * 32 + 1) * channels


@pytest.mark.parametrize(
    ("image_size", "count"),
    [(32, 1_506_999), (64, 3_952_567), ((48, 80), 3_821_239), (128, 6_379_959), (256, 8_807_351)],
)
def test_has_the_documented_number_of_parameters(image_size: int | tuple[int, int], count: int) -> None:
    assert sum(p.numel() for p in ResidualConv(image_size=image_size).parameters()) == count


@pytest.mark.parametrize("variational", [True, False])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("image_size", [*SIZES, *EXTREMES])
def test_maps_images_to_codes_and_back(image_size: int | tuple[int, int], channels: int, variational: bool) -> None:
    network = make(image_size, channels=channels, variational=variational)
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    images = torch.rand(2, channels, height, width)
    assert network.codes(images).shape == (2, 10 if variational else 5)
    assert network.decode(torch.zeros(2, 5)).shape == images.shape
    assert (network.latent_dim, network.observation_shape) == (5, (channels, height, width))
    assert network.variational is variational


def encode(parameters: Iterator[Tensor], images: Tensor, num_stages: int) -> Tensor:
    x = images
    for _ in range(num_stages):
        x = block(parameters, x, stride=2)
    x = F.relu(F.linear(x.flatten(1), next(parameters), next(parameters)))
    return F.linear(x, next(parameters), next(parameters))


def decode(parameters: Iterator[Tensor], codes: Tensor, grids: list[tuple[int, int]], width: int) -> Tensor:
    x = F.relu(F.linear(codes, next(parameters), next(parameters)))
    x = F.relu(F.linear(x, next(parameters), next(parameters))).view(-1, width, *grids[0])
    for height, width in grids[1:-1]:
        x = block(parameters, repeat(x, height, width), stride=1)
    return F.conv2d(repeat(x, *grids[-1]), next(parameters), next(parameters), padding=1)


def repeat(x: Tensor, height: int, width: int) -> Tensor:
    return x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)[:, :, :height, :width]


def block(parameters: Iterator[Tensor], x: Tensor, stride: int) -> Tensor:
    y = F.conv2d(x, next(parameters), stride=stride, padding=1)
    y = F.relu(F.group_norm(y, 8, next(parameters), next(parameters)))
    y = F.group_norm(F.conv2d(y, next(parameters), padding=1), 8, next(parameters), next(parameters))
    pooled = F.avg_pool2d(x, 2, ceil_mode=True) if stride == 2 else x
    shortcut = F.group_norm(F.conv2d(pooled, next(parameters)), 8, next(parameters), next(parameters))
    return F.relu(y + shortcut)


@pytest.mark.parametrize("image_size", [(32, 48), (176, 208)])
def test_layers(image_size: tuple[int, int]) -> None:
    """The network computes what its docstring says, also where odd sides are halved: 176 x 208 has 11 x 13 cells."""
    generator = torch.Generator().manual_seed(0)
    widths = [8, 16, 8, 16, 8] if image_size[0] == 176 else [8, 16]  # all shortcuts have a convolution
    network = make(image_size, widths=widths)
    for parameter in network.parameters():  # biases begin as 0, which would hide their place
        torch.nn.init.normal_(parameter, mean=0.0 if parameter.ndim > 1 else 0.5, std=0.2, generator=generator)
    images = torch.rand(2, 3, *image_size, generator=generator)
    codes = torch.randn(2, 5, generator=generator)
    grids = stage_sizes(image_size, len(widths))
    torch.testing.assert_close(
        network.encoder(images), encode(iter(network.encoder.parameters()), images, len(widths)), rtol=1e-4, atol=1e-4
    )
    torch.testing.assert_close(
        network.decoder(codes),
        decode(iter(network.decoder.parameters()), codes, grids[::-1], widths[-1]),
        rtol=1e-4,
        atol=1e-4,
    )


@pytest.mark.parametrize("image_size", SIZES)
def test_starts_near_gray_with_codes_of_unit_scale(image_size: int | tuple[int, int]) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = ResidualConv(image_size=image_size)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        means, log_variances = network.posterior_parameters(
            torch.rand(4, *network.observation_shape, generator=generator)
        )
        images = network.decode(torch.randn(4, 10, generator=generator)).sigmoid()
    assert means.std() < 4
    assert log_variances.abs().max() < 8
    assert 0.3 < images.min() < images.max() < 0.7
    assert images.std(dim=0).mean() > 0.005  # but latents matter


@pytest.mark.parametrize("widths", [(8,), (16, 16), (8, 8, 16, 8)])
def test_every_parameter_has_a_gradient(widths: tuple[int, ...]) -> None:
    network = make(32, widths=widths, blocks_per_stage=2, variational=False)
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    (network.decode(network.codes(images)) - images).square().sum().backward()  # type: ignore[no-untyped-call]
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("image_size", [48, (80, 112)])
def test_deepest_network_reaches_a_side_of_two(image_size: int | tuple[int, int]) -> None:
    most = 5 if image_size == 48 else 6
    network = make(image_size, widths=[8] * most)
    assert network.decode(torch.zeros(1, 5)).shape[1:] == network.observation_shape
    with pytest.raises(ValueError, match=rf"widths.* 1 to {most} "):
        make(image_size, widths=[8] * (most + 1))


def test_default_grid_has_at_most_sixteen_cells() -> None:
    for height in range(32, 257, 16):
        for width in range(32, 257, 16):
            rows, columns = stage_sizes((height, width), len(default_widths((height, width))))[-1]
            assert rows * columns <= 16 or min(rows, columns) == 2
            assert min(rows, columns) >= 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_size": 100}, r"image_size.*\b100\b"),
        ({"image_size": 16}, r"image_size.*\b16\b"),
        ({"image_size": 272}, r"image_size.*\b272\b"),
        ({"image_size": 0}, r"image_size.*\b0\b"),
        ({"image_size": (64, 72)}, r"image_size.*\[64, 72\]"),
        ({"widths": []}, r"widths.*\[\]"),
        ({"widths": [8, 12]}, r"widths.*\b8\b.*\[8, 12\]"),
        ({"widths": [0]}, r"widths.*\[0\]"),
        ({"widths": [-8]}, r"widths.*\[-8\]"),
        ({"widths": [8] * 6}, r"widths.*64 x 64.*\[8,"),
        ({"blocks_per_stage": 0}, r"blocks_per_stage.*\b0"),
        ({"hidden_units": [16, 0]}, r"hidden_units.*\[16, 0\]"),
        ({"latent_dim": 0}, r"latent_dim.*\b0"),
        ({"channels": 0}, r"channels.*\b0"),
    ],
)
def test_rejects_impossible_sizes(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ResidualConv(**options)


@pytest.mark.parametrize(
    ("shape", "fix"),
    [
        ((3, 64, 64), r"image_size to 64 and channels to 3"),
        ((1, 48, 80), r"image_size to \[48, 80\] and channels to 1"),
        ((4,), "MLP"),
    ],
)
def test_rejects_images_of_another_size(shape: tuple[int, ...], fix: str) -> None:
    message = rf"ResidualConv .*\(3, 32, 32\).*\({shape[0]},.*{fix}"
    with pytest.raises(ValueError, match=message):
        make(32).codes(torch.zeros(2, *shape))
