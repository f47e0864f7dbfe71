"""The common base of networks for images of any size."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import torch
from torch import nn
from typing_extensions import override

from lr_lightning.common.checks import check_at_least
from lr_lightning.networks.base import AutoencoderNetwork, check_channels, check_latent_dim, decoder_channels
from lr_lightning.networks.initialization import initialize_for_relu
from lr_lightning.networks.mlp import linear_layers
from lr_lightning.networks.residual_layers import NUM_GROUPS, doubling_stages, upsample

_MAX_CELLS = 16
_MAX_WIDTH = 256


class AnySize(NamedTuple):
    """The checked sizes of a network of residual stages.

    Attributes:
        latent_dim: Number of latents ``D``.
        channels: Image channels ``C``.
        image_size: Height and width of the images.
        widths: Number of channels of each stage, from the finest to the coarsest.
        blocks_per_stage: Number of residual blocks per stage.
        hidden_units: Number of units of each hidden layer between the coarsest features and the latents.
    """

    latent_dim: int
    channels: int
    image_size: tuple[int, int]
    widths: tuple[int, ...]
    blocks_per_stage: int
    hidden_units: tuple[int, ...]

    @classmethod
    def checked(
        cls,
        latent_dim: int,
        channels: int,
        image_size: int | tuple[int, int],
        widths: Sequence[int] | None,
        blocks_per_stage: int,
        hidden_units: Sequence[int],
    ) -> Self:
        """Return the sizes, with the defaults for ``widths`` of ``None``.

        Raises:
            ValueError: If ``latent_dim``, ``channels``, ``blocks_per_stage`` or one of ``hidden_units`` is below 1,
                ``image_size`` is not a multiple of 16 from 32 to 256 or two of them, or ``widths`` are not multiples
                of 8, empty, or so many that a side of the image would be halved below 2.
        """
        check_latent_dim(latent_dim)
        check_channels(channels)
        size = _checked_size(image_size)
        widths = default_widths(size) if widths is None else widths
        most = max_stages(size)
        if not 1 <= len(widths) <= most:
            raise ValueError(
                f"widths must have 1 to {most} entries for images of {size[0]} x {size[1]} pixels, which {most} "
                f"halvings reduce to a side of 2; got {list(widths)}"
            )
        if any(width < 1 or width % NUM_GROUPS for width in widths):
            raise ValueError(f"widths must be multiples of {NUM_GROUPS}, the groups of group norm; got {list(widths)}")
        check_at_least("blocks_per_stage", blocks_per_stage, 1)
        if min(hidden_units, default=1) < 1:
            raise ValueError(f"hidden_units must be positive, got {list(hidden_units)}")
        return cls(latent_dim, channels, size, tuple(widths), blocks_per_stage, tuple(hidden_units))

    @property
    def features(self) -> tuple[int, int, int]:
        """Channels, height and width of the coarsest features."""
        return (self.widths[-1], *stage_sizes(self.image_size, len(self.widths))[-1])


class AnySizeNetwork(AutoencoderNetwork):
    """A given encoder, and a decoder of residual blocks for images of any size.

    The decoder consists of fully connected layers and residual blocks between upsamplings by repeated pixels; the last
    layer is a convolution. All are initialized by :func:`~lr_lightning.networks.initialization.initialize_for_relu`;
    the weights of the last are then divided by 10, so that training starts with images that are almost uniform.

    Args:
        encoder: As in :class:`AutoencoderNetwork`.
        sizes: Sizes of the decoder; those of its hidden layers are reversed.
        variational: Whether the encoder outputs a posterior.
        parameters_per_value: As in :class:`AutoencoderNetwork`.
    """

    def __init__(self, encoder: nn.Module, sizes: AnySize, variational: bool, parameters_per_value: int | None) -> None:
        super().__init__(
            encoder,
            _decoder(sizes, decoder_channels(sizes.channels, parameters_per_value)),
            sizes.latent_dim,
            (sizes.channels, *sizes.image_size),
            variational,
            parameters_per_value=parameters_per_value,
        )

    @override
    def fix_for(self, observation_shape: tuple[int, ...]) -> str:
        """Return what to change so that the network reads images of another shape."""
        if len(observation_shape) != 3:
            return "choose a network for data that are no images, such as MLP"
        channels, *size = observation_shape
        wanted = size[0] if size[0] == size[1] else size
        return f"set the network's image_size to {wanted} and channels to {channels}, or resize the data set's images"


def _decoder(sizes: AnySize, outputs: int) -> nn.Sequential:
    coarse_to_fine = sizes.widths[::-1]
    grids = stage_sizes(sizes.image_size, len(sizes.widths))
    channels, height, width = sizes.features
    last = nn.Conv2d(sizes.widths[0], outputs, kernel_size=3, padding=1)
    decoder = nn.Sequential(
        *linear_layers([sizes.latent_dim, *sizes.hidden_units[::-1], channels * height * width], nn.ReLU),
        nn.ReLU(),
        nn.Unflatten(1, (channels, height, width)),
        *doubling_stages(coarse_to_fine, grids[-2:0:-1], sizes.blocks_per_stage),
        upsample(sizes.image_size),
        last,
    )
    initialize_for_relu(decoder)
    with torch.no_grad():
        last.weight.mul_(0.1)
    return decoder


def stage_sizes(image_size: tuple[int, int], num_stages: int) -> list[tuple[int, int]]:
    """Return height and width of an image, and after each of ``num_stages`` halvings that round up.

    Example:
        >>> stage_sizes((48, 80), 5)
        [(48, 80), (24, 40), (12, 20), (6, 10), (3, 5), (2, 3)]
    """
    sizes = [image_size]
    for _ in range(num_stages):
        height, width = sizes[-1]
        sizes.append(((height + 1) // 2, (width + 1) // 2))
    return sizes


def default_widths(image_size: tuple[int, int]) -> list[int]:
    """Return 32 channels for the first stage and twice as many for each further one, up to 256.

    There are as many stages as it takes to reach at most 16 cells, such as 4 x 4, without a side below 2.

    Example:
        >>> default_widths((64, 64))
        [32, 64, 128, 256]
        >>> [len(default_widths(size)) for size in ((32, 32), (48, 80), (256, 256))]
        [3, 4, 6]
    """
    sizes = stage_sizes(image_size, max_stages(image_size))
    coarsest = next((i for i, (height, width) in enumerate(sizes) if height * width <= _MAX_CELLS), len(sizes) - 1)
    return [min(32 * 2**stage, _MAX_WIDTH) for stage in range(coarsest)]


def max_stages(image_size: tuple[int, int]) -> int:
    """Return how often an image can be halved, rounding up, until its shorter side is 2."""
    return (min(image_size) - 1).bit_length() - 1


def _checked_size(image_size: int | tuple[int, int]) -> tuple[int, int]:
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    if any(side % 16 or not 32 <= side <= 256 for side in (height, width)):
        raise ValueError(
            "image_size must be a multiple of 16 from 32 to 256, or height and width, each such a multiple, got "
            f"{image_size if isinstance(image_size, int) else [height, width]}; crop or resize the data set's images"
        )
    return height, width
